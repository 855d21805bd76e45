"""What the tests of segments share: definitions in JSON, and a small account in memory."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from emulator_wire import SetClock

from klaviyo_emulator.segments.compilation import compile_definition
from klaviyo_emulator.segments.dates import Present
from klaviyo_emulator.segments.definition import parse_definition
from klaviyo_emulator.state import segmentation
from klaviyo_emulator.state.database import MEMORY, _connect
from klaviyo_emulator.state.events import store_events
from klaviyo_emulator.state.minting import open_mint
from klaviyo_emulator.state.new_events import NewEvent, NewEvents
from klaviyo_emulator.state.profiles import ProfileChange, find_profile, upsert_profile

if TYPE_CHECKING:
    from datetime import datetime

    from klaviyo_emulator.segments.definition import Definition

Json = Any
DAY = 86_400
HOUR = 3_600
POINTER = "/data/attributes/definition"
STORY = "Story Generated"
IS_TRUE = {"type": "boolean", "operator": "equals", "value": True}
IS_FALSE = {"type": "boolean", "operator": "equals", "value": False}
ALWAYS = {"type": "date", "operator": "alltime"}


def groups(*conditions: list[Json]) -> Json:
    return {"condition_groups": [{"conditions": list(group)} for group in conditions]}


def one(*conditions: Json) -> Json:
    """A definition of one group."""
    return groups(list(conditions))


def text(operator: str, value: Json) -> Json:
    return {"type": "string", "operator": operator, "value": value}


def number(operator: str, value: Json) -> Json:
    return {"type": "numeric", "operator": operator, "value": value}


def listed(operator: str, value: Json) -> Json:
    return {"type": "list", "operator": operator, "value": value}


def existence(operator: str) -> Json:
    return {"type": "existence", "operator": operator}


def dated(operator: str, **members: Json) -> Json:
    return {"type": "date", "operator": operator, **members}


def in_the_last(quantity: int, unit: str = "day") -> Json:
    return dated("in-the-last", unit=unit, quantity=quantity)


def of_property(name: str, found: Json) -> Json:
    return {"type": "profile-property", "property": name, "filter": found}


def custom(name: str, found: Json) -> Json:
    return of_property(f"properties['{name}']", found)


def of_metric(
    metric: str, comparison: Json, timeframe: Json = None, measurement: str = "count", filters: Json = None
) -> Json:
    return {
        "type": "profile-metric",
        "metric_id": metric,
        "measurement": measurement,
        "measurement_filter": comparison,
        "timeframe_filter": timeframe or ALWAYS,
        "metric_filters": filters,
    }


def can(channel: str, subscription: str, *filters: Json) -> Json:
    """Whoever can receive marketing, and how that came."""
    return _consent({"channel": channel, "can_receive_marketing": True}, subscription, filters)


def cannot(channel: str, subscription: str, *filters: Json) -> Json:
    """Whoever cannot."""
    return _consent({"channel": channel, "can_receive_marketing": False}, subscription, filters)


def _consent(known: Json, subscription: str, filters: tuple[Json, ...]) -> Json:
    status = {"subscription": subscription, "filters": list(filters) or None}
    return {"type": "profile-marketing-consent", "consent": {**known, "consent_status": status}}


def since(field: str, days: int) -> Json:
    """A filter of a consent."""
    return {"field": field, "filter": in_the_last(days)}


def whatsapp(channel: str, status: str, *filters: Json) -> Json:
    permission = {"reachable_status": status, "filters": list(filters)}
    return {"type": "profile-permissions", "channel": channel, "permission": permission}


def predicted(dimension: str, found: Json, **more: Json) -> Json:
    return {"type": "profile-predictive-analytics", "dimension": dimension, "filter": found, **more}


def in_groups(*ids: str, is_member: bool = True, **more: Json) -> Json:
    return {"type": "profile-group-membership", "is_member": is_member, "group_ids": list(ids), **more}


def region(name: str, *, inside: bool = True) -> Json:
    return {"type": "profile-region", "region": name, "in_region": inside}


def step(metric: str, *, exists: bool = True, **more: Json) -> Json:
    return {"metric_exists": exists, "metric_id": metric, **more}


def funnel(*steps: Json, window: str | None = None, timeframe: Json = None) -> Json:
    return {
        "type": "profile-metric-funnel",
        "timeframe_filter": timeframe or in_the_last(100),
        "completion_window_seconds": window,
        "steps": list(steps),
    }


class World:
    """A small account in memory. Profiles are called by their external id."""

    def __init__(self, moment: datetime | None = None) -> None:
        self.clock = SetClock() if moment is None else SetClock(moment)
        self.connection = _connect(MEMORY)
        self.mint = open_mint(self.connection, 0, self.clock)

    @property
    def now(self) -> int:
        return self.mint.now()

    def profile(self, name: str, *, identifiers: Json = None, properties: Json = None, **details: Json) -> int:
        if properties is not None:
            details["properties"] = properties
        change = ProfileChange(identifiers={"external_id": name, **(identifiers or {})}, details=details)
        return upsert_profile(self.connection, self.mint, change)[0].seq

    def events(self, name: str, *events: NewEvent) -> list[int]:
        change = ProfileChange(identifiers={"external_id": name})
        stored = store_events(self.connection, self.mint, [NewEvents(change, events)])
        return [item.seq for item in stored if item.seq is not None]

    def event(
        self, name: str, metric: str = STORY, ago: int = 0, value: float | None = None, **properties: Json
    ) -> int:
        (seq,) = self.events(name, self.new_event(metric, ago, value, properties))
        return seq

    def new_event(self, metric: str, ago: int, value: float | None, properties: Json) -> NewEvent:
        unique = f"{metric} {random.Random(f'{ago}{value}{properties}').getrandbits(64)}"
        currency = None if value is None else "EUR"
        return NewEvent(metric, None, self.now - ago, unique, value, currency, json.dumps(properties))

    def metric(self, name: str = STORY) -> str:
        row = self.connection.execute("SELECT id FROM metric WHERE name = ?", (name,)).fetchone()
        return row[0] if row else "NOBODY"

    def seq(self, name: str) -> int:
        return self.connection.execute("SELECT seq FROM profile WHERE external_id = ?", (name,)).fetchone()[0]

    def found(self, name: str) -> Any:
        row = self.connection.execute("SELECT id FROM profile WHERE external_id = ?", (name,)).fetchone()
        return find_profile(self.connection, row[0])

    def members(self, definition: Definition) -> list[int]:
        """The rows of all profiles that match, in order."""
        query = compile_definition(definition, Present(self.now), everyone=True)
        rows = self.connection.execute(f"{query.sql} ORDER BY profile.seq", query.parameters)
        return [row[0] for row in rows]

    def is_member(self, definition: Definition, seq: int) -> bool:
        return segmentation.profile_matches(self.connection, definition, seq, self.now)

    def who(self, definition: Json) -> str:
        """The names of all members in order, of each of which the question about one profile has to say the same."""
        parsed = parse_definition(definition, POINTER)
        members = self.members(parsed)
        rows = self.connection.execute("SELECT seq, external_id FROM profile ORDER BY seq").fetchall()
        for seq, _ in rows:
            assert self.is_member(parsed, seq) == (seq in members)
        return " ".join(sorted(name for seq, name in rows if seq in members))
