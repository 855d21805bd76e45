"""A subscriber of a house's journal: a program of its own.

`python -m dreamflow.bench.delivery.reader DATABASE` (the file of SQLite, or a URL of PostgreSQL) copies the seq of each
journal entry into the table `bench_read`, and says `read` when it has had all of them. `DREAMFLOW_FAILPOINT` is the
place where it dies.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, insert

from dreamflow.kit.db import Database, PostgresDatabase, SqliteDatabase
from dreamflow.kit.failpoints import inert, kill_at
from dreamflow.outbox.adapters.sql import SqlJournal, Subscriber

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamflow.outbox.model import Entry

READ: Final = Table("bench_read", MetaData(), Column("seq", BigInteger, nullable=False))


def _read(connection: Connection, entries: Sequence[Entry]) -> None:
    connection.execute(insert(READ), [{"seq": entry.seq} for entry in entries])


async def _run(database: Database, failpoint: str) -> None:
    reach = kill_at(failpoint) if failpoint else inert
    journal = SqlJournal(database, [Subscriber("bench", _read)], reach=reach)
    try:
        await database.write(lambda connection: READ.create(connection, checkfirst=True))
        while await journal.advance("bench"):
            pass
    finally:
        await database.aclose()


def main(arguments: Sequence[str]) -> None:
    """Read until there is nothing new."""
    [place] = arguments
    database = PostgresDatabase(place) if place.startswith("postgresql:") else SqliteDatabase(Path(place))
    asyncio.run(_run(database, os.environ.get("DREAMFLOW_FAILPOINT", "")))  # noqa: TID251 - as the program's own
    sys.stderr.write("read\n")


if __name__ == "__main__":
    main(sys.argv[1:])
