"""How segments grew and shrank: who entered and left, as it was noted when it was noticed."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_HISTORY = "SELECT profile, at, joined FROM member_history WHERE group_id = ? AND at < ? ORDER BY seq"


class Movement(NamedTuple):
    """One range of time: how many were members at its end, and how many came and went in it."""

    total: int
    added: int
    removed: int


def movements(connection: sqlite3.Connection, segment_id: str, edges: Sequence[int]) -> list[Movement]:
    """What happened between each edge, in whole seconds, and the next one."""
    added, removed = [0] * len(edges), [0] * len(edges)
    present: set[int] = set()
    totals: dict[int, int] = {}
    for profile, at, joined in connection.execute(_HISTORY, (segment_id, edges[-1])):
        place = bisect_right(edges, at)
        if joined and profile not in present:
            present.add(profile)
            added[place] += 1
        elif not joined and profile in present:
            present.remove(profile)
            removed[place] += 1
        totals[place] = len(present)
    found: list[Movement] = []
    total = totals.get(0, 0)
    for place in range(1, len(edges)):
        total = totals.get(place, total)
        found.append(Movement(total, added[place], removed[place]))
    return found
