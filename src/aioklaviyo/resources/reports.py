"""Reports. Scopes ``campaigns:read``, ``flows:read``, ``forms:read``, ``segments:read``, by what a report is on.

Klaviyo answers each kind of report once a second, twice a minute and 225 times a day. Where the client keeps that
pace, a third one within a minute waits: give it a deadline that allows for it.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar

from aioklaviyo import jsonapi
from aioklaviyo.filters import Filter
from aioklaviyo.jsonapi import Json, MalformedDocumentError
from aioklaviyo.models.report import (
    CampaignGrouping,
    FlowGrouping,
    FormGrouping,
    FormStatistic,
    Interval,
    MessageStatistic,
    ReportRow,
    SegmentStatistic,
    SeriesRow,
    Timeframe,
)
from aioklaviyo.operations import Operation
from aioklaviyo.pagination import Listing, Page
from aioklaviyo.rates import Rate
from aioklaviyo.resources.area import Area

T = TypeVar("T")

REPORT_RATE = Rate(1, 2, 225)


def _operation(operation_id: str, path: str) -> Operation:
    # Nothing changes by asking.
    return Operation(operation_id, "POST", path, REPORT_RATE, is_repeatable=True)


CAMPAIGN_VALUES = _operation("query_campaign_values", "/api/campaign-values-reports")
FLOW_VALUES = _operation("query_flow_values", "/api/flow-values-reports")
FLOW_SERIES = _operation("query_flow_series", "/api/flow-series-reports")
FORM_VALUES = _operation("query_form_values", "/api/form-values-reports")
FORM_SERIES = _operation("query_form_series", "/api/form-series-reports")
SEGMENT_VALUES = _operation("query_segment_values", "/api/segment-values-reports")
SEGMENT_SERIES = _operation("query_segment_series", "/api/segment-series-reports")

LONGEST = dt.timedelta(days=366)
"""How long a timeframe may be: a year."""
LONGEST_BY_INTERVAL: Mapping[Interval, dt.timedelta] = {
    "hourly": dt.timedelta(days=7),
    "daily": dt.timedelta(days=60),
    "weekly": LONGEST,
    "monthly": dt.timedelta(weeks=52),
}
"""How long a timeframe of a series may be."""

# By its own name in the query, but no source says which one the link has.
_CURSORS = ("page_cursor", "page[cursor]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETED = re.compile(r"[(\[][^()\[\]]*[)\]]")


class Reports(Area):
    """``klaviyo.reports``: each is a listing of rows, one for each group. Asking is repeated after failures."""

    def campaign_values(
        self,
        statistics: Sequence[MessageStatistic],
        *,
        conversion_metric_id: str,
        timeframe: Timeframe,
        group_by: Sequence[CampaignGrouping] = (),
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[ReportRow]:
        """What became of the messages of campaigns.

        Args:
            statistics: At least one; rates are fractions from 0 to 1.
            conversion_metric_id: What counts as a conversion, such as the metric ``Placed Order``.
            timeframe: A named range, or start and end, at most a year apart. These are wall times of the account's
                time zone: Klaviyo ignores their offsets.
            group_by: ``campaign_id``, ``campaign_message_id`` and what else; empty means these and ``send_channel``.
            filter: ``equals`` or ``contains_any``; of tags ``contains_any`` or ``contains_all``. Each attribute once,
                at most 100 values, several joined with ``all_of``.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            InvalidRequest: At once: no statistics, a timeframe that is too long or ends before it begins, or groups
                that lack a required one.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        asked = _asked(CAMPAIGN_VALUES, statistics, timeframe, filter)
        asked["conversion_metric_id"] = conversion_metric_id
        _group(CAMPAIGN_VALUES, asked, group_by, ("campaign_id", "campaign_message_id"))
        return self._values(CAMPAIGN_VALUES, asked, cursor, deadline_seconds)

    def flow_values(
        self,
        statistics: Sequence[MessageStatistic],
        *,
        conversion_metric_id: str,
        timeframe: Timeframe,
        group_by: Sequence[FlowGrouping] = (),
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[ReportRow]:
        """What became of the messages of flows; errors as in ``campaign_values``.

        Args:
            statistics: At least one; rates are fractions from 0 to 1.
            conversion_metric_id: What counts as a conversion, such as the metric ``Placed Order``.
            timeframe: A named range, or start and end, as in ``campaign_values``.
            group_by: ``flow_id``, ``flow_message_id`` and what else; empty means these and ``send_channel``.
            filter: As in ``campaign_values``.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.
        """
        asked = _asked(FLOW_VALUES, statistics, timeframe, filter)
        asked["conversion_metric_id"] = conversion_metric_id
        _group(FLOW_VALUES, asked, group_by, ("flow_id", "flow_message_id"))
        return self._values(FLOW_VALUES, asked, cursor, deadline_seconds)

    def flow_series(
        self,
        statistics: Sequence[MessageStatistic],
        *,
        conversion_metric_id: str,
        timeframe: Timeframe,
        interval: Interval,
        group_by: Sequence[FlowGrouping] = (),
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[SeriesRow]:
        """The same, part by part of the timeframe.

        Args:
            statistics: At least one; rates are fractions from 0 to 1.
            conversion_metric_id: What counts as a conversion, such as the metric ``Placed Order``.
            timeframe: A named range, or start and end, as in ``campaign_values``.
            interval: How long the parts are: ``hourly`` for at most 7 days, ``daily`` 60 days, ``monthly`` 52 weeks.
            group_by: ``flow_id``, ``flow_message_id`` and what else; empty means these and ``send_channel``.
            filter: As in ``campaign_values``.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.
        """
        asked = _asked(FLOW_SERIES, statistics, timeframe, filter, interval)
        asked["conversion_metric_id"] = conversion_metric_id
        _group(FLOW_SERIES, asked, group_by, ("flow_id", "flow_message_id"))
        return self._series(FLOW_SERIES, asked, cursor, deadline_seconds)

    def form_values(
        self,
        statistics: Sequence[FormStatistic],
        *,
        timeframe: Timeframe,
        group_by: Sequence[FormGrouping] = (),
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        deadline_seconds: float | None = None,
    ) -> Listing[ReportRow]:
        """How often forms were seen, closed and sent; errors as in ``campaign_values``.

        Args:
            statistics: At least one; rates are fractions from 0 to 1.
            timeframe: A named range, or start and end, as in ``campaign_values``.
            group_by: ``form_id``, also with ``form_version_id``; empty means the first.
            filter: ``equals`` or ``any_of`` on ``form_id`` and ``form_version_id``, at most 100 values.
            deadline_seconds: For the whole call, waits included; None means the client's.
        """
        asked = _asked(FORM_VALUES, statistics, timeframe, filter)
        _group(FORM_VALUES, asked, group_by, ("form_id",))
        return self._values(FORM_VALUES, asked, None, deadline_seconds)

    def form_series(
        self,
        statistics: Sequence[FormStatistic],
        *,
        timeframe: Timeframe,
        interval: Interval,
        group_by: Sequence[FormGrouping] = (),
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        deadline_seconds: float | None = None,
    ) -> Listing[SeriesRow]:
        """The same, part by part of the timeframe; ``interval`` as in ``flow_series``, else as in ``form_values``."""
        asked = _asked(FORM_SERIES, statistics, timeframe, filter, interval)
        _group(FORM_SERIES, asked, group_by, ("form_id",))
        return self._series(FORM_SERIES, asked, None, deadline_seconds)

    def segment_values(
        self,
        statistics: Sequence[SegmentStatistic],
        *,
        timeframe: Timeframe,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        deadline_seconds: float | None = None,
    ) -> Listing[ReportRow]:
        """How segments grew, a row for each; errors as in ``campaign_values``. There is nothing from before June 2023.

        Args:
            statistics: At least one.
            timeframe: A named range, or start and end, as in ``campaign_values``.
            filter: ``equals`` or ``any_of`` on ``segment_id``, at most 100 values.
            deadline_seconds: For the whole call, waits included; None means the client's.
        """
        asked = _asked(SEGMENT_VALUES, statistics, timeframe, filter)
        return self._values(SEGMENT_VALUES, asked, None, deadline_seconds)

    def segment_series(
        self,
        statistics: Sequence[SegmentStatistic],
        *,
        timeframe: Timeframe,
        interval: Interval,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        deadline_seconds: float | None = None,
    ) -> Listing[SeriesRow]:
        """The same, part by part of the timeframe; ``interval`` as in ``flow_series``."""
        asked = _asked(SEGMENT_SERIES, statistics, timeframe, filter, interval)
        return self._series(SEGMENT_SERIES, asked, None, deadline_seconds)

    def _values(
        self, operation: Operation, asked: dict[str, Json], cursor: str | None, deadline_seconds: float | None
    ) -> Listing[ReportRow]:
        def row(result: Json, _: Json) -> ReportRow:
            return ReportRow.model_validate(result)

        return self._rows(operation, asked, row, cursor, deadline_seconds)

    def _series(
        self, operation: Operation, asked: dict[str, Json], cursor: str | None, deadline_seconds: float | None
    ) -> Listing[SeriesRow]:
        def row(result: Json, date_times: Json) -> SeriesRow:
            if not isinstance(result, dict):
                raise MalformedDocumentError("data.attributes.results holds something that is not an object")
            return SeriesRow.model_validate({**result, "date_times": date_times or ()})

        return self._rows(operation, asked, row, cursor, deadline_seconds)

    def _rows(
        self,
        operation: Operation,
        asked: dict[str, Json],
        row: Callable[[Json, Json], T],
        cursor: str | None,
        deadline_seconds: float | None,
    ) -> Listing[T]:
        kind = operation.path.removeprefix("/api/").removesuffix("s")
        data: dict[str, Json] = {"type": kind, "attributes": asked}

        async def fetch(at: str | None, used: AbstractSet[str]) -> Page[T]:
            reply = await self._caller.send(operation.call(query={"page_cursor": at}, data=data), deadline_seconds)

            def page(document: Json) -> Page[T]:
                attributes = _attributes(document)
                results = attributes.get("results")
                if not isinstance(results, list):
                    raise MalformedDocumentError("data.attributes.results is not a list")
                rows = tuple(row(result, attributes.get("date_times")) for result in results)
                next_cursor = jsonapi.next_cursor(document, _CURSORS)
                if next_cursor in used:
                    # Following it would never end.
                    raise MalformedDocumentError("links.next leads back to a page already read")
                return Page(rows, next_cursor)

            return reply.parsed(page)

        return Listing(fetch, cursor)


def _asked(
    operation: Operation,
    statistics: Sequence[str],
    timeframe: Timeframe,
    where: Filter | None,
    interval: Interval | None = None,
) -> dict[str, Json]:
    if not statistics:
        raise operation.refused("at least one statistic is needed", "/data/attributes/statistics")
    asked: dict[str, Json] = {"statistics": list(statistics)}
    if isinstance(timeframe, str):
        asked["timeframe"] = {"key": timeframe}
    else:
        asked["timeframe"] = _range(
            operation, timeframe, LONGEST if interval is None else LONGEST_BY_INTERVAL.get(interval, LONGEST)
        )
    if interval is not None:
        asked["interval"] = interval
    if where is not None:
        asked["filter"] = _conjunction(where.expression)
    return asked


def _range(operation: Operation, timeframe: tuple[dt.datetime, dt.datetime], longest: dt.timedelta) -> dict[str, Json]:
    start, end = (moment.replace(tzinfo=dt.UTC) for moment in timeframe)
    if end <= start:
        raise operation.refused("the timeframe ends before it begins", "/data/attributes/timeframe")
    if end - start > longest:
        raise operation.refused(f"the timeframe is longer than {longest.days} days", "/data/attributes/timeframe")
    return {"start": start.isoformat(), "end": end.isoformat()}


def _group(operation: Operation, asked: dict[str, Json], group_by: Sequence[str], required: Sequence[str]) -> None:
    if not group_by:
        return
    for name in required:
        if name not in group_by:
            raise operation.refused(f"{name} has to be grouped by", "/data/attributes/group_by")
    asked["group_by"] = list(group_by)


def _conjunction(expression: str) -> str:
    """The expression with an outer ``and``, if there are several: other than in queries, a comma is not said to do."""
    bare = _QUOTED.sub("", expression)
    while (shorter := _BRACKETED.sub("", bare)) != bare:
        bare = shorter
    return f"and({expression})" if "," in bare else expression


def _attributes(document: Json) -> dict[str, Json]:
    # A report has no id in the specification, so it is not read as a resource.
    data = document.get("data") if isinstance(document, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    if not isinstance(attributes, dict):
        raise MalformedDocumentError("data.attributes is not an object")
    return attributes
