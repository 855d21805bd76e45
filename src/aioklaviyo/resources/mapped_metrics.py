"""Mapped metrics. Scopes ``metrics:read``, ``metrics:write``.

Seven slots, one for each of Klaviyo's notions of commerce; they are filled and emptied, never made or deleted.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.models.custom_metric import CustomMetric, custom_metric_from
from aioklaviyo.models.mapped_metric import MappedMetric, MappedMetricSlot, mapped_metric_from
from aioklaviyo.models.metric import Metric, metric_from
from aioklaviyo.models.writing import UNSET, Settable
from aioklaviyo.operations import Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import Rate, S
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_mapped_metrics", "GET", "/api/mapped-metrics", S)
GET = Operation("get_mapped_metric", "GET", "/api/mapped-metrics/{id}", S)
UPDATE = Operation("update_mapped_metric", "PATCH", "/api/mapped-metrics/{id}", Rate(1, 15, 30))
METRIC = Operation("get_metric_for_mapped_metric", "GET", "/api/mapped-metrics/{id}/metric", S)
METRIC_ID = Operation("get_metric_id_for_mapped_metric", "GET", "/api/mapped-metrics/{id}/relationships/metric", S)
CUSTOM_METRIC = Operation("get_custom_metric_for_mapped_metric", "GET", "/api/mapped-metrics/{id}/custom-metric", S)
CUSTOM_METRIC_ID = Operation(
    "get_custom_metric_id_for_mapped_metric", "GET", "/api/mapped-metrics/{id}/relationships/custom-metric", S
)

MappedMetricInclude: TypeAlias = Literal["custom-metric", "metric"]


class MappedMetrics(Area):
    """``klaviyo.mapped_metrics``."""

    def list(
        self,
        *,
        include: Sequence[MappedMetricInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Listing[MappedMetric]:
        """All slots, in one page.

        Args:
            include: What to resolve to objects on each slot.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=mapped_metric_from,
            query={"fields[mapped-metric]": fields, "include": include},
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        slot: MappedMetricSlot,
        *,
        include: Sequence[MappedMetricInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> MappedMetric:
        """One slot; parameters as in ``list``. Raises ``RequestRejected`` for a name that is no slot."""
        call = GET.call(slot, query={"fields[mapped-metric]": fields, "include": include})
        return await self._one(call, mapped_metric_from, deadline_seconds)

    async def update(
        self,
        slot: MappedMetricSlot,
        *,
        metric_id: Settable[str] = UNSET,
        custom_metric_id: Settable[str] = UNSET,
        deadline_seconds: float | None = None,
    ) -> MappedMetric:
        """Fill or empty a slot: a metric or a custom metric, each instead of the other. 30 a day.

        Klaviyo has been seen to take two changes of a slot a day and to refuse more with ``CredentialsRejected``.

        Args:
            slot: Which one.
            metric_id: The metric to stand for it; None takes it away.
            custom_metric_id: The custom metric to stand for it; None takes it away.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: Both ids are given, or neither: it would use up one of the day's changes.
            RequestRejected: There is no such metric.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if metric_id and custom_metric_id:
            raise UPDATE.refused("a slot is for a metric or for a custom metric, not for both", "/data/relationships")
        relationships: dict[str, Json] = {}
        if metric_id is not UNSET:
            relationships["metric"] = _linkage("metric", metric_id)
        if custom_metric_id is not UNSET:
            relationships["custom-metric"] = _linkage("custom-metric", custom_metric_id)
        if not relationships:
            raise UPDATE.refused("nothing is to be changed", "/data/relationships")
        data: Json = {"type": "mapped-metric", "id": slot, "relationships": relationships}
        return await self._one(UPDATE.call(slot, data=data), mapped_metric_from, deadline_seconds)

    async def metric(
        self, slot: MappedMetricSlot, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Metric | None:
        """The metric that stands for it; None where there is none."""
        return await self._related(METRIC.call(slot, query={"fields[metric]": fields}), metric_from, deadline_seconds)

    async def metric_id(self, slot: MappedMetricSlot, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(METRIC_ID.call(slot), deadline_seconds)

    async def custom_metric(
        self, slot: MappedMetricSlot, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> CustomMetric | None:
        """The custom metric that stands for it; None where there is none."""
        call = CUSTOM_METRIC.call(slot, query={"fields[custom-metric]": fields})
        return await self._related(call, custom_metric_from, deadline_seconds)

    async def custom_metric_id(self, slot: MappedMetricSlot, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(CUSTOM_METRIC_ID.call(slot), deadline_seconds)


def _linkage(resource_type: str, identifier: str | None) -> "Json":
    return {"data": None if identifier is None else {"type": resource_type, "id": identifier}}
