"""The actions of flows and their messages: read, changed, put in and taken out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from klaviyo_emulator.clock import format_seconds
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.flows.actions import (
    BRANCHES,
    KINDS,
    NEVER_DRAFT,
    data_of,
    exit_of,
    exits,
    messages,
    read_action,
    targets,
)
from klaviyo_emulator.flows.definition import MAXIMUM_ACTIONS, check_graph, check_new
from klaviyo_emulator.flows.shapes import Shape, read
from klaviyo_emulator.payload import Object, related_id
from klaviyo_emulator.routes.resources import (
    View,
    linked,
    linked_back,
    one,
    record_type,
    related,
    related_ids,
    write_one,
    write_silently,
)
from klaviyo_emulator.state.flow_triggers import is_acting
from klaviyo_emulator.state.flows import (
    ACTION,
    DRAFT,
    FLOW,
    MESSAGE,
    Placed,
    actions_of,
    add_actions,
    delete_action,
    message_definition,
    set_definition,
    set_order,
)
from klaviyo_emulator.state.records import Columns, Record, change_record, find_record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes
    from klaviyo_emulator.routes.resources import ResourceType

_DEFINITION = "/data/attributes/definition"
_ANCHOR = "/data/attributes/anchor-action"
_FLOW = "/data/relationships/flow/data/id"
_ANY_LINKS: Shape = {"next": "string", "next_if_true": "string", "next_if_false": "string"}
_ANY_BRANCHES: Shape = {
    "branches*": [
        {
            "branch_id*": "string",
            "links": {"next": "string"},
            **dict.fromkeys(("order", "is_else", "branch_filter", "name"), "any"),
        }
    ],
    "name": "string",
}


def _times(record: Record) -> Document:
    return {
        "created": format_seconds(record.created_us),
        "updated": format_seconds(record.updated_us),
    }


def _action_attributes(_view: View, action: Record) -> Document:
    return {"definition": action.body["definition"], **_times(action)}


def _message_attributes(view: View, message: Record) -> Document:
    definition = message_definition(view.connection, message)
    return {"channel": message.body["channel"], "definition": definition, **_times(message)}


def _find_action(connection: sqlite3.Connection, action_id: str) -> Record | None:
    """An action by its id, which is a number: anything else is malformed, and not only unknown."""
    if not (action_id.isascii() and action_id.isdecimal()):
        raise invalid(f"Invalid Flow Action ID: '{action_id}'", "/data/id")
    return find_record(connection, ACTION, action_id)


FLOW_ACTION: ResourceType[Record] = replace(
    record_type(
        ACTION,
        "Flow Action",
        _action_attributes,
        columns=Columns(),
        relations=(
            linked("flow", FLOW, many=False, of=ACTION),
            linked_back("flow-messages", MESSAGE, ACTION),
        ),
    ),
    find=_find_action,
)
FLOW_MESSAGE: ResourceType[Record] = record_type(
    MESSAGE,
    "Flow Message",
    _message_attributes,
    relations=(
        linked(ACTION, ACTION, many=False, of=MESSAGE),
        linked("template", "template", many=False, of=MESSAGE),
    ),
)


async def patch_action(context: Context, request: ApiRequest) -> Reply:
    """Give an action another definition of the same type. It may lead elsewhere, within its flow."""
    definition = read_action(request.resource()["attributes"]["definition"], _DEFINITION)

    def work(connection: sqlite3.Connection) -> Record:
        action = FLOW_ACTION.get(connection, request.arguments[0])
        stored: Object = action.body["definition"]
        if definition["type"] != stored["type"]:
            raise invalid(f"The action is and stays a '{stored['type']}'.", f"{_DEFINITION}/type")
        if definition.pop("temporary_id", None) is not None or definition.get("id", action.id) != action.id:
            raise invalid(f"'id' must be '{action.id}', as in the path.", f"{_DEFINITION}/id")
        if definition.get("links") is None and stored.get("links") is not None:
            definition["links"] = stored["links"]
        changed = {"id": action.id, **definition}
        flow = _flow_of(connection, action)
        _check_path(connection, flow, changed)
        _keep_message(stored, changed)
        return set_definition(connection, context.mint, action, Placed(changed, _DEFINITION))

    return await write_one(context, request, FLOW_ACTION, work)


async def remove_action(context: Context, request: ApiRequest) -> Reply:
    """Delete an action: what led to it leads to what came after it.

    Of several exits the first that leads anywhere goes on, and what came after the others only goes too.
    """

    def work(connection: sqlite3.Connection) -> None:
        action = FLOW_ACTION.get(connection, request.arguments[0])
        flow = _flow_of(connection, action)
        after = next(iter(targets(action.body["definition"])), None)
        for other in actions_of(connection, flow):
            if other.id != action.id:
                _lead(connection, context, other, lambda _, target: target == action.id, after)
        entry = after if flow.body["entry_action_id"] == action.id else flow.body["entry_action_id"]
        by_id = {one.id: one for one in actions_of(connection, flow) if one.id != action.id}
        kept = _reached(by_id, entry)
        for action_id in flow.body["actions"]:
            if action_id not in kept:
                delete_action(connection, action_id)
        remaining = [action_id for action_id in flow.body["actions"] if action_id in kept]
        set_order(connection, context.mint, flow, remaining, entry)

    return await write_silently(context, work)


async def post_action(context: Context, request: ApiRequest) -> Reply:
    """Put an action into a flow: after an anchor, before the action that it leads to, or into an empty flow."""
    data = request.resource()
    attributes: Object = data["attributes"]
    definition = _insertable(attributes["definition"])
    following = targets(definition)
    given: Object = attributes.get("anchor-action") or Object()
    anchor: Object | None = given.get("data")
    flow_id = related_id(data, "flow")
    if sum((anchor is not None, bool(following), flow_id is not None)) != 1:
        detail = "Exactly one place is needed: 'anchor-action', links of the definition, or the relationship 'flow'."
        raise invalid(detail, "/data/attributes")

    def work(connection: sqlite3.Connection) -> Record:
        if anchor is not None:
            place = _after(connection, anchor, definition["temporary_id"])
        elif flow_id is not None:
            place = Place(_empty_flow(connection, flow_id), None, "")
        else:
            place = _before(connection, following)
        _require_room(place.flow, definition, allowed=bool(attributes.get("allow_live_action")))
        return FLOW_ACTION.get(connection, _insert(connection, context, definition, place))

    return await write_one(context, request, FLOW_ACTION, work, 201)


class Place(NamedTuple):
    """Where a new action comes: in which flow, before which action, and at which exit of the anchor."""

    flow: Record
    following: str | None
    exit: str
    """The pointer of an exit, empty where every way to the following action leads over the new one."""
    anchor: str = ""
    """The id of the action whose exit it is."""


def _insertable(value: object) -> Object:
    definition = read_action(value, _DEFINITION)
    check_new(definition, _DEFINITION)
    if not KINDS[definition["type"]].insertable:
        raise invalid(f"'{definition['type']}' cannot be put into a flow.", f"{_DEFINITION}/type")
    if data_of(definition).get("status"):
        definition["data"]["status"] = DRAFT
    return definition


def _require_room(flow: Record, definition: Object, *, allowed: bool) -> None:
    if definition["type"] in NEVER_DRAFT and is_acting(flow.body["status"]) and not allowed:
        detail = f"'{definition['type']}' acts at once in a live flow: 'allow_live_action' must be true."
        raise invalid(detail, "/data/attributes/allow_live_action")
    if len(flow.body["actions"]) >= MAXIMUM_ACTIONS:
        raise invalid(f"A flow has at most {MAXIMUM_ACTIONS} actions here.", _DEFINITION)


def _insert(connection: sqlite3.Connection, context: Context, definition: Object, place: Place) -> str:
    """Store a new action and lead the flow over it; all of its exits lead to what follows. Answers its id."""
    for _, holder, name in exits(definition):
        holder[name] = place.following
    temporary_id: str = definition["temporary_id"]
    actions = actions_of(connection, place.flow)
    added = [Placed(definition, _DEFINITION)]
    created = add_actions(connection, context.mint, place.flow.id, added)[temporary_id]
    for action in actions:
        if action.id == place.anchor or (not place.exit and place.following is not None):
            _lead(connection, context, action, lambda at, target: _meant(place, at, target), created)
    entry: str | None = place.flow.body["entry_action_id"]
    if not place.exit and entry == place.following:
        entry = created
    set_order(connection, context.mint, place.flow, [*place.flow.body["actions"], created], entry)
    return created


def _meant(place: Place, at: str, target: str | None) -> bool:
    """Whether an exit is one that is to lead to the new action."""
    return at == place.exit if place.exit else target == place.following


def _after(connection: sqlite3.Connection, anchor: Object, temporary_id: str) -> Place:
    """The place at the exit of the anchor that is to lead to the new action."""
    action = find_record(connection, ACTION, anchor["id"])
    if action is None:
        raise invalid(f"Flow Action with id {anchor['id']} not found.", f"{_ANCHOR}/data/id")
    stored: Object = action.body["definition"]
    given: Object = anchor["attributes"]["definition"]
    at = f"{_ANCHOR}/data/attributes/definition"
    if given.get("type") != stored["type"]:
        raise invalid(f"The anchor is a '{stored['type']}'.", f"{at}/type")
    chosen = [exit_ for exit_, target in _selected(given, stored, at) if target == temporary_id]
    if len(chosen) != 1:
        raise invalid(f"One link of the anchor must lead to '{temporary_id}'.", f"{at}/links")
    known = {exit_: holder.get(name) for exit_, holder, name in exits(stored)}
    if chosen[0] not in known:
        raise invalid("The anchor has no such link.", f"{at}/links")
    return Place(_flow_of(connection, action), known[chosen[0]], chosen[0], action.id)


def _selected(given: Object, stored: Object, pointer: str) -> list[tuple[str, object]]:
    """The links that an anchor's definition names, as pointers within the stored one, and where they lead."""
    if stored["type"] != BRANCHES:
        links: Object = read(_ANY_LINKS, given.get("links"), f"{pointer}/links", "the anchor")
        return [(f"/links/{name}", target) for name, target in links.items()]
    named: Object = read(_ANY_BRANCHES, given.get("data"), f"{pointer}/data", "the anchor")
    order = {branch["branch_id"]: index for index, branch in enumerate(data_of(stored).get("branches") or ())}
    return [
        (f"/data/branches/{order.get(branch['branch_id'])}/links/next", exit_of(branch)) for branch in named["branches"]
    ]


def _empty_flow(connection: sqlite3.Connection, flow_id: str) -> Record:
    flow = find_record(connection, FLOW, flow_id)
    if flow is None:
        raise invalid(f"Flow with id {flow_id} not found.", _FLOW)
    if flow.body["actions"]:
        raise invalid("The flow has actions already: an anchor, or links of the definition, are needed.", _FLOW)
    return flow


def _before(connection: sqlite3.Connection, following: list[str]) -> Place:
    at = f"{_DEFINITION}/links/next"
    if len(set(following)) > 1:
        raise invalid("A new action is put before one action.", at)
    action = find_record(connection, ACTION, following[0])
    if action is None:
        raise invalid(f"Flow Action with id {following[0]} not found.", at)
    return Place(_flow_of(connection, action), following[0], "")


def _flow_of(connection: sqlite3.Connection, action: Record) -> Record:
    flow = find_record(connection, FLOW, action.body["flow"])
    if flow is None:
        raise FLOW_ACTION.missing(action.id)
    return flow


def _check_path(connection: sqlite3.Connection, flow: Record, changed: Object) -> None:
    definitions = [
        changed if action.id == changed["id"] else action.body["definition"] for action in actions_of(connection, flow)
    ]
    pointers = dict.fromkeys(flow.body["actions"], _DEFINITION)
    check_graph(definitions, "id", flow.body["entry_action_id"], pointers, _DEFINITION)


def _keep_message(stored: Object, changed: Object) -> None:
    """A message that is changed without saying its id is the action's own."""
    for (_, before, _), (_, after, _) in zip(messages(stored), messages(changed), strict=False):
        if after.get("id") is None:
            after["id"] = before["id"]


def _lead(
    connection: sqlite3.Connection,
    context: Context,
    action: Record,
    is_meant: Callable[[str, str | None], bool],
    target: str | None,
) -> None:
    """Have the exits of an action that are meant, by their pointer and where they lead, lead to another action."""
    definition: Object = action.body["definition"]
    meant = [(holder, name) for at, holder, name in exits(definition) if is_meant(at, holder.get(name))]
    for holder, name in meant:
        holder[name] = target
    if meant:
        change_record(connection, context.mint, action, {"definition": definition})


def _reached(by_id: dict[str, Record], entry: str | None) -> set[str]:
    reached: set[str] = set()
    waiting: list[Any] = [entry]
    while waiting:
        action_id = waiting.pop()
        if action_id in by_id and action_id not in reached:
            reached.add(action_id)
            waiting += targets(by_id[action_id].body["definition"])
    return reached


ROUTES: Routes = {
    "get_flow_action": one(FLOW_ACTION),
    "create_flow_action": post_action,
    "update_flow_action": patch_action,
    "delete_flow_action": remove_action,
    "get_flow_for_flow_action": related(FLOW_ACTION, "flow"),
    "get_flow_id_for_flow_action": related_ids(FLOW_ACTION, "flow"),
    "get_flow_action_messages": related(FLOW_ACTION, "flow-messages"),
    "get_message_ids_for_flow_action": related_ids(FLOW_ACTION, "flow-messages"),
    "get_flow_message": one(FLOW_MESSAGE),
    "get_action_for_flow_message": related(FLOW_MESSAGE, ACTION),
    "get_action_id_for_flow_message": related_ids(FLOW_MESSAGE, ACTION),
    "get_template_for_flow_message": related(FLOW_MESSAGE, "template"),
    "get_template_id_for_flow_message": related_ids(FLOW_MESSAGE, "template"),
}
