"""Jobs over profiles (imports, suppressions): records that are queued, then processing, then complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state.tasks import schedule

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.records import Record

QUEUED = "queued"
PROCESSING = "processing"
COMPLETE = "complete"
START_TASK = "start-profile-job"
"""`{"type": type of the job, "id": its id}`"""


def schedule_job(
    connection: sqlite3.Connection, mint: Mint, job: Record, job_ms: float, payload: dict[str, Any]
) -> None:
    """Have a new job start at half of its time and end after all of it.

    What it does is a task of its type's name, with the job's `id` and the members of `payload`.
    """
    start = {"type": job.type, "id": job.id}
    schedule(connection, mint, START_TASK, start, after_ms=job_ms / 2, since_us=job.created_us)
    schedule(connection, mint, job.type, {"id": job.id, **payload}, after_ms=job_ms, since_us=job.created_us)
