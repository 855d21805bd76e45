"""The tables, their version, and the refusal of files this program cannot read.

Events are the big table. Rows are found by row number; the public id is computed from it (see `ids`), so that an insert
touches the table and its five indices and nothing else. Instants are whole seconds since 1970. References are declared
and not enforced: nothing but this package writes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

VERSION = 1
APPLICATION_ID = 0x4B4C5645  # "KLVE"


class StateError(RuntimeError):
    """The state file cannot be used."""


_STATEMENTS = (
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE profile (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      email TEXT COLLATE NOCASE,
      phone_number TEXT,
      external_id TEXT,
      anonymous_id TEXT,
      kx TEXT,
      created INTEGER NOT NULL,
      updated INTEGER NOT NULL,
      last_event INTEGER,
      details TEXT NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX profile_email ON profile (email) WHERE email IS NOT NULL",
    "CREATE UNIQUE INDEX profile_phone_number ON profile (phone_number) WHERE phone_number IS NOT NULL",
    "CREATE UNIQUE INDEX profile_external_id ON profile (external_id) WHERE external_id IS NOT NULL",
    "CREATE INDEX profile_anonymous_id ON profile (anonymous_id) WHERE anonymous_id IS NOT NULL",
    "CREATE INDEX profile_kx ON profile (kx) WHERE kx IS NOT NULL",
    "CREATE INDEX profile_created ON profile (created, id)",
    "CREATE INDEX profile_updated ON profile (updated, id)",
    "CREATE INDEX profile_email_order ON profile (coalesce(email, ''), id)",
    """
    CREATE TABLE integration (
      service TEXT PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      key TEXT NOT NULL,
      name TEXT NOT NULL,
      category TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE metric (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      name TEXT NOT NULL,
      service TEXT NOT NULL REFERENCES integration (service),
      created INTEGER NOT NULL,
      updated INTEGER NOT NULL,
      has_value INTEGER NOT NULL DEFAULT 0,
      UNIQUE (name, service)
    )
    """,
    # `value` has no type, so that 3 stays an integer and 3.0 a float.
    """
    CREATE TABLE event (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      profile INTEGER NOT NULL REFERENCES profile (seq),
      metric INTEGER NOT NULL REFERENCES metric (seq),
      time INTEGER NOT NULL,
      unique_id TEXT NOT NULL,
      value,
      currency TEXT,
      properties TEXT NOT NULL,
      UNIQUE (profile, metric, unique_id)
    )
    """,
    "CREATE INDEX event_profile_metric_time ON event (profile, metric, time)",
    "CREATE INDEX event_profile_time ON event (profile, time)",
    "CREATE INDEX event_metric_time ON event (metric, time)",
    "CREATE INDEX event_time ON event (time)",
)


def prepare(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty file. Raises StateError for a newer file and for one that is not ours."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application == APPLICATION_ID:
        if version > VERSION:
            raise StateError(f"the state has version {version}, and this emulator knows versions up to {VERSION} only")
        return
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StateError("the file is a database of another program")
    connection.execute("BEGIN IMMEDIATE")
    for statement in _STATEMENTS:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
