"""Further names of a profile.

Secondary e-mail addresses and phone numbers, ids of profiles merged into it, and the anonymous and exchange ids that it
was seen with before the last ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

IDENTIFIERS = ("email", "phone_number")
"""The identifiers of which a profile may have more than one."""
ID = "id"
"""The kind of the id that a profile had before it was merged into another."""


def find_alias(connection: sqlite3.Connection, kind: str, value: str) -> int | None:
    """The row of the profile with this further name."""
    row = connection.execute("SELECT profile FROM alias WHERE kind = ? AND value = ?", (kind, value)).fetchone()
    return None if row is None else int(row[0])


def add_alias(connection: sqlite3.Connection, kind: str, value: str, profile: int) -> None:
    """Give a profile a further name, which nobody else has."""
    connection.execute("INSERT OR REPLACE INTO alias (kind, value, profile) VALUES (?, ?, ?)", (kind, value, profile))


def remove_alias(connection: sqlite3.Connection, kind: str, value: str, profile: int) -> None:
    """Take a further name from a profile, if it has it."""
    connection.execute("DELETE FROM alias WHERE kind = ? AND value = ? AND profile = ?", (kind, value, profile))


def move_aliases(connection: sqlite3.Connection, source: int, destination: int) -> None:
    """Give all further names of one profile to another."""
    connection.execute("UPDATE alias SET profile = ? WHERE profile = ?", (destination, source))
