"""The few places where SQLite and PostgreSQL need different words for the same thing."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, any_, func, literal, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

T = TypeVar("T", str, int)

_APPENDING: Final = 0x0D5EA
"""Key of the advisory lock that whoever appends facts shares until its commit. Any number will do."""


def inserting(connection: Connection, table: Table) -> PostgresInsert | SqliteInsert:
    """An INSERT that can say ON CONFLICT."""
    return postgresql.insert(table) if _is_postgres(connection) else sqlite.insert(table)


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; those that are there already stay as they are."""
    connection.execute(inserting(connection, table).on_conflict_do_nothing(), list(rows))


def for_update(query: Select[*tuple[Any, ...]], *, skip_locked: bool = False) -> Select[*tuple[Any, ...]]:
    """Hold the rows until the commit; SQLite, which has one writer, ignores it."""
    return query.with_for_update(skip_locked=skip_locked)


def announce_appending(connection: Connection) -> None:
    """Say, until the commit, that seqs of the journal and of deliveries are being given out.

    PostgreSQL gives numbers out in one order and makes rows visible in another. A reader that has seen 7 must not
    conclude that 6 is there. Whoever writes holds this lock from before the first number until the commit, which
    comes at once: rows are gathered and written last.
    """
    if _is_postgres(connection):
        connection.execute(select(func.pg_advisory_xact_lock_shared(_APPENDING)))


def appenders(connection: Connection) -> frozenset[str]:
    """Transactions that are giving out seqs right now: whatever they wrote is not visible yet.

    Looking holds nobody up. An exclusive lock that is waited for would: all who come later queue behind it.
    """
    if not _is_postgres(connection):
        return frozenset()
    held = text(
        "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0 "
        "AND objid = :key AND objsubid = 1 "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return frozenset(connection.execute(held, {"key": _APPENDING}).scalars())


def among(connection: Connection, column: ColumnElement[T], values: Sequence[T]) -> ColumnElement[bool]:
    """Whether a value is one of many, however many: they are one parameter, and the statement is cached."""
    if _is_postgres(connection):
        return column == any_(literal(list(values), postgresql.ARRAY(column.type)))
    return column.in_(select(func.json_each(json.dumps(list(values))).table_valued("value").c.value))


def _is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"
