"""Segments against the state: who matches a definition, and the members that are kept of it.

The functions that the SQL of segments calls have to be known to a connection: see `register`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import parse_instant, whole_seconds
from klaviyo_emulator.segments.compilation import compile_definition
from klaviyo_emulator.segments.countries import phone_country
from klaviyo_emulator.segments.dates import Present
from klaviyo_emulator.segments.funnel import completes
from klaviyo_emulator.segments.regex import compiled
from klaviyo_emulator.segments.sql import FUNNEL, INSTANT, PHONE_COUNTRY, REGEX

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from klaviyo_emulator.segments.definition import Definition

_CREATE = "CREATE TEMP TABLE IF NOT EXISTS segment_matched (profile INTEGER PRIMARY KEY)"
_EMPTY = "DELETE FROM segment_matched"
_LEAVE = (
    "DELETE FROM member WHERE group_id = :segment AND profile NOT IN (SELECT profile FROM segment_matched){only} "
    "RETURNING profile"
)
_ENTER = (
    "INSERT OR IGNORE INTO member (group_id, profile, joined) SELECT :segment, profile, :now FROM segment_matched "
    "RETURNING profile"
)
_NOTE = (
    "INSERT INTO member_history (group_id, profile, at, joined) "
    "SELECT :segment, value, :now, :joined FROM json_each(:profiles)"
)
_ONLY = " AND {column} IN (SELECT value FROM json_each(:only))"


@dataclass(frozen=True, slots=True)
class Change:
    """Row numbers of the profiles that entered a segment and of those that left it, in order."""

    entered: list[int]
    left: list[int]


def register(connection: sqlite3.Connection) -> None:
    """Make the functions known that the SQL of segments calls. Once for each connection."""
    connection.create_function(INSTANT, 1, _instant, deterministic=True)
    connection.create_function(REGEX, 2, _is_in, deterministic=True)
    connection.create_function(PHONE_COUNTRY, 1, phone_country, deterministic=True)
    connection.create_function(FUNNEL, 3, _completes, deterministic=True)


def profile_matches(
    connection: sqlite3.Connection,
    definition: Definition,
    profile_seq: int,
    now: int,
    *,
    flow_start: int | None = None,
) -> bool:
    """Whether a profile, named by its row, matches a definition at a time, in whole seconds.

    `flow_start` is when it entered the flow whose filter this is.
    """
    query = compile_definition(definition, Present(now, flow_start), everyone=False)
    sql = f"{query.sql} AND profile.seq = :only"
    return connection.execute(sql, {**query.parameters, "only": profile_seq}).fetchone() is not None


def refresh(
    connection: sqlite3.Connection,
    segment_id: str,
    definition: Definition,
    now: int,
    *,
    only: Sequence[int] | None = None,
) -> Change:
    """Bring the members that are kept of a segment up to date; who enters joined now. Needs a connection that writes.

    `only` restricts it to some profiles, of which something is known to have changed.
    """
    query = compile_definition(definition, Present(now), everyone=only is None)
    names = {**query.parameters, "segment": segment_id, "now": now, "only": json.dumps(only)}
    restriction = "" if only is None else _ONLY
    connection.execute(_CREATE)
    connection.execute(_EMPTY)
    chosen = query.sql + restriction.format(column="profile.seq")
    connection.execute(f"INSERT INTO segment_matched {chosen}", names)
    left = connection.execute(_LEAVE.format(only=restriction.format(column="profile")), names).fetchall()
    entered = connection.execute(_ENTER, names).fetchall()
    change = Change(sorted(int(row[0]) for row in entered), sorted(int(row[0]) for row in left))
    for profiles, joined in ((change.left, 0), (change.entered, 1)):
        if profiles:
            noted = {"segment": segment_id, "now": now, "joined": joined, "profiles": json.dumps(profiles)}
            connection.execute(_NOTE, noted)
    return change


def _instant(text: object) -> int | None:
    moment = parse_instant(text) if isinstance(text, str) else None
    return None if moment is None else whole_seconds(moment)


def _is_in(pattern: str, text: object) -> bool:
    return isinstance(text, str) and compiled(pattern).is_in(text)


def _completes(rows: str, wanted: str, window: int | None) -> bool:
    return completes([(time, seq, step) for time, seq, step in json.loads(rows)], _wanted(wanted), window)


@lru_cache(maxsize=64)
def _wanted(text: str) -> tuple[bool, ...]:
    return tuple(json.loads(text))
