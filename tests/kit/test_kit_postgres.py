"""The promises on PostgreSQL: what is acknowledged is there, whoever else writes, and whatever the server does."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from dreamflow.bench.servers.postgres_process import PostgresProcess
from dreamflow.kit.db import CommitUnknown, DatabaseUnavailable, Holding, PostgresDatabase
from dreamflow.kit.db.writer import GoneOn
from kit.kit_gate import Gate

pytestmark = pytest.mark.postgres

metadata = MetaData()
counters = Table(
    "counters", metadata, Column("name", String, primary_key=True), Column("value", Integer, nullable=False)
)

PATIENCE = 20.0  # seconds; a bound for what happens at once, so that a defect fails instead of hanging

Open = Callable[..., Awaitable[PostgresDatabase]]


@pytest.fixture
async def another(postgres_url: str) -> AsyncIterator[Open]:
    """Opens the same database once more, as another process does."""
    async with AsyncExitStack() as stack:

        async def open_(**options: Any) -> PostgresDatabase:
            database = PostgresDatabase(postgres_url, **options)
            stack.push_async_callback(database.aclose)
            return database

        yield open_


@pytest.fixture
async def database(another: Open) -> PostgresDatabase:
    database = await another()
    await database.write(metadata.create_all)
    return database


def adding(name: str) -> Callable[[Connection], str]:
    def add(connection: Connection) -> str:
        connection.execute(insert(counters).values(name=name, value=0))
        return name

    return add


def counting(name: str) -> Callable[[Connection], int]:
    """A read-modify-write that locks what it reads."""

    def count(connection: Connection) -> int:
        mine = select(counters.c.value).where(counters.c.name == name).with_for_update()
        value = connection.execute(mine).scalar_one() + 1
        connection.execute(counters.update().where(counters.c.name == name).values(value=value))
        return value

    return count


def unless_there(name: str) -> Callable[[Connection], str]:
    """Catches an error of the database and goes on, which PostgreSQL does not forgive."""

    def add(connection: Connection) -> str:
        try:
            return adding(name)(connection)
        except IntegrityError:
            return "there already"

    return add


def names(connection: Connection) -> set[str]:
    return set(connection.execute(select(counters.c.name)).scalars())


def values(connection: Connection) -> dict[str, int]:
    return {row.name: row.value for row in connection.execute(select(counters))}


async def together(database: PostgresDatabase, *fns: Callable[[Connection], object]) -> list[object]:
    """Have functions wait while another commit is under way, so that they share the next one."""
    gate = Gate()
    first = asyncio.create_task(database.write(gate))
    await gate.entered()
    tasks = [asyncio.create_task(database.write(fn)) for fn in fns]
    await asyncio.sleep(0)  # each task runs up to its wait
    gate.release()
    await first
    return list(await asyncio.gather(*tasks, return_exceptions=True))


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_function_that_catches_an_error_of_the_database_costs_nobody_else_what_was_acknowledged(
    database: PostgresDatabase, place: int
) -> None:
    await database.write(adding("taken"))
    fns = [adding("one"), adding("other")]
    results = await together(database, *fns[:place], unless_there("taken"), *fns[place:])
    caught = results.pop(place)
    assert isinstance(caught, GoneOn)
    assert results == ["one", "other"]
    assert await database.read(names) == {"taken", "one", "other"}


async def test_a_function_alone_that_goes_on_after_an_error_is_told_that_it_must_not(
    database: PostgresDatabase,
) -> None:
    await database.write(adding("taken"))

    def two(connection: Connection) -> str:
        adding("before")(connection)
        return unless_there("taken")(connection)

    with pytest.raises(GoneOn):
        await database.write(two)
    assert await database.read(names) == {"taken"}


async def test_a_statement_that_may_fail_has_a_savepoint_of_its_own(database: PostgresDatabase) -> None:
    await database.write(adding("taken"))

    def careful(connection: Connection) -> str:
        try:
            with connection.begin_nested():
                return adding("taken")(connection)
        except IntegrityError:
            return "there already"

    assert await together(database, adding("one"), careful, adding("other")) == ["one", "there already", "other"]
    assert await database.read(names) == {"taken", "one", "other"}


async def test_a_function_that_raises_undoes_only_itself(database: PostgresDatabase) -> None:
    def failing(connection: Connection) -> None:
        adding("undone")(connection)
        raise LookupError("of the caller")

    def breaking(connection: Connection) -> None:
        adding("undone as well")(connection)
        connection.execute(text("SELECT * FROM no_such_table"))

    before, failed, broken, after = await together(database, adding("before"), failing, breaking, adding("after"))
    assert (before, after) == ("before", "after")
    assert isinstance(failed, LookupError)
    assert isinstance(broken, ProgrammingError)
    assert await database.read(names) == {"before", "after"}


async def test_a_refused_value_is_not_quoted(database: PostgresDatabase) -> None:
    await database.write(adding("Mia-Canary"))
    with pytest.raises(IntegrityError) as refusal:
        await database.write(adding("Mia-Canary"))
    assert "Mia-Canary" not in str(refusal.value).partition("DETAIL")[0]


async def test_a_read_is_on_one_snapshot_and_cannot_write(database: PostgresDatabase) -> None:
    seen: list[set[str]] = []
    gate = Gate(lambda connection: seen.append(names(connection)))

    def twice(connection: Connection) -> None:
        gate(connection)
        seen.append(names(connection))

    reading = asyncio.create_task(database.read(twice))
    await gate.entered()
    await database.write(adding("new"))
    gate.release()
    await reading
    assert seen == [set(), set()]
    with pytest.raises(DatabaseUnavailable):
        await database.read(adding("by a reader"))
    assert await database.read(names) == {"new"}


async def test_changes_of_several_processes_to_one_row_lose_nothing(database: PostgresDatabase, another: Open) -> None:
    await database.write(adding("c"))
    processes = [database, await another(), await another()]
    counts = await asyncio.gather(*(each.write(counting("c")) for each in processes for _ in range(50)))
    assert sorted(counts) == list(range(1, 151))
    assert await database.read(values) == {"c": 150}


async def test_functions_that_hold_the_same_name_do_not_run_at_the_same_time(
    database: PostgresDatabase, another: Open
) -> None:
    other = await another()
    gate = Gate(adding("first"))
    first = asyncio.create_task(database.write(Holding(("ann",), gate)))
    await gate.entered()
    second = asyncio.create_task(other.write(Holding(("ben", "ann"), names)))
    assert await (await another()).write(Holding(("ben's sister",), names)) == set()
    assert not second.done()
    gate.release()
    await first
    assert await second == {"first"}


@pytest.mark.parametrize("is_named", [True, False])
async def test_processes_that_lock_the_same_rows_in_different_orders_all_get_their_answer(
    database: PostgresDatabase,
    another: Open,
    postgres_url: str,
    is_named: bool,  # noqa: FBT001
) -> None:
    processes = [database, await another()]
    rows = [f"row {number}" for number in range(4)]
    await asyncio.gather(*(database.write(adding(row)) for row in rows))

    async def count(process: PostgresDatabase, row: str) -> None:
        fn = counting(row)
        await process.write(Holding((row,), fn) if is_named else fn)

    each_way = zip(processes, (rows, rows[::-1]), strict=True)
    await asyncio.gather(
        *(count(process, row) for process, order in each_way for _ in range(2 if not is_named else 20) for row in order)
    )
    assert set((await database.read(values)).values()) == {4 if not is_named else 40}
    if is_named:
        for each in processes:
            await each.aclose()  # what they have counted is told at their end
        with psycopg.connect(postgres_url) as connection:
            row = connection.execute(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            ).fetchone()
            assert row == (0,)


class Deadlock:
    """Two functions of two processes that each have what the other wants; the first time they meet in the middle."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2)
        self.runs: list[str] = []

    def crossing(self, *order: str) -> Callable[[Connection], str]:
        is_first = threading.Event()

        def cross(connection: Connection) -> str:
            self.runs.append(order[0])
            for place, row in enumerate(order):
                if place == 1 and not is_first.is_set():
                    is_first.set()
                    self._barrier.wait(PATIENCE)
                counting(row)(connection)
            return order[0]

        return cross


async def test_the_victim_of_a_deadlock_runs_again_and_its_caller_does_not_notice(
    database: PostgresDatabase, another: Open
) -> None:
    other = await another()
    for row in ("a", "b"):
        await database.write(adding(row))
    deadlock = Deadlock()
    answers = await asyncio.gather(
        database.write(deadlock.crossing("a", "b")), other.write(deadlock.crossing("b", "a"))
    )
    assert answers == ["a", "b"]
    assert len(deadlock.runs) == 3
    assert await database.read(values) == {"a": 2, "b": 2}


async def test_a_row_that_somebody_keeps_locked_holds_up_its_own_callers_only(
    database: PostgresDatabase, another: Open, postgres_url: str
) -> None:
    for row in ("stuck", "free"):
        await database.write(adding(row))
    impatient = await another(lock_seconds=0.2)
    with psycopg.connect(postgres_url) as stuck:
        stuck.execute("UPDATE counters SET value = 100 WHERE name = 'stuck'")
        results = await together(impatient, counting("free"), counting("stuck"), counting("free"))
        assert (results[0], results[2]) == (1, 2)
        assert isinstance(results[1], DatabaseUnavailable)
        assert not isinstance(results[1], CommitUnknown)
        stuck.rollback()
    assert await impatient.write(counting("stuck")) == 1


async def test_a_process_that_stops_in_the_middle_of_a_transaction_is_ended_by_the_server(
    database: PostgresDatabase,
) -> None:
    limit = await database.write(
        lambda connection: connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    )
    assert limit == "10s"


INTERRUPTIONS = ["terminated", "restarted", "killed"]


def interrupt(process: PostgresProcess, how: str) -> None:
    if how == "terminated":
        process.terminate_backends()
    elif how == "restarted":
        process.restart()
    else:
        process.kill()
        process.start()


@pytest.mark.parametrize("how", INTERRUPTIONS)
async def test_after_an_interruption_the_next_write_and_read_succeed_at_once(
    database: PostgresDatabase, postgres_process: PostgresProcess, how: str
) -> None:
    await database.write(adding("before"))
    await database.read(names)
    interrupt(postgres_process, how)
    assert await database.write(adding("after")) == "after"
    assert await database.read(names) == {"before", "after"}


@pytest.mark.parametrize("how", INTERRUPTIONS)
async def test_an_interruption_under_load_loses_nothing_that_was_acknowledged(
    database: PostgresDatabase, another: Open, postgres_process: PostgresProcess, how: str
) -> None:
    processes = [database, await another()]
    acknowledged: list[str] = []
    afterwards = asyncio.Semaphore(0)
    is_over = False
    unknown: list[str] = []
    refused: list[str] = []
    ends = asyncio.Event()

    async def call(process: PostgresDatabase, caller: int) -> None:
        number = 0
        while not ends.is_set():
            name = f"{caller}-{number}"
            number += 1
            try:
                acknowledged.append(await process.write(adding(name)))
                if is_over:
                    afterwards.release()
            except CommitUnknown:
                unknown.append(name)
            except DatabaseUnavailable:
                refused.append(name)
                await asyncio.sleep(0.01)

    callers = [asyncio.create_task(call(processes[number % 2], number)) for number in range(16)]
    for _ in range(2):
        await asyncio.sleep(0.15)
        await asyncio.to_thread(interrupt, postgres_process, how)
    is_over = True
    for _ in range(50):
        await asyncio.wait_for(afterwards.acquire(), PATIENCE)
    ends.set()
    await asyncio.wait_for(asyncio.gather(*callers), PATIENCE)
    stored = await database.read(names)
    assert set(acknowledged) <= stored
    assert stored - set(acknowledged) <= set(unknown)
    assert not stored & set(refused)


async def test_a_server_that_is_not_there_refuses_and_is_found_again(
    database: PostgresDatabase, postgres_process: PostgresProcess
) -> None:
    postgres_process.stop()
    with pytest.raises(DatabaseUnavailable) as refusal:
        await database.write(adding("refused"))
    assert not isinstance(refusal.value, CommitUnknown)
    with pytest.raises(DatabaseUnavailable):
        await database.read(names)
    postgres_process.start()
    assert await database.write(adding("accepted")) == "accepted"
    assert await database.read(names) == {"accepted"}


async def test_a_connection_that_breaks_in_the_middle_of_a_function_runs_it_again(
    database: PostgresDatabase, postgres_process: PostgresProcess
) -> None:
    runs: list[int] = []

    def cut_off(connection: Connection) -> str:
        adding("once")(connection)
        runs.append(len(runs))
        if len(runs) == 1:
            postgres_process.terminate_backends()
            connection.execute(text("SELECT 1"))
        return "done"

    assert await database.write(cut_off) == "done"
    assert len(runs) == 2
    assert await database.read(names) == {"once"}


async def test_when_the_connection_breaks_during_the_commit_nobody_claims_to_know(
    database: PostgresDatabase, postgres_process: PostgresProcess
) -> None:
    def last_words(connection: Connection) -> None:
        adding("perhaps")(connection)
        postgres_process.terminate_backends()

    with pytest.raises(CommitUnknown):
        await database.write(last_words)
    assert await database.read(names) <= {"perhaps"}


@pytest.mark.parametrize("url", ["", "dream", "sqlite:///x", "mysql://a@b/c", "postgresql"])
def test_another_databases_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="USER:PASSWORD@HOST") as refusal:
        PostgresDatabase(url)
    assert not url or url not in str(refusal.value).replace("postgresql://", "")
