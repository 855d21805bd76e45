"""What a contestant can do, and the events that all of them send."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

KEY = "pk_bench"
REVISION = "2026-07-15"
METRIC = "Story Generated"
_PROFILES = 1000

Page = Literal["events", "profiles"]


class Contestant(Protocol):
    """Something that calls Klaviyo. Whatever does not succeed is raised."""

    @property
    def version(self) -> str:
        """Name and version, as in a report."""
        ...

    def send(self, events: int, at_once: int) -> None:
        """Create events by single calls, so many of them in flight."""
        ...

    def read(self, page: Page, times: int) -> int:
        """Read a full page so many times, one after the other; answers how many items it found in all."""
        ...

    def close(self) -> None:
        """Close its connections."""
        ...


def properties(number: int) -> dict[str, Any]:
    """The properties of an event."""
    return {
        "story_id": f"{number:032x}",
        "theme_id": "lamps",
        "theme_category": "quiet",
        "minutes": number % 9 + 4,
        "plan_version": 1,
        "arm": "none",
        "schema": 1,
        "seq": number,
    }


def owner(number: int) -> str:
    """Whose event it is."""
    return f"family-{number % _PROFILES}"


def unique_id(number: int) -> str:
    """What tells an event from all others."""
    return f"bench-{number}"


def document(number: int) -> dict[str, Any]:
    """The request of an event, for those who write it themselves."""
    profile = {"data": {"type": "profile", "attributes": {"external_id": owner(number)}}}
    attributes = {
        "metric": {"data": {"type": "metric", "attributes": {"name": METRIC}}},
        "properties": properties(number),
        "unique_id": unique_id(number),
        "profile": profile,
    }
    return {"data": {"type": "event", "attributes": attributes}}


async def in_flight(call: Callable[[int], Awaitable[object]], count: int, at_once: int) -> None:
    """Make calls by number, so many at once, each task its next one as soon as the one before is done.

    What a call raises ends all of them, and is raised.
    """
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await call(number)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(work())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
