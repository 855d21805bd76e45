"""This repository's client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aioklaviyo
from aioklaviyo import Klaviyo, NewEvent, NoPacing, ProfileRef
from dreamflow.bench.client.contestants.contestant import KEY, METRIC, in_flight, owner, properties, unique_id
from dreamflow.bench.client.pages import EVENTS, PROFILES

if TYPE_CHECKING:
    from dreamflow.bench.client.contestants.contestant import Page

_CONNECTIONS = 200
_PAGE = {"events": EVENTS, "profiles": PROFILES}


class Ours:
    """`aioklaviyo`, with its pacing or without."""

    def __init__(self, url: str, *, paced: bool) -> None:
        self._runner = asyncio.Runner()
        pacing = None if paced else NoPacing()
        self._klaviyo = Klaviyo(KEY, base_url=url, max_connections=_CONNECTIONS, pacing=pacing)
        self._runner.run(self._klaviyo.__aenter__())

    @property
    def version(self) -> str:
        """Name and version."""
        return f"aioklaviyo {aioklaviyo.__version__}"

    def send(self, events: int, at_once: int) -> None:
        """Create events with `events.create`."""
        self._runner.run(in_flight(self._create, events, at_once))

    def read(self, page: Page, times: int) -> int:
        """Read a page to models."""
        return self._runner.run(self._read(page, times))

    def close(self) -> None:
        """Close its connections."""
        self._runner.run(self._klaviyo.__aexit__(None, None, None))
        self._runner.close()

    async def _create(self, number: int) -> None:
        event = NewEvent(
            metric=METRIC,
            profile=ProfileRef(external_id=owner(number)),
            properties=properties(number),
            unique_id=unique_id(number),
        )
        await self._klaviyo.events.create(event)

    async def _read(self, page: Page, times: int) -> int:
        list_some = self._klaviyo.events.list if page == "events" else self._klaviyo.profiles.list
        found = 0
        for _ in range(times):
            found += len((await anext(list_some(page_size=_PAGE[page]).pages())).items)
        return found
