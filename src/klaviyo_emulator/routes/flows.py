"""Flows, their actions and their messages: defined, read, made draft, manual or live, and changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_seconds
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.flows.actions import STATUSES
from klaviyo_emulator.flows.definition import read_definition
from klaviyo_emulator.payload import filled
from klaviyo_emulator.routes.flow_actions import FLOW_ACTION, FLOW_MESSAGE
from klaviyo_emulator.routes.flow_actions import ROUTES as ACTION_ROUTES
from klaviyo_emulator.routes.resources import (
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
from klaviyo_emulator.state.flow_segments import watch_segments
from klaviyo_emulator.state.flows import FLOW, create_flow, definition_of, delete_flow, set_status

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types
    from klaviyo_emulator.routes.resources import ResourceType
    from klaviyo_emulator.state.records import Record

_ATTRIBUTES = "/data/attributes"


def _attributes(_view: View, flow: Record) -> Document:
    return {
        "name": flow.body["name"],
        "status": flow.body["status"],
        "archived": flow.body["archived"],
        "created": format_seconds(flow.created_us),
        "updated": format_seconds(flow.updated_us),
        "trigger_type": flow.body["trigger_type"],
    }


def _definition(view: View, flow: Record) -> Document:
    return definition_of(view.connection, flow)


FLOW_TYPE: ResourceType[Record] = record_type(
    FLOW,
    "Flow",
    _attributes,
    relations=(linked_back("flow-actions", "flow-action", "flow"), tagged("flows")),
    additional={"definition": _definition},
)


def _with_definition(view: View, flow: Record) -> Document:
    return {**_attributes(view, flow), "definition": _definition(view, flow)}


_CREATED: ResourceType[Record] = replace(FLOW_TYPE, attributes=_with_definition)
"""A new flow is answered with its definition, in which ids have taken the place of temporary ones."""
TYPES: Types = {FLOW: FLOW_TYPE, "flow-action": FLOW_ACTION, "flow-message": FLOW_MESSAGE}


async def post_flow(context: Context, request: ApiRequest) -> Reply:
    """Make a flow, as a draft."""
    attributes: Object = request.resource()["attributes"]
    name = filled(attributes, "name", _ATTRIBUTES)
    pointer = f"{_ATTRIBUTES}/definition"
    definition = read_definition(attributes["definition"], pointer)

    def work(connection: sqlite3.Connection) -> Record:
        return create_flow(connection, context.mint, name, definition, pointer)

    return await write_one(context, request, _CREATED, work, 201)


async def patch_flow(context: Context, request: ApiRequest) -> Reply:
    """Make a flow and all its actions draft, manual or live. Who is a member already does not enter for that."""
    status: str = request.resource()["attributes"]["status"]
    if status not in STATUSES:
        raise invalid(f"'status' must be one of: {', '.join(STATUSES)}.", f"{_ATTRIBUTES}/status")

    def work(connection: sqlite3.Connection) -> Record:
        flow = set_status(connection, context.mint, FLOW_TYPE.get(connection, request.arguments[0]), status)
        watch_segments(connection, context.mint, flow)
        return flow

    return await write_one(context, request, FLOW_TYPE, work)


async def remove_flow(context: Context, request: ApiRequest) -> Reply:
    """Delete a flow with its actions and messages. Who is in it goes no further."""

    def work(connection: sqlite3.Connection) -> None:
        flow = FLOW_TYPE.get(connection, request.arguments[0])
        untag(connection, "flows", flow.id)
        delete_flow(connection, flow)

    return await write_silently(context, work)


ROUTES: Routes = {
    "get_flows": many(FLOW_TYPE),
    "get_flow": one(FLOW_TYPE),
    "create_flow": post_flow,
    "update_flow": patch_flow,
    "delete_flow": remove_flow,
    "get_actions_for_flow": related(FLOW_TYPE, "flow-actions"),
    "get_action_ids_for_flow": related_ids(FLOW_TYPE, "flow-actions"),
    "get_tags_for_flow": related(FLOW_TYPE, "tags"),
    "get_tag_ids_for_flow": related_ids(FLOW_TYPE, "tags"),
    **ACTION_ROUTES,
}
