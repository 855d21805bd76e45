"""A database over two engines: one connection that writes for everybody, and a few that read."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, exc
from typing_extensions import override

from dreamflow.kit.db.database import Database, DatabaseUnavailable
from dreamflow.kit.db.writer import GroupWriter, Manners, of_the_database

T = TypeVar("T")

READERS: Final = 4
"""Reads at a time."""


class GroupedDatabase(Database):
    """The same code for SQLite and PostgreSQL; they differ in their engines.

    Args:
        writing: an engine with one connection.
        reading: an engine with `READERS` connections, each transaction on one snapshot.
        manners: see `GroupWriter`.
    """

    def __init__(self, writing: Engine, reading: Engine, manners: Manners) -> None:
        self._writing = writing
        self._reading = reading
        self._writer = GroupWriter(writing, manners)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="dreamflow-read")
        self._is_closed = False

    @override
    async def read(self, fn: Callable[[Connection], T]) -> T:
        self._refuse_when_closed()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, fn)

    @override
    async def write(self, fn: Callable[[Connection], T]) -> T:
        self._refuse_when_closed()  # nobody would answer
        return await self._writer.write(fn)

    @override
    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._readers.shutdown)
        self._writing.dispose()
        self._reading.dispose()

    def _refuse_when_closed(self) -> None:
        if self._is_closed:
            raise DatabaseUnavailable("The database is closed. Nothing was stored.")

    def _read(self, fn: Callable[[Connection], T]) -> T:
        try:
            try:
                return self._on_a_snapshot(fn)
            except exc.DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            # The connection had died while it was idle. A read may run again.
            return self._on_a_snapshot(fn)
        except exc.DatabaseError as error:
            mine = of_the_database(error)
            if mine is error:
                raise
            raise mine from error

    def _on_a_snapshot(self, fn: Callable[[Connection], T]) -> T:
        with self._reading.connect() as connection, connection.begin():
            return fn(connection)
