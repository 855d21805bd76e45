"""Jobs that suppress or unsuppress many profiles."""

from typing import Literal, TypeAlias

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.job import Job

SuppressionKind: TypeAlias = Literal["suppress", "unsuppress"]
"""What a job does."""


class SuppressionJob(Job):
    """A job; it skips profiles that are (un)suppressed already or unknown. Of a list or segment, its id is here."""

    kind: SuppressionKind
    skipped_count: int | None = None
    list_ids: tuple[str, ...] = ()
    segment_ids: tuple[str, ...] = ()


def suppression_job_from(resource: Resource) -> SuppressionJob:
    """Build from a resource object."""
    return SuppressionJob.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "kind": "unsuppress" if resource.type == "profile-suppression-bulk-delete-job" else "suppress",
            "list_ids": resource.related_ids("lists"),
            "segment_ids": resource.related_ids("segments"),
        }
    )
