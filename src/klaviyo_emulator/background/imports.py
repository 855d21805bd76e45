"""Bulk imports of profiles: what can be imported is, and what cannot becomes an error of the job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klaviyo_emulator.errors import Refusal
from klaviyo_emulator.routes.import_jobs import IMPORT_ERROR, IMPORT_JOB, PROFILES
from klaviyo_emulator.routes.profile_input import IMPORTED, read_profile, require_identifier
from klaviyo_emulator.routes.profiles import upsert
from klaviyo_emulator.state import links
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.lists import join_list
from klaviyo_emulator.state.profile_jobs import COMPLETE, PROCESSING, START_TASK
from klaviyo_emulator.state.records import change_record, create_record, find_record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from klaviyo_emulator.background.pump import TaskHandler
    from klaviyo_emulator.errors import Problem
    from klaviyo_emulator.routes.context import Context
    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.profiles import Profile
    from klaviyo_emulator.state.tasks import Task


_NOT_FOUND = 404


def start_job(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """A job over profiles is being worked on."""
    job = find_record(connection, task.payload["type"], task.payload["id"])
    if job is not None:
        change_record(connection, context.mint.at(task.due_us), job, {"status": PROCESSING, "started_us": task.due_us})


def import_profiles(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Make or change the profiles of an import, one by one, and put them into its lists."""
    job = find_record(connection, IMPORT_JOB, task.payload["id"])
    if job is None:
        return
    mint = context.mint.at(task.due_us)
    profiles: list[Profile] = []
    errors: list[str] = []
    for index, given in enumerate(task.payload["profiles"]):
        outcome = _import(connection, mint, given, f"{PROFILES}/{index}")
        if isinstance(outcome, Refusal):
            errors.append(_record_error(connection, mint, outcome.problem, given, f"{PROFILES}/{index}"))
        else:
            profiles.append(outcome)
    for list_id in task.payload["lists"]:
        join_list(connection, mint, list_id, profiles)
    profile_ids = dict.fromkeys(profile.id for profile in profiles)
    links.link(connection, mint, Relationship(IMPORT_JOB, job.id, "profiles"), profile_ids)
    links.link(connection, mint, Relationship(IMPORT_JOB, job.id, "import-errors"), errors)
    changes = {
        "status": COMPLETE,
        "completed": len(profiles),
        "failed": len(errors),
        "completed_us": task.due_us,
    }
    change_record(connection, mint, job, changes)


def _import(connection: sqlite3.Connection, mint: Mint, given: dict[str, Any], pointer: str) -> Profile | Refusal:
    """One profile, in a savepoint of its own: what is refused has changed nothing."""
    connection.execute("SAVEPOINT profile")
    try:
        change = read_profile(given, IMPORTED, pointer)
        require_identifier(change, IMPORTED, pointer)
        outcome: Profile | Refusal = upsert(connection, mint, change, f"{pointer}/attributes")[0]
    except Refusal as refusal:
        connection.execute("ROLLBACK TO profile")
        outcome = refusal
    connection.execute("RELEASE profile")
    return outcome


def _record_error(
    connection: sqlite3.Connection, mint: Mint, problem: Problem, given: dict[str, Any], pointer: str
) -> str:
    """The id of a new error, which says where in the job's body it is: of an id that is unknown, the id."""
    body = {
        "code": problem.code,
        "title": problem.title,
        "detail": problem.detail,
        "source": {"pointer": f"{pointer}/id" if problem.status == _NOT_FOUND else problem.pointer},
        "original_payload": given,
    }
    return create_record(connection, mint, IMPORT_ERROR, mint.uuid(), body).id


HANDLERS: Mapping[str, TaskHandler] = {START_TASK: start_job, IMPORT_JOB: import_profiles}
