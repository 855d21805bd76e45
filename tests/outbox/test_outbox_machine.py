"""Any history of facts, consents, answers, crashes, naps and waits keeps the outbox's promises."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, text
from typing_extensions import override

from dreamflow.kit.db import Database, PostgresDatabase, SqliteDatabase, migrate
from dreamflow.outbox.adapters.sql import metadata
from kit.kit_house import SCRIPTS
from outbox.outbox_fakes import empty_house
from outbox.outbox_machine import OutboxMachine, run

EXAMPLES, STEPS = 40, 15
"""A few seconds. For a day of it, raise these, and set `shrinks=True` to have a broken history made short."""
FEW = 5
"""On a real server or file, a step takes many times as long."""

T = TypeVar("T")


class Borrowed(Database):
    """A database that outlives the machine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def read(self, fn: Callable[[Connection], T]) -> T:
        return await self._database.read(fn)

    @override
    async def write(self, fn: Callable[[Connection], T]) -> T:
        return await self._database.write(fn)

    @override
    async def aclose(self) -> None:
        """Not ours to close."""


def test_no_history_breaks_a_promise() -> None:
    run(OutboxMachine, examples=EXAMPLES, steps=STEPS)


def test_no_history_breaks_a_promise_on_a_file(tmp_path: Path) -> None:
    numbers = count()

    class OnAFile(OutboxMachine):
        @staticmethod
        @override
        def opened(runner: asyncio.Runner) -> Database:
            path = tmp_path / f"{next(numbers)}.sqlite"
            path.write_bytes(empty_house())
            return SqliteDatabase(path, durable=False)

    run(OnAFile, examples=FEW, steps=STEPS)


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[tuple[asyncio.Runner, PostgresDatabase]]:
    """A migrated database, and the loop that it belongs to."""
    with asyncio.Runner() as runner:
        database = PostgresDatabase(postgres_url, durable=False)
        runner.run(database.write(lambda connection: migrate(connection, SCRIPTS)))
        yield runner, database
        runner.run(database.aclose())


@pytest.mark.postgres
def test_no_history_breaks_a_promise_on_postgresql(postgres: tuple[asyncio.Runner, PostgresDatabase]) -> None:
    _, database = postgres
    tables = ", ".join(table.name for table in metadata.sorted_tables)

    def empty(connection: Connection) -> None:
        connection.execute(text(f"TRUNCATE {tables}"))

    class OnPostgres(OutboxMachine):
        @staticmethod
        @override
        def opened(runner: asyncio.Runner) -> Database:
            runner.run(database.write(empty))
            return Borrowed(database)

    run(OnPostgres, examples=FEW, steps=STEPS)
