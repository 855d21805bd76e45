"""Running bulk jobs of catalogues and coupons: entry by entry, each for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.errors import Refusal
from klaviyo_emulator.routes import catalog_jobs, coupon_codes
from klaviyo_emulator.state.bulk_jobs import EXPIRE, FINISH, START, Outcome, finish, start
from klaviyo_emulator.state.records import delete_record, find_record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from typing import Any

    from klaviyo_emulator.background.pump import TaskHandler
    from klaviyo_emulator.errors import Problem
    from klaviyo_emulator.routes.bulk_jobs import BulkJob
    from klaviyo_emulator.routes.context import Context
    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.records import Record
    from klaviyo_emulator.state.tasks import Task

_JOBS: Mapping[str, BulkJob] = {job.type: job for job in (*catalog_jobs.JOBS.values(), coupon_codes.CODE_JOB)}


def _start(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Do the entries of a job."""
    job, record, mint = _JOBS[task.payload["type"]], _record(connection, task), context.mint.at(task.due_us)
    outcome = Outcome()
    for entry in record.body["entries"]:
        connection.execute("SAVEPOINT entry")
        try:
            outcome.done.append(job.apply(context, connection, mint, entry))
        except Refusal as refusal:
            connection.execute("ROLLBACK TO entry")
            outcome.errors.append(_error(job, mint, job.name(entry), refusal.problem))
        connection.execute("RELEASE entry")
    start(connection, mint, record, job.entries, outcome)


def _finish(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Say that a job is complete."""
    finish(connection, context.mint.at(task.due_us), _record(connection, task))


def _expire(_context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Forget a job."""
    delete_record(connection, task.payload["type"], task.payload["id"])


def _record(connection: sqlite3.Connection, task: Task) -> Record:
    record = find_record(connection, task.payload["type"], task.payload["id"])
    if record is None:
        raise LookupError(task.payload["id"])
    return record


def _error(job: BulkJob, mint: Mint, entry: str, problem: Problem) -> dict[str, Any]:
    """The error object of an entry. Its pointer has no index, as the live ones have none; `meta` says which it is."""
    within = (problem.pointer or "").removeprefix("/data").rstrip("/") or "/id"
    return {
        "id": mint.uuid(),
        "code": "invalid",
        "title": "Invalid input",
        "detail": problem.detail,
        "source": {"pointer": f"/data/attributes/{job.entries}/data{within}"},
        "meta": {"id": entry},
    }


HANDLERS: Mapping[str, TaskHandler] = {START: _start, FINISH: _finish, EXPIRE: _expire}
