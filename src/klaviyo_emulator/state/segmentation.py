"""Segments against the state: who matches a definition, and the members that are kept of it.

The functions that the SQL of segments calls have to be known to a connection: see `register`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import parse_instant, whole_seconds
from klaviyo_emulator.segments.compilation import compile_definition, compile_event_filters
from klaviyo_emulator.segments.countries import phone_country
from klaviyo_emulator.segments.dates import Present
from klaviyo_emulator.segments.funnel import completes
from klaviyo_emulator.segments.regex import compiled
from klaviyo_emulator.segments.sql import FUNNEL, INSTANT, PHONE_COUNTRY, REGEX, Query

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from klaviyo_emulator.segments.definition import Definition, EventFilter

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


def matching(definition: Definition, now: int) -> Query:
    """A query that yields `profile.seq` of all members at a time, in whole seconds; further parts can follow it.

    Its parameters are named `s0`, `s1` and so on.
    """
    return compile_definition(definition, Present(now), everyone=True)


def members(connection: sqlite3.Connection, definition: Definition, now: int) -> list[int]:
    """The row numbers of all profiles that match a definition at a time, in order."""
    query = matching(definition, now)
    rows = connection.execute(f"{query.sql} ORDER BY profile.seq", query.parameters)
    return [int(row[0]) for row in rows]


def is_member(connection: sqlite3.Connection, definition: Definition, profile_seq: int, now: int) -> bool:
    """Whether one profile matches a definition at a time."""
    return profile_matches(connection, definition, profile_seq, now)


def profile_matches(
    connection: sqlite3.Connection,
    definition: Definition,
    profile_seq: int,
    now: int,
    *,
    flow_start: int | None = None,
) -> bool:
    """The same for the profile filter of a flow, which somebody entered at `flow_start`."""
    query = compile_definition(definition, Present(now, flow_start), everyone=False)
    sql = f"{query.sql} AND profile.seq = :only"
    return connection.execute(sql, {**query.parameters, "only": profile_seq}).fetchone() is not None


def event_matches(connection: sqlite3.Connection, filters: Sequence[EventFilter], event_seq: int) -> bool:
    """Whether one event passes all filters of its properties."""
    query = compile_event_filters(filters, Present(0))
    sql = f"{query.sql} AND event.seq = :only"
    return connection.execute(sql, {**query.parameters, "only": event_seq}).fetchone() is not None


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
    events = [(time, seq, step) for time, seq, step in json.loads(rows)]
    return any(step == 0 for _, _, step in events) and completes(events, _wanted(wanted), window)


@lru_cache(maxsize=64)
def _wanted(text: str) -> tuple[bool, ...]:
    return tuple(json.loads(text))
