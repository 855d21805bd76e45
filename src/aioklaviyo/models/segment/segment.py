"""Segments as they are read."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import PlainValidator, ValidationError

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.flow import Flow, flow_from
from aioklaviyo.models.reading import ReadModel, Timestamp
from aioklaviyo.models.tag import Tag, tag_from

if TYPE_CHECKING:
    from aioklaviyo.models.segment.definition import SegmentDefinition

    ReadDefinition: TypeAlias = SegmentDefinition | dict[str, Any]
else:

    def _read(value: object) -> object:
        # A program that only asks who is in a segment does not pay for the grammar.
        from aioklaviyo.models.segment.definition import SegmentDefinition  # noqa: PLC0415

        try:
            return SegmentDefinition.model_validate(value)
        except ValidationError:
            if not isinstance(value, dict):
                raise ValueError("must be an object") from None  # noqa: TRY004 - pydantic takes it for a finding
            return value

    ReadDefinition = Annotated[object, PlainValidator(_read)]


class Segment(ReadModel):
    """A segment. ``tags`` and ``flow_triggers`` are objects when included; ``profile_count`` comes when asked for.

    A ``definition`` with something in it that this version does not know is the plain JSON; it can be written as it is.
    """

    id: str
    name: str | None = None
    definition: ReadDefinition | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    is_active: bool | None = None
    is_processing: bool | None = None
    is_starred: bool | None = None
    profile_count: int | None = None
    tags: tuple[Tag, ...] | None = None
    flow_triggers: tuple[Flow, ...] | None = None


def segment_from(resource: Resource) -> Segment:
    """Build from a resource object and what was included beside it."""
    return Segment.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "tags": resource.included_as("tags", "tag", tag_from),
            "flow_triggers": resource.included_as("flow-triggers", "flow", flow_from),
        }
    )
