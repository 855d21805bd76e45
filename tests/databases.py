"""One migrated database of a test's own, opened as often as the test likes: once for each process that it plays."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from dreamflow.kit.db import Database, PostgresDatabase, SqliteDatabase, migrate

SCRIPTS = "dreamflow:migrations"

OpenDatabase = Callable[[], AbstractAsyncContextManager[Database]]

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@asynccontextmanager
async def opened_sqlite(path: Path) -> AsyncGenerator[Database]:
    database = SqliteDatabase(path)
    try:
        await database.write(lambda connection: migrate(connection, SCRIPTS))
        yield database
    finally:
        await database.aclose()


@asynccontextmanager
async def opened_postgres(url: str) -> AsyncGenerator[Database]:
    database = PostgresDatabase(url)
    try:
        yield database
    finally:
        await database.aclose()


on_both_databases = pytest.mark.parametrize("database_url", BOTH, indirect=True)
"""For tests of a whole house: once over a file, once over PostgreSQL."""


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Where a house keeps everything; none means in a file of its own. See `on_both_databases`."""
    chosen = getattr(request, "param", "sqlite")
    return None if chosen == "sqlite" else request.getfixturevalue("migrated_postgres_url")


@pytest.fixture(params=BOTH)
def open_database(request: pytest.FixtureRequest, tmp_path: Path) -> OpenDatabase:
    """Opens the test's database, which is there on both of them: a file, and a PostgreSQL."""
    if request.param == "sqlite":
        return lambda: opened_sqlite(tmp_path / "house.sqlite")
    url: str = request.getfixturevalue("migrated_postgres_url")
    return lambda: opened_postgres(url)
