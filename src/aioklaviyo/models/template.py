"""Templates of messages, as read."""

from typing import Any

from pydantic import Field

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import ReadModel, Timestamp


class Template(ReadModel):
    """A template, or what became of one. ``editor_type`` is plain text: CODE, USER_DRAGGABLE, SYSTEM_DRAGGABLE so far.

    ``definition`` comes when asked for, of those made of blocks (SYSTEM_DRAGGABLE).
    """

    id: str
    name: str | None = None
    editor_type: str | None = None
    html: str | None = Field(default=None, repr=False)
    text: str | None = Field(default=None, repr=False)
    amp: str | None = Field(default=None, repr=False)
    created: Timestamp | None = None
    updated: Timestamp | None = None
    screenshot_url: str | None = None
    definition: dict[str, Any] | None = Field(default=None, repr=False)


def template_from(resource: Resource) -> Template:
    """Build from a resource object."""
    return Template.model_validate({**resource.attributes, "id": resource.id})
