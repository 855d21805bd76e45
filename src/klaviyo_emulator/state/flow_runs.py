"""Profiles on their way through flows: who entered when, and what happened to them at each action."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from typing import Any

RUNNING = "running"
FINISHED = "finished"
LEFT = "left"
_SELECT = "SELECT seq, flow, profile, entered_us, event, status, log FROM flow_run"


class Passage(NamedTuple):
    """What happened at one action; `at_us` in microseconds since 1970."""

    action: str
    at_us: int
    words: str


@dataclass(frozen=True, slots=True)
class Run:
    """One way through a flow. `profile` and `event` are rows; there is no event where a group is the trigger."""

    seq: int
    flow: str
    profile: int
    entered_us: int
    event: int | None
    status: str
    log: tuple[Passage, ...]


def start_run(connection: sqlite3.Connection, flow_id: str, profile: int, event: int | None, at_us: int) -> int:
    """A profile enters a flow; answers the run's row."""
    sql = "INSERT INTO flow_run (flow, profile, entered_us, event) VALUES (?, ?, ?, ?)"
    return int(connection.execute(sql, (flow_id, profile, at_us, event)).lastrowid or 0)


def find_run(connection: sqlite3.Connection, seq: int) -> Run | None:
    """The run in this row."""
    row = connection.execute(f"{_SELECT} WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else _run(row)


def list_runs(
    connection: sqlite3.Connection, *, flow_id: str | None = None, after: int = 0, limit: int = 100
) -> list[Run]:
    """Runs in the order of entering, from beyond a row on, of one flow or of all."""
    sql = f"{_SELECT} WHERE seq > ? AND (? IS NULL OR flow = ?) ORDER BY seq LIMIT ?"
    return [_run(row) for row in connection.execute(sql, (after, flow_id, flow_id, limit))]


def last_entry(connection: sqlite3.Connection, flow_id: str, profile: int, *, besides: int = 0) -> int | None:
    """When a profile entered a flow last, in microseconds since 1970, not counting the run `besides`."""
    sql = "SELECT max(entered_us) FROM flow_run WHERE flow = ? AND profile = ? AND seq != ?"
    entered: int | None = connection.execute(sql, (flow_id, profile, besides)).fetchone()[0]
    return entered


def note_passage(connection: sqlite3.Connection, seq: int, passage: Passage, status: str) -> None:
    """Write down what happened at an action, and whether the run goes on."""
    sql = "UPDATE flow_run SET log = json_insert(log, '$[#]', json(?)), status = ? WHERE seq = ?"
    connection.execute(sql, (json.dumps(passage), status, seq))


def forget_runs(connection: sqlite3.Connection, flow_id: str) -> None:
    """Forget all runs of a flow that is about to go."""
    connection.execute("DELETE FROM flow_run WHERE flow = ?", (flow_id,))


def _run(row: Sequence[Any]) -> Run:
    return Run(row[0], row[1], row[2], row[3], row[4], row[5], tuple(Passage(*item) for item in json.loads(row[6])))
