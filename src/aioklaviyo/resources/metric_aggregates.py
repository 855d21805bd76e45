"""How a question for counts is put: Klaviyo wants local times without offsets, and filters as a list of texts."""

import datetime as dt
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import get_args
from zoneinfo import ZoneInfo

from aioklaviyo import filters, jsonapi
from aioklaviyo.filters import Filter
from aioklaviyo.jsonapi import Json, MalformedDocumentError
from aioklaviyo.models.metric_aggregate import AggregateDimension, AggregatePage, aggregate_page_from
from aioklaviyo.operations import Operation

_DIMENSIONS = frozenset(get_args(AggregateDimension))
# It goes into the body, under the former name; no source says which one the link has.
_CURSORS = ("page_cursor", "page[cursor]")


def time_zone(name: str, operation: Operation) -> dt.tzinfo:
    """A time zone by its IANA name.

    Raises:
        InvalidRequest: It is not known here. Where no zone but UTC is, the machine lacks the database of time zones.
    """
    if name == "UTC":
        # Known without a database of time zones.
        return dt.UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        problem = "timezone must be an IANA name that this machine knows (where it knows none, tzdata is missing)"
        raise operation.refused(problem, "/data/attributes/timezone") from None


def time_range(between: tuple[dt.datetime, dt.datetime], zone: dt.tzinfo, operation: Operation) -> tuple[str, str]:
    """The two filters of a range.

    Raises:
        InvalidRequest: It is no range of aware moments, is longer than a year, or cannot be said in the zone.
    """
    start, end = (_local(moment, zone, operation) for moment in between)
    if end <= start:
        raise operation.refused("the range must end after it begins", "/data/attributes/filter")
    if end > _year_later(start):
        raise operation.refused("the range must not be longer than a year", "/data/attributes/filter")
    return f"greater-or-equal(datetime,{start.isoformat()})", f"less-than(datetime,{end.isoformat()})"


def expressions(conditions: Mapping[AggregateDimension, str] | Sequence[Filter], operation: Operation) -> Sequence[str]:
    """Conditions on dimensions as they are sent.

    Raises:
        InvalidRequest: There is no such dimension.
    """
    if not isinstance(conditions, Mapping):
        return [condition.expression for condition in conditions]
    found: list[str] = []
    for dimension, value in conditions.items():
        if dimension not in _DIMENSIONS:
            raise operation.refused("a filter must be on a known dimension", "/data/attributes/filter")
        # Names with spaces are no names to the filters of other operations.
        said = filters.equals("dimension", value).expression.removeprefix("equals(dimension,")
        found.append(f"equals({dimension},{said}")
    return found


def page_from(document: Json, used: AbstractSet[str]) -> tuple[AggregatePage, str | None]:
    """A page of rows, and the cursor of the next one.

    Raises:
        MalformedDocumentError: It is no such page, or leads back to one already read.
    """
    page = aggregate_page_from(jsonapi.single(document))
    expected = len(page.dates or ())
    if any(len(values) != expected for row in page.data or () for values in (row.measurements or {}).values()):
        raise MalformedDocumentError("a measurement has not one number for each date")
    cursor = jsonapi.next_cursor(document, _CURSORS)
    if cursor in used:
        raise MalformedDocumentError("links.next leads back to a page already read")
    return page, cursor


def _local(moment: dt.datetime, zone: dt.tzinfo, operation: Operation) -> dt.datetime:
    if moment.utcoffset() is None:
        raise operation.refused("the range must be of aware datetimes", "/data/attributes/filter")
    try:
        local = moment.astimezone(zone)
    except OverflowError:
        raise operation.refused("the range is beyond what a calendar holds", "/data/attributes/filter") from None
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        # Clocks show this hour twice; without an offset, nobody can tell which one Klaviyo takes it for.
        raise operation.refused(
            "the range begins or ends in an hour that the time zone has twice", "/data/attributes/filter"
        )
    return local.replace(tzinfo=None)


def _year_later(local: dt.datetime) -> dt.datetime:
    year = min(local.year + 1, dt.MAXYEAR)
    try:
        return local.replace(year=year)
    except ValueError:
        return local.replace(year=year, month=3, day=1)
