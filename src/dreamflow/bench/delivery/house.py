"""A house under test: a database with families who have agreed to everything, and its programs."""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Table, insert

from dreamflow.bench.delivery.group import NotHereError
from dreamflow.bench.delivery.known import Known
from dreamflow.bench.delivery.program import Program
from dreamflow.bench.servers.postgres_process import PostgresProcess, postgres_programs
from dreamflow.bootstrap import DATABASE, MIGRATIONS
from dreamflow.families.adapters.sql import children as children_table
from dreamflow.families.adapters.sql import families as families_table
from dreamflow.families.adapters.sql import ledger as ledger_table
from dreamflow.families.model import CONSENT_TEXTS, Purpose
from dreamflow.kit.db import Database, PostgresDatabase, SqliteDatabase, migrate
from dreamflow.kit.ids import SeededIds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
    from typing import Any

PREFIX: Final = "DREAMFLOW_"
ISSUER: Final = "https://issuer.example"
AUDIENCE: Final = "dreamflow"
SECRET: Final = "a-shared-secret-of-this-bench-only-32-bytes"  # noqa: S105 - nobody else believes it
"""Of the issuer that an API of a house believes (HS256)."""
_JOINED: Final = datetime(2026, 11, 1, 12, tzinfo=UTC)
_AT_ONCE: Final = 1000
_ONE_AT_A_TIME: Final = Lock()
"""Alembic keeps what it migrates in its modules: two threads that migrate would write into each other's database."""
_ON_DISK: Final = Path("/var/tmp")  # noqa: S108 - a folder of ours is made in it; other than /tmp it is never memory


@dataclass(frozen=True, slots=True)
class House:
    """A migrated database, and what its programs are told."""

    name: str
    """`SQLite` or `PostgreSQL`."""
    state: Path
    """The state folder of its programs. Their logs lie there too."""
    url: str | None = field(repr=False)
    """Of the database, unless it is the file in the state folder."""
    families: Sequence[Known] = field(repr=False)

    @property
    def place(self) -> str:
        """Where the database is: a URL of PostgreSQL, or the file of SQLite."""
        return self.url or str(self.state / DATABASE)

    def environment(self, klaviyo_url: str, **more: str) -> dict[str, str]:
        """The environment of a program of this house; `more` are settings without their prefix.

        The worker has a lease of 1 s, and looks for new facts every 20 ms; bulk requests have at most 50 events.
        Without `WORKER__EMBEDDED="true"` an API does not deliver.
        """
        settings = {
            "STATE_DIR": str(self.state),
            "KLAVIYO__API_KEY": "pk_bench",
            "KLAVIYO__BASE_URL": klaviyo_url,
            "HTTP__PORT": "0",
            "LOG__LEVEL": "ERROR",
            "WORKER__EMBEDDED": "false",
            "WORKER__LEASE_SECONDS": "1",
            "WORKER__POLL_SECONDS": "0.02",
            "WORKER__BULK_LIMIT": "50",
            "IDENTITY__ISSUERS": (
                f'[{{"issuer": "{ISSUER}", "audience": "{AUDIENCE}", "hs256_secret": "{SECRET}", "trust_email": true}}]'
            ),
            **({"DATABASE__URL": self.url} if self.url else {}),
            **more,
        }
        outer = os.environ  # noqa: TID251 - what the programs have of it is said here
        inherited = {name: value for name, value in outer.items() if not name.upper().startswith(PREFIX)}
        return inherited | {f"{PREFIX}{name}": value for name, value in settings.items()}

    def program(self, command: str, klaviyo_url: str, *, log: str | None = None, **more: str) -> Program:
        """`dreamflow` with a command such as `worker`, not started yet; `more` as for `environment`."""
        environment = self.environment(klaviyo_url, **more)
        return Program("dreamflow", command, environment=environment, log=self.state / f"{log or command}.log")

    @asynccontextmanager
    async def database(self, *, durable: bool = True) -> AsyncGenerator[Database]:
        """The database, open in this process while the block runs."""
        database = _connect(self.state, self.url, durable=durable)
        try:
            yield database
        finally:
            await database.aclose()


def sqlite_house(state: Path, families: int, seed: int) -> House:
    """A house with its database in a file of the folder, which is made."""
    return _house("SQLite", state, None, families, seed)


def postgres_house(server: PostgresProcess, state: Path, families: int, seed: int) -> House:
    """A house with its database on a running server; named after the folder, which is made."""
    name = state.name.replace("-", "_")
    server.create_database(name)
    return _house("PostgreSQL", state, server.url(name), families, seed)


@contextmanager
def postgres_server(**settings: str) -> Generator[PostgresProcess]:
    """A PostgreSQL that waits for the disk, running while the block runs. Raises NotHereError if there is none."""
    programs = postgres_programs()
    if programs is None:
        raise NotHereError("There is no PostgreSQL server here (tools/install-servers installs it).")
    place = _ON_DISK if _ON_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="dreamflow-bench-postgres-", dir=place) as folder:
        server = PostgresProcess(programs, Path(folder), settings=settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _house(name: str, state: Path, url: str | None, families: int, seed: int) -> House:
    state.mkdir(parents=True)
    known, rows = _families(families, seed)

    async def furnish() -> None:
        database = _connect(state, url)
        try:
            await database.write(lambda connection: migrate(connection, MIGRATIONS))
            await database.write(lambda connection: _fill(connection, rows))
        finally:
            await database.aclose()

    with _ONE_AT_A_TIME:
        asyncio.run(furnish())
    return House(name, state, url, known)


def _connect(state: Path, url: str | None, *, durable: bool = True) -> Database:
    if url is None:
        return SqliteDatabase(state / DATABASE, durable=durable)
    return PostgresDatabase(url, durable=durable)


def _families(count: int, seed: int) -> tuple[list[Known], Mapping[Table, list[dict[str, Any]]]]:
    """Families as the services would write them; through the services they would take a commit each."""
    ids = SeededIds(seed)
    known: list[Known] = []
    rows: dict[Table, list[dict[str, Any]]] = {families_table: [], children_table: [], ledger_table: []}
    for number in range(count):
        one = Known(ids.new(), f"parent-{number}", ids.new(), ids.new())
        known.append(one)
        rows[families_table].append(
            {
                "parent": one.parent,
                "issuer": ISSUER,
                "subject": one.subject,
                "email": None,
                "time_zone": "Europe/London",
                "locale": "en",
                "created_at": _JOINED,
                "simulated": False,
            }
        )
        child = {"id": ids.new(), "parent": one.parent, "name": "Ada", "age": 6, "noted_on": _JOINED.date()}
        rows[children_table].append(child)
        agreed = ((Purpose.SERVICE, one.service), (Purpose.PERSONAL_SUGGESTIONS, one.suggestions))
        for purpose, entry in agreed:
            text = CONSENT_TEXTS[purpose]
            rows[ledger_table].append(
                {
                    "id": entry,
                    "parent": one.parent,
                    "purpose": purpose,
                    "granted": True,
                    "text_version": text.version,
                    "text_sha256": text.sha256,
                    "at": _JOINED,
                    "channel": "api",
                }
            )
    return known, rows


def _fill(connection: Connection, rows: Mapping[Table, list[dict[str, Any]]]) -> None:
    for table, values in rows.items():
        for begin in range(0, len(values), _AT_ONCE):
            connection.execute(insert(table), values[begin : begin + _AT_ONCE])
