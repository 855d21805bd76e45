"""What is to happen later: durable, in order of time, run by the pump (see `background`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.state.minting import Mint

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do: what kind, when it is due (microseconds since 1970), and what it needs to know."""

    seq: int
    due_us: int
    kind: str
    payload: dict[str, Any]


def schedule(
    connection: sqlite3.Connection,
    mint: Mint,
    kind: str,
    payload: dict[str, Any],
    *,
    after_ms: float = 0,
    since_us: int | None = None,
) -> None:
    """Have a task run `after_ms` milliseconds from now, or from `since_us`. `kind` names a handler in `background`."""
    start = mint.now_us() if since_us is None else since_us
    due = start + int(after_ms * 1000)
    connection.execute(
        "INSERT INTO task (due_us, kind, payload) VALUES (?, ?, ?)",
        (due, kind, json.dumps(payload, separators=(",", ":"))),
    )
    mint.agenda.notice(due)


def next_due(connection: sqlite3.Connection, now_us: int) -> Task | None:
    """The task whose time has come first; None when there is none."""
    sql = "SELECT seq, due_us, kind, payload FROM task WHERE due_us <= ? ORDER BY due_us, seq LIMIT 1"
    row = connection.execute(sql, (now_us,)).fetchone()
    return None if row is None else Task(row[0], row[1], row[2], json.loads(row[3]))


def finish(connection: sqlite3.Connection, task: Task) -> None:
    """Take a task off the list."""
    connection.execute("DELETE FROM task WHERE seq = ?", (task.seq,))


def earliest_due(connection: sqlite3.Connection) -> int | None:
    """When the next task is due, in microseconds since 1970; None when there is none."""
    earliest: int | None = connection.execute("SELECT min(due_us) FROM task").fetchone()[0]
    return earliest
