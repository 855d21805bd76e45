"""Simulated time stands still for what is real; the row `outage` holds for what is delivered, and for nothing less."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection
from typing_extensions import override

from dreamflow.bench.delivery import outage
from dreamflow.bench.delivery.account import Arrived
from dreamflow.bench.delivery.house import House, Known
from dreamflow.bench.delivery.ledger import Found
from dreamflow.bench.delivery.outage import BULK_PATH, Callers, Drained, Passed, Size, drained, judge
from dreamflow.bench.delivery.simulated import loop
from dreamflow.bench.delivery.simulated.loop import START, SimulatedClock, StuckError, standing
from dreamflow.bench.model import Broken, Lab, Measured
from dreamflow.bench.subject import SubjectError
from dreamflow.kit.db import Database, DatabaseUnavailable
from dreamflow.outbox import Books

T = TypeVar("T")

TINY = Size(down_seconds=24, per_second=8, families=100, batch=4, window_seconds=10)
TWO = replace(TINY, batch=2, window_seconds=60)


async def test_an_outage_is_passed_without_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "SHORT", TINY)
    lab = Lab(short=True, scratch=tmp_path, data=None, say=[].append)
    (found,) = await asyncio.to_thread(lambda: list(outage.GROUP.outcomes(lab, 5)))
    assert isinstance(found, Measured), found
    assert found.row == "outage"
    assert 90 < found.value < 115  # in windows so short, a request of the next one counts
    assert found.n > 30 * TINY.per_second
    assert "0 lost, 0 doubled in effect, 0 out of order, 0 re-sent" in found.note
    assert "0 facts not taken from their callers; 429: 0 of" in found.note


def test_hours_of_sleep_take_no_time() -> None:
    async def sleep() -> tuple[float, float]:
        clock = SimulatedClock(asyncio.get_running_loop())
        await asyncio.sleep(7_200)
        return asyncio.get_running_loop().time(), (clock.now() - START).total_seconds()

    began = time.monotonic()
    assert loop.run(sleep()) == (7_200, 7_200)
    assert time.monotonic() - began < 60


def test_time_stands_still_while_a_thread_works() -> None:
    async def work() -> tuple[str, float]:
        sleeping = asyncio.ensure_future(asyncio.sleep(1))
        await asyncio.sleep(0)
        with standing():
            answer = await asyncio.to_thread(lambda: time.sleep(0.05) or "done")
        at = asyncio.get_running_loop().time()
        await sleeping
        return answer, at

    assert loop.run(work()) == ("done", 0.0)


def test_who_waits_for_nothing_is_told() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StuckError):
        loop.run(wait())


def arrived(at: float, *carries: str, path: str = BULK_PATH, status: int = 202) -> Arrived:
    return Arrived(at=at, path=path, status=status, is_readable=True, carries=carries)


def test_a_drain_is_measured_in_whole_windows_from_its_first_request() -> None:
    half = [arrived(1_000 + 10 + 0.8 * n, f"{n}-a", f"{n}-b") for n in range(200)]
    before = [arrived(980, "early"), arrived(1_005, "refused", status=503)]
    single = [arrived(1_011, "alone", path="/api/events")]
    backlog = {"early", "199-b"}
    found = drained([*before, *half, *single], backlog, back_at=1_000, size=TWO)
    assert (found.percent, found.windows, found.resumed_seconds) == (50.0, 2, 10.0)
    assert found.seconds == pytest.approx(10 + 0.8 * 199)


@pytest.mark.parametrize("seconds", [0, 59])
def test_a_drain_without_a_whole_window_says_nothing(seconds: float) -> None:
    with pytest.raises(SubjectError, match="window"):
        drained([arrived(1_000, "a"), arrived(1_000 + seconds, "b")], {"a", "b"}, back_at=1_000, size=TWO)


def test_a_backlog_of_which_nothing_arrives_is_told() -> None:
    with pytest.raises(SubjectError, match="nothing of the backlog"):
        drained([arrived(990, "a"), arrived(1_010, "new")], {"a"}, back_at=1_000, size=TWO)


WHOLE = Passed(
    found=Found(
        lost=0,
        doubled=0,
        disorder=0,
        resent=0,
        ambiguous=7,
        deferred=0,
        unpromised=0,
        events=100,
        single=3,
        updates=0,
        requests=40,
        failed=20,
        books=Books(delivered=100, accepted=100),
        examples=(),
    ),
    drained=Drained(percent=98.0, windows=4, resumed_seconds=12.0, seconds=300.0),
    failing=0,
    requests=3_000,
    throttled=3,
    seconds=2_000.0,
    cpu_seconds=100.0,
)


def test_what_went_well_is_measured() -> None:
    measured = judge(WHOLE, outage.FULL)
    assert isinstance(measured, Measured)
    assert (measured.row, measured.value, measured.n) == ("outage", 98.0, 100)
    assert "4 whole windows of 60 s from the first accepted request, 12 s after the return" in measured.note
    assert str(outage.OUTAGE.target) == str(outage.OUTAGE.short_target) == ">= 95"
    assert outage.FULL.down_seconds == 1_800


@pytest.mark.parametrize(
    "passed",
    [
        replace(WHOLE, found=replace(WHOLE.found, lost=1)),
        replace(WHOLE, found=replace(WHOLE.found, doubled=1)),
        replace(WHOLE, found=replace(WHOLE.found, disorder=1)),
        replace(WHOLE, found=replace(WHOLE.found, resent=1)),
        replace(WHOLE, found=replace(WHOLE.found, unpromised=1)),
        replace(WHOLE, found=replace(WHOLE.found, books=Books(delivered=99, dead=1, accepted=100))),
        replace(WHOLE, found=replace(WHOLE.found, books=Books(delivered=99, pending=1, accepted=100))),
        replace(WHOLE, found=replace(WHOLE.found, books=Books(delivered=100, accepted=101))),
        replace(WHOLE, failing=1),
        replace(WHOLE, throttled=4),
        replace(WHOLE, cpu_seconds=2_001.0),
    ],
)
def test_what_went_wrong_breaks_the_row(passed: Passed) -> None:
    assert isinstance(judge(passed, outage.FULL), Broken)


class OnceFull(Database):
    """Refuses the first write, and takes the others."""

    def __init__(self) -> None:
        self.writes = 0

    @override
    async def read(self, fn: Callable[[Connection], T]) -> T:
        raise NotImplementedError

    @override
    async def write(self, fn: Callable[[Connection], Any]) -> Any:
        self.writes += 1
        if self.writes == 1:
            raise DatabaseUnavailable("full")

    @override
    async def aclose(self) -> None:
        raise NotImplementedError


def test_a_caller_who_is_refused_is_counted(tmp_path: Path) -> None:
    house = House("SQLite", tmp_path, None, [Known("parent", "subject", "service", "suggestions")])
    callers = Callers(OnceFull(), house, replace(TINY, per_second=1), 1)

    async def call() -> None:
        calling = asyncio.ensure_future(callers.call())
        await asyncio.sleep(2.5)
        callers.are_done = True
        await calling

    loop.run(call())
    assert (len(callers.promised), callers.failing) == (2, 1)
