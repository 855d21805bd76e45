"""HTTP requests of the emulator's own, waiting to be sent and sent: webhooks, and the webhook actions of flows.

A request is due until its outcome is known. One that was under way when the emulator stopped is sent again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.state.minting import Mint

KEPT = 200
"""How many requests that are over are kept to be looked at."""
_SELECT = "SELECT seq, webhook, url, headers, body, created_us, due_us, attempts, outcome FROM post"
_OF_TARGET = "webhook = ? AND (webhook != '' OR url = ?)"


class Target(NamedTuple):
    """What is served in order, one request after the other: a webhook, or else a URL."""

    webhook: str
    url: str


@dataclass(frozen=True, slots=True)
class Post:
    """One request. `due_us` is None when it is over; `outcome` is a status or what went wrong, last time."""

    seq: int
    webhook: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    created_us: int
    due_us: int | None
    attempts: int
    outcome: str


def enqueue(
    connection: sqlite3.Connection, mint: Mint, url: str, headers: Mapping[str, str], body: bytes, *, webhook: str = ""
) -> int:
    """Have a POST sent as soon as possible; answers its row. `webhook` is the id of the webhook that it belongs to."""
    now = mint.now_us()
    cursor = connection.execute(
        "INSERT INTO post (webhook, url, headers, body, created_us, due_us) VALUES (?, ?, ?, ?, ?, ?)",
        (webhook, url, json.dumps(dict(headers)), body, now, now),
    )
    mint.posts.notice(now)
    return int(cursor.lastrowid or 0)


def due_targets(connection: sqlite3.Connection, now_us: int) -> list[Target]:
    """For whom something is due, the longest waiting first."""
    sql = (
        "SELECT webhook, CASE webhook WHEN '' THEN url ELSE '' END AS target FROM post WHERE due_us <= ? "
        "GROUP BY webhook, target ORDER BY min(due_us), min(seq)"
    )
    return [Target(row[0], row[1]) for row in connection.execute(sql, (now_us,))]


def next_due(connection: sqlite3.Connection, target: Target, now_us: int, besides: int = 0) -> Post | None:
    """What is to be sent next, other than the row `besides`."""
    sql = f"{_SELECT} WHERE due_us <= ? AND {_OF_TARGET} AND seq != ? ORDER BY due_us, seq LIMIT 1"
    row = connection.execute(sql, (now_us, *target, besides)).fetchone()
    return None if row is None else _post(row)


def record_outcome(
    connection: sqlite3.Connection, mint: Mint, post: Post, outcome: str, *, again_us: int | None = None
) -> None:
    """Note what became of a request, and when it is to be tried again, if at all: not if it was abandoned meanwhile."""
    # The row may be another one by now: a state can be replaced while a request is under way.
    connection.execute(
        "UPDATE post SET attempts = attempts + 1, outcome = ?, due_us = iif(due_us IS NULL, NULL, ?) "
        "WHERE seq = ? AND created_us = ?",
        (outcome, again_us, post.seq, post.created_us),
    )
    connection.execute("DELETE FROM post WHERE seq <= ? AND due_us IS NULL", (post.seq - KEPT,))
    mint.posts.earliest_us = earliest_due(connection)


def abandon(connection: sqlite3.Connection, mint: Mint, webhook: str, outcome: str) -> None:
    """Send nothing more to a webhook."""
    connection.execute(
        "UPDATE post SET outcome = ?, due_us = NULL WHERE webhook = ? AND due_us IS NOT NULL", (outcome, webhook)
    )
    mint.posts.earliest_us = earliest_due(connection)


def earliest_due(connection: sqlite3.Connection) -> int | None:
    """When the next request is due, in microseconds since 1970; None when none waits."""
    earliest: int | None = connection.execute("SELECT min(due_us) FROM post").fetchone()[0]
    return earliest


def latest_posts(connection: sqlite3.Connection, limit: int) -> list[Post]:
    """The newest requests, newest first, over or not."""
    return [_post(row) for row in connection.execute(f"{_SELECT} ORDER BY seq DESC LIMIT ?", (limit,))]


def _post(row: Sequence[Any]) -> Post:
    return Post(row[0], row[1], row[2], json.loads(row[3]), bytes(row[4]), row[5], row[6], row[7], row[8])
