"""Events: what is stored once, what is dropped, and how pages of them are found.

The first event with a (profile, metric, unique id) stays; later ones are dropped. Without a unique id its time in
seconds is its unique id, so that one event per profile, metric and second is kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from klaviyo_emulator.clock import seconds
from klaviyo_emulator.state.metrics import MetricHandle, ensure_metric, mark_value
from klaviyo_emulator.state.new_events import NewEvent, NewEvents, Stored
from klaviyo_emulator.state.paging import COMPARE, Branches, Listing, Page, fetch_page
from klaviyo_emulator.state.profiles import ProfileError, find_named, record_event_times, upsert_profile
from klaviyo_emulator.state.reactions import on_events

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.config import BulkDuplicates
    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.filters import Condition
    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.profiles import Profile

_SELECT = (
    "SELECT event.seq, event.time, event.unique_id, event.value, event.currency, event.properties, "
    "profile.id, metric.id "
    "FROM event JOIN profile ON profile.seq = event.profile JOIN metric ON metric.seq = event.metric"
)
_OF_PROFILE = (
    "event.profile = (SELECT seq FROM profile WHERE id = ? UNION ALL "
    "SELECT profile FROM alias WHERE kind = 'id' AND value = ?)"
)
"""Of the profile with an id, or of the one into which the profile with the id was merged."""
_OF_METRIC = "event.metric = (SELECT seq FROM metric WHERE id = ?)"
_EVERY_METRIC = Branches(source="metric AS branch", condition="event.metric = branch.seq")
_THESE_METRICS = "(SELECT seq FROM metric WHERE id IN (SELECT value FROM json_each(?))) AS branch"
_AMONG = "metric.id IN (SELECT value FROM json_each(?))"
_INSERT = "INSERT OR IGNORE INTO event (seq, profile, metric, time, unique_id, value, currency, properties) VALUES "
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?)"
_MOST_ROWS = 1024
"""Rows of one statement; each has eight parameters, and SQLite takes 32,766 of them."""


class RepeatedUniqueIdError(Exception):
    """A bulk request repeats a unique id; nothing of it is stored."""

    def __init__(self, entry: int, event: int, unique_id: str) -> None:
        super().__init__(unique_id)
        self.entry = entry
        self.event = event
        self.unique_id = unique_id


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
) -> list[Stored]:
    """Store the events of some profiles; answers what became of each of them, in their order.

    With `duplicates` a unique id that is repeated within the entries (`request`), or stored already too (`history`),
    raises RepeatedUniqueIdError. Otherwise repetitions are dropped. Raises what `upsert_profile` raises as well.
    """
    metrics: dict[tuple[str, str | None], MetricHandle] = {}
    seen: set[tuple[int, int, str]] = set()
    rows = _Rows(connection)
    now = mint.now()
    named = find_named(connection, [entry.profile for entry in entries])
    for entry_index, entry in enumerate(entries):
        try:
            profile = named[entry_index] or upsert_profile(connection, mint, entry.profile)[0]
        except ProfileError as error:
            error.entry = entry_index
            raise
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
            rows.add(profile, metric, event, now if event.time is None else event.time)
            if duplicates == "history" and event.unique_id is not None and rows.is_last_dropped():
                raise RepeatedUniqueIdError(entry_index, event_index, event.unique_id)
            if event.value is not None and not metric.has_value and not rows.is_last_dropped():
                mark_value(connection, metric)
    stored = rows.finish()
    _record_times(connection, mint, stored)
    on_events(connection, mint, stored)
    return stored


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
    metrics = _asked_metrics(conditions)
    listing = Listing(select=_SELECT, key="event.time", tie="event.seq", branches=_branches(metrics))
    if listing.branches is None:
        listing.restrict(_OF_METRIC, *metrics or ())
    for condition in conditions:
        _restrict(listing, condition)
    return fetch_page(connection, listing, _event, start=start, size=size, descending=descending)


def events_since(connection: sqlite3.Connection, first: int, metric_ids: Sequence[str], limit: int) -> list[Event]:
    """The events of some metrics from the row `first` on, in the order they were stored."""
    # The `+` keeps the order of rows, which is short from here on, from being given up for an index of the metric.
    sql = f"{_SELECT} WHERE event.seq >= ? AND +{_AMONG} ORDER BY event.seq LIMIT ?"
    return [_event(row) for row in connection.execute(sql, (first, json.dumps(list(metric_ids)), limit))]


class _Rows:
    """Events on their way into the table.

    They are inserted many at a time. That is not only less work: SQLite runs a statement without holding Python's lock,
    so that meanwhile the next request is read; from a statement for each event the writer would have to wait for the
    lock again and again.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._stored: list[Stored] = []
        self._waiting: list[tuple[Any, ...]] = []
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
        self._before: int = row[0] if row else 0

    def add(self, profile: Profile, metric: MetricHandle, event: NewEvent, time: int) -> None:
        """Take one more event."""
        seq = self._before + len(self._stored) + 1
        value = 0 if event.value is None and metric.has_value else event.value
        unique_id = str(time) if event.unique_id is None else event.unique_id
        self._waiting.append((seq, profile.seq, metric.seq, time, unique_id, value, event.currency, event.properties))
        self._stored.append(Stored(seq, time, profile, metric, event))

    def is_last_dropped(self) -> bool:
        """Whether the event that was taken last is a repetition."""
        return self.finish()[-1].seq is None

    def finish(self) -> list[Stored]:
        """Insert those that wait; answers what became of all events so far."""
        waiting = self._waiting
        self._waiting = []
        for place in range(0, len(waiting), _MOST_ROWS):
            self._insert(waiting[place : place + _MOST_ROWS])
        return self._stored

    def _insert(self, rows: list[tuple[Any, ...]]) -> None:
        # As many rows as a power of two, so that there are few statements to prepare. The last row fills it up: it is
        # ignored from the second time on, and uses up no number, as an empty one would.
        size = 1 << (len(rows) - 1).bit_length()
        statement = _INSERT + ", ".join([_ROW] * size)
        values = [*chain.from_iterable(rows), *rows[-1] * (size - len(rows))]
        if self._connection.execute(statement, values).rowcount == len(rows):
            return
        first, last = rows[0][0], rows[-1][0]
        found = self._connection.execute("SELECT seq FROM event WHERE seq BETWEEN ? AND ?", (first, last))
        kept = {row[0] for row in found}
        for seq in range(first, last + 1):
            if seq not in kept:
                index = seq - self._before - 1
                self._stored[index] = self._stored[index]._replace(seq=None)


def _record_times(connection: sqlite3.Connection, mint: Mint, stored: Sequence[Stored]) -> None:
    latest: dict[int, int] = {}
    for one in stored:
        if one.seq is not None and one.time > latest.get(one.profile.seq, -1):
            latest[one.profile.seq] = one.time
    record_event_times(connection, mint, latest)


def _asked_metrics(conditions: Sequence[Condition]) -> list[str] | None:
    """The ids of the metrics whose events are asked for; None for all."""
    asked: set[str] | None = None
    for condition in conditions:
        if condition.field == "metric_id":
            value = condition.value
            named = set(map(str, value if isinstance(value, tuple) else (value,)))
            asked = named if asked is None else asked & named
    return None if asked is None else sorted(asked)


def _branches(metrics: list[str] | None) -> Branches | None:
    """The metrics to look into one by one; None for a single one, whose events an index has in order."""
    if metrics is None:
        return _EVERY_METRIC
    if len(metrics) == 1:
        return None
    return replace(_EVERY_METRIC, source=_THESE_METRICS, parameters=(json.dumps(metrics),))


def _restrict(listing: Listing, condition: Condition) -> None:
    value = condition.value
    match condition.field:
        case "profile_id":
            listing.restrict(_OF_PROFILE, str(value), str(value))
        case "datetime" | "timestamp":
            bound = seconds(value) if isinstance(value, datetime) else cast("float", value)
            listing.restrict(f"event.time {COMPARE[condition.operator]} ?", bound)
        case _:
            pass  # metric_id is heeded above; has(profile), has(metric): every stored event has both


def _event(row: Sequence[Any]) -> Event:
    return Event(row[0], row[1], row[2], row[3], row[4], json.loads(row[5]), row[6], row[7])
