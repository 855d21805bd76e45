"""The database promises: nothing lost, nothing half done, and an honest refusal when the disk says no."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, ForeignKey, Integer, LargeBinary, MetaData, String, Table, insert, select
from sqlalchemy.exc import IntegrityError, ProgrammingError

from dreamflow.kit.db import DatabaseUnavailable, SqliteDatabase
from kit.kit_gate import Gate

metadata = MetaData()
counters = Table(
    "counters",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Integer, nullable=False),
    Column("ballast", LargeBinary),
)
leaves = Table(
    "leaves",
    metadata,
    Column("name", String, primary_key=True),
    Column("tree", String, ForeignKey("counters.name", deferrable=True, initially="DEFERRED"), nullable=False),
)

PATIENCE = 20.0  # seconds; a bound for what happens at once, so that a defect fails instead of hanging


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "house.sqlite"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path)
    await database.write(metadata.create_all)
    yield database
    await asyncio.wait_for(database.aclose(), PATIENCE)


def adding(name: str, *, ballast: int = 0) -> Callable[[Connection], str]:
    def add(connection: Connection) -> str:
        connection.execute(insert(counters).values(name=name, value=0, ballast=bytes(ballast)))
        return name

    return add


def counting(name: str) -> Callable[[Connection], int]:
    def count(connection: Connection) -> int:
        value = connection.execute(select(counters.c.value).where(counters.c.name == name)).scalar_one() + 1
        connection.execute(counters.update().where(counters.c.name == name).values(value=value))
        return value

    return count


def names(connection: Connection) -> set[str]:
    return set(connection.execute(select(counters.c.name)).scalars())


def value_of(name: str) -> Callable[[Connection], int]:
    return lambda connection: connection.execute(select(counters.c.value).where(counters.c.name == name)).scalar_one()


def pragma(statement: str) -> Callable[[Connection], object]:
    """Settings of the writer's one connection, which stays open."""
    return lambda connection: connection.exec_driver_sql(f"PRAGMA {statement}").fetchall()


async def together(database: SqliteDatabase, *fns: Callable[[Connection], object]) -> list[object]:
    """Have functions wait while another commit is under way, so that they share the next one."""
    gate = Gate()
    first = asyncio.create_task(database.write(gate))
    await gate.entered()
    tasks = [asyncio.create_task(database.write(fn)) for fn in fns]
    await asyncio.sleep(0)  # each task runs up to its wait
    gate.release()
    await first
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_concurrent_read_modify_writes_lose_nothing(database: SqliteDatabase) -> None:
    await database.write(adding("c"))
    seen = await asyncio.gather(*(database.write(counting("c")) for _ in range(300)))
    assert sorted(seen) == list(range(1, 301))
    assert await database.read(value_of("c")) == 300


async def test_more_waiting_functions_than_fit_in_one_commit_are_all_done(database: SqliteDatabase) -> None:
    await database.write(adding("c"))
    await together(database, *[counting("c")] * 400)
    assert await database.read(value_of("c")) == 400


async def test_a_function_that_raises_undoes_only_itself_while_its_neighbours_in_the_same_commit_survive(
    database: SqliteDatabase,
) -> None:
    connections: list[Connection] = []

    def noting(fn: Callable[[Connection], object]) -> Callable[[Connection], object]:
        def run(connection: Connection) -> object:
            connections.append(connection)
            return fn(connection)

        return run

    def failing(connection: Connection) -> None:
        adding("undone")(connection)
        raise LookupError("of the caller")

    def breaking(connection: Connection) -> None:
        adding("undone as well")(connection)
        connection.exec_driver_sql("SELECT * FROM no_such_table")

    before, failed, broken, after = await together(
        database, noting(adding("before")), noting(failing), noting(breaking), noting(adding("after"))
    )
    # Together, up to the first that raises; then all of them once more, each on its own ground.
    assert len(connections) == 2 + 4
    assert len(set(map(id, connections[:2]))) == len(set(map(id, connections[2:]))) == 1, "they shared no transaction"
    assert (before, after) == ("before", "after")
    assert isinstance(failed, LookupError)
    assert isinstance(broken, DatabaseUnavailable)
    assert await database.read(names) == {"before", "after"}


async def test_whatever_a_function_raises_the_writer_lives_on(database: SqliteDatabase) -> None:
    def leave(_: Connection) -> None:
        raise SystemExit("a library wants to end the program")

    with pytest.raises(DatabaseUnavailable):
        await database.write(leave)
    assert await database.write(lambda connection: connection.exec_driver_sql("SELECT 1").scalar_one()) == 1


async def test_reads_see_committed_state_only(database: SqliteDatabase) -> None:
    gate = Gate(adding("half done"))
    writing = asyncio.create_task(database.write(gate))
    await gate.entered()
    assert await database.read(names) == set()
    gate.release()
    await writing
    assert await database.read(names) == {"half done"}


async def test_a_read_stays_on_one_snapshot_while_others_write(database: SqliteDatabase) -> None:
    snapshots: list[set[str]] = []
    gate = Gate(lambda connection: snapshots.append(names(connection)))

    def twice(connection: Connection) -> None:
        gate(connection)
        snapshots.append(names(connection))

    reading = asyncio.create_task(database.read(twice))
    await gate.entered()
    await database.write(adding("new"))
    gate.release()
    await reading
    assert snapshots == [set(), set()]


async def test_what_a_read_raises_reaches_the_caller_and_a_failing_database_is_named_as_such(
    database: SqliteDatabase,
) -> None:
    def failing(_: Connection) -> None:
        raise LookupError("of the caller")

    with pytest.raises(LookupError, match="of the caller"):
        await database.read(failing)
    with pytest.raises(ProgrammingError):
        await database.read(lambda connection: connection.exec_driver_sql("SELECT ?", (1, 2)))
    with pytest.raises(DatabaseUnavailable):
        await database.read(lambda connection: connection.exec_driver_sql("SELECT * FROM no_such_table"))


async def test_what_was_acknowledged_is_there_after_a_restart(path: Path) -> None:
    database = SqliteDatabase(path)
    await database.write(metadata.create_all)
    await database.write(adding("kept"))
    await database.aclose()
    again = SqliteDatabase(path)
    assert await again.read(names) == {"kept"}
    await again.aclose()


async def test_on_a_full_disk_exactly_what_was_acknowledged_is_stored(database: SqliteDatabase, path: Path) -> None:
    pages = await database.read(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    await database.write(pragma(f"max_page_count = {pages + 4}"))
    tried = ["small", "huge", "small too"]
    results = await together(database, adding("small"), adding("huge", ballast=1_000_000), adding("small too"))
    assert isinstance(results[1], DatabaseUnavailable)
    acknowledged = {name for name, result in zip(tried, results, strict=True) if result == name}
    assert all(isinstance(result, (str, DatabaseUnavailable)) for result in results)
    assert await database.read(names) == acknowledged
    assert await database.write(adding("afterwards")) == "afterwards"
    with closing(sqlite3.connect(path)) as other:
        assert {row[0] for row in other.execute("SELECT name FROM counters")} == {*acknowledged, "afterwards"}


async def test_while_another_process_holds_the_file_a_write_is_refused_and_stores_nothing(
    database: SqliteDatabase, path: Path
) -> None:
    await database.write(pragma("busy_timeout = 1"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ran: list[bool] = []
        with pytest.raises(DatabaseUnavailable) as refusal:
            await database.write(lambda connection: (ran.append(True), adding("refused")(connection)))
        assert refusal.value.retryable
        assert not ran
        assert await database.read(names) == set()
        other.execute("COMMIT")
    assert await database.write(adding("accepted")) == "accepted"
    assert await database.read(names) == {"accepted"}


async def test_when_the_commit_itself_fails_everyone_in_it_is_told_and_nothing_is_stored(
    database: SqliteDatabase,
) -> None:
    def orphan(connection: Connection) -> None:
        connection.execute(insert(leaves).values(name="leaf", tree="no such tree"))  # noticed at COMMIT

    results = await together(database, adding("innocent"), orphan)
    assert [type(result) for result in results] == [DatabaseUnavailable, DatabaseUnavailable]
    assert await database.read(names) == set()
    assert await database.write(adding("next")) == "next"


@pytest.mark.parametrize("kind", ["a folder", "not a database"])
async def test_a_file_that_is_no_database_is_refused_on_both_verbs(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "house.sqlite"
    if kind == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"To be, or not to be. " * 500)
    database = SqliteDatabase(path)
    with pytest.raises(DatabaseUnavailable):
        await database.write(metadata.create_all)
    with pytest.raises(DatabaseUnavailable):
        await database.read(names)
    await database.aclose()
    assert path.is_dir() or path.read_bytes() == b"To be, or not to be. " * 500


async def test_a_caller_who_gives_up_while_waiting_changes_nothing(database: SqliteDatabase) -> None:
    ran: list[str] = []
    gate = Gate()
    first = asyncio.create_task(database.write(gate))
    await gate.entered()
    waiting = asyncio.create_task(database.write(lambda _: ran.append("cancelled")))
    neighbour = asyncio.create_task(database.write(adding("neighbour")))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)  # the loop passes the news on to the waiting job
    await asyncio.sleep(0)
    gate.release()
    await first
    assert await neighbour == "neighbour"
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not ran


async def test_a_caller_who_gives_up_during_the_write_does_not_break_the_writer(database: SqliteDatabase) -> None:
    gate = Gate(adding("begun"))
    writing = asyncio.create_task(database.write(gate))
    await gate.entered()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    gate.release()
    await database.write(adding("next"))
    assert await database.read(names) == {"begun", "next"}


async def test_closing_finishes_what_was_accepted(path: Path) -> None:
    database = SqliteDatabase(path)
    await database.write(metadata.create_all)
    gate = Gate(adding("c"))
    first = asyncio.create_task(database.write(gate))
    await gate.entered()
    accepted = [asyncio.create_task(database.write(counting("c"))) for _ in range(20)]
    await asyncio.sleep(0)
    closing_ = asyncio.create_task(database.aclose())
    await asyncio.sleep(0)
    gate.release()
    await asyncio.wait_for(asyncio.gather(first, closing_), PATIENCE)
    assert sorted([await each for each in accepted]) == list(range(1, 21))
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT value FROM counters").fetchall() == [(20,)]


async def test_a_closed_database_refuses_at_once_instead_of_keeping_callers_waiting(path: Path) -> None:
    database = SqliteDatabase(path)
    await database.aclose()
    with pytest.raises(DatabaseUnavailable):
        await asyncio.wait_for(database.write(names), PATIENCE)
    with pytest.raises(DatabaseUnavailable):
        await asyncio.wait_for(database.read(names), PATIENCE)
    await asyncio.wait_for(database.aclose(), PATIENCE)


async def test_two_processes_worth_of_writers_on_one_file_take_turns(database: SqliteDatabase, path: Path) -> None:
    other = SqliteDatabase(path)
    await database.write(adding("c"))
    await asyncio.gather(*(each.write(counting("c")) for each in (database, other) for _ in range(60)))
    assert await other.read(value_of("c")) == 120
    await other.aclose()


async def test_a_refused_value_is_not_quoted(database: SqliteDatabase) -> None:
    await database.write(adding("Mia-Canary"))
    with pytest.raises(IntegrityError) as refusal:
        await database.write(adding("Mia-Canary"))
    assert "Canary" not in str(refusal.value)


async def test_a_refusal_of_the_database_says_what_to_do_and_keeps_its_cause(database: SqliteDatabase) -> None:
    with pytest.raises(DatabaseUnavailable, match="try again") as refusal:
        await database.write(lambda connection: connection.exec_driver_sql("SELECT * FROM no_such_table"))
    assert "no_such_table" not in str(refusal.value)
    assert "no_such_table" in str(refusal.value.__cause__)


async def test_rows_keep_their_references(database: SqliteDatabase) -> None:
    on = await database.read(lambda connection: connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one())
    full = await database.read(lambda connection: connection.exec_driver_sql("PRAGMA synchronous").scalar_one())
    journal = await database.read(lambda connection: connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())
    assert (on, full, journal) == (1, 2, "wal")
    assert await database.write(pragma("foreign_keys")) == [(1,)]
    assert await database.write(pragma("synchronous")) == [(2,)]
