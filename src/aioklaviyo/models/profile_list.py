"""Lists of profiles."""

from typing import Literal, TypeAlias

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.flow import Flow, flow_from
from aioklaviyo.models.profile import Profile
from aioklaviyo.models.reading import ReadModel, Timestamp
from aioklaviyo.models.tag import Tag, tag_from

OptInProcess: TypeAlias = Literal["double_opt_in", "single_opt_in"]
"""Whether an address has to be confirmed before it is subscribed."""


class ProfileList(ReadModel):
    """A list; membership and consent are two things. ``tags`` and ``flow_triggers`` are objects when included.

    ``profile_count`` comes when asked for.
    """

    id: str
    name: str | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    opt_in_process: str | None = None
    profile_count: int | None = None
    tags: tuple[Tag, ...] | None = None
    flow_triggers: tuple[Flow, ...] | None = None


class Member(Profile):
    """A profile as a member of a list or segment."""

    joined_group_at: Timestamp | None = None


def list_from(resource: Resource) -> ProfileList:
    """Build from a resource object and what was included beside it."""
    return ProfileList.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "tags": resource.included_as("tags", "tag", tag_from),
            "flow_triggers": resource.included_as("flow-triggers", "flow", flow_from),
        }
    )


def member_from(resource: Resource) -> Member:
    """Build from a resource object."""
    return Member.model_validate({**resource.attributes, "id": resource.id})
