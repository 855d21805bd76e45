"""Relationships between resources: rows of `link`, read from either end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from klaviyo_emulator.state.records import Subquery

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from klaviyo_emulator.state.minting import Mint


class Relationship(NamedTuple):
    """One relationship of one resource: the type and id of its owner, and its name."""

    type: str
    owner: str
    name: str


def targets(relationship: Relationship) -> Subquery:
    """The ids that an owner is linked to."""
    return Subquery("SELECT target FROM link WHERE type = ? AND owner = ? AND relation = ?", relationship)


def owners(kind: str, relation: str, target: str) -> Subquery:
    """The ids of the owners, of the type `kind`, that are linked to a target."""
    return Subquery("SELECT owner FROM link WHERE type = ? AND relation = ? AND target = ?", (kind, relation, target))


def ids(connection: sqlite3.Connection, selected: Subquery) -> list[str]:
    """The ids that a subquery selects, in its order."""
    return [str(row[0]) for row in connection.execute(selected.sql, selected.parameters)]


def link(connection: sqlite3.Connection, mint: Mint, relationship: Relationship, added: Iterable[str]) -> int:
    """Link an owner to targets; answers how many were new."""
    now = mint.now_us()
    before = connection.total_changes
    connection.executemany(
        "INSERT OR IGNORE INTO link (type, owner, relation, target, created_us) VALUES (?, ?, ?, ?, ?)",
        [(*relationship, target, now) for target in added],
    )
    return connection.total_changes - before


def unlink(connection: sqlite3.Connection, relationship: Relationship, removed: Iterable[str]) -> int:
    """Undo links of an owner; answers how many there were."""
    before = connection.total_changes
    connection.executemany(
        "DELETE FROM link WHERE type = ? AND owner = ? AND relation = ? AND target = ?",
        [(*relationship, target) for target in removed],
    )
    return connection.total_changes - before


def relink(connection: sqlite3.Connection, mint: Mint, relationship: Relationship, wanted: Iterable[str]) -> None:
    """Link an owner to these targets and to no others."""
    connection.execute("DELETE FROM link WHERE type = ? AND owner = ? AND relation = ?", relationship)
    link(connection, mint, relationship, wanted)


def unlink_target(connection: sqlite3.Connection, kind: str, relation: str, target: str) -> None:
    """Undo all links of the type `kind` to a target that is about to go."""
    connection.execute("DELETE FROM link WHERE type = ? AND relation = ? AND target = ?", (kind, relation, target))
