"""Metrics and the properties of their events: listed and read; events make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_instant
from klaviyo_emulator.routes.resources import (
    Relation,
    ResourceType,
    View,
    linked_back,
    many,
    one,
    page_of,
    related,
    related_ids,
)
from klaviyo_emulator.state.metric_properties import MetricProperty, metric_of, metric_properties
from klaviyo_emulator.state.metrics import Metric, find_metric, list_metrics
from klaviyo_emulator.state.paging import Page
from klaviyo_emulator.state.records import Subquery

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.routes.context import ApiRequest, Context, Handler, Reply, Routes, Types


def _page(view: View, start: Position | None, within: Subquery | None) -> Page[Metric]:
    filters = view.query.filters
    if view.context.config.behaviour == "live" and any(one.field == "integration.category" for one in filters):
        # The live API answers nothing, although its metrics say that they have the category.
        return Page([], has_next=False, has_previous=False)
    return list_metrics(view.connection, filters, start, view.query.size, within)


def _attributes(_view: View, metric: Metric) -> Document:
    return {
        "name": metric.name,
        "created": format_instant(metric.created),
        "updated": format_instant(metric.updated),
        "integration": {
            "object": "integration",
            "id": metric.integration.id,
            "key": metric.integration.key,
            "name": metric.integration.name,
            "category": metric.integration.category,
        },
    }


METRIC: ResourceType[Metric] = ResourceType(
    name="metric",
    title="Metric",
    find=find_metric,
    page=_page,
    identify=lambda metric: metric.id,
    sort_key=lambda metric, _sort: metric.id,
    attributes=_attributes,
    relations=(linked_back("flow-triggers", "flow", "triggers"),),
)


def _find_property(connection: sqlite3.Connection, given: str) -> MetricProperty | None:
    metric_id = metric_of(given)
    metric = None if metric_id is None else find_metric(connection, metric_id)
    if metric is None:
        return None
    return next((found for found in metric_properties(connection, metric) if found.id == given), None)


def _properties_of_path(view: View, _start: Position | None, _within: Subquery | None) -> Page[MetricProperty]:
    """Properties are listed for the metric in the path only."""
    metric = METRIC.get(view.connection, view.request.arguments[0])
    return Page(metric_properties(view.connection, metric), has_next=False, has_previous=False)


def _property_attributes(_view: View, found: MetricProperty) -> Document:
    return {"label": found.label, "property": found.property, "inferred_type": found.inferred_type}


def _samples(view: View, found: MetricProperty) -> list[str | int | float | bool] | None:
    return None if view.context.config.behaviour == "live" else list(found.samples)


METRIC_PROPERTY: ResourceType[MetricProperty] = ResourceType(
    name="metric-property",
    title="Metric property",
    find=_find_property,
    page=_properties_of_path,
    identify=lambda found: found.id,
    sort_key=lambda found, _sort: found.id,
    attributes=_property_attributes,
    additional={"sample_values": _samples},
    relations=(
        Relation(
            name="metric",
            target="metric",
            many=False,
            always=True,
            select=lambda owner: Subquery("SELECT ?", (metric_of(owner) or "",)),
        ),
    ),
)
TYPES: Types = {"metric": METRIC, "metric-property": METRIC_PROPERTY}


def _listing_properties(*, ids_only: bool) -> Handler:
    async def handle(context: Context, request: ApiRequest) -> Reply:
        return await context.read(
            lambda connection: page_of(View(connection, context, request), METRIC_PROPERTY, ids_only=ids_only)
        )

    return handle


ROUTES: Routes = {
    "get_metrics": many(METRIC),
    "get_metric": one(METRIC),
    "get_flows_triggered_by_metric": related(METRIC, "flow-triggers"),
    "get_ids_for_flows_triggered_by_metric": related_ids(METRIC, "flow-triggers"),
    "get_metric_property": one(METRIC_PROPERTY),
    "get_properties_for_metric": _listing_properties(ids_only=False),
    "get_property_ids_for_metric": _listing_properties(ids_only=True),
    "get_metric_for_metric_property": related(METRIC_PROPERTY, "metric"),
    "get_metric_id_for_metric_property": related_ids(METRIC_PROPERTY, "metric"),
}
