"""What the functions of one commit gather is written once for all of them, in order, and only for those that stay."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, create_engine, event, insert, select
from sqlalchemy.exc import OperationalError
from typing_extensions import override

from dreamflow.kit.db import CommitUnknown, DatabaseUnavailable, SqliteDatabase, gather
from dreamflow.kit.db.writer import GroupWriter, Manners

PATIENCE = 20.0

metadata = MetaData()
notes = Table(
    "notes",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=True),
    Column("words", String, unique=True, nullable=False),
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "house.sqlite")
    await database.write(metadata.create_all)
    yield database
    await database.aclose()


class Notebook:
    """Writes what is gathered, and remembers how often."""

    def __init__(self) -> None:
        self.flushes: list[tuple[str, ...]] = []

    def flush(self, connection: Connection, items: Sequence[str]) -> None:
        self.flushes.append(tuple(items))
        connection.execute(insert(notes), [{"words": each} for each in items])

    def noting(self, *words: str) -> Callable[[Connection], tuple[str, ...]]:
        """A function that gathers, and says what it saw of it."""

        def note(connection: Connection) -> tuple[str, ...]:
            for each in words:
                gather(connection, self.flush, [each])
            return everything(connection)

        return note


def everything(connection: Connection) -> tuple[str, ...]:
    return tuple(connection.execute(select(notes.c.words).order_by(notes.c.place)).scalars())


def failing(notebook: Notebook, *words: str) -> Callable[[Connection], None]:
    def fail(connection: Connection) -> None:
        notebook.noting(*words)(connection)
        raise LookupError("of the caller")

    return fail


async def together(database: SqliteDatabase, *fns: Callable[[Connection], object]) -> list[object]:
    """Have functions wait while another commit is under way, so that they share the next one."""
    is_entered, may_go = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        is_entered.set()
        assert may_go.wait(PATIENCE)

    first = asyncio.create_task(database.write(hold))
    assert await asyncio.to_thread(is_entered.wait, PATIENCE)
    tasks = [asyncio.create_task(database.write(fn)) for fn in fns]
    await asyncio.sleep(0)  # each task runs up to its wait
    may_go.set()
    await first
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_one_commit_writes_what_all_its_functions_gathered_in_their_order(database: SqliteDatabase) -> None:
    notebook = Notebook()
    seen = await together(database, notebook.noting("a", "b"), notebook.noting("c"), notebook.noting("d"))
    assert seen == [(), (), ()], "a function does not see what it gathered"
    assert notebook.flushes == [("a", "b", "c", "d")]
    assert await database.read(everything) == ("a", "b", "c", "d")


async def test_each_way_of_writing_gets_its_own_in_the_order_in_which_they_were_first_used(
    database: SqliteDatabase,
) -> None:
    one, other = Notebook(), Notebook()
    await together(database, one.noting("a"), other.noting("b"), one.noting("c"))
    assert (one.flushes, other.flushes) == ([("a", "c")], [("b",)])
    assert await database.read(everything) == ("a", "c", "b")


async def test_what_a_failing_function_gathered_is_gone_and_its_neighbours_is_there(database: SqliteDatabase) -> None:
    notebook = Notebook()
    results = await together(database, notebook.noting("a"), failing(notebook, "never"), notebook.noting("b"))
    assert isinstance(results[1], LookupError)
    assert await database.read(everything) == ("a", "b")
    assert notebook.flushes == [("a",), ("b",)], "apart, each writes for itself"


async def test_rows_that_cannot_be_written_fail_the_function_that_gathered_them_and_no_other(
    database: SqliteDatabase,
) -> None:
    notebook = Notebook()
    results = await together(database, notebook.noting("a"), notebook.noting("a"), notebook.noting("b"))
    assert [isinstance(each, Exception) for each in results] == [False, True, False]
    assert await database.read(everything) == ("a", "b")


async def test_outside_of_a_write_it_is_written_at_once(tmp_path: Path) -> None:
    notebook = Notebook()
    engine = create_engine(f"sqlite:///{tmp_path / 'other.sqlite'}")
    with engine.begin() as connection:
        metadata.create_all(connection)
        assert notebook.noting("a", "b")(connection) == ("a", "b")
    engine.dispose()
    assert notebook.flushes == [("a",), ("b",)]


class Brittle(Manners):
    """A database whose connection may break at COMMIT."""

    def __init__(self, *, knows_when_refused: bool) -> None:
        self.knows_when_refused = knows_when_refused

    @override
    def hold(self, connection: Connection, keys: Sequence[int]) -> None:
        raise NotImplementedError

    @override
    def shorten_waits(self, connection: Connection, share: float) -> None:
        raise NotImplementedError

    @override
    def is_undone(self, connection: Connection) -> bool:
        return False

    @override
    def is_clash(self, error: Exception) -> bool:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("is_lost", "knows", "is_unknown"), [(True, False, True), (True, True, False), (False, False, False)]
)
async def test_only_a_connection_that_is_lost_at_the_commit_leaves_it_unknown_what_is_stored(
    tmp_path: Path,
    is_lost: bool,  # noqa: FBT001
    knows: bool,  # noqa: FBT001
    is_unknown: bool,  # noqa: FBT001
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'other.sqlite'}")
    metadata.create_all(engine)

    def breaks(_: Connection) -> None:
        raise OperationalError("COMMIT", None, sqlite3.OperationalError("gone"), connection_invalidated=is_lost)

    event.listen(engine, "commit", breaks)
    writer = GroupWriter(engine, Brittle(knows_when_refused=knows))
    runs: list[int] = []

    def note(connection: Connection) -> None:
        runs.append(1)
        gather(connection, Notebook().flush, ["a"])

    with pytest.raises(DatabaseUnavailable) as refusal:
        await asyncio.wait_for(writer.write(note), PATIENCE)
    assert isinstance(refusal.value, CommitUnknown) is is_unknown
    assert ("Perhaps it was stored" if is_unknown else "Nothing was stored") in refusal.value.message
    assert runs == [1], "what may be stored is not stored a second time"
    event.remove(engine, "commit", breaks)
    await asyncio.wait_for(writer.write(note), PATIENCE)
    writer.close()
    with engine.connect() as connection:
        assert everything(connection) == ("a",)
    engine.dispose()
