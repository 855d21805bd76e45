"""Segments: a definition each, and the profiles that match it, brought up to date when somebody looks.

A new or changed definition is processed for a while first; until then its members are who they were. A segment that is
not active keeps its members as they are.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from klaviyo_emulator.segments.definition import Definition, parse_definition
from klaviyo_emulator.state.members import announce_members
from klaviyo_emulator.state.records import Record, all_records, find_record
from klaviyo_emulator.state.segmentation import Change, refresh

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from klaviyo_emulator.state.minting import Mint

SEGMENT = "segment"
_UNCHANGED = Change([], [])


def definition_of(segment: Record) -> Definition:
    """The definition of a segment, read."""
    return _read(json.dumps(segment.body["definition"]))


def is_processing(segment: Record, now_us: int) -> bool:
    """Whether the definition is not evaluated yet."""
    return now_us < int(segment.body["ready_us"])


def refresh_segment(connection: sqlite3.Connection, mint: Mint, segment: Record, *, at_us: int | None = None) -> Change:
    """Bring the members of a segment up to date at a time, now by default; flows hear of those who enter."""
    now_us = mint.now_us() if at_us is None else at_us
    if not segment.body["is_active"] or is_processing(segment, now_us):
        return _UNCHANGED
    change = refresh(connection, segment.id, definition_of(segment), now_us // 1_000_000)
    announce_members(connection, mint, segment.id, change.entered, since_us=now_us)
    return change


def refresh_segments(connection: sqlite3.Connection, mint: Mint, segment_ids: Iterable[str] | None = None) -> None:
    """Bring these segments up to date, or all of them. Ids of other things are passed over."""
    if segment_ids is None:
        segments = all_records(connection, SEGMENT)
    else:
        found = (find_record(connection, SEGMENT, segment_id) for segment_id in segment_ids)
        segments = [segment for segment in found if segment is not None]
    for segment in segments:
        refresh_segment(connection, mint, segment)


@lru_cache(maxsize=256)
def _read(text: str) -> Definition:
    return parse_definition(json.loads(text), "")
