"""Flows: what Klaviyo does by itself when something happens."""

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import ReadModel, Timestamp


class Flow(ReadModel):
    """A flow. ``trigger_type`` and ``status`` are plain text: an unknown one must not break a read."""

    id: str
    name: str | None = None
    status: str | None = None
    archived: bool | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    trigger_type: str | None = None


def flow_from(resource: Resource) -> Flow:
    """Build from a resource object."""
    return Flow.model_validate({**resource.attributes, "id": resource.id})
