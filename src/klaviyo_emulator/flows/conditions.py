"""The filters of flows: groups that all have to hold, of conditions of which one has to.

Beside what segments know, a flow asks about the event that set it going, about what was sent, about a share of all
profiles, and about who is in the flow already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.flows.shapes import members, required
from klaviyo_emulator.payload import Object, as_list, as_object, text
from klaviyo_emulator.segments.definition import Condition, EventFilter, parse_flow_condition
from klaviyo_emulator.segments.filters import (
    EVENT_VALUES,
    PROFILE_VALUES,
    AllTime,
    RelativeDate,
    integer,
    read_date_filter,
    read_filter,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from klaviyo_emulator.flows.shapes import Shape

_EVENT_VALUES = tuple(dict.fromkeys((*EVENT_VALUES, *(name for name in PROFILE_VALUES if name != "phone"))))
_ALL = 100
_OWNER = "a condition"
_EVENT_PROPERTY: Mapping[str, Shape] = {
    "type*": "string",
    "metric_id*": "string",
    "field*": "string",
    "filter*": "object",
}
_UNREAD: Mapping[str, Mapping[str, Shape]] = {
    "custom-object-trigger-property": {"type*": "string", "property_id*": "integer", "filter*": "object"},
    "custom-object-property": {"type*": "string", "property_id*": "integer", "filter*": "object"},
    "price-drop-property": {"type*": "string", "metric_id*?": "string", "field*": "string", "filter*": "object"},
    "low-inventory-property": {"type*": "string", "metric_id*?": "string", "field*": "string", "filter*": "object"},
    "action-output": {"type*": "string", "output_config_id*": "integer", "field*": "string", "filter*": "object"},
}
"""Conditions on what the emulator does not have: custom objects, prices, stocks, output of code. They never hold."""
_SENT: Mapping[str, str] = {
    "profile-not-sent-email": "email",
    "profile-not-sent-sms": "sms",
    "profile-not-sent-push": "push",
}


@dataclass(frozen=True, slots=True)
class EventProperty:
    """The event that set the flow going has a property that passes a filter."""

    metric_id: str
    filter: EventFilter


@dataclass(frozen=True, slots=True)
class NotSent:
    """The profile got no message of a channel within a time; None for ever."""

    channel: str
    within: RelativeDate | None


@dataclass(frozen=True, slots=True)
class NotInFlow:
    """The profile did not enter this flow within a time; None for ever."""

    within: RelativeDate | None


@dataclass(frozen=True, slots=True)
class Sample:
    """The profile is among some percent of all."""

    percentage: int


@dataclass(frozen=True, slots=True)
class Unanswerable:
    """What the emulator cannot answer; it does not hold."""

    type: str


FlowCondition = Condition | EventProperty | NotSent | NotInFlow | Sample | Unanswerable
Groups = tuple[tuple[FlowCondition, ...], ...]


def parse_groups(value: object, pointer: str) -> Groups:
    """Read `{"condition_groups": [{"conditions": [...]}]}`; null holds always. Raises a 400 refusal."""
    return () if value is None else tuple(tuple(group) for group in _groups(as_object(value, pointer), pointer))


def check_groups(value: object, pointer: str) -> object:
    """The value, if it can be read."""
    parse_groups(value, pointer)
    return value


def _groups(found: Object, pointer: str) -> Iterator[list[FlowCondition]]:
    shape: Mapping[str, Shape] = {"condition_groups*": [{"conditions*": ["object"]}]}
    members(shape, found, pointer, "a filter")
    for group_index, group in enumerate(found["condition_groups"]):
        at = f"{pointer}/condition_groups/{group_index}/conditions"
        if not group["conditions"]:
            raise invalid("A condition group has at least one condition.", at)
        yield [_condition(item, f"{at}/{index}") for index, item in enumerate(as_list(group["conditions"], at))]


def _condition(value: object, pointer: str) -> FlowCondition:
    found = as_object(value, pointer)
    kind = text(found, "type", pointer)
    if kind is None:
        raise required("type", pointer)
    if kind in _UNREAD:
        members(_UNREAD[kind], found, pointer, _OWNER)
        return Unanswerable(kind)
    reader = _READERS.get(kind)
    return parse_flow_condition(found, pointer) if reader is None else reader(found, pointer)


def _event_property(found: Object, pointer: str) -> EventProperty:
    members(_EVENT_PROPERTY, found, pointer, _OWNER)
    return EventProperty(
        found["metric_id"],
        EventFilter(found["field"], read_filter(found["filter"], f"{pointer}/filter", _EVENT_VALUES)),
    )


def _not_sent(found: Object, pointer: str) -> NotSent:
    return NotSent(_SENT[found["type"]], _within(found, pointer))


def _not_in_flow(found: Object, pointer: str) -> NotInFlow:
    return NotInFlow(_within(found, pointer))


def _within(found: Object, pointer: str) -> RelativeDate | None:
    members({"type*": "string", "timeframe_filter*": "object"}, found, pointer, _OWNER)
    at = f"{pointer}/timeframe_filter"
    match read_date_filter(found["timeframe_filter"], at, ("all-time", "relative")):
        case RelativeDate(operator="in-the-last") as within:
            return within
        case AllTime():
            return None
        case _:
            raise invalid("'operator' must be one of: alltime, in-the-last.", f"{at}/operator")


def _sample(found: Object, pointer: str) -> Sample:
    members({"type*": "string", "percentage*": "integer"}, found, pointer, _OWNER)
    percentage = integer(found, "percentage", pointer)
    if not 0 <= percentage <= _ALL:
        raise invalid("'percentage' must be between 0 and 100.", f"{pointer}/percentage")
    return Sample(percentage)


_READERS: Mapping[str, Callable[[Object, str], FlowCondition]] = {
    "metric-property": _event_property,
    **dict.fromkeys(_SENT, _not_sent),
    "profile-not-in-flow": _not_in_flow,
    "profile-sample": _sample,
}
