"""Estimations of how many recipients a campaign has: a job that takes a while, and what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.state.campaigns import ESTIMATION_JOB
from klaviyo_emulator.state.records import Record, change_record, create_record, find_record
from klaviyo_emulator.state.tasks import schedule

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.state.minting import Mint

ESTIMATE_TASK = "campaign-estimate"
"""`{"campaign": id, "run": run, "status": "processing" or "complete"}`; counts when it is complete."""


def request_estimation(connection: sqlite3.Connection, mint: Mint, campaign_id: str, *, job_ms: float) -> Record:
    """Have the recipients of a campaign counted; a job that is under way begins anew."""
    run = mint.ulid()
    body = {"status": "queued", "run": run}
    job = find_record(connection, ESTIMATION_JOB, campaign_id)
    if job is None:
        job = create_record(connection, mint, ESTIMATION_JOB, campaign_id, body)
    else:
        job = change_record(connection, mint, job, body)
    for status, after in (("processing", job_ms / 2), ("complete", job_ms)):
        payload = {"campaign": campaign_id, "run": run, "status": status}
        schedule(connection, mint, ESTIMATE_TASK, payload, after_ms=after)
    return job
