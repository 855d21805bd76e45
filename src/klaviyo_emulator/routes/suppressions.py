"""Suppressing and unsuppressing in bulk: jobs over addresses, or over all of a list or a segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_micros
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import related_id
from klaviyo_emulator.routes.profile_input import check_identifier
from klaviyo_emulator.routes.resources import Relation, ResourceType, View, many, one, record_type, write_one
from klaviyo_emulator.state import links
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.members import count_members
from klaviyo_emulator.state.profile_jobs import PROCESSING, QUEUED, schedule_job
from klaviyo_emulator.state.records import Record, create_record
from klaviyo_emulator.state.segments import refresh_segments

if TYPE_CHECKING:
    import sqlite3
    from typing import Any

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Handler, Reply, Routes, Types

SUPPRESSION_JOB = "profile-suppression-bulk-create-job"
UNSUPPRESSION_JOB = "profile-suppression-bulk-delete-job"
MAXIMUM_EMAILS = 100
_GROUPS = ("list", "segment")
_ONE_OF = "Exactly one is needed: profiles, a list, or a segment."


def _attributes(_view: View, job: Record) -> Document:
    completed: int | None = job.body["completed_us"]
    return {
        "status": job.body["status"],
        "created_at": format_micros(job.created_us),
        "total_count": job.body["total"],
        "completed_count": job.body["completed"],
        "completed_at": None if completed is None else format_micros(completed),
        "skipped_count": job.body["skipped"],
    }


def _job_type(name: str, title: str) -> ResourceType[Record]:
    relations = [
        Relation(
            name=f"{group}s",
            target=group,
            select=lambda owner, plural=f"{group}s": links.targets(Relationship(name, owner, plural)),
            present=True,
        )
        for group in _GROUPS
    ]
    return record_type(name, title, _attributes, relations=relations)


SUPPRESSION = _job_type(SUPPRESSION_JOB, "Suppression job")
UNSUPPRESSION = _job_type(UNSUPPRESSION_JOB, "Unsuppression job")
TYPES: Types = {SUPPRESSION_JOB: SUPPRESSION, UNSUPPRESSION_JOB: UNSUPPRESSION}


def _starting(kind: ResourceType[Record]) -> Handler:
    async def handle(context: Context, request: ApiRequest) -> Reply:
        data = request.resource()
        emails = _emails(data)
        groups = _groups(data)
        if (emails is not None) + len(groups) != 1:
            raise invalid(_ONE_OF, "/data")

        def work(connection: sqlite3.Connection) -> Record:
            total = len(emails or ())
            for name, group_id in groups.items():
                context.types[name].get(connection, group_id)
                refresh_segments(connection, context.mint, [group_id])
                total = count_members(connection, group_id)
            body: dict[str, Any] = {
                "status": PROCESSING if context.config.behaviour == "live" else QUEUED,
                "total": total,
                "completed": 0,
                "skipped": 0,
                "completed_us": None,
                "list_id": groups.get("list"),
                "segment_id": groups.get("segment"),
            }
            job = create_record(connection, context.mint, kind.name, context.mint.ulid(), body)
            for name, group_id in groups.items():
                links.link(connection, context.mint, Relationship(kind.name, job.id, f"{name}s"), [group_id])
            group = next(iter(groups.values()), None)
            payload = {"emails": emails, "group": group}
            schedule_job(connection, context.mint, job, context.config.job_ms, payload)
            return job

        return await write_one(context, request, kind, work, 202)

    return handle


def _emails(data: Object) -> list[str] | None:
    profiles: Object | None = data["attributes"].get("profiles")
    if profiles is None:
        return None
    listed: list[Object] = profiles["data"]
    at = "/data/attributes/profiles/data"
    if not 1 <= len(listed) <= MAXIMUM_EMAILS:
        raise invalid(f"A request holds 1 to {MAXIMUM_EMAILS} profiles, and this one has {len(listed)}.", at)
    for index, item in enumerate(listed):
        check_identifier("email", item["attributes"]["email"], f"{at}/{index}/attributes")
    # Once each, without regard to case, as written first.
    emails: dict[str, str] = {}
    for item in listed:
        emails.setdefault(item["attributes"]["email"].casefold(), item["attributes"]["email"])
    return list(emails.values())


def _groups(data: Object) -> dict[str, str]:
    named = {name: related_id(data, name) for name in _GROUPS}
    return {name: group_id for name, group_id in named.items() if group_id is not None}


ROUTES: Routes = {
    "bulk_suppress_profiles": _starting(SUPPRESSION),
    "get_bulk_suppress_profiles_jobs": many(SUPPRESSION),
    "get_bulk_suppress_profiles_job": one(SUPPRESSION),
    "bulk_unsuppress_profiles": _starting(UNSUPPRESSION),
    "get_bulk_unsuppress_profiles_jobs": many(UNSUPPRESSION),
    "get_bulk_unsuppress_profiles_job": one(UNSUPPRESSION),
}
