"""Metric aggregates: the events of one metric, counted by time and by what their properties say."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from klaviyo_emulator.clock import whole_seconds
from klaviyo_emulator.cursors import CursorError, decode_keyed, encode_keyed
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.filters import Condition, FieldRule, FilterError, check, parse
from klaviyo_emulator.intervals import Interval, bucket_starts, instant, known_zones, year_later
from klaviyo_emulator.jsonapi import COLLECTIONS, Document, select
from klaviyo_emulator.routes.context import Reply
from klaviyo_emulator.routes.metrics import METRIC
from klaviyo_emulator.state.aggregates import DIMENSIONS, MEASUREMENTS, Aggregation, Row, Span, aggregate

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Routes

DEFAULT_PAGE_SIZE = 500
"""The live API takes no smaller one."""
MAXIMUM_PAGE_SIZE = 10_000
_AT = "/data/attributes"
_KIND = "metric-aggregate"
_YEARS = range(1971, 9000)
_DATETIME = "datetime"
_FROM, _UNTIL = "greater-or-equal", "less-than"
_RULES: Mapping[str, FieldRule] = {
    _DATETIME: FieldRule("datetime", single=frozenset({_FROM, _UNTIL})),
    **{name: FieldRule(single=frozenset({"equals"}), many=frozenset({"any", "equals"})) for name in DIMENSIONS},
}
_SPACED = re.compile(
    rf"""(?P<head>\s*[a-z-]+\(\s*)(?P<quote>["']?)(?P<name>{"|".join(map(re.escape, DIMENSIONS))})(?P=quote)\s*(?=,)"""
)
"""The beginning of a condition on a dimension, whose name may have spaces in it and quotes around it."""
_STAND_IN = "$dimension"


class _Asked(NamedTuple):
    """What a body asks for, checked as far as it can be without the state."""

    metric_id: str
    starts: Sequence[datetime]
    aggregation: Aggregation
    sort: str
    offset: int
    size: int


class _Bound(NamedTuple):
    """A local time without zone, and where it stands."""

    local: datetime
    pointer: str


async def query_metric_aggregates(context: Context, request: ApiRequest) -> Reply:
    """Answer the measurements of a metric. It changes nothing, although it is a POST."""
    asked = _read(request.resource()["attributes"], live=context.config.behaviour == "live")

    def work(connection: sqlite3.Connection) -> Mapping[tuple[str, ...], Row]:
        METRIC.get(connection, asked.metric_id)
        return aggregate(connection, asked.aggregation)

    rows = _sorted(await context.read(work), asked)
    return Reply(200, _document(context, request, asked, rows))


def _read(attributes: Object, *, live: bool) -> _Asked:
    by: list[str] = list(dict.fromkeys(attributes.get("by") or ()))
    measurements = _measurements(attributes)
    sort: str = attributes.get("sort") or ""
    if sort and live:
        raise invalid("unsupported operand type(s) for +", f"{_AT}/sort")
    if sort.removeprefix("-") not in {"", *by, *measurements}:
        raise invalid(f"'{sort}' is neither grouped by nor measured.", f"{_AT}/sort")
    zone = attributes.get("timezone") or "UTC"
    if zone not in known_zones():
        raise invalid(f"'{zone}' is not a valid timezone.", f"{_AT}/timezone")
    start, end, conditions = _filters(attributes["filter"])
    starts, spans = _spans(start.local, end.local, attributes.get("interval") or "day", ZoneInfo(zone))
    metric_id: str = attributes["metric_id"]
    return _Asked(
        metric_id=metric_id,
        starts=starts,
        aggregation=Aggregation(
            metric_id=metric_id, spans=spans, measurements=measurements, by=by, conditions=conditions
        ),
        sort=sort,
        offset=_offset(attributes.get("page_cursor")),
        size=_size(attributes.get("page_size"), 1 if not live else DEFAULT_PAGE_SIZE),
    )


def _measurements(attributes: Object) -> list[str]:
    """What to measure; `return_fields` may leave some of it out, but never all."""
    measurements: list[str] = list(dict.fromkeys(attributes["measurements"]))
    if not measurements or not MEASUREMENTS.keys() >= set(measurements):
        raise invalid(f"Measurements are {', '.join(MEASUREMENTS)}.", f"{_AT}/measurements")
    returned: list[str] = attributes.get("return_fields") or []
    return [name for name in measurements if name in returned] or measurements


def _filters(texts: Sequence[str]) -> tuple[_Bound, _Bound, list[tuple[str, list[str]]]]:
    """Where the range begins and ends, and the conditions on dimensions."""
    bounds: dict[str, _Bound] = {}
    conditions: list[tuple[str, list[str]]] = []
    for index, text in enumerate(texts):
        pointer = f"{_AT}/filter/{index}"
        for condition in _parse(text, pointer):
            if condition.field != _DATETIME:
                values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
                conditions.append((condition.field, [str(value) for value in values]))
                continue
            if condition.operator in bounds:
                raise invalid(f"{condition.operator} is given twice for datetime.", pointer)
            bounds[condition.operator] = _Bound(_local(condition, pointer), pointer)
    for operator in (_FROM, _UNTIL):
        if operator not in bounds:
            raise invalid(f"A filter {operator}(datetime,...) is needed.", f"{_AT}/filter")
    start, end = bounds[_FROM], bounds[_UNTIL]
    if end.local <= start.local:
        raise invalid("The range ends before it begins.", end.pointer)
    if end.local > year_later(start.local):
        raise invalid("The range must not be longer than a year.", end.pointer)
    return start, end, conditions


def _parse(text: str, pointer: str) -> tuple[Condition, ...]:
    """The conditions of one text. A name with spaces is no name in the filter grammar, so another one stands in."""
    spaced = _SPACED.match(text)
    known = _RULES
    if spaced:
        text = f"{spaced['head']}{_STAND_IN}{text[spaced.end() :]}"
        known = {**_RULES, _STAND_IN: _RULES[spaced["name"]]}
    try:
        conditions = check(parse(text), known)
    except FilterError as error:
        raise invalid(str(error).replace(_STAND_IN, spaced["name"] if spaced else ""), pointer) from None
    name = spaced["name"] if spaced else ""
    return tuple(Condition(one.operator, name, one.value) if one.field == _STAND_IN else one for one in conditions)


def _local(condition: Condition, pointer: str) -> datetime:
    """The wall time of a bound: offsets are ignored, it is a time in the query's zone."""
    moment = condition.value
    if not isinstance(moment, datetime) or moment.year not in _YEARS:
        raise invalid(f"A year from {_YEARS[0]} to {_YEARS[-1]} is needed.", pointer)
    return moment.replace(tzinfo=None)


def _spans(start: datetime, end: datetime, interval: Interval, zone: ZoneInfo) -> tuple[list[datetime], list[Span]]:
    """The beginnings of the buckets, and what of each lies in the range."""
    starts = bucket_starts(start, end, interval, zone)
    first, last = whole_seconds(instant(start, zone)), whole_seconds(instant(end, zone))
    edges = [*(whole_seconds(moment) for moment in starts), last]
    spans = [Span(max(edge, first), min(following, last)) for edge, following in pairwise(edges)]
    return starts, spans


def _size(given: int | None, minimum: int) -> int:
    if given is None:
        return DEFAULT_PAGE_SIZE
    if not minimum <= given <= MAXIMUM_PAGE_SIZE:
        raise invalid(f"'page_size' must be from {minimum} to {MAXIMUM_PAGE_SIZE}.", f"{_AT}/page_size")
    return given


def _offset(cursor: str | None) -> int:
    """How many rows come before the page."""
    if not cursor:
        return 0
    try:
        place = str(decode_keyed(cursor, "id").tie)
    except CursorError:
        place = ""
    if not (place.isascii() and place.isdigit() and len(place) < len(str(1 << 31))):
        raise invalid("Invalid page cursor.", f"{_AT}/page_cursor")
    return int(place)


def _sorted(found: Mapping[tuple[str, ...], Row], asked: _Asked) -> list[tuple[tuple[str, ...], Row]]:
    """The rows in order: of their dimensions, or of what is asked for, where a measurement counts as a whole."""
    rows = sorted(found.items(), key=lambda item: item[0])
    field = asked.sort.removeprefix("-")
    descending = asked.sort.startswith("-")
    if field in MEASUREMENTS:
        rows.sort(key=lambda item: sum(item[1][field]), reverse=descending)
    elif field:
        place = asked.aggregation.by.index(field)
        rows.sort(key=lambda item: item[0][place], reverse=descending)
    return rows


def _document(
    context: Context, request: ApiRequest, asked: _Asked, rows: Sequence[tuple[tuple[str, ...], Row]]
) -> Document:
    end = asked.offset + asked.size
    page = rows[asked.offset : end]
    attributes: Document = {
        "dates": [start.isoformat() for start in asked.starts],
        "data": [{"dimensions": list(dimensions), "measurements": row} for dimensions, row in page],
    }

    def link(place: int) -> str:
        return request.page_link(context.linker, encode_keyed("id", place, str(place), forward=True))

    return {
        "data": {
            "type": _KIND,
            "id": _ephemeral_id(request.document),
            "attributes": select(attributes, request.query.fields.get(_KIND)),
            "links": {"self": f"{context.linker.base}/api/{COLLECTIONS[_KIND]}/"},
        },
        "links": {
            "self": request.self_link(context.linker),
            "next": link(end) if len(rows) > end else None,
            "prev": link(max(0, asked.offset - asked.size)) if asked.offset else None,
        },
    }


def _ephemeral_id(document: object) -> str:
    """Eighteen digits that name nothing; the same question has the same ones."""
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode("utf-8")).digest()
    return f"{int.from_bytes(digest[:8], 'big') % 9 * 10**17 + int.from_bytes(digest[8:16], 'big') % 10**17 + 10**17}"


ROUTES: Routes = {"query_metric_aggregates": query_metric_aggregates}
