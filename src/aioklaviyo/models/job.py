"""Jobs: work that Klaviyo takes now and does later."""

from typing import Annotated, Any, cast

from pydantic import Field, PlainValidator

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import ReadModel, Timestamp


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None if value is None else str(value)


def _object(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


_Text = Annotated[str | None, PlainValidator(_text)]
_Object = Annotated[dict[str, Any] | None, PlainValidator(_object)]


class JobError(ReadModel):
    """Why a job could not do one of its parts; Klaviyo leaves out what it likes.

    Nothing in it can make a job unreadable: an explanation of an odd shape is no reason to lose the others.
    """

    id: _Text = None
    code: _Text = None
    title: _Text = None
    detail: _Text = Field(default=None, repr=False)
    source: _Object = None
    meta: _Object = Field(default=None, repr=False)

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
