"""One database of either kind, which several processes open: each of them is a handle of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Connection, Table, event, insert, select

from dreamflow.kit.db import Database, PostgresDatabase, SqliteDatabase, migrate
from dreamflow.outbox.adapters.sql import deliveries
from dreamflow.outbox.model import DeliveryState
from kit.kit_house import EVENING, SCRIPTS

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]

Opening = Callable[[], Awaitable[Database]]


@asynccontextmanager
async def opening(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[Opening]:
    """Opens the one database again and again; all handles close at the end."""
    handles: list[Database] = []
    is_postgres = request.param == "postgres"
    url: str = request.getfixturevalue("migrated_postgres_url") if is_postgres else ""

    async def another() -> Database:
        handles.append(PostgresDatabase(url) if is_postgres else SqliteDatabase(path, durable=False))
        if not is_postgres:
            await handles[-1].write(lambda connection: migrate(connection, SCRIPTS))
        return handles[-1]

    try:
        yield another
    finally:
        for handle in handles:
            await handle.aclose()


async def rows(database: Database, table: Table) -> Sequence[Any]:
    """All rows, in the order of their key."""
    query = select(table).order_by(*table.primary_key.columns)
    return await database.read(lambda connection: connection.execute(query).all())


async def add(database: Database, table: Table, *values: dict[str, Any]) -> None:
    await database.write(lambda connection: connection.execute(insert(table), list(values)))


async def states(database: Database) -> dict[str, str]:
    """State by delivery id, in the order in which they go."""
    return {row.id: row.state for row in await rows(database, deliveries)}


async def end(
    database: Database, state: DeliveryState, *ids: str, reason: str | None = None, at: Any = EVENING
) -> None:
    """Have deliveries end so, as if they had been sent."""
    ended = deliveries.update().where(deliveries.c.id.in_(ids)).values(state=state, reason=reason, settled_at=at)
    await database.write(lambda connection: connection.execute(ended))


@asynccontextmanager
async def counted_writes(database: Database) -> AsyncIterator[list[str]]:
    """The statements of all write transactions while the block runs."""
    engine = cast("Any", database)._writing
    said: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


def nothing(_: Connection) -> None:
    """A handler that does nothing."""
