"""The filters of flows against the state: whether a profile that is in a flow passes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import MICROSECONDS
from klaviyo_emulator.flows.conditions import EventProperty, NotInFlow, NotSent, Sample, Unanswerable
from klaviyo_emulator.segments.compilation import compile_event_filters
from klaviyo_emulator.segments.dates import Present, bounds
from klaviyo_emulator.segments.definition import Definition, GroupMembership
from klaviyo_emulator.state.flow_runs import last_entry
from klaviyo_emulator.state.segmentation import profile_matches
from klaviyo_emulator.state.segments import refresh_segments

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.flows.conditions import FlowCondition, Groups
    from klaviyo_emulator.segments.filters import RelativeDate
    from klaviyo_emulator.state.minting import Mint

_EVERYBODY = 100
_SENT_METRICS = {"sms": ("Sent SMS", "Received SMS"), "push": ("Received Push",)}
_OF_METRIC = "event.metric = (SELECT seq FROM metric WHERE id = :only_metric)"
_MAIL_SINCE = "SELECT 1 FROM mail WHERE profile = ? AND sent >= ?"
_EVENT_SINCE = (
    "SELECT 1 FROM event JOIN metric ON metric.seq = event.metric "
    "WHERE event.profile = ? AND metric.service = 'klaviyo' AND metric.name = ? AND event.time >= ?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A profile in a flow, or at its door: rows of profile, event and run, and times in whole seconds."""

    flow_id: str
    profile: int
    profile_id: str
    now: int
    entered: int | None = None
    event: int | None = None
    run: int = 0


def passes(connection: sqlite3.Connection, mint: Mint, groups: Groups, visitor: Visitor) -> bool:
    """Whether of every group one condition holds."""
    return all(any(_holds(connection, mint, condition, visitor) for condition in group) for group in groups)


def _holds(connection: sqlite3.Connection, mint: Mint, condition: FlowCondition, visitor: Visitor) -> bool:
    match condition:
        case EventProperty(metric_id):
            return visitor.event is not None and _event_passes(connection, condition, metric_id, visitor)
        case NotSent(channel, within):
            return not _was_sent(connection, channel, _since(within, visitor), visitor.profile)
        case NotInFlow(within):
            last = last_entry(connection, visitor.flow_id, visitor.profile, besides=visitor.run)
            return last is None or last < _since(within, visitor) * MICROSECONDS
        case Sample(percentage):
            return _place(visitor) < percentage
        case Unanswerable():
            return False
        case _:
            if isinstance(condition, GroupMembership):
                refresh_segments(connection, mint, condition.group_ids, only=[visitor.profile])
            definition = Definition(((condition,),))
            return profile_matches(connection, definition, visitor.profile, visitor.now, flow_start=visitor.entered)


def _event_passes(connection: sqlite3.Connection, condition: EventProperty, metric_id: str, visitor: Visitor) -> bool:
    query = compile_event_filters((condition.filter,), Present(visitor.now))
    sql = f"{query.sql} AND event.seq = :only_event AND {_OF_METRIC}"
    parameters = {**query.parameters, "only_event": visitor.event, "only_metric": metric_id}
    return connection.execute(sql, parameters).fetchone() is not None


def _since(within: RelativeDate | None, visitor: Visitor) -> int:
    return 0 if within is None else bounds(within, Present(visitor.now)).first or 0


def _was_sent(connection: sqlite3.Connection, channel: str, since: int, profile: int) -> bool:
    if channel == "email":
        return connection.execute(_MAIL_SINCE, (profile, since)).fetchone() is not None
    return any(
        connection.execute(_EVENT_SINCE, (profile, metric, since)).fetchone() for metric in _SENT_METRICS[channel]
    )


def _place(visitor: Visitor) -> int:
    """Where a profile stands among all, in percent: the same for the same flow always."""
    digest = hashlib.sha256(f"{visitor.flow_id}:{visitor.profile_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % _EVERYBODY
