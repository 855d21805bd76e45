"""Counting the events of a metric by time and by what their properties say.

Each bucket of time is a range of the index of (metric, time). Counting reads the index only; values, profiles and
properties are looked up row by row. For a million events of one metric within the range that is about 0.2 s for counts,
1.5 s with sums or unique profiles, and 2 to 5 s where properties are grouped by or filtered on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

DIMENSIONS = (
    "$attributed_channel",
    "$attributed_flow",
    "$attributed_message",
    "$attributed_variation",
    "$campaign_channel",
    "$flow",
    "$flow_channel",
    "$message",
    "$message_send_cohort",
    "$usage_amount",
    "$value_currency",
    "$variation",
    "$variation_send_cohort",
    "Bot Click",
    "Bounce Type",
    "Campaign Name",
    "Client Canonical",
    "Client Name",
    "Client Type",
    "Email Domain",
    "Failure Source",
    "Failure Type",
    "From Number",
    "From Phone Region",
    "Inbox Provider",
    "List",
    "Message Format",
    "Message Name",
    "Message Type",
    "Method",
    "Segment Count",
    "Subject",
    "To Number",
    "To Phone Region",
    "URL",
    "form_id",
)
"""The properties of events that can be grouped by and filtered on."""

MEASUREMENTS: Mapping[str, str] = {
    "count": "count(*)",
    "sum_value": "total(event.value)",
    "unique": "count(DISTINCT event.profile)",
}
"""What can be measured, and how it is said in SQL."""

_WHERE = "event.metric = (SELECT seq FROM metric WHERE id = ?) AND event.time >= ? AND event.time < ?"


class Span(NamedTuple):
    """A range of time in seconds since 1970; `end` is not part of it."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregation:
    """What is asked of a metric's events. Of each condition one of the values must be met."""

    metric_id: str
    spans: Sequence[Span]
    measurements: Sequence[str]
    by: Sequence[str] = ()
    conditions: Sequence[tuple[str, Sequence[str]]] = ()


Row = dict[str, list[float]]
"""For each measurement one number for each span."""


def aggregate(connection: sqlite3.Connection, asked: Aggregation) -> dict[tuple[str, ...], Row]:
    """The measurements for each combination of dimensions that occurs; without dimensions for `()` in any case."""
    dimensions = [_dimension(name) for name in asked.by]
    where = [_WHERE]
    wanted: list[str] = []
    for name, values in asked.conditions:
        where.append(f"{_dimension(name)} IN ({', '.join('?' * len(values))})")
        wanted += values
    columns = ", ".join((*(MEASUREMENTS[name] for name in asked.measurements), *dimensions))
    # Names of dimensions and measurements are this module's own.
    sql = f"SELECT {columns} FROM event WHERE {' AND '.join(where)}"  # noqa: S608
    if dimensions:
        sql += f" GROUP BY {', '.join(dimensions)}"
    found: dict[tuple[str, ...], Row] = {}
    if not dimensions:
        found[()] = _zeros(asked)
    width = len(asked.measurements)
    for index, span in enumerate(asked.spans):
        for values in connection.execute(sql, (asked.metric_id, span.start, span.end, *wanted)):
            row = found.setdefault(tuple(values[width:]), _zeros(asked)) if dimensions else found[()]
            for name, value in zip(asked.measurements, values, strict=False):
                row[name][index] = float(value)
    return found


def _zeros(asked: Aggregation) -> Row:
    return {name: [0.0] * len(asked.spans) for name in asked.measurements}


def _dimension(name: str) -> str:
    """The SQL expression of a dimension, always text; empty where an event does not have the property."""
    if name not in DIMENSIONS:
        raise ValueError(f"{name} is no dimension")
    if name == "$value_currency":
        return "coalesce(event.currency, '')"
    path = f"'$.\"{name}\"'"
    return (
        f"CASE json_type(event.properties, {path}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' "
        f"ELSE coalesce(CAST(json_extract(event.properties, {path}) AS TEXT), '') END"
    )
