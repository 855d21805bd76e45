"""Delivery that breaks down begins again, and says so: a family must not notice, and an operator must."""

import asyncio
from collections.abc import Awaitable, Callable
from io import StringIO
from unittest.mock import patch

import pytest
from rich.console import Console
from structlog.testing import capture_logs

from dreamflow.bootstrap import Mirror
from dreamflow.entrypoints.delivering import announcing, delivering
from world import World

Run = Callable[..., Awaitable[None]]


class BreaksDown:
    """Runs something, but its first runs fail or end before they were told to."""

    def __init__(self, run: Run, failure: BaseException | None, *, times: int = 1) -> None:
        self._run = run
        self._failure = failure
        self._times = times
        self.began = 0

    async def __call__(self, stop: asyncio.Event, **more: float) -> None:
        self.began += 1
        if self.began > self._times:
            await self._run(stop, **more)
        elif self._failure is not None:
            raise self._failure


def mirror_of(here: World) -> Mirror:
    assert here.house.mirror is not None
    return here.house.mirror


async def all_is_sent(here: World) -> None:
    async with asyncio.timeout(30):
        while (await here.house.deliveries.books()).pending:  # noqa: ASYNC110 - the database tells
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("failure", [RuntimeError("canary"), asyncio.CancelledError(), None])
async def test_delivery_that_breaks_down_is_told_and_begins_again(here: World, failure: BaseException | None) -> None:
    mirror = mirror_of(here)
    run = BreaksDown(mirror.worker.run, failure)
    home = await here.family(("Ada", 5))
    with patch.object(mirror.worker, "run", run), capture_logs() as logs:
        async with delivering(here.house.upkeep, mirror, asyncio.Event(), 0.01, again_seconds=0.01):
            await home.tell()
            await all_is_sent(here)
    assert run.began == 2
    assert [(log["event"], log["part"]) for log in logs if log["log_level"] == "error"] == [
        ("background.ended", "delivery")
    ]
    assert "canary" not in str(logs)


async def test_delivery_goes_on_while_upkeep_breaks_down_again_and_again(here: World) -> None:
    run = BreaksDown(here.house.upkeep.run, RuntimeError("canary"), times=1_000_000)
    await here.family(("Ada", 5))
    with patch.object(here.house.upkeep, "run", run), capture_logs() as logs:
        async with delivering(here.house.upkeep, mirror_of(here), asyncio.Event(), 0.01, again_seconds=0.001):
            await all_is_sent(here)
            async with asyncio.timeout(30):
                while run.began < 3:  # noqa: ASYNC110 - it runs by itself
                    await asyncio.sleep(0.001)
    assert {log["part"] for log in logs} == {"upkeep"}


async def test_what_waits_to_begin_again_ends_at_once_when_it_is_told(here: World) -> None:
    mirror = mirror_of(here)
    run = BreaksDown(mirror.worker.run, RuntimeError("canary"))
    stop = asyncio.Event()
    with patch.object(mirror.worker, "run", run), capture_logs():
        async with asyncio.timeout(10), delivering(here.house.upkeep, mirror, stop, 0.01, again_seconds=3600):
            while not run.began:  # noqa: ASYNC110 - it runs by itself
                await asyncio.sleep(0.001)
    assert run.began == 1
    assert stop.is_set()


async def test_the_door_opens_before_klaviyo_has_said_whose_account_it_is(here: World) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def name(_: Mirror) -> str:
        asked.set()
        await answer.wait()
        return "Slow Account"

    console = Console(file=StringIO())
    with patch.object(Mirror, "account_name", name):
        async with asyncio.timeout(10), announcing(mirror_of(here), console):
            await asked.wait()
            assert said(console) == ""
            answer.set()
            while not said(console):  # noqa: ASYNC110 - it is said by itself
                await asyncio.sleep(0.001)
    assert said(console) == "Klaviyo account: Slow Account\n"


async def test_who_leaves_does_not_wait_for_klaviyo_either(here: World) -> None:
    console = Console(file=StringIO())
    with patch.object(Mirror, "account_name", lambda _: asyncio.Event().wait()):
        async with asyncio.timeout(10), announcing(mirror_of(here), console):
            await asyncio.sleep(0)
    assert said(console) == ""


def said(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()
