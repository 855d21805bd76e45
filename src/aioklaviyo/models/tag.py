"""Tags and their groups."""

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import ReadModel


class TagGroup(ReadModel):
    """A group of tags; of an exclusive one, a thing bears one tag at most."""

    id: str
    name: str | None = None
    exclusive: bool | None = None
    default: bool | None = None


class Tag(ReadModel):
    """A tag. ``tag_group`` is an object when included, else None beside its id."""

    id: str
    name: str | None = None
    tag_group_id: str | None = None
    tag_group: TagGroup | None = None


def tag_group_from(resource: Resource) -> TagGroup:
    """Build from a resource object."""
    return TagGroup.model_validate({**resource.attributes, "id": resource.id})


def tag_from(resource: Resource) -> Tag:
    """Build from a resource object and what was included beside it."""
    group = resource.related("tag-group", "tag-group")
    return Tag.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "tag_group_id": resource.related_id("tag-group"),
            "tag_group": None if group is None else tag_group_from(group),
        }
    )
