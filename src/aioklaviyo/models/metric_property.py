"""Properties of metrics: what their events carry."""

from typing import Any

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.metric import Metric, metric_from
from aioklaviyo.models.reading import ReadModel


class MetricProperty(ReadModel):
    """A property that a metric's events carry. ``metric`` is an object when included, else None beside its id.

    ``inferred_type`` is plain text; ``sample_values`` come when asked for, and even then Klaviyo may have none.
    """

    id: str
    label: str | None = None
    property: str | None = None
    inferred_type: str | None = None
    sample_values: tuple[Any, ...] | None = None
    metric_id: str | None = None
    metric: Metric | None = None


def metric_property_from(resource: Resource) -> MetricProperty:
    """Build from a resource object and what was included beside it."""
    metric = resource.related("metric", "metric")
    return MetricProperty.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "metric_id": resource.related_id("metric"),
            "metric": None if metric is None else metric_from(metric),
        }
    )
