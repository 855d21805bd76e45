"""Segments: a definition each, and the profiles that match it, brought up to date when somebody looks.

A segment whose definition asks who is in others comes after them. A new or changed definition is processed for a while
first; until then its members are who they were. A segment that is not active keeps its members as they are.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from klaviyo_emulator.segments.definition import Definition, parse_definition
from klaviyo_emulator.state.members import announce_members
from klaviyo_emulator.state.records import Record, all_records, find_record
from klaviyo_emulator.state.segmentation import refresh

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Sequence

    from klaviyo_emulator.state.minting import Mint

SEGMENT = "segment"
_EVALUATED = "UPDATE record SET body = json_set(body, '$.evaluated_us', ?) WHERE seq = ?"
"""Note which definition, by when it was ready, all members are by."""


def definition_of(segment: Record) -> Definition:
    """The definition of a segment, read."""
    return _read(json.dumps(segment.body["definition"]))


def is_processing(segment: Record, now_us: int) -> bool:
    """Whether the definition is not evaluated yet."""
    return now_us < int(segment.body["ready_us"])


def refresh_segment(connection: sqlite3.Connection, mint: Mint, segment: Record, *, silently: bool = False) -> None:
    """Bring the members of a segment up to date.

    `silently`, flows do not hear of those who enter it, and its definition is evaluated even if it is new.
    """
    _refresh(connection, mint, [segment], silently={segment.id} if silently else set())


def refresh_segments(
    connection: sqlite3.Connection,
    mint: Mint,
    segment_ids: Iterable[str] | None = None,
    *,
    only: Sequence[int] | None = None,
) -> bool:
    """Bring these segments up to date, or all of them; `only` these profiles, if their rows are named.

    Ids of other things are passed over. Answers whether no segment is still processed, so that only a change or a new
    second can make a difference.
    """
    segments = all_records(connection, SEGMENT) if segment_ids is None else _find_all(connection, segment_ids)
    return _refresh(connection, mint, segments, only=only)


def _refresh(
    connection: sqlite3.Connection,
    mint: Mint,
    segments: Iterable[Record],
    *,
    only: Sequence[int] | None = None,
    silently: Collection[str] = (),
) -> bool:
    """Flows hear of those who enter, unless into the segments with these ids. Answers whether none is processed yet."""
    now_us = mint.now_us()
    ready = True
    for segment in _inner_first(connection, segments):
        if is_processing(segment, now_us) and segment.id not in silently:
            ready = False
        elif segment.body["is_active"]:
            change = refresh(connection, segment.id, definition_of(segment), now_us // 1_000_000, only=only)
            # Who enters because the definition was changed did nothing themselves: that is no news.
            is_first = segment.body.get("evaluated_us") != segment.body["ready_us"]
            if is_first and only is None:
                connection.execute(_EVALUATED, (segment.body["ready_us"], segment.seq))
            if not is_first and segment.id not in silently:
                announce_members(connection, mint, segment.id, change.entered, since_us=now_us)
    return ready


def _inner_first(connection: sqlite3.Connection, segments: Iterable[Record]) -> list[Record]:
    """These segments and all that they name, each once, and after those that it names itself.

    Where segments name each other in a circle, the first that is met has the last word.
    """
    ordered: list[Record] = []
    met: set[str] = set()
    waiting = [(segment, False) for segment in segments]
    waiting.reverse()
    while waiting:
        segment, inner_done = waiting.pop()
        if inner_done:
            ordered.append(segment)
        elif segment.id not in met:
            met.add(segment.id)
            waiting.append((segment, True))
            waiting.extend((inner, False) for inner in _named(connection, segment))
    return ordered


def _named(connection: sqlite3.Connection, segment: Record) -> list[Record]:
    """The segments whose members the definition of a segment asks for."""
    groups = (one.id for one in definition_of(segment).references() if one.kind == "group")
    return _find_all(connection, groups)


def _find_all(connection: sqlite3.Connection, segment_ids: Iterable[str]) -> list[Record]:
    found = (find_record(connection, SEGMENT, segment_id) for segment_id in segment_ids)
    return [segment for segment in found if segment is not None]


@lru_cache(maxsize=256)
def _read(text: str) -> Definition:
    return parse_definition(json.loads(text), "")
