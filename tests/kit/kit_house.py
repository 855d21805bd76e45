"""A migrated database on a real file, and a fixed evening."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from dreamflow.kit.db import SqliteDatabase, migrate

EVENING = datetime(2026, 3, 10, 19, 10, 27, 500, tzinfo=UTC)
SCRIPTS = "dreamflow:migrations"


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path)
    try:
        await database.write(lambda connection: migrate(connection, SCRIPTS))
        yield database
    finally:
        await database.aclose()
