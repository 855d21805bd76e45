"""Mapped metrics: which metric stands for one of Klaviyo's notions of commerce."""

from typing import Literal, TypeAlias

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.custom_metric import CustomMetric, custom_metric_from
from aioklaviyo.models.metric import Metric, metric_from
from aioklaviyo.models.reading import ReadModel, Timestamp

MappedMetricSlot: TypeAlias = Literal[
    "added_to_cart",
    "cancelled_sales",
    "ordered_product",
    "refunded_sales",
    "revenue",
    "started_checkout",
    "viewed_product",
]
"""The notions, which are also the ids."""


class MappedMetric(ReadModel):
    """A slot; its ``id`` is a ``MappedMetricSlot``. Of the two ids at most one is there.

    ``metric`` and ``custom_metric`` are objects when included.
    """

    id: str
    updated: Timestamp | None = None
    metric_id: str | None = None
    custom_metric_id: str | None = None
    metric: Metric | None = None
    custom_metric: CustomMetric | None = None


def mapped_metric_from(resource: Resource) -> MappedMetric:
    """Build from a resource object and what was included beside it."""
    metric = resource.related("metric", "metric")
    custom = resource.related("custom-metric", "custom-metric")
    return MappedMetric.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "metric_id": resource.related_id("metric"),
            "custom_metric_id": resource.related_id("custom-metric"),
            "metric": None if metric is None else metric_from(metric),
            "custom_metric": None if custom is None else custom_metric_from(custom),
        }
    )
