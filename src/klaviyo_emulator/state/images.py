"""The state as a whole: emptied, copied out as a SQLite file, and replaced by such a copy.

All three run within a transaction of the writer or the reader, so that a request sees the one state or the other.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from klaviyo_emulator.state.schema import StateError, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTINGS_KEPT = ("account_id", "event_key")
_FORMAT_VERSIONS = slice(18, 20)
_ROLLBACK_JOURNAL = b"\x01\x01"
_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_JSON_COLUMNS = {"details", "properties", "body", "payload", "origin", "summary"}
_NOT_JSON = {("post", "body")}


def clear(connection: sqlite3.Connection) -> None:
    """Forget everything but which account it is. Rows are counted from one again."""
    for table in _tables(connection):
        if table != "setting":
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
    kept = ", ".join("?" * len(_SETTINGS_KEPT))
    connection.execute(f"DELETE FROM setting WHERE name NOT IN ({kept})", _SETTINGS_KEPT)  # noqa: S608 - question marks
    connection.execute("DELETE FROM sqlite_sequence")


def dump(connection: sqlite3.Connection) -> bytes:
    """The state as the bytes of a SQLite file, which `--data` and `load` read."""
    image = bytearray(connection.serialize())
    image[_FORMAT_VERSIONS] = _ROLLBACK_JOURNAL  # an image in write-ahead mode can be opened from a file only
    return bytes(image)


def load(connection: sqlite3.Connection, image: bytes) -> None:
    """Replace the state by a copy, which may be of an older version.

    Raises StateError for bytes that are no copy of a state; then nothing has changed.
    """
    if len(image) < _HEADER_BYTES or not image.startswith(_MAGIC):
        raise StateError("the bytes are no SQLite file")
    patched = bytearray(image)
    patched[_FORMAT_VERSIONS] = _ROLLBACK_JOURNAL
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        try:
            copy.deserialize(bytes(patched))
            _check(copy)
            _replace(connection, copy)
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise StateError(f"the bytes are no copy of a state: {error}") from None


def _check(copy: sqlite3.Connection) -> None:
    if copy.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise StateError("the copy is damaged")
    if not copy.execute("PRAGMA application_id").fetchone()[0]:
        raise StateError("the file is a database of another program")
    prepare(copy)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        prepare(fresh)
        if _shape(copy) != _shape(fresh):
            raise StateError("the copy has other tables than a state")
    settings = dict(copy.execute("SELECT name, value FROM setting"))
    numbers = (settings.get("event_key", "x"), settings.get("opened", "x"))
    if not settings.get("account_id") or not all(str(number).isdecimal() for number in numbers):
        raise StateError("the copy does not say which account it is")
    for table, column in _json_columns(copy):
        sql = f"SELECT 1 FROM {table} WHERE NOT json_valid({column}) LIMIT 1"  # noqa: S608 - names of our own
        if copy.execute(sql).fetchone():
            raise StateError(f"the copy has a {table} whose {column} cannot be read")


def _replace(connection: sqlite3.Connection, copy: sqlite3.Connection) -> None:
    for table in _tables(connection):
        width = len(copy.execute(f"PRAGMA table_info({table})").fetchall())
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
        rows = copy.execute(f"SELECT * FROM {table}")  # noqa: S608 - likewise
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", rows)  # noqa: S608 - likewise
    connection.execute("DELETE FROM sqlite_sequence")
    sequences = copy.execute("SELECT name, seq FROM sqlite_sequence")
    connection.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", sequences)


def _tables(connection: sqlite3.Connection) -> list[str]:
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    return [str(row[0]) for row in connection.execute(sql)]


def _shape(connection: sqlite3.Connection) -> set[tuple[str, ...]]:
    sql = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"
    return set(connection.execute(sql))


def _json_columns(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for table in _tables(connection):
        for row in connection.execute(f"PRAGMA table_info({table})"):
            if row[1] in _JSON_COLUMNS and (table, row[1]) not in _NOT_JSON:
                yield table, str(row[1])
