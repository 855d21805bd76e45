"""Definitions of flows: one trigger, a filter, and actions that follow each other without a circle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.flows.actions import exits, read_action, targets
from klaviyo_emulator.flows.conditions import check_groups
from klaviyo_emulator.flows.shapes import members, read, required
from klaviyo_emulator.flows.times import check_time, check_time_zone, check_weekdays
from klaviyo_emulator.payload import Object, as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.flows.shapes import Shape

UNCONFIGURED = "Unconfigured"
TRIGGER_TYPES: Mapping[str, str] = {
    "list": "Added to List",
    "segment": "Added to List",
    "metric": "Metric",
    "date": "Date Based",
    "price-drop": "Price Drop",
    "low-inventory": "Low Inventory",
}
"""The attribute `trigger_type` by the type of the trigger."""
REENTRY_UNITS: Mapping[str, int] = {"hour": 3600, "day": 86_400, "week": 604_800}
"""Seconds of the units of reentry criteria; `alltime` is the fourth."""
MAXIMUM_ACTIONS = 500
"""Actions that one flow may have here. Klaviyo names no limit."""
_OWNER = "a flow trigger"
_DATED: Mapping[str, Shape] = {
    "type*": "string",
    "timedelta_unit_before_date=weeks": "days|months|weeks",
    "timedelta_value_before_date*": "integer",
    "recurrence_frequency=monthly": "annually|monthly|never|weekly",
    "timezone=profile": check_time_zone,
    "trigger_time*": check_time,
    "trigger_days": check_weekdays,
}
_DATE_TRIGGERS: Mapping[str, Mapping[str, Shape]] = {
    "profile-property": {"date_field_type*": "string", "date_profile_property*": "string", **_DATED},
    "custom-object": {
        "date_field_type*": "string",
        "custom_object_label*": "string",
        "custom_object_property_id*": "integer",
        "object_type_id*": "string",
        "object_type_relationship_id*": "string",
        **_DATED,
    },
}
_TRIGGERS: Mapping[str, Mapping[str, Shape]] = {
    "list": {"type*": "string", "id": "string"},
    "segment": {"type*": "string", "id": "string"},
    "metric": {"type*": "string", "id": "string", "trigger_filter": check_groups},
    "price-drop": {
        "type*": "string",
        "trigger_filter*?": check_groups,
        "price_drop_amount_value*": "number",
        "price_drop_amount_unit=currency": "currency|percent",
        "audience*": ["string"],
        "timeframe_days": "integer",
        "currency_type=usd": "usd",
    },
    "low-inventory": {
        "type*": "string",
        "product_level*": "product|variant",
        "trigger_filter*?": check_groups,
        "inventory_count*": "integer",
        "audience*": ["string"],
        "timeframe_days": "integer",
    },
}


@dataclass(frozen=True, slots=True)
class FlowDefinition:
    """A definition that was checked. Actions know each other by `temporary_id`."""

    triggers: list[Object]
    profile_filter: Object | None
    actions: list[Object]
    entry: str | None
    reentry: Object | None

    @property
    def trigger_type(self) -> str:
        """As the flow's attribute has it."""
        return trigger_type(self.triggers)


def trigger_type(triggers: Sequence[Object]) -> str:
    """The attribute `trigger_type` of a flow with these triggers."""
    if not triggers or (triggers[0]["type"] in {"list", "segment", "metric"} and not triggers[0].get("id")):
        return UNCONFIGURED
    return TRIGGER_TYPES[triggers[0]["type"]]


def read_definition(found: Object, pointer: str) -> FlowDefinition:
    """Read what creates a flow. Raises a 400 refusal that names the member."""
    triggers = as_list(found["triggers"], f"{pointer}/triggers")
    if len(triggers) > 1:
        raise invalid("A flow has one trigger.", f"{pointer}/triggers/1")
    actions = _new_actions(as_list(found["actions"], f"{pointer}/actions"), f"{pointer}/actions")
    entry: str | None = found["entry_action_id"]
    pointers = {action["temporary_id"]: f"{pointer}/actions/{index}" for index, action in enumerate(actions)}
    check_graph(actions, "temporary_id", entry, pointers, f"{pointer}/entry_action_id")
    profile_filter = found.get("profile_filter")
    check_groups(profile_filter, f"{pointer}/profile_filter")
    reentry: Object | None = found.get("reentry_criteria")
    if reentry is not None:
        _check_reentry(reentry, f"{pointer}/reentry_criteria")
    read_triggers = [_trigger(item, f"{pointer}/triggers/{index}") for index, item in enumerate(triggers)]
    return FlowDefinition(read_triggers, profile_filter, actions, entry, reentry)


def check_graph(
    actions: Sequence[Object], key: str, entry: str | None, pointers: Mapping[str, str], entry_pointer: str
) -> None:
    """Refuse actions that lead to what does not exist, in a circle, or are never come to. `key` holds their ids."""
    by_id = {action[key]: action for action in actions}
    if entry is None:
        if actions:
            raise invalid("A flow with actions has an entry action.", entry_pointer)
        return
    if entry not in by_id:
        raise invalid(f"There is no action with the id '{entry}' in the definition.", entry_pointer)
    for action_id, action in by_id.items():
        for at, holder, name in exits(action):
            target = holder.get(name)
            if target is not None and target not in by_id:
                detail = f"There is no action with the id '{target}' in the definition."
                raise invalid(detail, f"{pointers[action_id]}{at}")
    reached = _reachable(by_id, entry, pointers)
    for action_id in by_id:
        if action_id not in reached:
            raise invalid(f"No path leads to the action '{action_id}'.", pointers[action_id])


def _reachable(by_id: Mapping[str, Object], entry: str, pointers: Mapping[str, str]) -> set[str]:
    """Every action on a path from the entry, which must not come back to itself."""
    done: set[str] = set()
    path: list[str] = []
    waiting: list[tuple[str, bool]] = [(entry, False)]
    while waiting:
        action_id, leaving = waiting.pop()
        if leaving:
            path.pop()
            done.add(action_id)
            continue
        if action_id in path:
            raise invalid(f"The action '{action_id}' follows itself.", f"{pointers[path[-1]]}/links")
        if action_id in done:
            continue
        path.append(action_id)
        waiting.append((action_id, True))
        waiting += [(target, False) for target in reversed(targets(by_id[action_id]))]
    return done


def _new_actions(listed: Sequence[Any], pointer: str) -> list[Object]:
    if len(listed) > MAXIMUM_ACTIONS:
        raise invalid(f"A flow has at most {MAXIMUM_ACTIONS} actions here.", pointer)
    actions: list[Object] = []
    seen: set[str] = set()
    for index, item in enumerate(listed):
        at = f"{pointer}/{index}"
        action = read_action(item, at)
        check_new(action, at)
        if action["temporary_id"] in seen:
            raise invalid(f"The temporary id '{action['temporary_id']}' is used twice.", f"{at}/temporary_id")
        seen.add(action["temporary_id"])
        actions.append(action)
    return actions


def check_new(action: Object, pointer: str) -> None:
    """Refuse a new action that has an id already, or nothing to be called by."""
    if action.get("id") is not None:
        raise invalid("A new action has a 'temporary_id' and no 'id'.", f"{pointer}/id")
    if not action.get("temporary_id"):
        raise required("temporary_id", pointer)


def _trigger(value: object, pointer: str) -> Object:
    found = as_object(value, pointer)
    if found.get("type") is None:
        raise required("type", pointer)
    kind = read("|".join(TRIGGER_TYPES), found["type"], f"{pointer}/type", _OWNER)
    if kind != "date":
        return members(_TRIGGERS[kind], found, pointer, _OWNER)
    if found.get("date_field_type") is None:
        raise required("date_field_type", pointer)
    field = read("|".join(_DATE_TRIGGERS), found["date_field_type"], f"{pointer}/date_field_type", _OWNER)
    return members(_DATE_TRIGGERS[field], found, pointer, _OWNER)


def _check_reentry(found: Object, pointer: str) -> None:
    units = (*REENTRY_UNITS, "alltime")
    if found["unit"] not in units:
        raise invalid(f"'unit' must be one of: {', '.join(units)}.", f"{pointer}/unit")
    if found["duration"] < 0:
        raise invalid("'duration' must not be negative.", f"{pointer}/duration")
