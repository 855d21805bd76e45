"""Custom metrics. Scopes ``metrics:read``, ``metrics:write``.

An account may have one, or fifty with Klaviyo's advanced products. Creating and changing are each limited to 15 calls a
day.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.models.custom_metric import CustomMetric, CustomMetricDefinition, custom_metric_from
from aioklaviyo.models.metric import Metric, metric_from
from aioklaviyo.models.writing import JsonObject, written
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import Rate, S
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_custom_metrics", "GET", "/api/custom-metrics", S)
GET = Operation("get_custom_metric", "GET", "/api/custom-metrics/{id}", S)
CREATE = Operation("create_custom_metric", "POST", "/api/custom-metrics", Rate(1, 15, 15))
UPDATE = Operation("update_custom_metric", "PATCH", "/api/custom-metrics/{id}", Rate(1, 15, 15))
DELETE = Operation("delete_custom_metric", "DELETE", "/api/custom-metrics/{id}", S, Need.NOTHING)
METRICS = Operation("get_metrics_for_custom_metric", "GET", "/api/custom-metrics/{id}/metrics", S)
METRIC_IDS = Operation("get_metric_ids_for_custom_metric", "GET", "/api/custom-metrics/{id}/relationships/metrics", S)

CustomMetricInclude: TypeAlias = Literal["metrics"]


class CustomMetrics(Area):
    """``klaviyo.custom_metrics``."""

    def list(
        self,
        *,
        include: Sequence[CustomMetricInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Listing[CustomMetric]:
        """All custom metrics, in one page.

        Args:
            include: What to resolve to objects on each custom metric.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=custom_metric_from,
            query={"fields[custom-metric]": fields, "include": include},
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        custom_metric_id: str,
        *,
        include: Sequence[CustomMetricInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CustomMetric:
        """One custom metric by its id; parameters as in ``list``.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = GET.call(custom_metric_id, query={"fields[custom-metric]": fields, "include": include})
        return await self._one(call, custom_metric_from, deadline_seconds)

    async def create(
        self,
        name: str,
        definition: CustomMetricDefinition | JsonObject,
        *,
        deadline_seconds: float | None = None,
    ) -> CustomMetric:
        """Create a custom metric. Not repeated once it may have been processed; 15 a day.

        Args:
            name: What it is called; no other custom metric is called so.
            definition: What counts. A plain object is sent as it is.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            RequestRejected: The name is taken, a metric does not exist, or the account has as many as it may have.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        attributes: dict[str, Json] = {"name": name, "definition": written(definition)}
        call = CREATE.call(data={"type": "custom-metric", "attributes": attributes})
        return await self._one(call, custom_metric_from, deadline_seconds)

    async def update(
        self,
        custom_metric_id: str,
        *,
        name: str | None = None,
        definition: CustomMetricDefinition | JsonObject | None = None,
        deadline_seconds: float | None = None,
    ) -> CustomMetric:
        """Change a custom metric; what is None stays. 15 a day.

        Args:
            custom_metric_id: As ``list`` has them.
            name: What it is to be called.
            definition: What counts from now on, in whole; Klaviyo merges nothing.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        changes: dict[str, Json] = {}
        if name is not None:
            changes["name"] = name
        if definition is not None:
            changes["definition"] = written(definition)
        data: Json = {"type": "custom-metric", "id": custom_metric_id, "attributes": changes}
        return await self._one(UPDATE.call(custom_metric_id, data=data), custom_metric_from, deadline_seconds)

    async def delete(self, custom_metric_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a custom metric; a slot that it was mapped to is empty then.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(custom_metric_id), deadline_seconds)

    def metrics(
        self, custom_metric_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[Metric]:
        """The metrics it is made of. Raises ``NotFound`` while iterating where there is no such custom metric."""
        return self._list(
            METRICS,
            custom_metric_id,
            parse=metric_from,
            query={"fields[metric]": fields},
            deadline_seconds=deadline_seconds,
        )

    def metric_ids(self, custom_metric_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(METRIC_IDS, custom_metric_id, deadline_seconds=deadline_seconds)
