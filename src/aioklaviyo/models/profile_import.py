"""Jobs that import many profiles, and what they could not import."""

from typing import Any

from pydantic import Field

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.job import Job, JobError
from aioklaviyo.models.profile_list import ProfileList, list_from


class ProfileImportJob(Job):
    """An import. ``lists`` are objects when included, else None beside their ids."""

    list_ids: tuple[str, ...] = ()
    lists: tuple[ProfileList, ...] | None = None


class ProfileImportError(JobError):
    """Why a profile was not imported; ``pointer`` says which, and ``original_payload`` is what had been sent."""

    original_payload: dict[str, Any] | None = Field(default=None, repr=False)


def import_job_from(resource: Resource) -> ProfileImportJob:
    """Build from a resource object and what was included beside it."""
    return ProfileImportJob.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "list_ids": resource.related_ids("lists"),
            "lists": resource.included_as("lists", "list", list_from),
        }
    )


def import_error_from(resource: Resource) -> ProfileImportError:
    """Build from a resource object."""
    return ProfileImportError.model_validate({**resource.attributes, "id": resource.id})
