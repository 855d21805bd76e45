"""Segment definitions: condition groups that all have to hold, of conditions of which one has to.

`parse_definition` reads the whole grammar of the API into frozen values and refuses what is malformed with the pointer
of the member. What the emulator cannot evaluate (`NOT_EVALUATED`) is refused too, by name. The profile filters of
flows have the same grammar, with one more timeframe: read them with `in_flow`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import Object, as_list, as_object, only, text
from klaviyo_emulator.segments.consent import (
    IMPLICIT,
    RCS,
    MarketingConsent,
    Permission,
    read_marketing_consent,
    read_permission,
)
from klaviyo_emulator.segments.filters import (
    DATES,
    EVENT_TIMES,
    EVENT_VALUES,
    FLOW_TIMES,
    FUNNEL_TIMES,
    HOUR,
    JOINED,
    PROFILE_VALUES,
    RESOURCE,
    UNITS,
    DateFilter,
    NumberFilter,
    ValueFilter,
    boolean,
    choice,
    read_date_filter,
    read_filter,
    read_number_filter,
    required,
    texts,
)
from klaviyo_emulator.segments.properties import Property, parse_property

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MAXIMUM_CONDITIONS = 100
"""Conditions a segment may have."""
MAXIMUM_METRIC_FILTERS = 10
"""Filters one metric of a condition may have."""
MAXIMUM_STEPS = 10
"""Steps a funnel may have."""
MAXIMUM_FILTERS = 300
"""Filters of events a whole definition may have here. Klaviyo has no such limit; SQL has."""
NOT_EVALUATED: Mapping[str, str] = {
    "profile-postal-code-distance": "condition",
    "profile-has-custom-object": "condition",
    **dict.fromkeys(IMPLICIT, "reachable_status of profile-permissions"),
    RCS: "filter of profile-marketing-consent",
}
"""What is refused by name because nothing stored here can answer it, and what it is."""
PREDICTIONS = (
    "average_days_between_orders", "average_order_value", "churn_probability", "historic_clv",
    "historic_number_of_orders", "predicted_clv", "predicted_number_of_orders", "total_clv",
)  # fmt: skip
"""Predictions that are numbers."""
_NEXT_PURCHASE = "expected_date_of_next_purchase"
_GENDER = "predicted_gender"
_AFFINITY = "channel_affinity"
CHANNELS = ("email", "push", "sms", "whatsapp")
"""What a profile's affinity is ranked of."""
GENDERS = ("likely_female", "likely_male", "uncertain")
"""What `predicted_gender` may be."""
AFFINITIES = ("high", "medium", "low")
"""How high the affinity to a channel may be."""
_WINDOWS: Mapping[str, int] = {
    "HOURS_1": HOUR,
    "DAYS_1": UNITS["day"],
    "DAYS_3": 3 * UNITS["day"],
    "DAYS_5": 5 * UNITS["day"],
    "WEEKS_1": UNITS["week"],
    "DAYS_30": 30 * UNITS["day"],
    "DAYS_90": 90 * UNITS["day"],
    "DAYS_180": 180 * UNITS["day"],
    "YEARS_1": 365 * UNITS["day"],
}


@dataclass(frozen=True, slots=True)
class ProfileProperty:
    """A property of the profile passes a filter."""

    property: Property
    filter: ValueFilter


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A top-level property of an event passes a filter; without one it may be anything."""

    property: str
    filter: ValueFilter | None


@dataclass(frozen=True, slots=True)
class ProfileMetric:
    """The number of a profile's events of a metric, or the sum of their values, passes a filter."""

    metric_id: str
    measurement: Literal["count", "sum"]
    comparison: NumberFilter
    timeframe: DateFilter
    filters: tuple[EventFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupMembership:
    """The profile is in one of some lists and segments, since a time that passes a filter; or it is in none."""

    is_member: bool
    group_ids: tuple[str, ...]
    timeframe: DateFilter | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """The profile's country is, or is not, in a region."""

    region: str
    inside: bool


@dataclass(frozen=True, slots=True)
class Prediction:
    """A prediction passes a filter."""

    dimension: str
    filter: ValueFilter


@dataclass(frozen=True, slots=True)
class ChannelAffinity:
    """The place of a channel in the profile's ranking, or how high the affinity is, passes a filter."""

    channel: str
    measurement: Literal["priority", "rank"]
    filter: ValueFilter


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """An event of a metric that has to happen, or must not."""

    exists: bool
    metric_id: str
    filters: tuple[EventFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class Funnel:
    """The profile's events went through steps in order, all of them in a timeframe and within a window in seconds."""

    timeframe: DateFilter
    window: int | None
    steps: tuple[FunnelStep, ...]


Condition = (
    ProfileProperty
    | ProfileMetric
    | GroupMembership
    | MarketingConsent
    | Permission
    | Region
    | Prediction
    | ChannelAffinity
    | Funnel
)


class Reference(NamedTuple):
    """Something else that a definition names, and where, counted from the definition's own pointer."""

    kind: Literal["metric", "group"]
    id: str
    pointer: str


@dataclass(frozen=True, slots=True)
class Definition:
    """Groups of conditions: all groups have to hold, and of each group one condition."""

    groups: tuple[tuple[Condition, ...], ...]

    def references(self) -> Iterator[Reference]:
        """The metrics and groups (lists, segments) it names, which nobody has looked for yet."""
        for group_index, group in enumerate(self.groups):
            for index, condition in enumerate(group):
                at = f"/condition_groups/{group_index}/conditions/{index}"
                match condition:
                    case ProfileMetric(metric_id=metric_id):
                        yield Reference("metric", metric_id, f"{at}/metric_id")
                    case GroupMembership(group_ids=group_ids):
                        for place, group_id in enumerate(group_ids):
                            yield Reference("group", group_id, f"{at}/group_ids/{place}")
                    case Funnel(steps=steps):
                        for place, step in enumerate(steps):
                            yield Reference("metric", step.metric_id, f"{at}/steps/{place}/metric_id")
                    case _:
                        pass


def parse_definition(value: object, pointer: str, *, in_flow: bool = False) -> Definition:
    """Read `{"condition_groups": [{"conditions": [...]}]}`. Raises a 400 refusal that names the member."""
    found = as_object(value, pointer)
    only(found, {"condition_groups"}, RESOURCE, pointer)
    if found.get("condition_groups") is None:
        raise required("condition_groups", pointer)
    return parse_condition_groups(found["condition_groups"], f"{pointer}/condition_groups", in_flow=in_flow)


def parse_condition_groups(value: object, pointer: str, *, in_flow: bool = False) -> Definition:
    """Read the groups alone, of which only a flow may have none. Raises a 400 refusal that names the member."""
    groups: list[tuple[Condition, ...]] = []
    count = 0
    for group_index, group in enumerate(as_list(value, pointer)):
        at = f"{pointer}/{group_index}"
        found = as_object(group, at)
        only(found, {"conditions"}, RESOURCE, at)
        if found.get("conditions") is None:
            raise required("conditions", at)
        conditions = as_list(found["conditions"], f"{at}/conditions")
        if not conditions:
            raise invalid("A condition group has at least one condition.", f"{at}/conditions")
        count += len(conditions)
        if count > MAXIMUM_CONDITIONS:
            raise invalid(f"A segment has at most {MAXIMUM_CONDITIONS} conditions.", f"{at}/conditions")
        groups.append(
            tuple(
                _condition(condition, f"{at}/conditions/{index}", in_flow=in_flow)
                for index, condition in enumerate(conditions)
            )
        )
    if not groups and not in_flow:
        raise invalid("At least one condition group is needed.", pointer)
    definition = Definition(tuple(groups))
    if sum(_count_filters(condition) for group in groups for condition in group) > MAXIMUM_FILTERS:
        raise invalid(f"The emulator evaluates at most {MAXIMUM_FILTERS} metric filters in a definition.", pointer)
    return definition


def parse_event_filters(value: object, pointer: str) -> tuple[EventFilter, ...]:
    """Read `[{"property": ..., "filter": ...}]`, or null. Raises a 400 refusal that names the member."""
    listed = [] if value is None else as_list(value, pointer)
    if len(listed) > MAXIMUM_METRIC_FILTERS:
        raise invalid(f"A metric has at most {MAXIMUM_METRIC_FILTERS} filters.", pointer)
    return tuple(_event_filter(item, f"{pointer}/{index}") for index, item in enumerate(listed))


def parse_flow_condition(value: object, pointer: str) -> Condition:
    """Read one condition of a flow's filter. Raises a 400 refusal that names the member."""
    return _condition(value, pointer, in_flow=True)


def _condition(value: object, pointer: str, *, in_flow: bool) -> Condition:
    found = as_object(value, pointer)
    kind = text(found, "type", pointer)
    if kind is None:
        raise required("type", pointer)
    if kind in _READERS:
        return _READERS[kind](found, pointer)
    if kind == "profile-metric":
        return _profile_metric(found, pointer, FLOW_TIMES if in_flow else EVENT_TIMES)
    if kind in NOT_EVALUATED:
        raise invalid(f"The emulator does not evaluate '{kind}' conditions.", f"{pointer}/type")
    known = ", ".join(sorted({*_READERS, "profile-metric"}))
    raise invalid(f"'{kind}' is not a condition. Conditions are: {known}.", f"{pointer}/type")


def _profile_property(found: Object, pointer: str) -> ProfileProperty:
    only(found, {"type", "property", "filter"}, RESOURCE, pointer)
    name = parse_property(_text(found, "property", pointer), f"{pointer}/property")
    return ProfileProperty(name, read_filter(found.get("filter"), f"{pointer}/filter", PROFILE_VALUES))


def _profile_metric(found: Object, pointer: str, times: Sequence[str]) -> ProfileMetric:
    known = {"type", "metric_id", "measurement", "measurement_filter", "timeframe_filter", "metric_filters"}
    only(found, known, RESOURCE, pointer)
    measurement = choice(found, "measurement", pointer, ("count", "sum"))
    return ProfileMetric(
        metric_id=_text(found, "metric_id", pointer),
        measurement="count" if measurement == "count" else "sum",
        comparison=read_number_filter(found.get("measurement_filter"), f"{pointer}/measurement_filter"),
        timeframe=read_date_filter(found.get("timeframe_filter"), f"{pointer}/timeframe_filter", times),
        filters=parse_event_filters(found.get("metric_filters"), f"{pointer}/metric_filters"),
    )


def _event_filter(value: object, pointer: str) -> EventFilter:
    found = as_object(value, pointer)
    only(found, {"property", "filter"}, RESOURCE, pointer)
    name = _text(found, "property", pointer)
    if found.get("filter") is None:
        return EventFilter(name, None)
    return EventFilter(name, read_filter(found["filter"], f"{pointer}/filter", EVENT_VALUES))


def _group_membership(found: Object, pointer: str) -> GroupMembership:
    is_member = boolean(found, "is_member", pointer)
    known = {"type", "is_member", "group_ids"} | ({"timeframe_filter"} if is_member else set[str]())
    if not is_member and found.get("timeframe_filter", 0) is None:
        known.add("timeframe_filter")
    only(found, known, RESOURCE, pointer)
    group_ids = texts(found, "group_ids", pointer)
    if not group_ids:
        raise invalid("At least one list or segment is needed.", f"{pointer}/group_ids")
    timeframe = None
    if found.get("timeframe_filter") is not None:
        timeframe = read_date_filter(found["timeframe_filter"], f"{pointer}/timeframe_filter", JOINED)
    return GroupMembership(is_member, group_ids, timeframe)


def _region(found: Object, pointer: str) -> Region:
    only(found, {"type", "in_region", "region"}, RESOURCE, pointer)
    region = choice(found, "region", pointer, ("european_union", "united_states"))
    return Region(region, boolean(found, "in_region", pointer))


def _prediction(found: Object, pointer: str) -> Prediction | ChannelAffinity:
    dimension = choice(found, "dimension", pointer, (*PREDICTIONS, _NEXT_PURCHASE, _GENDER, _AFFINITY))
    if dimension == _AFFINITY:
        return _channel_affinity(found, pointer)
    only(found, {"type", "dimension", "filter"}, RESOURCE, pointer)
    at = f"{pointer}/filter"
    if dimension == _NEXT_PURCHASE:
        return Prediction(dimension, read_filter(found.get("filter"), at, DATES))
    if dimension == _GENDER:
        return Prediction(dimension, _worded(found, at, GENDERS))
    return Prediction(dimension, read_number_filter(found.get("filter"), at))


def _channel_affinity(found: Object, pointer: str) -> ChannelAffinity:
    only(found, {"type", "dimension", "measurement", "predicted_channel", "filter"}, RESOURCE, pointer)
    channel = choice(found, "predicted_channel", pointer, CHANNELS)
    at = f"{pointer}/filter"
    if choice(found, "measurement", pointer, ("priority", "rank")) == "priority":
        return ChannelAffinity(channel, "priority", read_filter(found.get("filter"), at, ("number-equals",)))
    return ChannelAffinity(channel, "rank", _worded(found, at, AFFINITIES))


def _worded(found: Object, at: str, words: Sequence[str]) -> ValueFilter:
    """A filter of a text that can only be one of some words."""
    read = read_filter(found.get("filter"), at, ("text-is",))
    choice(as_object(found.get("filter"), at), "value", at, words)
    return read


def _funnel(found: Object, pointer: str) -> Funnel:
    only(found, {"type", "timeframe_filter", "completion_window_seconds", "steps"}, RESOURCE, pointer)
    timeframe = read_date_filter(found.get("timeframe_filter"), f"{pointer}/timeframe_filter", FUNNEL_TIMES)
    window = None
    if found.get("completion_window_seconds") is not None:
        window = _WINDOWS[choice(found, "completion_window_seconds", pointer, tuple(_WINDOWS))]
    if found.get("steps") is None:
        raise required("steps", pointer)
    at = f"{pointer}/steps"
    steps = tuple(_funnel_step(step, f"{at}/{index}") for index, step in enumerate(as_list(found["steps"], at)))
    if not 1 <= len(steps) <= MAXIMUM_STEPS:
        raise invalid(f"A funnel has 1 to {MAXIMUM_STEPS} steps.", at)
    if not steps[0].exists:
        raise invalid("The emulator evaluates funnels whose first step happened only.", f"{at}/0/metric_exists")
    return Funnel(timeframe, window, steps)


def _funnel_step(value: object, pointer: str) -> FunnelStep:
    found = as_object(value, pointer)
    only(found, {"metric_exists", "metric_id", "metric_filters"}, RESOURCE, pointer)
    return FunnelStep(
        boolean(found, "metric_exists", pointer),
        _text(found, "metric_id", pointer),
        parse_event_filters(found.get("metric_filters"), f"{pointer}/metric_filters"),
    )


_READERS: Mapping[str, Callable[[Object, str], Condition]] = {
    "profile-property": _profile_property,
    "profile-group-membership": _group_membership,
    "profile-marketing-consent": read_marketing_consent,
    "profile-permissions": read_permission,
    "profile-region": _region,
    "profile-predictive-analytics": _prediction,
    "profile-metric-funnel": _funnel,
}
"""By type how a condition is read; `profile-metric` needs to know more."""


def _text(found: Object, name: str, pointer: str) -> str:
    """A required string that is not empty."""
    value = text(found, name, pointer)
    if value is None:
        raise required(name, pointer)
    if not value:
        raise invalid(f"'{name}' must not be empty.", f"{pointer}/{name}")
    return value


def _count_filters(condition: Condition) -> int:
    match condition:
        case ProfileMetric(filters=filters):
            return len(filters)
        case Funnel(steps=steps):
            return sum(1 + len(step.filters) for step in steps)
        case _:
            return 0
