"""Tags and tag groups, and what is tagged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import filled, related_id
from klaviyo_emulator.routes.resources import (
    Relation,
    ResourceType,
    View,
    linked,
    linked_back,
    many,
    one,
    record_type,
    related,
    related_ids,
    write_one,
    write_silently,
)
from klaviyo_emulator.state import links
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.records import (
    Record,
    all_records,
    change_record,
    count_records,
    create_record,
    delete_record,
    find_named,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.routes.context import ApiRequest, Context, Handler, Reply, Routes, Types
    from klaviyo_emulator.state.minting import Mint

MAXIMUM_TAGS = 500
MAXIMUM_TAG_GROUPS = 50
MAXIMUM_TAGS_OF_ONE = 100
_TAGGED = {"flows": "flow", "campaigns": "campaign", "lists": "list", "segments": "segment"}


def _tag_attributes(_view: View, tag: Record) -> Document:
    return {"name": tag.body["name"]}


def _group_attributes(_view: View, group: Record) -> Document:
    return {"name": group.body["name"], "exclusive": group.body["exclusive"], "default": group.body["default"]}


TAG = record_type(
    "tag",
    "Tag",
    _tag_attributes,
    relations=(
        linked("tag-group", "tag-group", many=False, of="tag"),
        *(linked(name, target, of="tag") for name, target in _TAGGED.items()),
    ),
)
TAG_GROUP = record_type(
    "tag-group", "Tag group", _group_attributes, relations=(linked_back("tags", "tag", "tag-group"),)
)
TYPES: Types = {"tag": TAG, "tag-group": TAG_GROUP}


def tagged(plural: str) -> Relation:
    """The relation `tags` of a type that can be tagged, such as `lists`."""
    return linked_back("tags", "tag", plural)


def untag(connection: sqlite3.Connection, plural: str, resource_id: str) -> None:
    """Forget the tags of a resource that is about to go."""
    links.unlink_target(connection, "tag", plural, resource_id)


def tag_resource(
    connection: sqlite3.Connection, mint: Mint, plural: str, resource_id: str, tags: Iterable[str]
) -> None:
    """Tag a new resource. Raises a 404 refusal for a tag that does not exist, and 400 for too many."""
    for tag_id in tags:
        tag = TAG.get(connection, tag_id)
        _make_room(connection, tag, plural, resource_id)
        links.link(connection, mint, Relationship("tag", tag.id, plural), [resource_id])


async def create_tag(context: Context, request: ApiRequest) -> Reply:
    """Make a tag in a group, the default one unless another is named."""
    data = request.resource()
    name = filled(data["attributes"], "name", "/data/attributes")
    wanted = related_id(data, "tag-group")

    def work(connection: sqlite3.Connection) -> Record:
        group = _default_group(connection) if wanted is None else TAG_GROUP.get(connection, wanted)
        if count_records(connection, "tag") >= MAXIMUM_TAGS:
            raise invalid(f"An account may have {MAXIMUM_TAGS} tags.", "/data")
        _refuse_known(connection, "tag", name)
        tag = create_record(connection, context.mint, "tag", context.mint.uuid(), {"name": name})
        links.link(connection, context.mint, Relationship("tag", tag.id, "tag-group"), [group.id])
        return tag

    return await write_one(context, request, TAG, work, 201)


async def update_tag(context: Context, request: ApiRequest) -> Reply:
    """Give a tag another name."""
    return await _rename(context, request, TAG)


async def delete_tag(context: Context, request: ApiRequest) -> Reply:
    """Delete a tag; what it was on loses it."""

    def work(connection: sqlite3.Connection) -> None:
        delete_record(connection, "tag", TAG.get(connection, request.arguments[0]).id)

    return await write_silently(context, work)


async def create_tag_group(context: Context, request: ApiRequest) -> Reply:
    """Make a group of tags."""
    data = request.resource()
    name = filled(data["attributes"], "name", "/data/attributes")
    exclusive = bool(data["attributes"].get("exclusive"))

    def work(connection: sqlite3.Connection) -> Record:
        if count_records(connection, "tag-group") >= MAXIMUM_TAG_GROUPS:
            raise invalid(f"An account may have {MAXIMUM_TAG_GROUPS} tag groups.", "/data")
        _refuse_known(connection, "tag-group", name)
        body = {"name": name, "exclusive": exclusive, "default": False}
        return create_record(connection, context.mint, "tag-group", context.mint.uuid(), body)

    return await write_one(context, request, TAG_GROUP, work, 201)


async def update_tag_group(context: Context, request: ApiRequest) -> Reply:
    """Give a group another name."""
    return await _rename(context, request, TAG_GROUP)


async def delete_tag_group(context: Context, request: ApiRequest) -> Reply:
    """Delete a group and its tags. The default group stays."""

    def work(connection: sqlite3.Connection) -> None:
        group = TAG_GROUP.get(connection, request.arguments[0])
        if group.body["default"]:
            raise invalid("The default tag group cannot be deleted.", "/data/id")
        for tag in links.ids(connection, links.owners("tag", "tag-group", group.id)):
            delete_record(connection, "tag", tag)
        delete_record(connection, "tag-group", group.id)

    return await write_silently(context, work)


def _tagging(plural: str) -> Handler:
    """Put a tag on resources."""

    async def handle(context: Context, request: ApiRequest) -> Reply:
        added = request.identifiers()

        def work(connection: sqlite3.Connection) -> None:
            tag = TAG.get(connection, request.arguments[0])
            for resource_id in added:
                _require(connection, context, plural, resource_id)
                _make_room(connection, tag, plural, resource_id)
            links.link(connection, context.mint, Relationship("tag", tag.id, plural), added)

        return await write_silently(context, work)

    return handle


def _untagging(plural: str) -> Handler:
    """Take a tag off resources."""

    async def handle(context: Context, request: ApiRequest) -> Reply:
        removed = request.identifiers()

        def work(connection: sqlite3.Connection) -> None:
            tag = TAG.get(connection, request.arguments[0])
            links.unlink(connection, Relationship("tag", tag.id, plural), removed)

        return await write_silently(context, work)

    return handle


def _require(connection: sqlite3.Connection, context: Context, plural: str, resource_id: str) -> None:
    kind = context.types[_TAGGED[plural]]
    if kind.find(connection, resource_id) is None:
        raise kind.missing(resource_id)


def _make_room(connection: sqlite3.Connection, tag: Record, plural: str, resource_id: str) -> None:
    """Of an exclusive group a resource has one tag: the one it gets now."""
    present = links.ids(connection, links.owners("tag", plural, resource_id))
    if tag.id not in present and len(present) >= MAXIMUM_TAGS_OF_ONE:
        raise invalid(f"A resource may have {MAXIMUM_TAGS_OF_ONE} tags.", "/data")
    (group_id,) = links.ids(connection, links.targets(Relationship("tag", tag.id, "tag-group")))
    if TAG_GROUP.get(connection, group_id).body["exclusive"]:
        siblings = set(links.ids(connection, links.owners("tag", "tag-group", group_id)))
        for other in siblings.intersection(present):
            links.unlink(connection, Relationship("tag", other, plural), [resource_id])


async def _rename(context: Context, request: ApiRequest, kind: ResourceType[Record]) -> Reply:
    name = filled(request.resource()["attributes"], "name", "/data/attributes")

    def work(connection: sqlite3.Connection) -> None:
        record = kind.get(connection, request.arguments[0])
        _refuse_known(connection, kind.name, name, record.id)
        change_record(connection, context.mint, record, {"name": name})

    return await write_silently(context, work)


def _refuse_known(connection: sqlite3.Connection, kind: str, name: str, own: str = "") -> None:
    known = find_named(connection, kind, name)
    if known is not None and known.id != own:
        raise invalid(f"A {kind.replace('-', ' ')} with the name '{name}' exists already.", "/data/attributes/name")


def _default_group(connection: sqlite3.Connection) -> Record:
    return next(group for group in all_records(connection, "tag-group") if group.body["default"])


ROUTES: Routes = {
    "get_tags": many(TAG),
    "get_tag": one(TAG),
    "create_tag": create_tag,
    "update_tag": update_tag,
    "delete_tag": delete_tag,
    "get_tag_groups": many(TAG_GROUP),
    "get_tag_group": one(TAG_GROUP),
    "create_tag_group": create_tag_group,
    "update_tag_group": update_tag_group,
    "delete_tag_group": delete_tag_group,
    "get_tag_group_for_tag": related(TAG, "tag-group"),
    "get_tag_group_id_for_tag": related_ids(TAG, "tag-group"),
    "get_tags_for_tag_group": related(TAG_GROUP, "tags"),
    "get_tag_ids_for_tag_group": related_ids(TAG_GROUP, "tags"),
    **{f"get_{kind}_ids_for_tag": related_ids(TAG, plural) for plural, kind in _TAGGED.items()},
    **{f"tag_{plural}": _tagging(plural) for plural in _TAGGED},
    **{f"remove_tag_from_{plural}": _untagging(plural) for plural in _TAGGED},
}
