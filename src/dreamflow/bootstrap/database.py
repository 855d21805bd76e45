"""The database of the settings: SQLite in the state folder, or a PostgreSQL server; and its schema."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import Connection

from dreamflow.bootstrap.errors import CannotOpen, NotInstalled
from dreamflow.kit.db import (
    Database,
    DatabaseUnavailable,
    PostgresDatabase,
    Revisions,
    SqliteDatabase,
    migrate,
    refusal_reason,
    require_current,
    revisions,
)
from dreamflow.settings import Settings

DATABASE = "dreamflow.sqlite"
MIGRATIONS = "dreamflow:migrations"


@asynccontextmanager
async def connected(settings: Settings) -> AsyncGenerator[Database]:
    """The database of the settings as it is: nothing is migrated, and nothing is asked of it.

    Raises:
        NotInstalled: the driver is missing.
    """
    url = settings.database.url
    database = SqliteDatabase(settings.state_dir / DATABASE) if url is None else _postgres(url.get_secret_value())
    try:
        yield database
    finally:
        await database.aclose()


@asynccontextmanager
async def ready_database(settings: Settings) -> AsyncGenerator[Database]:
    """The database of the settings with this version's schema. A file is migrated; a server has to be already.

    Raises:
        CannotOpen: it cannot be used.
        NotInstalled: the driver is missing.
        SchemaTooNew, SchemaTooOld: it is another version's.
    """
    if settings.database.url is None:
        async with open_database(settings.state_dir) as database:
            yield database
        return
    async with connected(settings) as database:
        with _explained():
            await database.read(lambda connection: require_current(connection, MIGRATIONS))
        yield database


@asynccontextmanager
async def open_database(state_dir: Path, *, durable: bool = True) -> AsyncGenerator[Database]:
    """The state's database, brought to this version's schema.

    Raises:
        SchemaTooNew: it was written by a newer version; it is left as it is.
    """
    database = SqliteDatabase(state_dir / DATABASE, durable=durable)
    try:
        await database.write(lambda connection: migrate(connection, MIGRATIONS))
        yield database
    finally:
        await database.aclose()


async def upgrade(settings: Settings) -> Revisions:
    """Bring the database to this version's schema, and say which one it had.

    Raises:
        CannotOpen: it cannot be used.
        SchemaTooNew: it was written by a newer version; it is left as it is.
    """

    def write(connection: Connection) -> Revisions:
        found = revisions(connection, MIGRATIONS)
        migrate(connection, MIGRATIONS)
        return found

    async with connected(settings) as database:
        with _explained():
            return await database.write(write)


def _postgres(url: str) -> Database:
    try:
        return PostgresDatabase(url)
    except ModuleNotFoundError:
        raise NotInstalled("PostgreSQL needs the package psycopg: pip install 'dreamflow[postgres]'") from None
    except ValueError:
        # Its message may quote the password.
        raise CannotOpen("DREAMFLOW_DATABASE__URL is not postgresql://USER:PASSWORD@HOST:PORT/NAME") from None


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except DatabaseUnavailable as error:
        # Whoever starts the program can mend it, and needs to know what is wrong.
        raise CannotOpen(
            f"The database cannot be used: {refusal_reason(error)}. See DREAMFLOW_DATABASE__URL."
        ) from None
