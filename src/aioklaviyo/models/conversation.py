"""Conversations with profiles."""

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import ReadModel


class Conversation(ReadModel):
    """A conversation. ``channel`` is plain text: instagram, sms, whatsapp so far."""

    id: str
    channel: str | None = None
    profile_id: str | None = None


def conversation_from(resource: Resource) -> Conversation:
    """Build from a resource object."""
    return Conversation.model_validate(
        {**resource.attributes, "id": resource.id, "profile_id": resource.related_id("profile")}
    )
