"""Lists: made, changed, deleted; who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_seconds
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import filled
from klaviyo_emulator.routes.members import member_ids, member_relation, members
from klaviyo_emulator.routes.profiles import PROFILE
from klaviyo_emulator.routes.resources import (
    ResourceType,
    View,
    linked_back,
    many,
    one,
    record_type,
    related,
    related_ids,
    write_one,
    write_silently,
)
from klaviyo_emulator.routes.tags import tagged, untag
from klaviyo_emulator.state import links
from klaviyo_emulator.state.consents import forget_list
from klaviyo_emulator.state.lists import LIST, join_list
from klaviyo_emulator.state.members import clear_members, count_members, remove_members
from klaviyo_emulator.state.records import Record, change_record, create_record, delete_record, free_short_id

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types

MAXIMUM_MEMBERS = 1000
"""Profiles in one call that adds or removes."""


def _attributes(_view: View, record: Record) -> Document:
    return {
        "name": record.body["name"],
        "created": format_seconds(record.created_us),
        "updated": format_seconds(record.updated_us),
        "opt_in_process": record.body["opt_in_process"],
    }


def _profile_count(view: View, record: Record) -> int:
    return count_members(view.connection, record.id)


LIST_TYPE: ResourceType[Record] = record_type(
    LIST,
    "List",
    _attributes,
    relations=(member_relation(), tagged("lists"), linked_back("flow-triggers", "flow", "triggers")),
    additional={"profile_count": _profile_count},
)
TYPES: Types = {LIST: LIST_TYPE}


async def create_list(context: Context, request: ApiRequest) -> Reply:
    """Make a list."""
    attributes: Object = request.resource()["attributes"]
    body = {
        "name": filled(attributes, "name", "/data/attributes"),
        "opt_in_process": attributes.get("opt_in_process") or context.config.opt_in_process,
    }

    def work(connection: sqlite3.Connection) -> Record:
        return create_record(connection, context.mint, LIST, free_short_id(connection, context.mint), body)

    return await write_one(context, request, LIST_TYPE, work, 201)


async def update_list(context: Context, request: ApiRequest) -> Reply:
    """Give a list another name, or another way to opt in. Null leaves either as it is."""
    attributes: Object = request.resource()["attributes"]
    changes = {name: attributes[name] for name in ("name", "opt_in_process") if attributes.get(name) is not None}
    if "name" in changes:
        filled(attributes, "name", "/data/attributes")

    def work(connection: sqlite3.Connection) -> Record:
        return change_record(connection, context.mint, LIST_TYPE.get(connection, request.arguments[0]), changes)

    return await write_one(context, request, LIST_TYPE, work)


async def delete_list(context: Context, request: ApiRequest) -> Reply:
    """Delete a list. Who was in it stays, with the consent they gave."""

    def work(connection: sqlite3.Connection) -> None:
        record = LIST_TYPE.get(connection, request.arguments[0])
        clear_members(connection, record.id)
        forget_list(connection, record.id)
        untag(connection, "lists", record.id)
        links.unlink_target(connection, "flow", "triggers", record.id)
        delete_record(connection, LIST, record.id)

    return await write_silently(context, work)


async def add_profiles(context: Context, request: ApiRequest) -> Reply:
    """Put profiles into a list; their consent stays as it is."""
    profile_ids = _profile_ids(request)

    def work(connection: sqlite3.Connection) -> None:
        record = LIST_TYPE.get(connection, request.arguments[0])
        profiles = [PROFILE.get(connection, profile_id) for profile_id in profile_ids]
        join_list(connection, context.mint, record.id, profiles)

    return await write_silently(context, work)


async def remove_profiles(context: Context, request: ApiRequest) -> Reply:
    """Take profiles out of a list; their consent stays as it is."""
    profile_ids = _profile_ids(request)

    def work(connection: sqlite3.Connection) -> None:
        record = LIST_TYPE.get(connection, request.arguments[0])
        profiles = [PROFILE.get(connection, profile_id) for profile_id in profile_ids]
        remove_members(connection, record.id, (profile.seq for profile in profiles))

    return await write_silently(context, work)


def _profile_ids(request: ApiRequest) -> list[str]:
    profile_ids = request.identifiers()
    if len(profile_ids) > MAXIMUM_MEMBERS:
        raise invalid(f"At most {MAXIMUM_MEMBERS} profiles can be added or removed at once.", "/data")
    return profile_ids


ROUTES: Routes = {
    "get_lists": many(LIST_TYPE),
    "get_list": one(LIST_TYPE),
    "create_list": create_list,
    "update_list": update_list,
    "delete_list": delete_list,
    "get_profiles_for_list": members(LIST_TYPE),
    "get_profile_ids_for_list": member_ids(LIST_TYPE),
    "add_profiles_to_list": add_profiles,
    "remove_profiles_from_list": remove_profiles,
    "get_tags_for_list": related(LIST_TYPE, "tags"),
    "get_tag_ids_for_list": related_ids(LIST_TYPE, "tags"),
    "get_flows_triggered_by_list": related(LIST_TYPE, "flow-triggers"),
    "get_ids_for_flows_triggered_by_list": related_ids(LIST_TYPE, "flow-triggers"),
}
