"""Profiles with what was included beside them."""

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.conversation import Conversation, conversation_from
from aioklaviyo.models.profile import Profile
from aioklaviyo.models.profile_list import ProfileList, list_from
from aioklaviyo.models.push_token import PushToken, push_token_from
from aioklaviyo.models.segment.segment import Segment, segment_from


class FullProfile(Profile):
    """A profile; its relations are objects when they were included, else None."""

    lists: tuple[ProfileList, ...] | None = None
    segments: tuple[Segment, ...] | None = None
    push_tokens: tuple[PushToken, ...] | None = None
    conversations: tuple[Conversation, ...] | None = None


def full_profile_from(resource: Resource) -> FullProfile:
    """Build from a resource object and what was included beside it."""
    relations = {
        "lists": resource.included_as("lists", "list", list_from),
        "segments": resource.included_as("segments", "segment", segment_from),
        "push_tokens": resource.included_as("push-tokens", "push-token", push_token_from),
        "conversations": resource.included_as("conversations", "conversation", conversation_from),
    }
    included = {name: found for name, found in relations.items() if found is not None}
    return FullProfile.model_validate({**resource.attributes, "id": resource.id, **included})
