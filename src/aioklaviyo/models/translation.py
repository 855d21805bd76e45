"""Translations of messages."""

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import Properties, ReadModel, Timestamp


class Translation(ReadModel):
    """Into which languages something is translated. ``channel`` is plain text, as in ``email`` or ``sms``."""

    id: str
    source_locale: str | None = None
    target_locales: tuple[str, ...] | None = None
    fallback_locale: str | None = None
    channel: str | None = None
    metadata: Properties | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None


def translation_from(resource: Resource) -> Translation:
    """Build from a resource object."""
    return Translation.model_validate({**resource.attributes, "id": resource.id})
