"""Custom metrics: metrics put together from others, as read and as written.

Filters are those of segments: ``aioklaviyo.models.segment.filters``.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StrictStr

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.metric import Metric, metric_from
from aioklaviyo.models.reading import ReadModel, Timestamp
from aioklaviyo.models.segment.filters import (
    BooleanFilter,
    ExistenceFilter,
    InFilter,
    ListContainsFilter,
    ListSubstringFilter,
    NumericFilter,
    StringFilter,
)
from aioklaviyo.models.segment.grammar import Integer, Part, Several

AggregationMethod: TypeAlias = Literal["count", "value"]
"""``value`` makes a revenue metric, such as Placed Order; ``count`` counts conversions."""


class ListEdgeFilter(Part):
    """A list with, or without, an item that begins or ends with something."""

    type: Literal["list"] = "list"
    operator: Literal[
        "contains-starts-with", "contains-ends-with", "not-contains-starts-with", "not-contains-ends-with"
    ]
    value: Integer | StrictStr | None


MetricFilter: TypeAlias = Annotated[
    Annotated[StringFilter | InFilter, Field(discriminator="operator")]
    | NumericFilter
    | BooleanFilter
    | ExistenceFilter
    | Annotated[ListContainsFilter | ListEdgeFilter | ListSubstringFilter, Field(discriminator="operator")],
    Field(discriminator="type"),
]
"""What a property of an event may be filtered by."""


class MetricCondition(Part):
    """Only events whose property is like that."""

    property: Annotated[str, Field(min_length=1)]
    filter: MetricFilter


class MetricGroup(Part):
    """The events of one metric that meet all of the filters.

    ``value_property`` names what is summed where the method is ``value``; None means ``$value``.
    """

    metric_id: Annotated[str, Field(min_length=1)]
    metric_filters: Several[MetricCondition] | None = None
    value_property: str | None = None


class CustomMetricDefinition(Part):
    """What counts: the events of any of the groups."""

    aggregation_method: AggregationMethod
    metric_groups: Annotated[Several[MetricGroup], Field(min_length=1)]


class CustomMetric(ReadModel):
    """A custom metric. ``metrics`` are objects when included, else None beside their ids.

    ``definition`` is a plain dict where this client does not understand it.
    """

    id: str
    name: str | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    definition: Annotated[CustomMetricDefinition | dict[str, Any] | None, Field(union_mode="left_to_right")] = None
    metric_ids: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] | None = None


def custom_metric_from(resource: Resource) -> CustomMetric:
    """Build from a resource object and what was included beside it."""
    return CustomMetric.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "metric_ids": resource.related_ids("metrics"),
            "metrics": resource.included_as("metrics", "metric", metric_from) if resource.included else None,
        }
    )
