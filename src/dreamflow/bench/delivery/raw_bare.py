"""The rival of the raw rows: nothing but rows of about the same size, durable when that is said."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

CONNECTIONS: Final = 8
"""To PostgreSQL."""
_TEXT: Final = "x" * 400


def sqlite_rate(path: Path, rows: int, batch: int) -> float:
    """Rows per second, over one connection, with `batch` rows to a commit."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS bare (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        began = time.monotonic()
        for _ in range(rows // batch):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO bare (body) VALUES (?)", [(_TEXT,)] * batch)
            connection.execute("COMMIT")
        return rows // batch * batch / (time.monotonic() - began)


def postgres_rate(url: str, rows: int, batch: int) -> float:
    """The same over several connections at once."""
    import psycopg  # noqa: PLC0415 - the bench of SQLite does without

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bare (seq bigserial PRIMARY KEY, body text NOT NULL)")
    commits = max(1, rows // batch // CONNECTIONS)

    def write(_: int) -> None:
        with psycopg.connect(url) as connection:
            for _ in range(commits):
                with connection.cursor() as cursor:
                    cursor.executemany("INSERT INTO bare (body) VALUES (%s)", [(_TEXT,)] * batch)
                connection.commit()

    began = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(write, range(CONNECTIONS)))
    return commits * CONNECTIONS * batch / (time.monotonic() - began)
