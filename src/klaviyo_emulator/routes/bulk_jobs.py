"""Bulk jobs of catalogues and coupons: submitted, listed, and read while they go their way.

A `BulkJob` says what is particular to one type of job; the routes of all are made here, and `background` runs them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_micros
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.routes.record_pages import record_pages
from klaviyo_emulator.routes.resources import ResourceType, View, linked, many, one, record_type, write_one
from klaviyo_emulator.state.bulk_jobs import expires_us, in_progress, submit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from typing import TypeAlias

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Handler, Reply, Routes
    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.records import Record

    Apply: TypeAlias = Callable[[Context, sqlite3.Connection, Mint, Object], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkJob:
    """One type of job."""

    type: str
    """The JSON:API type, such as `catalog-item-bulk-create-job`."""
    absence: str
    """The words of a 404, with a place for `id`."""
    entries: str
    """The member of the body that holds the entries; also the relation to what the job has done."""
    target: str
    """The type of the entries."""
    apply: Apply
    """Does one entry and answers its id. Raises a refusal, whose words become the error of the entry."""
    name: Callable[[Object], str]
    """The id that an entry has, or is to have."""
    maximum_entries: int
    maximum_jobs: int
    navigable: bool
    """Whether the relation has links."""


def described(job: BulkJob) -> ResourceType[Record]:
    """The resource type of a job."""
    relation = replace(linked(job.entries, job.target, of=job.type), present=True, navigable=job.navigable)
    return replace(
        record_type(job.type, job.type, _attributes, relations=(relation,)),
        absence=job.absence,
        page=record_pages(job.type, newest_first=True),
    )


def job_routes(job: BulkJob, kind: ResourceType[Record], *, submit: str, get: str, listing: str) -> Routes:
    """The operations of a job, by the ids that they have."""
    return {submit: _submitting(job, kind), get: one(kind), listing: many(kind)}


def _submitting(job: BulkJob, kind: ResourceType[Record]) -> Handler:
    async def handle(context: Context, request: ApiRequest) -> Reply:
        entries: list[Object] = request.resource()["attributes"][job.entries]["data"]
        at = f"/data/attributes/{job.entries}/data"
        if not 1 <= len(entries) <= job.maximum_entries:
            raise invalid(f"A job holds 1 to {job.maximum_entries} entries, and this one has {len(entries)}.", at)

        def work(connection: sqlite3.Connection) -> Record:
            if in_progress(connection, job.type) >= job.maximum_jobs:
                raise invalid(f"There are {job.maximum_jobs} jobs of this type in progress already.", "/data")
            return submit(connection, context.mint, context.config, job.type, entries)

        return await write_one(context, request, kind, work, 202)

    return handle


def _attributes(_view: View, job: Record) -> Document:
    completed = job.body["completed_at"]
    return {
        "status": job.body["status"],
        "created_at": format_micros(job.created_us),
        "total_count": job.body["total_count"],
        "completed_count": job.body["completed_count"],
        "failed_count": job.body["failed_count"],
        "completed_at": None if completed is None else format_micros(completed),
        "errors": job.body["errors"],
        "expires_at": format_micros(expires_us(job)),
    }
