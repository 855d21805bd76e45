"""A real PostgreSQL for tests: one server for each worker of pytest, one database for each test."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from dreamflow.bench.servers.postgres_process import PostgresProcess, postgres_programs
from dreamflow.kit.db import migrate

MIGRATIONS = "dreamflow:migrations"
# In memory where there is plenty: a database is some 300 files, and making them took 0.3 s each on one machine's disk.
MEMORY = Path("/dev/shm")
PLENTY_BYTES = 4 * 2**30


@contextmanager
def folder_for_postgres() -> Iterator[Path]:
    """An empty folder for a server's data; not one of pytest's, which the server's user cannot enter."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > PLENTY_BYTES
    place = MEMORY if in_memory else None
    with tempfile.TemporaryDirectory(prefix="dreamflow-postgres-", dir=place) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_of_the_session() -> Iterator[PostgresProcess]:
    """Shared by all tests of a worker, started with the first that asks for it."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("needs a PostgreSQL server (make test-all installs it)")
    with folder_for_postgres() as folder:
        process = PostgresProcess(programs, folder, quick=True)
        process.start()
        try:
            yield process
        finally:
            process.stop()


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def new_postgres_database(
    postgres_of_the_session: PostgresProcess, _numbers: Iterator[int]
) -> Iterator[Callable[..., str]]:
    """Makes databases that end with the test: with `template=`, a copy of the one of that name; else an empty one."""
    names: list[str] = []

    def new(*, template: str = "template1") -> str:
        names.append(f"test_{next(_numbers)}")
        postgres_of_the_session.create_database(names[-1], template=template)
        return postgres_of_the_session.url(names[-1])

    yield new
    postgres_of_the_session.start()  # the test may have ended it
    for name in names:
        postgres_of_the_session.drop_database(name)


@pytest.fixture
def postgres_url(new_postgres_database: Callable[..., str]) -> str:
    """A database of this test's own with nothing in it."""
    return new_postgres_database()


@pytest.fixture(scope="session")
def _migrated(postgres_of_the_session: PostgresProcess) -> str:
    """The name of a database with the schema of this version, for copies."""
    name = "migrated"
    postgres_of_the_session.create_database(name)
    engine = create_engine(make_url(postgres_of_the_session.url(name)).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        migrate(connection, MIGRATIONS)
    engine.dispose()  # nobody may be connected to what is copied
    return name


@pytest.fixture
def new_migrated_database(new_postgres_database: Callable[..., str], _migrated: str) -> Callable[[], str]:
    """Makes databases that end with the test, with the schema of this version and nothing in it."""
    return lambda: new_postgres_database(template=_migrated)


@pytest.fixture
def migrated_postgres_url(new_migrated_database: Callable[[], str]) -> str:
    """A database of this test's own with the schema of this version and nothing in it."""
    return new_migrated_database()


@pytest.fixture
def postgres_process(postgres_of_the_session: PostgresProcess) -> Iterator[PostgresProcess]:
    """The server itself, for a test to stop, kill and start; it runs again afterwards."""
    yield postgres_of_the_session
    postgres_of_the_session.start()
