"""Bulk jobs: what was asked for, how far it is, and what became of each entry.

A job is a record of its own type. It is started and finished by tasks; entries that are refused become its errors, and
the others are done all the same. A job that has expired is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state import links
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.records import change_record, create_record
from klaviyo_emulator.state.tasks import schedule

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from klaviyo_emulator.config import EmulatorConfig
    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.records import Record

START = "bulk-job-start"
FINISH = "bulk-job-finish"
EXPIRE = "bulk-job-expire"
"""The kinds of a job's tasks. Their payload is its `type` and `id`."""

_LIFE_MS = 7 * 86_400 * 1000
_IN_PROGRESS = ("queued", "processing")


@dataclass(slots=True)
class Outcome:
    """What became of a job's entries: the ids of those that were done, and an error object for each of the others."""

    done: list[str] = field(default_factory=list[str])
    errors: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


def submit(
    connection: sqlite3.Connection, mint: Mint, config: EmulatorConfig, kind: str, entries: Sequence[dict[str, Any]]
) -> Record:
    """Store a job of the type `kind` and plan its course. Entries are resource objects, as they were sent."""
    body = {
        # The live API has never been seen to answer `queued`, though the specification knows it.
        "status": "processing" if config.behaviour == "live" else "queued",
        "total_count": len(entries),
        "completed_count": 0,
        "failed_count": 0,
        "completed_at": None,
        "errors": [],
        "entries": list(entries),
    }
    job = create_record(connection, mint, kind, mint.ulid(), body)
    payload = {"type": kind, "id": job.id}
    schedule(connection, mint, START, payload, after_ms=config.job_ms / 2)
    schedule(connection, mint, FINISH, payload, after_ms=config.job_ms)
    schedule(connection, mint, EXPIRE, payload, after_ms=_LIFE_MS)
    return job


def expires_us(job: Record) -> int:
    """When a job is forgotten, in microseconds since 1970."""
    return job.created_us + _LIFE_MS * 1000


def in_progress(connection: sqlite3.Connection, kind: str) -> int:
    """How many jobs of a type are not complete."""
    sql = "SELECT count(*) FROM record WHERE type = ? AND json_extract(body, '$.status') IN (?, ?)"
    return int(connection.execute(sql, (kind, *_IN_PROGRESS)).fetchone()[0])


def start(connection: sqlite3.Connection, mint: Mint, job: Record, relation: str, outcome: Outcome) -> None:
    """Note what became of a job's entries; those that were done are linked to it by `relation`."""
    links.link(connection, mint, Relationship(job.type, job.id, relation), outcome.done)
    changes = {
        "status": "processing",
        "completed_count": len(outcome.done),
        "failed_count": len(outcome.errors),
        "errors": outcome.errors,
        "entries": [],
    }
    change_record(connection, mint, job, changes)


def finish(connection: sqlite3.Connection, mint: Mint, job: Record) -> None:
    """Complete a job."""
    change_record(connection, mint, job, {"status": "complete", "completed_at": mint.now_us()})
