"""Delivery and upkeep while something else runs, and what becomes of them when they break down."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import structlog
from rich.console import Console

from dreamflow.bootstrap import Mirror
from dreamflow.entrypoints.failures import CannotServe
from dreamflow.kit.logging import where
from dreamflow.outbox import Upkeep

AGAIN_SECONDS: Final = 2.0
"""After such a wait, what broke down begins again; others have its work until then."""

_log = structlog.get_logger()


def mirror_of(mirror: Mirror | None) -> Mirror:
    """The account that is kept in step.

    Raises:
        CannotServe: none is configured.
    """
    if mirror is None:
        raise CannotServe("There is nowhere to deliver to. Set DREAMFLOW_KLAVIYO__API_KEY.")
    return mirror


async def klaviyo_line(mirror: Mirror | None) -> str:
    """One sentence about the account that is kept in step."""
    if mirror is None:
        return "Klaviyo is not configured: bedtime works, and what would be sent waits. Set DREAMFLOW_KLAVIYO__API_KEY."
    return f"Klaviyo account: {await mirror.account_name()}"


@asynccontextmanager
async def announcing(mirror: Mirror | None, console: Console) -> AsyncGenerator[None]:
    """Say while the block runs which account is kept in step: nobody waits at the door until Klaviyo answers."""

    async def announce() -> None:
        console.print(await klaviyo_line(mirror))

    task = asyncio.create_task(announce())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def delivering(
    upkeep: Upkeep,
    mirror: Mirror | None,
    stop: asyncio.Event,
    poll_seconds: float,
    *,
    again_seconds: float = AGAIN_SECONDS,
) -> AsyncGenerator[None]:
    """Deliver and see to the house while the block runs; without an account nothing is sent.

    Neither may end before its time, and neither takes the process along: a family would miss its story for what can
    wait. What ends all the same is logged, and begins again. At the end of the block what is being sent may finish, and
    what this process holds is given back.

    Args:
        upkeep: what is done beside delivery.
        mirror: delivers.
        stop: ends both; set at the end of the block.
        poll_seconds: how soon something new is noticed.
        again_seconds: the wait before something that broke down begins again.
    """
    parts: dict[str, Callable[[], Awaitable[None]]] = {"upkeep": partial(upkeep.run, stop)}
    if mirror is not None:
        parts["delivery"] = partial(mirror.worker.run, stop, poll_seconds=poll_seconds)
    tasks = [asyncio.create_task(_keep_up(part, run, stop, again_seconds)) for part, run in parts.items()]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_up(part: str, run: Callable[[], Awaitable[None]], stop: asyncio.Event, again_seconds: float) -> None:
    while not stop.is_set():
        failure: dict[str, str | list[str]] = {}
        try:
            await run()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            failure = where(error)  # it comes from within
        except Exception as error:  # noqa: BLE001 - whatever it is, bedtime goes on
            failure = where(error)
        if failure or not stop.is_set():
            _log.error("background.ended", part=part, **failure)
            with suppress(TimeoutError):
                async with asyncio.timeout(again_seconds):
                    await stop.wait()
