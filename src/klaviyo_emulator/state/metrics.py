"""Metrics and the integrations they belong to. Both are born from events and never change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state.paging import Listing, Page, fetch_page

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.filters import Condition
    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.records import Subquery

_SELECT = (
    "SELECT metric.id, metric.name, metric.created, metric.updated, "
    "integration.id, integration.key, integration.name, integration.category "
    "FROM metric JOIN integration USING (service)"
)
_FILTERS = {"integration.name": "integration.name = ?", "integration.category": "integration.category = ?"}
_API = "api"
_KNOWN = {_API: ("API", "API"), "klaviyo": ("Klaviyo", "Internal")}
"""Name and category of the integrations that every account has."""


@dataclass(frozen=True, slots=True)
class Integration:
    """Where a metric's events come from."""

    id: str
    key: str
    name: str
    category: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; times in whole seconds."""

    id: str
    name: str
    created: int
    updated: int
    integration: Integration


@dataclass(slots=True)
class MetricHandle:
    """What storing an event needs of its metric."""

    seq: int
    id: str
    name: str
    has_value: bool


def service_key(service: str | None) -> str:
    """The key of a metric's integration: `api` where an event names no service."""
    return (service or _API).strip().casefold() or _API


def find_metric(connection: sqlite3.Connection, metric_id: str) -> Metric | None:
    """The metric with this id."""
    row = connection.execute(f"{_SELECT} WHERE metric.id = ?", (metric_id,)).fetchone()
    return None if row is None else _metric(row)


def find_metrics(connection: sqlite3.Connection, metric_ids: Sequence[str]) -> list[Metric]:
    """The metrics with these ids, in the order given."""
    found = (find_metric(connection, metric_id) for metric_id in metric_ids)
    return [metric for metric in found if metric is not None]


def list_metrics(
    connection: sqlite3.Connection,
    conditions: Sequence[Condition],
    start: Position | None,
    size: int,
    within: Subquery | None = None,
) -> Page[Metric]:
    """A page of metrics by id; `within` keeps those whose id a subquery selects."""
    listing = Listing(select=_SELECT, key="metric.id", tie="metric.id")
    if within is not None:
        listing.restrict(f"metric.id IN ({within.sql})", *within.parameters)
    for condition in conditions:
        listing.restrict(_FILTERS[condition.field], str(condition.value))
    return fetch_page(connection, listing, _metric, start=start, size=size, descending=False)


def ensure_metric(connection: sqlite3.Connection, mint: Mint, name: str, service: str | None) -> MetricHandle:
    """The metric of an event, made when it is new. A service other than the API makes an integration of its name."""
    key = service_key(service)
    sql = "SELECT seq, id, has_value FROM metric WHERE name = ? AND service = ?"
    row = connection.execute(sql, (name, key)).fetchone()
    if row is not None:
        return MetricHandle(row[0], row[1], name, bool(row[2]))
    _ensure_integration(connection, mint, key, service or "")
    now = mint.now()
    metric_id = _free_id(connection, mint, "SELECT 1 FROM metric WHERE id = ?")
    cursor = connection.execute(
        "INSERT INTO metric (id, name, service, created, updated) VALUES (?, ?, ?, ?, ?)",
        (metric_id, name, key, now, now),
    )
    return MetricHandle(int(cursor.lastrowid or 0), metric_id, name, has_value=False)


def mark_value(connection: sqlite3.Connection, metric: MetricHandle) -> None:
    """Remember that an event of the metric had a value: later ones without get 0."""
    if not metric.has_value:
        metric.has_value = True
        connection.execute("UPDATE metric SET has_value = 1 WHERE seq = ?", (metric.seq,))


def _ensure_integration(connection: sqlite3.Connection, mint: Mint, key: str, service: str) -> None:
    if connection.execute("SELECT 1 FROM integration WHERE service = ?", (key,)).fetchone():
        return
    integration_id = _free_id(connection, mint, "SELECT 1 FROM integration WHERE id = ?")
    name, category = _KNOWN.get(key) or (service.strip(), "API")
    connection.execute(
        "INSERT INTO integration (service, id, key, name, category) VALUES (?, ?, ?, ?, ?)",
        (key, integration_id, key, name, category),
    )


def _free_id(connection: sqlite3.Connection, mint: Mint, taken: str) -> str:
    candidate = mint.short_id()
    while connection.execute(taken, (candidate,)).fetchone():
        candidate = mint.short_id()
    return candidate


def _metric(row: Sequence[Any]) -> Metric:
    return Metric(row[0], row[1], row[2], row[3], Integration(*row[4:8]))
