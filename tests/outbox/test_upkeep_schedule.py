"""What is due is run once at a time, at least once, and again if it failed."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection
from structlog.testing import capture_logs

from dreamflow.kit.clock import ManualClock
from dreamflow.kit.db import Database, DatabaseUnavailable
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.outbox import DueJob, LeaseLost
from dreamflow.outbox.adapters.sql import SqlSchedule, schedule
from dreamflow.outbox.adapters.sql.tables import due_jobs
from dreamflow.outbox.ports import JobLease
from dreamflow.outbox.rules.recurring import next_audit, next_night
from dreamflow.outbox.service.schedule import Recurring, ScheduleService
from kit.kit_house import EVENING
from outbox.upkeep_house import BOTH, Opening, counted_writes, opening, rows

PATIENCE = 20.0
NAMES = frozenset({"letter"})
NONE: frozenset[str] = frozenset()


@pytest.fixture(params=BOTH)
async def another(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opening]:
    async with opening(request, tmp_path / "house.sqlite") as another:
        yield another


@pytest.fixture
async def database(another: Opening) -> Database:
    return await another()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(EVENING)


async def ask(database: Database, *jobs: DueJob) -> None:
    def write(connection: Connection) -> None:
        for job in jobs:
            schedule(connection, job)

    await database.write(write)


def letter(id_: str = "j1", *, minutes: float = 0, **payload: Any) -> DueJob:
    return DueJob(id_, "letter", EVENING + timedelta(minutes=minutes), payload)


class Scribe:
    """Notes what it is asked to do, and fails as often as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        self.done: list[DueJob] = []
        self.failures = list(failures)
        self.was_asked = asyncio.Event()

    async def __call__(self, job: DueJob) -> None:
        self.done.append(job)
        self.was_asked.set()
        if self.failures:
            raise self.failures.pop(0)


async def never() -> None:
    raise AssertionError("it was not due")


def service(
    database: Database,
    clock: ManualClock,
    *recurring: Recurring,
    reach: Reach = inert,
    lease_seconds: float = 30.0,
    **handlers: Callable[[DueJob], Awaitable[None]],
) -> ScheduleService:
    return ScheduleService(
        SqlSchedule(database),
        handlers,
        recurring,
        clock=clock,
        wall_clock=clock,
        rng=random.Random(1),
        lease_seconds=lease_seconds,
        reach=reach,
    )


def lease(clock: ManualClock, seconds: float = 30.0) -> JobLease:
    return JobLease(clock.now(), clock.now() + timedelta(seconds=seconds))


async def test_a_job_is_done_when_it_is_due_and_then_gone(database: Database, clock: ManualClock) -> None:
    await ask(database, letter(minutes=5, family="f"))
    scribe = Scribe()
    worker = service(database, clock, letter=scribe)
    assert await worker.run_due() == 0
    clock.advance(timedelta(minutes=5))
    assert await worker.run_due() == 1
    assert scribe.done == [letter(minutes=5, family="f")]
    assert await rows(database, due_jobs) == []


async def test_asking_twice_is_asking_once(database: Database, clock: ManualClock) -> None:
    await ask(database, letter(minutes=1, first=True), letter(minutes=2, first=False))
    await ask(database, letter(minutes=3))
    [row] = await rows(database, due_jobs)
    assert (row.due, row.payload) == (EVENING + timedelta(minutes=1), {"first": True})


async def test_a_transaction_that_fails_asks_for_nothing(database: Database) -> None:
    def failing(connection: Connection) -> None:
        schedule(connection, letter())
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(failing)
    assert await rows(database, due_jobs) == []


async def test_what_has_been_due_for_longest_is_done_first(database: Database, clock: ManualClock) -> None:
    await ask(database, letter("late", minutes=-1), letter("later", minutes=-2), letter("latest", minutes=-3))
    scribe = Scribe()
    assert await service(database, clock, letter=scribe).run_due() == 3
    assert [job.id for job in scribe.done] == ["latest", "later", "late"]


async def test_a_job_without_a_handler_waits_for_a_worker_that_has_one(database: Database, clock: ManualClock) -> None:
    await ask(database, letter())
    assert await service(database, clock, other=Scribe()).run_due() == 0
    assert await service(database, clock, letter=Scribe()).run_due() == 1


async def test_a_failure_is_tried_again_after_a_while_and_its_words_are_kept_out_of_sight(
    database: Database, clock: ManualClock
) -> None:
    await ask(database, letter())
    scribe = Scribe(ValueError("Ada's address"), ValueError())
    worker = service(database, clock, letter=scribe)
    with capture_logs() as logs:
        assert await worker.run_due() == 1
    [row] = await rows(database, due_jobs)
    assert (row.attempts, row.last_reason, row.owner) == (1, "ValueError", None)
    assert clock.now() < row.due <= clock.now() + timedelta(seconds=0.5)
    assert "Ada" not in repr(logs)
    assert [(each["event"], each["job"]) for each in logs] == [("schedule.job_failed", "letter")]
    clock.advance(timedelta(minutes=1))
    await worker.run_due()
    assert [row.attempts for row in await rows(database, due_jobs)] == [2]
    clock.advance(timedelta(minutes=1))
    await worker.run_due()
    assert [job.attempts for job in scribe.done] == [0, 1, 2]
    assert await rows(database, due_jobs) == []


async def test_two_workers_never_have_the_same_job(another: Opening, clock: ManualClock) -> None:
    houses = [await another() for _ in range(3)]
    await ask(houses[0], *(letter(f"j{number}") for number in range(12)))

    async def claim(house: Database, worker: str) -> list[str]:
        found: list[str] = []
        while job := await SqlSchedule(house).claim(worker, NAMES, NONE, clock.now(), lease(clock)):
            found.append(job.id)
        return found

    claimed = await asyncio.gather(*(claim(house, f"w{number}") for number, house in enumerate(houses)))
    assert sorted(id_ for each in claimed for id_ in each) == sorted(f"j{number}" for number in range(12))


async def test_a_dead_workers_job_goes_to_another_when_its_lease_has_run_out(
    database: Database, clock: ManualClock
) -> None:
    await ask(database, letter())
    store = SqlSchedule(database)
    assert await store.claim("dead", NAMES, NONE, clock.now(), lease(clock)) == letter()
    clock.advance(timedelta(seconds=30))
    assert await store.claim("heir", NAMES, NONE, clock.now(), lease(clock)) is None
    clock.advance(timedelta(seconds=1))
    assert await store.claim("heir", NAMES, NONE, clock.now(), lease(clock)) == letter()
    for late in (
        store.hold("dead", "j1", clock.now()),
        store.end("dead", "j1", None),
        store.end("dead", "j1", clock.now()),
        store.fail("dead", "j1", clock.now(), "late"),
    ):
        with pytest.raises(LeaseLost):
            await late
    await store.end("heir", "j1", None)
    assert await rows(database, due_jobs) == []


async def test_a_job_that_one_is_running_is_not_taken_twice_by_the_same_worker(
    database: Database, clock: ManualClock
) -> None:
    await ask(database, letter())
    store = SqlSchedule(database)
    await store.claim("w", NAMES, NONE, clock.now(), lease(clock))
    clock.advance(timedelta(hours=1))
    assert await store.claim("w", NAMES, frozenset({"j1"}), clock.now(), lease(clock)) is None


async def test_a_long_job_is_held_for_as_long_as_it_takes(database: Database, clock: ManualClock) -> None:
    await ask(database, letter())
    until: list[datetime] = []

    async def long(_job: DueJob) -> None:
        for _ in range(2):
            clock.advance(timedelta(seconds=0.06))
            seen = len(until)
            while len(until) == seen:
                until.extend({row.until for row in await rows(database, due_jobs)} - set(until))

    async with asyncio.timeout(PATIENCE):
        await service(database, clock, letter=long, lease_seconds=0.1).run_due()
    assert until == sorted(until)
    assert await rows(database, due_jobs) == []


async def test_a_worker_that_lost_its_job_stops_it(database: Database, clock: ManualClock) -> None:
    await ask(database, letter())
    ends: list[str] = []

    async def long(_: DueJob) -> None:
        stolen = due_jobs.update().values(owner="thief")
        await database.write(lambda connection: connection.execute(stolen))
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            ends.append("stopped")
            raise

    with capture_logs() as logs:
        await service(database, clock, letter=long, lease_seconds=0.1).run_due()
    assert ends == ["stopped"]
    assert [each["event"] for each in logs] == ["schedule.lease_lost"]
    assert [row.owner for row in await rows(database, due_jobs)] == ["thief"]


async def test_what_runs_at_the_end_is_given_back_for_others_to_run_at_once(
    database: Database, clock: ManualClock
) -> None:
    await ask(database, letter())
    began = asyncio.Event()

    async def endless(_: DueJob) -> None:
        began.set()
        await asyncio.sleep(PATIENCE)

    stop = asyncio.Event()
    running = asyncio.create_task(service(database, clock, letter=endless).run(stop))
    async with asyncio.timeout(PATIENCE):
        await began.wait()
        stop.set()
        await running
    scribe = Scribe()
    assert await service(database, clock, letter=scribe).run_due() == 1
    assert [job.attempts for job in scribe.done] == [0]


async def test_a_long_job_does_not_hold_up_the_others(database: Database, clock: ManualClock) -> None:
    await ask(database, letter("long", minutes=-1), letter("short"))
    done = asyncio.Event()

    async def do(job: DueJob) -> None:
        if job.id == "short":
            done.set()
        await done.wait()

    async with asyncio.timeout(PATIENCE):
        stop = asyncio.Event()
        running = asyncio.create_task(service(database, clock, letter=do).run(stop))
        await done.wait()
        stop.set()
        await running


async def test_a_process_that_dies_after_the_work_has_it_done_again(database: Database, clock: ManualClock) -> None:
    await ask(database, letter())

    def die(place: str) -> None:
        assert place == "schedule.ran"
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await service(database, clock, letter=Scribe(), reach=die).run_due()
    clock.advance(timedelta(minutes=1))
    scribe = Scribe()
    assert await service(database, clock, letter=scribe).run_due() == 1


async def test_what_recurs_is_due_again_after_each_run(database: Database, clock: ManualClock) -> None:
    runs: list[datetime] = []

    async def audit() -> None:
        runs.append(clock.now())

    minutely = Recurring("audit", lambda now: now, next_audit, audit)
    workers = [service(database, clock, minutely) for _ in range(2)]
    assert [await worker.run_due() for worker in workers] == [1, 1]  # each looks at its start
    for _ in range(2):
        clock.advance(timedelta(seconds=60))
        assert [await worker.run_due() for worker in workers] == [1, 0]
    assert runs == [EVENING + timedelta(minutes=minutes) for minutes in (0, 0, 1, 2)]
    assert [(row.id, row.attempts, row.owner) for row in await rows(database, due_jobs)] == [("audit", 0, None)]


async def test_what_recurs_is_not_put_off_by_a_clock_that_ran_ahead(database: Database, clock: ManualClock) -> None:
    nightly = Recurring("night", next_night, next_night, never)
    far = ManualClock(EVENING + timedelta(days=20_000))
    assert await service(database, far, nightly).run_due() == 0
    assert await service(database, clock, nightly).run_due() == 0
    assert [row.due for row in await rows(database, due_jobs)] == [next_night(EVENING)]


async def test_what_recurs_goes_on_when_the_clock_is_put_back(database: Database, clock: ManualClock) -> None:
    runs: list[datetime] = []

    async def audit() -> None:
        runs.append(clock.now())

    worker = service(database, clock, Recurring("audit", lambda now: now, next_audit, audit))
    await worker.run_due()
    clock.set(EVENING - timedelta(hours=6))
    for _ in range(10):
        clock.advance(timedelta(minutes=1))
        await worker.run_due()
    assert len(runs) == 11


async def test_a_job_that_was_taken_until_the_far_future_is_taken_over(database: Database, clock: ManualClock) -> None:
    await ask(database, letter())
    store = SqlSchedule(database)
    far = ManualClock(EVENING + timedelta(hours=6))
    assert await store.claim("dead", NAMES, NONE, clock.now(), lease(far)) is not None
    assert await store.claim("alive", NAMES, NONE, clock.now(), lease(clock)) is not None


async def test_an_idle_schedule_does_not_write(database: Database, clock: ManualClock) -> None:
    await ask(database, letter(minutes=1))
    nightly = Recurring("night", next_night, next_night, never)
    worker = service(database, clock, nightly, letter=Scribe())
    await worker.run_due()
    async with counted_writes(database) as written:
        for _ in range(5):
            assert await worker.run_due() == 0
        await service(database, clock, nightly).run_due()
        await worker.aclose()
    assert written == []


async def test_a_sick_database_does_not_end_the_schedule(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(database, letter())
    scribe = Scribe()
    worker = service(database, clock, letter=scribe)
    healthy, left = database.read, 2

    async def sick(fn: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise DatabaseUnavailable("not now")
        return await healthy(fn)

    monkeypatch.setattr(database, "read", sick)
    stop = asyncio.Event()
    with capture_logs() as logs:
        running = asyncio.create_task(worker.run(stop, poll_seconds=0.001))
        async with asyncio.timeout(PATIENCE):
            await scribe.was_asked.wait()
            stop.set()
            await running
    assert [each["event"] for each in logs] == ["schedule.failed"] * 2


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_the_next_night_is_always_ahead_and_within_a_day(now: datetime) -> None:
    night = next_night(now)
    assert now < night <= now + timedelta(days=1)
    assert (night.hour, night.minute, night.tzinfo) == (3, 30, UTC)
    assert next_night(night) == night + timedelta(days=1)
