"""What was accepted: one row for each request that changed something, written in the transaction of the change."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.state.minting import Mint

_COMPACT = (",", ":")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One request that was answered with success. `at_us` is in microseconds since 1970."""

    seq: int
    at_us: int
    operation: str
    summary: dict[str, Any]


def record_acceptance(connection: sqlite3.Connection, mint: Mint, operation: str, summary: dict[str, Any]) -> None:
    """Note what a request changed."""
    connection.execute(
        "INSERT INTO acceptance (at_us, operation, summary) VALUES (?, ?, ?)",
        (mint.now_us(), operation, json.dumps(summary, ensure_ascii=False, separators=_COMPACT)),
    )


def acceptances(connection: sqlite3.Connection, after: int, limit: int) -> list[Acceptance]:
    """What was accepted after a row, in order of commit."""
    sql = "SELECT seq, at_us, operation, summary FROM acceptance WHERE seq > ? ORDER BY seq LIMIT ?"
    return [Acceptance(row[0], row[1], row[2], json.loads(row[3])) for row in connection.execute(sql, (after, limit))]
