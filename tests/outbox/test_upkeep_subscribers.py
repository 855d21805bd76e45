"""Subscribers get every journal entry once, in order, whoever writes meanwhile and whoever dies."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, delete, insert
from structlog.testing import capture_logs

from dreamflow.kit.clock import ManualClock
from dreamflow.kit.db import Database, PostgresDatabase
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.outbox import DueJob, Entry, Envelope, Upkeep
from dreamflow.outbox.adapters.sql import SqlJournal, SqlSchedule, Subscriber, append, horizon, journal, schedule
from dreamflow.outbox.adapters.sql.dialect import announce_appending
from dreamflow.outbox.adapters.sql.tables import cursors, deliveries, due_jobs, streams
from dreamflow.outbox.service.schedule import ScheduleService
from dreamflow.outbox.service.subscribers import SubscriberService
from kit.kit_house import EVENING
from outbox.outbox_fakes import heard, outbox_at
from outbox.upkeep_house import BOTH, Opening, counted_writes, opening, rows

PATIENCE = 20.0

mine = Table(
    "read_by_a_test",
    MetaData(),
    Column("place", Integer, primary_key=True, autoincrement=True),
    Column("who", String),
    Column("entry", String),
    Column("parent", String),
    Column("seq", Integer),
)


@pytest.fixture(params=BOTH)
async def another(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opening]:
    async with opening(request, tmp_path / "house.sqlite") as another:
        yield another


@pytest.fixture
async def database(another: Opening) -> Database:
    found = await another()
    await found.write(mine.create)
    return found


def quiet(id_: str, parent: str = "p") -> Envelope:
    """A fact that stays at home, as most do."""
    return Envelope(id_, parent, "test.quiet", EVENING, {"n": id_}, simulated=id_.startswith("made up"))


async def write(database: Database, *envelopes: Envelope) -> None:
    await database.write(lambda connection: append(connection, envelopes))


def reader(name: str = "reader") -> Subscriber:
    """Writes down what it is given, with the transaction that gives it."""

    def handle(connection: Connection, entries: Sequence[Entry]) -> None:
        noted = [{"who": name, "entry": each.id, "parent": each.parent, "seq": each.seq} for each in entries]
        connection.execute(insert(mine), noted)

    return Subscriber(name, handle)


async def read_by(database: Database, name: str = "reader") -> list[str]:
    return [row.entry for row in await rows(database, mine) if row.who == name]


def service(
    database: Database,
    *subscribers: Subscriber,
    chunk: int = 200,
    reach: Reach = inert,
    clock: ManualClock | None = None,
) -> SubscriberService:
    journal_ = SqlJournal(database, subscribers, chunk=chunk, reach=reach)
    return SubscriberService(journal_, random.Random(1), clock or ManualClock(EVENING))


async def drain(subscribers: SubscriberService) -> int:
    rounds = 0
    while await subscribers.advance():
        rounds += 1
    return rounds


async def test_each_gets_all_there_is_in_order_a_few_at_a_time(database: Database) -> None:
    ids = [f"e{number}" for number in range(5)]
    await write(database, *map(quiet, ids))
    assert await drain(service(database, reader("one"), reader("other"), chunk=2)) == 3
    assert await read_by(database, "one") == await read_by(database, "other") == ids


async def test_an_entry_is_given_as_it_was_written(database: Database) -> None:
    given: list[Entry] = []
    await write(database, heard("e1", "q"), quiet("made up"))
    await drain(service(database, Subscriber("s", lambda _, entries: given.extend(entries))))
    assert [(each.id, each.parent, each.type, each.facts, each.simulated) for each in given] == [
        ("e1", "q", "test.heard", {"secret": "at home"}, False),
        ("made up", "p", "test.quiet", {"n": "made up"}, True),
    ]
    assert given[0].occurred_at == EVENING
    assert given[0].seq < given[1].seq


async def test_a_worker_goes_on_where_another_one_stopped_and_a_new_subscriber_begins_at_the_beginning(
    database: Database, another: Opening
) -> None:
    await write(database, quiet("e1"))
    await drain(service(database, reader()))
    await write(database, quiet("e2"))
    await drain(service(await another(), reader(), reader("new")))
    assert await read_by(database) == await read_by(database, "new") == ["e1", "e2"]


async def test_one_that_fails_stops_no_other_and_gets_the_same_again_later(database: Database) -> None:
    await write(database, quiet("e1"), quiet("e2"))
    failures = [ValueError("Ada"), ValueError()]
    well = reader("failing").handle

    def failing(connection: Connection, entries: Sequence[Entry]) -> None:
        well(connection, entries)
        if failures:
            raise failures[-1]

    clock = ManualClock(EVENING)
    subscribers = service(database, Subscriber("failing", failing), reader(), clock=clock)
    with capture_logs() as logs:
        await drain(subscribers)
    assert await read_by(database) == ["e1", "e2"]
    assert await read_by(database, "failing") == []
    assert [(each["event"], each["subscriber"]) for each in logs] == [("subscriber.failed", "failing")]
    assert "Ada" not in repr(logs)
    failures.clear()
    assert not await subscribers.advance(), "it waits a while"
    clock.advance(timedelta(seconds=1))
    assert await subscribers.advance()
    assert await read_by(database, "failing") == ["e1", "e2"]


async def test_what_it_writes_and_how_far_it_got_are_stored_together(database: Database) -> None:
    await write(database, quiet("e1"))
    places: list[str] = []

    def die(place: str) -> None:
        places.append(place)
        raise SystemError

    with capture_logs() as logs:
        await drain(service(database, reader(), reach=die))
    assert [each["error"] for each in logs] == ["SystemError"]
    assert set(places) == {"subscriber.handled"}
    assert await read_by(database) == []
    await drain(service(database, reader()))
    assert await read_by(database) == ["e1"]


async def test_it_may_cause_facts_and_jobs_of_its_own(database: Database) -> None:
    def echo(connection: Connection, entries: Sequence[Entry]) -> None:
        for each in entries:
            if not each.id.startswith("echo"):
                append(connection, [heard(f"echo of {each.id}", each.parent)])
                schedule(connection, DueJob(f"see to {each.id}", "see", EVENING, {}))

    await write(database, quiet("e1"))
    await drain(service(database, Subscriber("echo", echo), reader()))
    assert await read_by(database) == ["e1", "echo of e1"]
    assert [row.id for row in await rows(database, due_jobs)] == ["see to e1"]


async def test_an_idle_house_does_not_write(database: Database) -> None:
    await write(database, quiet("e1"), quiet("e2"))
    subscribers = service(database, reader())
    await drain(subscribers)
    async with counted_writes(database) as written:
        for _ in range(5):
            assert not await subscribers.advance()
    assert written == []


async def test_erased_entries_are_passed_over(database: Database) -> None:
    await write(database, *(quiet(f"e{number}") for number in range(6)))
    erased = delete(journal).where(journal.c.id.in_(["e0", "e1", "e3", "e5"]))
    await database.write(lambda connection: connection.execute(erased))
    assert await drain(service(database, reader(), chunk=1)) == 2
    assert await read_by(database) == ["e2", "e4"]


async def test_one_whose_newest_unread_entries_were_erased_goes_on(database: Database) -> None:
    subscribers = service(database, reader())
    await write(database, quiet("e1"))
    await drain(subscribers)
    # Another subscriber of this process brings it about that the newest are known to be there, before they go.
    await write(database, quiet("e2"), quiet("e3"))
    both = service(database, reader("other"), reader(), chunk=1)
    await both._journal.advance("other")
    erased = delete(journal).where(journal.c.id.in_(["e2", "e3"]))
    await database.write(lambda connection: connection.execute(erased))
    assert not await both._journal.advance("reader")
    async with counted_writes(database) as written:
        assert not await both._journal.advance("reader")
    assert written == [], "it looks no more for what is gone"
    await write(database, quiet("e4"), quiet("e5"))
    await drain(both)
    assert await read_by(database) == ["e1", "e4", "e5"]


async def test_two_workers_at_once_give_each_entry_once(another: Opening, database: Database) -> None:
    houses = [database, await another(), await another()]
    await write(database, *(quiet(f"e{number}") for number in range(60)))
    await asyncio.gather(*(drain(service(house, reader(), chunk=7)) for house in houses))
    await drain(service(database, reader()))
    assert await read_by(database) == [f"e{number}" for number in range(60)]


async def test_upkeep_runs_schedule_and_subscribers_until_it_is_told_to_stop(database: Database) -> None:
    stop, had = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def handle(connection: Connection, entries: Sequence[Entry]) -> None:
        schedule(connection, DueJob(entries[0].id, "see", EVENING, {}))

    async def see(_: DueJob) -> None:
        loop.call_soon(had.set)

    clock = ManualClock(EVENING)
    jobs = ScheduleService(SqlSchedule(database), {"see": see}, clock=clock, rng=random.Random(1))
    upkeep = Upkeep(jobs, service(database, Subscriber("s", handle)))
    await write(database, quiet("e1"))
    running = asyncio.create_task(upkeep.run(stop))
    async with asyncio.timeout(PATIENCE):
        await had.wait()
        stop.set()
        await running
    assert await rows(database, cursors) != []


@pytest.mark.postgres
async def test_nobody_is_given_a_later_entry_before_an_earlier_one_that_is_still_being_written(
    migrated_postgres_url: str,
) -> None:
    """PostgreSQL shows 2 while 1 is not committed yet; and who waits for 1 holds nobody up."""
    houses = [PostgresDatabase(migrated_postgres_url) for _ in range(3)]
    entered, go = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(connection: Connection) -> None:
        # As `append` does: the number is given out. Only the commit is longer in coming.
        announce_appending(connection)
        connection.execute(insert(journal), [_row("slow")])
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(go.wait(), loop).result(PATIENCE)

    try:
        await houses[0].write(mine.create)
        subscribers = service(houses[2], reader())
        writing = asyncio.create_task(houses[0].write(slow))
        async with asyncio.timeout(PATIENCE):
            await entered.wait()
            await write(houses[1], quiet("quick"))
            assert not await subscribers.advance()
            await write(houses[1], quiet("quicker"))
            assert not await subscribers.advance()
            assert await read_by(houses[2]) == []
            go.set()
            await writing
            await drain(subscribers)
        assert await read_by(houses[2]) == ["slow", "quick", "quicker"]
    finally:
        go.set()
        for house in houses:
            await house.aclose()


def _row(id_: str) -> dict[str, object]:
    return {"id": id_, "parent": "p", "type": "t", "occurred_at": EVENING, "facts": {}, "simulated": False}


PROCESSES = 3
Wave = list[tuple[int, str, bool]]
"""Which process writes for whom, and whether its commit comes at once; all processes at once."""


@pytest.mark.postgres
def test_with_many_writers_nothing_is_skipped_nothing_comes_twice_and_each_parent_keeps_its_order(
    new_migrated_database: Callable[[], str],
) -> None:
    url = new_migrated_database()
    houses = [PostgresDatabase(url) for _ in range(PROCESSES + 2)]
    with asyncio.Runner() as runner:

        @settings(max_examples=5, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
        @given(
            st.lists(
                st.tuples(st.integers(0, PROCESSES - 1), st.sampled_from("abc"), st.integers(0, 5).map(bool)),
                min_size=40,
                max_size=60,
            ),
            st.integers(1, 6),
        )
        def run(wave: Wave, chunk: int) -> None:
            runner.run(_concurrently(houses, wave, chunk))

        try:
            run()
        finally:
            for house in houses:
                runner.run(house.aclose())


async def _concurrently(houses: Sequence[PostgresDatabase], wave: Wave, chunk: int) -> None:
    ids = [f"{number}" for number in range(len(wave))]

    async def write_all(process: int) -> None:
        for id_, (who, parent, is_quick) in zip(ids, wave, strict=True):
            if who == process and is_quick:
                await write(houses[process], heard(id_, parent))
            elif who == process:
                await houses[process].write(_slowly(id_))

    await houses[0].write(_clear)
    subscribers = [service(house, reader(), chunk=chunk) for house in houses[PROCESSES:]]
    stop = asyncio.Event()
    reading = [asyncio.create_task(each.run(stop, poll_seconds=0.001)) for each in subscribers]
    await asyncio.gather(*map(write_all, range(PROCESSES)))
    stop.set()
    await asyncio.gather(*reading)
    await drain(subscribers[0])

    found = await rows(houses[0], mine)
    assert sorted(row.entry for row in found) == sorted(ids)
    assert [row.seq for row in found] == sorted(row.seq for row in found)
    # The order in which what leaves was numbered, under the lock of the profile, is the order that is to be kept.
    numbered = sorted(await rows(houses[0], deliveries), key=lambda row: row.number)
    for parent in "abc":
        assert [row.entry for row in found if row.parent == parent] == [
            row.fact for row in numbered if row.parent == parent
        ]


def _slowly(id_: str) -> Callable[[Connection], None]:
    def write_slowly(connection: Connection) -> None:
        announce_appending(connection)
        connection.execute(insert(journal), [_row(id_)])
        time.sleep(0.015)

    return write_slowly


def _clear(connection: Connection) -> None:
    mine.create(connection, checkfirst=True)
    for table in (mine, journal, cursors, deliveries, streams):
        connection.execute(delete(table))


async def test_the_horizon_goes_on_waiting_for_those_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is always appending: those who came later do not matter."""
    looks = itertools.count()

    def appenders(_: Connection) -> frozenset[str]:
        look = next(looks)
        return frozenset({f"transaction {look // 25}", f"transaction {look // 25 + 1}"})

    monkeypatch.setattr(horizon, "appenders", appenders)
    monkeypatch.setattr(horizon, "_PAUSE_SECONDS", 0)
    async with outbox_at(tmp_path / "house.sqlite") as outbox:
        seen = horizon.Horizon(outbox.database, lambda _: 7)
        for _ in range(6):  # they end after fifty looks, ten or so at a time
            await seen.move()
    assert seen.seq == 7
