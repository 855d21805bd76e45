"""Events: what is stored once, what is dropped, and how pages of them are found.

The first event with a (profile, metric, unique id) stays; later ones are dropped. Without a unique id its time in
seconds is its unique id, so that one event per profile, metric and second is kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from klaviyo_emulator.clock import seconds
from klaviyo_emulator.state.metrics import MetricHandle, ensure_metric, mark_value
from klaviyo_emulator.state.paging import Listing, Page, fetch_page
from klaviyo_emulator.state.profiles import ProfileChange, ProfileError, record_event_time, upsert_profile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.config import BulkDuplicates
    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.filters import Condition
    from klaviyo_emulator.state.minting import Mint

_SELECT = (
    "SELECT event.seq, event.time, event.unique_id, event.value, event.currency, event.properties, "
    "profile.id, metric.id "
    "FROM event JOIN profile ON profile.seq = event.profile JOIN metric ON metric.seq = event.metric"
)
_OF_PROFILE = "event.profile = (SELECT seq FROM profile WHERE id = ?)"
_OF_METRIC = "event.metric = (SELECT seq FROM metric WHERE id = ?)"
_OF_METRICS = "event.metric IN (SELECT seq FROM metric WHERE id IN (SELECT value FROM json_each(?)))"
_COMPARE = {"greater-than": ">", "greater-or-equal": ">=", "less-than": "<", "less-or-equal": "<="}
_INSERT = (
    "INSERT OR IGNORE INTO event (profile, metric, time, unique_id, value, currency, properties) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)


class RepeatedUniqueIdError(Exception):
    """A bulk request repeats a unique id; nothing of it is stored."""

    def __init__(self, entry: int, event: int, unique_id: str) -> None:
        super().__init__(unique_id)
        self.entry = entry
        self.event = event
        self.unique_id = unique_id


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be stored; `time` is None for the time of receipt, `properties` is JSON text."""

    metric: str
    service: str | None
    time: int | None
    unique_id: str | None
    value: float | None
    currency: str | None
    properties: str


@dataclass(frozen=True, slots=True)
class NewEvents:
    """Events of one profile, which they create or change."""

    profile: ProfileChange
    events: Sequence[NewEvent]


@dataclass(frozen=True, slots=True)
class Event:
    """One stored event with the public ids of its profile and metric."""

    seq: int
    time: int
    unique_id: str
    value: float | None
    currency: str | None
    properties: Mapping[str, Any]
    profile_id: str
    metric_id: str


def store_events(
    connection: sqlite3.Connection, mint: Mint, entries: Sequence[NewEvents], duplicates: BulkDuplicates | None = None
) -> None:
    """Store the events of some profiles.

    With `duplicates` a unique id that is repeated within the entries (`request`), or stored already too (`history`),
    raises RepeatedUniqueIdError. Otherwise repetitions are dropped. Raises what `upsert_profile` raises as well.
    """
    metrics: dict[tuple[str, str | None], MetricHandle] = {}
    seen: set[tuple[int, int, str]] = set()
    now = mint.now()
    for entry_index, entry in enumerate(entries):
        try:
            profile, _ = upsert_profile(connection, mint, entry.profile)
        except ProfileError as error:
            error.entry = entry_index
            raise
        latest: int | None = None
        for event_index, event in enumerate(entry.events):
            name = (event.metric, event.service)
            metric = metrics.get(name)
            if metric is None:
                metric = metrics[name] = ensure_metric(connection, mint, event.metric, event.service)
            if duplicates and event.unique_id is not None:
                key = (profile.seq, metric.seq, event.unique_id)
                if key in seen:
                    raise RepeatedUniqueIdError(entry_index, event_index, event.unique_id)
                seen.add(key)
            time = now if event.time is None else event.time
            if _insert(connection, profile.seq, metric, event, time):
                latest = time if latest is None else max(latest, time)
            elif duplicates == "history" and event.unique_id is not None:
                raise RepeatedUniqueIdError(entry_index, event_index, event.unique_id)
        if latest is not None:
            record_event_time(connection, mint, profile, latest)


def find_event(connection: sqlite3.Connection, seq: int) -> Event | None:
    """The event in this row."""
    row = connection.execute(f"{_SELECT} WHERE event.seq = ?", (seq,)).fetchone()
    return None if row is None else _event(row)


def list_events(
    connection: sqlite3.Connection,
    conditions: Sequence[Condition],
    *,
    descending: bool,
    start: Position | None,
    size: int,
) -> Page[Event]:
    """A page of events by time, and by row within a second."""
    listing = Listing(select=_SELECT, key="event.time", tie="event.seq")
    for condition in conditions:
        _restrict(listing, condition)
    return fetch_page(connection, listing, _event, start=start, size=size, descending=descending)


def _insert(connection: sqlite3.Connection, profile: int, metric: MetricHandle, event: NewEvent, time: int) -> bool:
    """Store one event, unless it is a repetition."""
    value = 0 if event.value is None and metric.has_value else event.value
    unique_id = str(time) if event.unique_id is None else event.unique_id
    row = (profile, metric.seq, time, unique_id, value, event.currency, event.properties)
    if not connection.execute(_INSERT, row).rowcount:
        return False
    if event.value is not None:
        mark_value(connection, metric)
    return True


def _restrict(listing: Listing, condition: Condition) -> None:
    value = condition.value
    match condition.field:
        case "profile_id":
            listing.restrict(_OF_PROFILE, str(value))
        case "metric_id" if isinstance(value, tuple) and len(value) != 1:
            listing.restrict(_OF_METRICS, json.dumps(value))
        case "metric_id":
            listing.restrict(_OF_METRIC, str(value[0] if isinstance(value, tuple) else value))
        case "datetime" | "timestamp":
            bound = seconds(value) if isinstance(value, datetime) else cast("float", value)
            listing.restrict(f"event.time {_COMPARE[condition.operator]} ?", bound)
        case _:
            pass  # has(profile), has(metric): every stored event has both


def _event(row: Sequence[Any]) -> Event:
    return Event(row[0], row[1], row[2], row[3], row[4], json.loads(row[5]), row[6], row[7])
