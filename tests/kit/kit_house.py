"""A migrated database on a real file, a fixed evening, and how many examples a property is tried on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import settings

from dreamflow.kit.db import SqliteDatabase, migrate

EVENING = datetime(2026, 3, 10, 19, 10, 27, 500, tzinfo=UTC)
SCRIPTS = "dreamflow:migrations"

examples = settings(derandomize=True, deadline=None, max_examples=100)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path)
    try:
        await database.write(lambda connection: migrate(connection, SCRIPTS))
        yield database
    finally:
        await database.aclose()
