"""Metrics: listed and read; events make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_instant
from klaviyo_emulator.cursors import decode_keyed, encode_keyed
from klaviyo_emulator.errors import not_found
from klaviyo_emulator.jsonapi import Document, Linker, relationship, resource, select, single
from klaviyo_emulator.operations import METRICS_PAGE_SIZE
from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, page_reply
from klaviyo_emulator.state.metrics import Metric, find_metric, list_metrics

if TYPE_CHECKING:
    from klaviyo_emulator.query import Query


async def get_metrics(context: Context, request: ApiRequest) -> Reply:
    """A page of metrics."""
    query = request.query
    start = request.position(lambda text: decode_keyed(text, "id"))
    page = await context.read(lambda connection: list_metrics(connection, query.filters, start, METRICS_PAGE_SIZE))
    return page_reply(
        context,
        request,
        page,
        write=lambda metric: metric_resource(context.linker, metric, query),
        cursor=lambda metric, forward: encode_keyed("id", metric.id, metric.id, forward=forward),
    )


async def get_metric(context: Context, request: ApiRequest) -> Reply:
    """One metric."""
    (metric_id,) = request.arguments
    metric = await context.read(lambda connection: find_metric(connection, metric_id))
    if metric is None:
        raise not_found(f"Metric with id {metric_id} not found.")
    data = metric_resource(context.linker, metric, request.query)
    return Reply(200, single(data, request.self_link(context.linker), request.included()))


def metric_resource(linker: Linker, metric: Metric, query: Query) -> Document:
    """The resource object of a metric."""
    attributes: Document = {
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
    triggers: list[Document] | None = [] if "flow-triggers" in (query.include or ()) else None
    owner = linker.resource("metric", metric.id)
    relationships: Document = {"flow-triggers": relationship(owner, "flow-triggers", triggers)}
    return resource(linker, "metric", metric.id, select(attributes, query.fields.get("metric")), relationships)


ROUTES: Routes = {"get_metrics": get_metrics, "get_metric": get_metric}
