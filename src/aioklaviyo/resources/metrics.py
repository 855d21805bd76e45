"""Metrics, their properties and counts of their events. Scope ``metrics:read``; flow triggers also need ``flows:read``.

Metrics are born from events, never created.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.errors import CallRecord, DeadlineExceeded
from aioklaviyo.filters import Filter
from aioklaviyo.models.flow import Flow, flow_from
from aioklaviyo.models.full_metric import FullMetric, full_metric_from
from aioklaviyo.models.metric import Metric, metric_from
from aioklaviyo.models.metric_aggregate import (
    AggregateDimension,
    AggregateInterval,
    AggregatePage,
    Measurement,
    MetricAggregate,
)
from aioklaviyo.models.metric_property import MetricProperty, metric_property_from
from aioklaviyo.operations import Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import XS, M, S
from aioklaviyo.resources.area import Area
from aioklaviyo.resources.metric_aggregates import expressions, page_from, time_range, time_zone

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_metrics", "GET", "/api/metrics", M)
GET = Operation("get_metric", "GET", "/api/metrics/{id}", M)
FLOW_TRIGGERS = Operation("get_flows_triggered_by_metric", "GET", "/api/metrics/{id}/flow-triggers", M)
FLOW_TRIGGER_IDS = Operation(
    "get_ids_for_flows_triggered_by_metric", "GET", "/api/metrics/{id}/relationships/flow-triggers", M
)
PROPERTIES = Operation("get_properties_for_metric", "GET", "/api/metrics/{id}/metric-properties", XS)
PROPERTY_IDS = Operation("get_property_ids_for_metric", "GET", "/api/metrics/{id}/relationships/metric-properties", XS)
GET_PROPERTY = Operation("get_metric_property", "GET", "/api/metric-properties/{id}", XS)
METRIC_OF_PROPERTY = Operation("get_metric_for_metric_property", "GET", "/api/metric-properties/{id}/metric", XS)
METRIC_ID_OF_PROPERTY = Operation(
    "get_metric_id_for_metric_property", "GET", "/api/metric-properties/{id}/relationships/metric", XS
)
AGGREGATE = Operation("query_metric_aggregates", "POST", "/api/metric-aggregates", S, is_repeatable=True)

MetricInclude: TypeAlias = Literal["flow-triggers"]
MetricPropertyInclude: TypeAlias = Literal["metric"]
MetricPropertyExtra: TypeAlias = Literal["sample_values"]


class Metrics(Area):
    """``klaviyo.metrics``."""

    async def get(
        self,
        metric_id: str,
        *,
        include: Sequence[MetricInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> FullMetric:
        """One metric by its id.

        Args:
            metric_id: Six letters and digits.
            include: What to resolve to objects.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = GET.call(metric_id, query={"fields[metric]": fields, "include": include})
        return await self._one(call, full_metric_from, deadline_seconds)

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        include: Sequence[MetricInclude] = (),
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[FullMetric]:
        """All metrics, 200 per page; Klaviyo offers neither a page size nor an order.

        Args:
            filter: ``equals`` on ``integration.name`` or ``integration.category``. Of the latter, Klaviyo may find
                nothing.
            include: What to resolve to objects on each metric.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=full_metric_from,
            query={"fields[metric]": fields, "include": include},
            where=filter,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def flow_triggers(
        self, metric_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[Flow]:
        """The flows that such an event sets off. Raises ``NotFound`` while iterating where there is no such metric."""
        return self._list(
            FLOW_TRIGGERS, metric_id, parse=flow_from, query={"fields[flow]": fields}, deadline_seconds=deadline_seconds
        )

    def flow_trigger_ids(self, metric_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(FLOW_TRIGGER_IDS, metric_id, deadline_seconds=deadline_seconds)

    def properties(
        self,
        metric_id: str,
        *,
        additional_fields: Sequence[MetricPropertyExtra] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Listing[MetricProperty]:
        """What the events of a metric carry, at 15 calls a minute.

        Args:
            metric_id: Six letters and digits.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: While iterating: there is no such metric.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            PROPERTIES,
            metric_id,
            parse=metric_property_from,
            query={"additional-fields[metric-property]": additional_fields, "fields[metric-property]": fields},
            deadline_seconds=deadline_seconds,
        )

    def property_ids(self, metric_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(PROPERTY_IDS, metric_id, deadline_seconds=deadline_seconds)

    async def get_property(
        self,
        property_id: str,
        *,
        include: Sequence[MetricPropertyInclude] = (),
        additional_fields: Sequence[MetricPropertyExtra] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> MetricProperty:
        """One property by its id, at 15 calls a minute.

        Args:
            property_id: As ``properties`` has them.
            include: What to resolve to objects.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {
            "additional-fields[metric-property]": additional_fields,
            "fields[metric-property]": fields,
            "include": include,
        }
        return await self._one(GET_PROPERTY.call(property_id, query=query), metric_property_from, deadline_seconds)

    async def metric_of_property(
        self, property_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Metric | None:
        """The metric that a property belongs to. Raises ``NotFound`` where there is no such property."""
        call = METRIC_OF_PROPERTY.call(property_id, query={"fields[metric]": fields})
        return await self._related(call, metric_from, deadline_seconds)

    async def metric_id_of_property(self, property_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(METRIC_ID_OF_PROPERTY.call(property_id), deadline_seconds)

    async def aggregate(
        self,
        metric_id: str,
        measurements: Sequence[Measurement],
        *,
        between: tuple[dt.datetime, dt.datetime],
        interval: AggregateInterval = "day",
        timezone: str = "UTC",
        by: Sequence[AggregateDimension] = (),
        filters: Mapping[AggregateDimension, str] | Sequence[Filter] = (),
        page_size: int | None = None,
        deadline_seconds: float | None = None,
    ) -> MetricAggregate:
        """Count a metric's events by time, and by what they say: all rows, however many pages they come in.

        It changes nothing and is repeated like any read. Klaviyo cannot sort the rows, although it says it could.

        Args:
            metric_id: Six letters and digits; not of a custom metric.
            measurements: What to count.
            between: From when, and until when exclusively: aware, at most a year apart.
            interval: How long each date of the answer lasts; it begins in ``timezone``.
            timezone: An IANA name. Klaviyo does not know the newest ones: ``Europe/Kiev``, not ``Europe/Kyiv``.
            by: A row for each combination of these that occurs; none means one row.
            filters: Only events with these values, as in ``{"$attributed_channel": "email"}``; or expressions, for
                what else Klaviyo understands: ``Filter('not(equals($attributed_flow,""))')``.
            page_size: Rows for each request; Klaviyo's default is 500, which may be the least it takes.
            deadline_seconds: For the whole call, all pages and waits included; None means the client's.

        Raises:
            InvalidRequest: The range is no range, too long, or cannot be said in the time zone.
            NotFound: There is no such metric.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        zone = time_zone(timezone, AGGREGATE)
        names = tuple(dict.fromkeys(by))
        asked: dict[str, Json] = {
            "metric_id": metric_id,
            "measurements": [*measurements],
            "filter": [*time_range(between, zone, AGGREGATE), *expressions(filters, AGGREGATE)],
            "interval": interval,
            "timezone": timezone,
            **({"by": [*names]} if names else {}),
            **({} if page_size is None else {"page_size": page_size}),
        }
        pages = await self._pages(asked, deadline_seconds)
        dates = tuple(date.astimezone(zone) for date in pages[0].dates or ())
        return MetricAggregate(metric_id, dates, tuple(row for page in pages for row in page.rows(names, dates)))

    async def _pages(self, asked: "dict[str, Json]", deadline_seconds: float | None) -> Sequence[AggregatePage]:
        seconds = self._caller.options.timeout_seconds if deadline_seconds is None else deadline_seconds
        ends_at = self._caller.monotonic() + seconds
        pages: list[AggregatePage] = []
        used: set[str] = set()
        cursor: str | None = None
        while True:
            attributes = asked if cursor is None else {**asked, "page_cursor": cursor}
            call = AGGREGATE.call(data={"type": "metric-aggregate", "attributes": attributes})
            reply = await self._caller.send(call, seconds)
            page, cursor = reply.parsed(lambda document: page_from(document, used))
            pages.append(page)
            if cursor is None:
                return pages
            used.add(cursor)
            seconds = ends_at - self._caller.monotonic()
            if seconds <= 0:
                raise DeadlineExceeded("Time ran out between pages", CallRecord(AGGREGATE.method, AGGREGATE.path))
