"""Metrics with what was included beside them."""

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.flow import Flow, flow_from
from aioklaviyo.models.metric import Metric


class FullMetric(Metric):
    """A metric; ``flow_triggers`` are objects when they were included, else None."""

    flow_triggers: tuple[Flow, ...] | None = None


def full_metric_from(resource: Resource) -> FullMetric:
    """Build from a resource object and what was included beside it."""
    return FullMetric.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "flow_triggers": resource.included_as("flow-triggers", "flow", flow_from),
        }
    )
