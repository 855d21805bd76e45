"""Images that messages show."""

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import ReadModel, Timestamp


class Image(ReadModel):
    """An image of the account's library. ``size`` is in bytes; a hidden one is not offered in Klaviyo's editor."""

    id: str
    name: str | None = None
    image_url: str | None = None
    format: str | None = None
    size: int | None = None
    hidden: bool | None = None
    updated_at: Timestamp | None = None


def image_from(resource: Resource) -> Image:
    """Build from a resource object."""
    return Image.model_validate({**resource.attributes, "id": resource.id})
