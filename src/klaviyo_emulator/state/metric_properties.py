"""What the events of a metric have in them: found by looking at the newest ones, and stored nowhere."""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from klaviyo_emulator.clock import parse_instant

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.state.metrics import Metric

LOOKED_AT = 1000
"""How many of a metric's newest events are looked at."""
_SAMPLES = 10
_NEWEST = (
    "SELECT properties, value, currency FROM event WHERE metric = (SELECT seq FROM metric WHERE id = ?) "
    "ORDER BY time DESC, seq DESC LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class MetricProperty:
    """One property of a metric's events. Samples are distinct, newest first."""

    id: str
    metric_id: str
    label: str
    property: str
    inferred_type: str
    samples: tuple[str | int | float | bool, ...]


def property_id(metric_id: str, name: str) -> str:
    """The id: unpadded base64url of both, as the live ones are."""
    return base64.urlsafe_b64encode(f"{metric_id}.{name}".encode()).decode("ascii").rstrip("=")


def metric_of(given: str) -> str | None:
    """The id of the metric that a property's id names; None when it is no such id."""
    try:
        text = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    metric_id, dot, _ = text.partition(".")
    return metric_id if dot else None


def metric_properties(connection: sqlite3.Connection, metric: Metric) -> list[MetricProperty]:
    """The properties of a metric, by name. `$value` and `$value_currency` are among them where events have them."""
    seen: dict[str, list[Any]] = {}
    for text, value, currency in connection.execute(_NEWEST, (metric.id, LOOKED_AT)):
        more = {"$value": value, "$value_currency": currency}
        for name, found in {**json.loads(text), **{name: one for name, one in more.items() if one is not None}}.items():
            seen.setdefault(name, []).append(found)
    return [_property(metric, name, seen[name]) for name in sorted(seen)]


def _property(metric: Metric, name: str, values: list[Any]) -> MetricProperty:
    types = Counter(_type_of(value) for value in values if value is not None)
    items = (item for value in values for item in _items(value))
    samples = {(type(item), item): item for item in items if isinstance(item, str | int | float)}
    return MetricProperty(
        id=property_id(metric.id, name),
        metric_id=metric.id,
        label=f"{metric.name} Value" if name == "$value" else name,
        property=name,
        inferred_type=types.most_common(1)[0][0] if types else "string",
        samples=tuple(samples.values())[:_SAMPLES],
    )


def _items(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else [value]


def _type_of(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "numeric"
        case list():
            return "list"
        case dict():
            return "object"
        case str() if "T" in value and parse_instant(value) is not None:
            return "date"
        case _:
            return "string"
