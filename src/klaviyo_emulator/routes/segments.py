"""Segments: defined, changed, deactivated, deleted; who is in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_seconds
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import filled
from klaviyo_emulator.routes.freshness import refresh_stale, with_fresh_segment
from klaviyo_emulator.routes.members import member_ids, member_relation, members
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
from klaviyo_emulator.segments.definition import parse_definition
from klaviyo_emulator.state import links
from klaviyo_emulator.state.members import clear_members, count_members
from klaviyo_emulator.state.metrics import find_metric
from klaviyo_emulator.state.records import (
    Record,
    change_record,
    create_record,
    delete_record,
    find_record,
    free_short_id,
    list_records,
)
from klaviyo_emulator.state.segments import SEGMENT, is_processing

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types
    from klaviyo_emulator.segments.definition import Definition
    from klaviyo_emulator.state.paging import Page
    from klaviyo_emulator.state.records import Subquery

_LIVE_PROCESSING_MS = 9 * 60 * 1000
"""How long the live API was seen to take until a new segment had members, while it said that it was done."""
_NOT_APPLIED_LIVE = frozenset({"is_active", "is_starred"})
"""Filters that the live API accepts and does not apply."""
_DEFINITION = "/data/attributes/definition"


def _attributes(view: View, segment: Record) -> Document:
    live = view.context.config.behaviour == "live"
    return {
        "name": segment.body["name"],
        "definition": segment.body["definition"],
        "created": format_seconds(segment.created_us),
        "updated": format_seconds(segment.updated_us),
        "is_active": segment.body["is_active"],
        "is_processing": not live and is_processing(segment, view.context.mint.now_us()),
        "is_starred": segment.body["is_starred"],
    }


def _page(view: View, start: Position | None, within: Subquery | None) -> Page[Record]:
    query = view.query
    live = view.context.config.behaviour == "live"
    conditions = [one for one in query.filters if not (live and one.field in _NOT_APPLIED_LIVE)]
    return list_records(
        view.connection, SEGMENT, conditions, sort=query.sort, start=start, size=query.size, within=within
    )


SEGMENT_TYPE: ResourceType[Record] = replace(
    record_type(
        SEGMENT,
        "Segment",
        _attributes,
        relations=(member_relation(), tagged("segments"), linked_back("flow-triggers", "flow", "triggers")),
        additional={"profile_count": lambda view, segment: count_members(view.connection, segment.id)},
    ),
    page=_page,
)
TYPES: Types = {SEGMENT: SEGMENT_TYPE}


async def create_segment(context: Context, request: ApiRequest) -> Reply:
    """Define a segment."""
    attributes: Object = request.resource()["attributes"]
    definition = parse_definition(attributes["definition"], _DEFINITION)
    body = {
        "name": filled(attributes, "name", "/data/attributes"),
        "definition": attributes["definition"],
        "is_starred": bool(attributes.get("is_starred")),
        "is_active": True,
        "ready_us": _ready_us(context),
    }

    def work(connection: sqlite3.Connection) -> Record:
        _require_references(connection, definition)
        return create_record(connection, context.mint, SEGMENT, free_short_id(connection, context.mint), body)

    return await write_one(context, request, SEGMENT_TYPE, work, 201)


async def update_segment(context: Context, request: ApiRequest) -> Reply:
    """Change a segment. Whoever deactivates it changes nothing else at the same time."""
    attributes: Object = request.resource()["attributes"]
    changes = {name: value for name, value in attributes.items() if value is not None}
    if "name" in changes:
        filled(attributes, "name", "/data/attributes")
    if changes.get("is_active") is False and len(changes) > 1:
        raise invalid("A segment is deactivated by 'is_active' alone.", "/data/attributes/is_active")
    definition: Definition | None = None
    if "definition" in changes:
        definition = parse_definition(changes["definition"], _DEFINITION)
        changes["ready_us"] = _ready_us(context)

    def work(connection: sqlite3.Connection) -> Record:
        segment = SEGMENT_TYPE.get(connection, request.arguments[0])
        if definition is not None:
            _require_references(connection, definition)
        return change_record(connection, context.mint, segment, changes)

    return await write_one(context, request, SEGMENT_TYPE, work)


async def delete_segment(context: Context, request: ApiRequest) -> Reply:
    """Delete a segment. Its profiles stay."""

    def work(connection: sqlite3.Connection) -> None:
        segment = SEGMENT_TYPE.get(connection, request.arguments[0])
        clear_members(connection, segment.id)
        untag(connection, "segments", segment.id)
        links.unlink_target(connection, "flow", "triggers", segment.id)
        delete_record(connection, SEGMENT, segment.id)

    return await write_silently(context, work)


async def get_segment(context: Context, request: ApiRequest) -> Reply:
    """Read a segment; its count is that of now."""
    if request.query.additional.get("segment"):
        await refresh_stale(context, request.arguments[0])
    return await one(SEGMENT_TYPE)(context, request)


def _ready_us(context: Context) -> int:
    live = context.config.behaviour == "live"
    return context.mint.now_us() + (_LIVE_PROCESSING_MS if live else context.config.job_ms) * 1000


def _require_references(connection: sqlite3.Connection, definition: Definition) -> None:
    for reference in definition.references():
        if reference.kind == "metric":
            known = find_metric(connection, reference.id) is not None
        else:
            known = any(find_record(connection, kind, reference.id) for kind in ("list", SEGMENT))
        if not known:
            raise invalid(f"There is no {reference.kind} with id {reference.id}.", f"{_DEFINITION}{reference.pointer}")


ROUTES: Routes = {
    "get_segments": many(SEGMENT_TYPE),
    "get_segment": get_segment,
    "create_segment": create_segment,
    "update_segment": update_segment,
    "delete_segment": delete_segment,
    "get_profiles_for_segment": with_fresh_segment(members(SEGMENT_TYPE)),
    "get_profile_ids_for_segment": with_fresh_segment(member_ids(SEGMENT_TYPE)),
    "get_tags_for_segment": related(SEGMENT_TYPE, "tags"),
    "get_tag_ids_for_segment": related_ids(SEGMENT_TYPE, "tags"),
    "get_flows_triggered_by_segment": related(SEGMENT_TYPE, "flow-triggers"),
    "get_ids_for_flows_triggered_by_segment": related_ids(SEGMENT_TYPE, "flow-triggers"),
}
