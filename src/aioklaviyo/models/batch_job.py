"""Jobs that do a batch of entries of the catalogue, or make coupon codes."""

import re
from typing import Literal, TypeAlias

from pydantic import Field

from aioklaviyo.jsonapi import Json, Resource
from aioklaviyo.models.job import Job

JobStatus: TypeAlias = Literal["queued", "processing", "complete", "cancelled"]

_VERB = re.compile(r"-bulk-(\w+)-job$")


class BatchJob(Job):
    """A job over a batch. ``verb`` says what it does: create, update or delete so far.

    ``entry_ids`` are those that it has done; None where Klaviyo does not tell.
    """

    verb: str | None = None
    entry_ids: tuple[str, ...] | None = Field(default=None, repr=False)


def job_values(resource: Resource, entries: str) -> dict[str, Json]:
    """What is known of such a job.

    Args:
        resource: The resource object.
        entries: The relationship to what it has done.
    """
    found = _VERB.search(resource.type)
    relationship = resource.relationships.get(entries)
    values: dict[str, Json] = {**resource.attributes, "id": resource.id, "verb": None if found is None else found[1]}
    if isinstance(relationship, dict) and isinstance(relationship.get("data"), list):
        values["entry_ids"] = list(resource.related_ids(entries))
    return values
