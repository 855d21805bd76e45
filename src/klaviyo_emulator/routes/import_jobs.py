"""Bulk imports of profiles: jobs with the lists they fill, the profiles they made or changed, and their errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import MICROSECONDS, format_instant, format_seconds
from klaviyo_emulator.errors import invalid, too_large
from klaviyo_emulator.payload import related_ids as targets
from klaviyo_emulator.routes.lists import LIST_TYPE
from klaviyo_emulator.routes.profiles import MAXIMUM_BYTES
from klaviyo_emulator.routes.resources import (
    Relation,
    View,
    linked,
    many,
    one,
    record_type,
    related,
    related_ids,
    write_one,
)
from klaviyo_emulator.state import links
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.profile_jobs import QUEUED, schedule_job
from klaviyo_emulator.state.records import Record, create_record

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types

IMPORT_JOB = "profile-bulk-import-job"
IMPORT_ERROR = "import-error"
PROFILES = "/data/attributes/profiles/data"
MAXIMUM_PROFILES = 10_000
_LIFE_SECONDS = 7 * 86_400


def _attributes(_view: View, job: Record) -> Document:
    created = job.created_us // MICROSECONDS
    return {
        "status": job.body["status"],
        "created_at": format_instant(created),
        "total_count": job.body["total"],
        "completed_count": job.body["completed"],
        "failed_count": job.body["failed"],
        "completed_at": _moment(job.body["completed_us"]),
        "expires_at": format_instant(created + _LIFE_SECONDS),
        "started_at": _moment(job.body["started_us"]),
    }


def _error_attributes(_view: View, error: Record) -> Document:
    return {name: error.body[name] for name in ("code", "title", "detail", "source", "original_payload")}


def _moment(microseconds: int | None) -> str | None:
    return None if microseconds is None else format_seconds(microseconds)


JOB = record_type(
    IMPORT_JOB,
    "Job",
    _attributes,
    relations=(
        linked("lists", "list", always=True, of=IMPORT_JOB),
        linked("profiles", "profile", of=IMPORT_JOB),
        Relation(
            name="import-errors",
            target=IMPORT_ERROR,
            select=lambda owner: links.targets(Relationship(IMPORT_JOB, owner, "import-errors")),
            listed=False,
        ),
    ),
)
ERROR = record_type(IMPORT_ERROR, "Import error", _error_attributes)
TYPES: Types = {IMPORT_JOB: JOB, IMPORT_ERROR: ERROR}


async def bulk_import_profiles(context: Context, request: ApiRequest) -> Reply:
    """Take profiles to be made or changed, and lists to put them into."""
    data = request.resource()
    profiles: list[Object] = data["attributes"]["profiles"]["data"]
    if not 1 <= len(profiles) <= MAXIMUM_PROFILES:
        raise invalid(f"A job holds 1 to {MAXIMUM_PROFILES} profiles, and this one has {len(profiles)}.", PROFILES)
    if request.size > MAXIMUM_BYTES:
        _check_sizes(profiles)
    list_ids = targets(data, "lists")
    body = {
        "status": QUEUED,
        "total": len(profiles),
        "completed": 0,
        "failed": 0,
        "started_us": None,
        "completed_us": None,
    }

    def work(connection: sqlite3.Connection) -> Record:
        for list_id in list_ids:
            LIST_TYPE.get(connection, list_id)
        job = create_record(connection, context.mint, IMPORT_JOB, context.mint.job_id(), body)
        links.link(connection, context.mint, Relationship(IMPORT_JOB, job.id, "lists"), list_ids)
        schedule_job(connection, context.mint, job, context.config.job_ms, {"profiles": profiles, "lists": list_ids})
        return job

    return await write_one(context, request, JOB, work, 202)


def _check_sizes(profiles: list[Object]) -> None:
    for index, profile in enumerate(profiles):
        if len(json.dumps(profile, ensure_ascii=False, separators=(",", ":")).encode("utf-8")) > MAXIMUM_BYTES:
            raise too_large(f"A profile may have {MAXIMUM_BYTES} bytes; number {index} has more.")


ROUTES: Routes = {
    "bulk_import_profiles": bulk_import_profiles,
    "get_bulk_import_profiles_jobs": many(JOB),
    "get_bulk_import_profiles_job": one(JOB),
    "get_list_for_bulk_import_profiles_job": related(JOB, "lists"),
    "get_list_ids_for_bulk_import_profiles_job": related_ids(JOB, "lists"),
    "get_profiles_for_bulk_import_profiles_job": related(JOB, "profiles"),
    "get_profile_ids_for_bulk_import_profiles_job": related_ids(JOB, "profiles"),
    "get_errors_for_bulk_import_profiles_job": related(JOB, "import-errors"),
}
