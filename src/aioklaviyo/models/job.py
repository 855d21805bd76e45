"""Jobs: work that Klaviyo takes now and does later."""

from typing import Any

from pydantic import Field

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import ReadModel, Timestamp


class JobError(ReadModel):
    """Why a job could not do one of its parts; Klaviyo leaves out what it likes."""

    id: str | None = None
    code: str | None = None
    title: str | None = None
    detail: str | None = Field(default=None, repr=False)
    source: dict[str, Any] | None = None
    meta: dict[str, Any] | None = Field(default=None, repr=False)

    @property
    def pointer(self) -> str | None:
        """Where in the request's body the part is."""
        found = (self.source or {}).get("pointer")
        return found if isinstance(found, str) else None


class Job(ReadModel):
    """How far a job is. ``status`` is plain text: queued, processing, complete, cancelled so far."""

    id: str
    status: str | None = None
    created_at: Timestamp | None = None
    total_count: int | None = None
    completed_count: int | None = None
    failed_count: int | None = None
    started_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    expires_at: Timestamp | None = None
    errors: tuple[JobError, ...] | None = None

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will come of it; a status not known here counts as unfinished."""
        return self.status in {"complete", "cancelled"}


def job_from(resource: Resource) -> Job:
    """Build from a resource object."""
    return Job.model_validate({**resource.attributes, "id": resource.id})
