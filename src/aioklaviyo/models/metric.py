"""Metrics: the kinds of events an account has seen."""

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import ReadModel, Timestamp


class Integration(ReadModel):
    """Where a metric's events come from; events sent through the API come from ``api``."""

    id: str | None = None
    key: str | None = None
    name: str | None = None
    category: str | None = None


class Metric(ReadModel):
    """A kind of event. Names are not unique: two integrations may use the same one."""

    id: str
    name: str | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    integration: Integration | None = None


def metric_from(resource: Resource) -> Metric:
    """Build from a resource object."""
    return Metric.model_validate({**resource.attributes, "id": resource.id})
