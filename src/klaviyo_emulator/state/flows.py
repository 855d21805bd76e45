"""Flows as they are stored: a flow, its actions and their messages are records; links tell what belongs together.

An action's record holds its definition with ids; the flow's holds the rest and, in `actions`, the order of the ids.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.flows.actions import data_of, exits, filters, kind_of, messages, parts
from klaviyo_emulator.flows.conditions import EventProperty, NotInFlow, NotSent, Sample, Unanswerable, parse_groups
from klaviyo_emulator.segments.definition import Definition
from klaviyo_emulator.state import links
from klaviyo_emulator.state.flow_runs import forget_runs
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.metrics import find_metric
from klaviyo_emulator.state.records import (
    Body,
    Record,
    change_record,
    create_record,
    delete_record,
    find_record,
    free_short_id,
)
from klaviyo_emulator.state.templates import TEMPLATE, copy_template, reusable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from klaviyo_emulator.flows.conditions import FlowCondition
    from klaviyo_emulator.flows.definition import FlowDefinition
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.state.minting import Mint

FLOW = "flow"
ACTION = "flow-action"
MESSAGE = "flow-message"
DRAFT = "draft"
_FIRST_ID, _LAST_ID = 10_000_000, 99_999_999


class Placed(NamedTuple):
    """A definition of an action, and the pointer that refusals call it by."""

    definition: Object
    pointer: str


def create_flow(
    connection: sqlite3.Connection, mint: Mint, name: str, definition: FlowDefinition, pointer: str
) -> Record:
    """Store a flow, as a draft. Raises a 400 refusal for what it names and does not exist."""
    for index, trigger in enumerate(definition.triggers):
        _check_trigger(connection, trigger, f"{pointer}/triggers/{index}")
    check_references(connection, definition.profile_filter, f"{pointer}/profile_filter")
    flow_id = free_short_id(connection, mint)
    body: Body = {
        "name": name,
        "status": DRAFT,
        "archived": False,
        "trigger_type": definition.trigger_type,
        "triggers": definition.triggers,
        "profile_filter": definition.profile_filter,
        "reentry_criteria": definition.reentry,
        "entry_action_id": None,
        "actions": [],
    }
    flow = create_record(connection, mint, FLOW, flow_id, body)
    watched = [str(trigger["id"]) for trigger in definition.triggers if trigger.get("id")]
    links.link(connection, mint, Relationship(FLOW, flow_id, "triggers"), watched)
    placed = [Placed(action, f"{pointer}/actions/{index}") for index, action in enumerate(definition.actions)]
    ids = add_actions(connection, mint, flow_id, placed)
    changes: Body = {
        "actions": list(ids.values()),
        "entry_action_id": None if definition.entry is None else ids[definition.entry],
    }
    return _update_body(connection, flow, changes)


def add_actions(connection: sqlite3.Connection, mint: Mint, flow_id: str, added: Sequence[Placed]) -> dict[str, str]:
    """Store new actions with their messages; answers their ids by their temporary ids.

    Where they lead is rewritten to ids; what is no temporary id stays.
    """
    ids = {str(placed.definition["temporary_id"]): _free_action_id(connection, mint) for placed in added}
    for placed in added:
        action = placed.definition
        action_id = ids[action.pop("temporary_id")]
        for _, holder, name in exits(action):
            holder[name] = ids.get(str(holder.get(name)), holder.get(name))
        body: Body = {"flow": flow_id, "action_type": _upper(action["type"]), "status": status_of(action)}
        stored = {"id": action_id, **{name: value for name, value in action.items() if name != "id"}}
        record = create_record(connection, mint, ACTION, action_id, {**body, "definition": stored})
        links.link(connection, mint, Relationship(ACTION, action_id, "flow"), [flow_id])
        set_definition(connection, mint, record, Placed(stored, placed.pointer))
    return ids


def set_definition(connection: sqlite3.Connection, mint: Mint, action: Record, placed: Placed) -> Record:
    """Give an action a definition that was checked by itself, and its messages what follows from it.

    A message keeps its id; a template that is not its own already is copied. Raises a 400 refusal for what does not
    exist.
    """
    definition = placed.definition
    for at, value in filters(definition):
        check_references(connection, value, f"{placed.pointer}{at}")
    if definition["type"] == "list-update":
        list_id: str | None = definition["data"].get("list_id")
        if list_id is not None and find_record(connection, "list", list_id) is None:
            raise invalid(f"List with id {list_id} not found.", f"{placed.pointer}/data/list_id")
    for _, part in parts(definition):
        if part.pop("temporary_id", None) is not None or part.get("id") is None:
            part["id"] = _free_action_id(connection, mint)
    owned = set(links.ids(connection, links.owners(MESSAGE, ACTION, action.id)))
    kept: set[str] = set()
    for at, message, channel in messages(definition):
        message_id = message.get("id")
        if message_id not in owned:
            message_id = free_short_id(connection, mint)
            message["id"] = message_id
            body: Body = {"channel": channel, "name": message.get("name"), "action": action.id}
            create_record(connection, mint, MESSAGE, message_id, body)
            links.link(connection, mint, Relationship(MESSAGE, message_id, ACTION), [action.id])
        else:
            known = find_record(connection, MESSAGE, message_id)
            if known is not None:
                change_record(connection, mint, known, {"name": message.get("name")})
        kept.add(message_id)
        _own_template(connection, mint, message, f"{placed.pointer}{at}/template_id")
    for message_id in owned - kept:
        _delete_message(connection, message_id)
    return change_record(connection, mint, action, {"definition": definition, "status": status_of(definition)})


def actions_of(connection: sqlite3.Connection, flow: Record) -> list[Record]:
    """The actions of a flow, in their order."""
    found = (find_record(connection, ACTION, action_id) for action_id in flow.body["actions"])
    return [action for action in found if action is not None]


def definition_of(connection: sqlite3.Connection, flow: Record) -> Object:
    """The definition of a flow, as the API answers it."""
    return {
        "triggers": flow.body["triggers"],
        "profile_filter": flow.body["profile_filter"],
        "actions": [action.body["definition"] for action in actions_of(connection, flow)],
        "entry_action_id": flow.body["entry_action_id"],
        "reentry_criteria": flow.body["reentry_criteria"],
    }


def message_definition(connection: sqlite3.Connection, message: Record) -> Object | None:
    """What a message says, which its action holds."""
    action = find_record(connection, ACTION, message.body["action"])
    if action is None:
        return None
    return next((found for _, found, _ in messages(action.body["definition"]) if found["id"] == message.id), None)


def set_status(connection: sqlite3.Connection, mint: Mint, flow: Record, status: str) -> Record:
    """Make a flow and all its actions draft, manual or live."""
    for action in actions_of(connection, flow):
        definition: Object = action.body["definition"]
        if kind_of(definition).has_status and data_of(definition):
            definition["data"]["status"] = status
            change_record(connection, mint, action, {"definition": definition, "status": status})
    return change_record(connection, mint, flow, {"status": status})


def set_order(
    connection: sqlite3.Connection, mint: Mint, flow: Record, actions: Iterable[str], entry: str | None
) -> Record:
    """Note which actions a flow has, and where it begins."""
    return change_record(connection, mint, flow, {"actions": list(actions), "entry_action_id": entry})


def delete_flow(connection: sqlite3.Connection, flow: Record) -> None:
    """Delete a flow with its actions, messages and runs."""
    for action_id in flow.body["actions"]:
        delete_action(connection, action_id)
    forget_runs(connection, flow.id)
    delete_record(connection, FLOW, flow.id)


def delete_action(connection: sqlite3.Connection, action_id: str) -> None:
    """Delete an action with its messages and their templates. The flow is the caller's to mend."""
    for message_id in links.ids(connection, links.owners(MESSAGE, ACTION, action_id)):
        _delete_message(connection, message_id)
    delete_record(connection, ACTION, action_id)


def status_of(action: Object) -> str | None:
    """The status of an action, None for one that always acts."""
    return data_of(action).get("status")


def live_flows(connection: sqlite3.Connection, trigger: str) -> list[Record]:
    """The flows that a list, a segment or a metric triggers and that profiles enter."""
    found = (
        find_record(connection, FLOW, one) for one in links.ids(connection, links.owners(FLOW, "triggers", trigger))
    )
    return [flow for flow in found if flow is not None and flow.body["status"] in {"live", "manual"}]


def check_references(connection: sqlite3.Connection, value: object, pointer: str) -> None:
    """Refuse a filter that names a metric, a list or a segment which does not exist."""
    for group_index, group in enumerate(parse_groups(value, pointer)):
        for index, condition in enumerate(group):
            at = f"{pointer}/condition_groups/{group_index}/conditions/{index}"
            for kind, named, inner in _references(condition):
                if not _exists(connection, kind, named):
                    raise invalid(f"{kind.capitalize()} with id {named} not found.", f"{at}{inner}")


def _references(condition: FlowCondition) -> list[tuple[str, str, str]]:
    if isinstance(condition, EventProperty):
        return [("metric", condition.metric_id, "/metric_id")]
    if isinstance(condition, NotSent | NotInFlow | Sample | Unanswerable):
        return []
    prefix = "/condition_groups/0/conditions/0"
    found = Definition(((condition,),)).references()
    return [(one.kind, one.id, one.pointer.removeprefix(prefix)) for one in found]


def _exists(connection: sqlite3.Connection, kind: str, named: str) -> bool:
    if kind == "metric":
        return find_metric(connection, named) is not None
    return any(find_record(connection, group, named) is not None for group in ("list", "segment"))


def _check_trigger(connection: sqlite3.Connection, trigger: Object, pointer: str) -> None:
    kind = trigger["type"]
    named: str | None = trigger.get("id")
    if named is not None:
        found = find_metric(connection, named) if kind == "metric" else find_record(connection, kind, named)
        if found is None:
            raise invalid(f"{kind.capitalize()} with id {named} not found.", f"{pointer}/id")
    check_references(connection, trigger.get("trigger_filter"), f"{pointer}/trigger_filter")


def _own_template(connection: sqlite3.Connection, mint: Mint, message: Object, pointer: str) -> None:
    """Give a message a copy of the template that it names, unless that is its own copy."""
    relationship = Relationship(MESSAGE, message["id"], "template")
    own = links.ids(connection, links.targets(relationship))
    wanted: str | None = message.get("template_id")
    if wanted is not None and wanted in own:
        return
    copied: list[str] = []
    if wanted is not None:
        template = reusable(connection, wanted)
        if template is None:
            raise invalid(f"Template with id {wanted} not found.", pointer)
        copied = [copy_template(connection, mint, template, owner=message["id"]).id]
        message["template_id"] = copied[0]
    for template_id in own:
        delete_record(connection, TEMPLATE, template_id)
    links.relink(connection, mint, relationship, copied)


def _delete_message(connection: sqlite3.Connection, message_id: str) -> None:
    for template_id in links.ids(connection, links.targets(Relationship(MESSAGE, message_id, "template"))):
        delete_record(connection, TEMPLATE, template_id)
    delete_record(connection, MESSAGE, message_id)


def _update_body(connection: sqlite3.Connection, flow: Record, changes: Mapping[str, Any]) -> Record:
    """Complete the body of a record that is being made, so that `updated` is `created` still."""
    body = {**flow.body, **changes}
    connection.execute("UPDATE record SET body = ? WHERE seq = ?", (json.dumps(body, separators=(",", ":")), flow.seq))
    return Record(flow.seq, flow.type, flow.id, flow.created_us, flow.updated_us, body)


def _free_action_id(connection: sqlite3.Connection, mint: Mint) -> str:
    """A number that no action has."""
    while True:
        drawn = str(mint.chance.randint(_FIRST_ID, _LAST_ID))
        if find_record(connection, ACTION, drawn) is None:
            return drawn


def _upper(kind: str) -> str:
    return kind.upper().replace("-", "_")
