"""Reports: what became of the messages of campaigns and flows, how segments grew; forms have nothing to report."""

from __future__ import annotations

import hashlib
import json
import uuid
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.cursors import CursorError, decode_keyed, encode_keyed
from klaviyo_emulator.errors import invalid, invalid_parameter
from klaviyo_emulator.filters import FieldRule
from klaviyo_emulator.jsonapi import Document, identifier, select
from klaviyo_emulator.routes.context import Reply
from klaviyo_emulator.routes.freshness import refresh_stale
from klaviyo_emulator.routes.report_input import (
    AT,
    FIRST_SEGMENT_DATA,
    Buckets,
    Range,
    read_buckets,
    read_filter,
    read_groups,
    read_range,
    read_statistics,
    values_of,
)
from klaviyo_emulator.state.message_reports import STATISTICS, Labels, Tally, message_facts
from klaviyo_emulator.state.metrics import find_metric
from klaviyo_emulator.state.records import all_records
from klaviyo_emulator.state.segment_reports import Movement, movements
from klaviyo_emulator.state.segments import SEGMENT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from klaviyo_emulator.filters import Condition
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Handler, Routes

PAGE_SIZE = 1000
"""Groups of one page of a report on messages."""
_CURSOR = "page_cursor"
_CHANNELS = frozenset({"email", "sms", "push-notification", "whatsapp"})
_SCALAR = FieldRule(single=frozenset({"equals"}), many=frozenset({"contains-any"}))
_LISTED = FieldRule(many=frozenset({"contains-any", "contains-all"}))
_NAMED = FieldRule(single=frozenset({"equals"}), many=frozenset({"any"}))
_FURTHER = ("send_channel", "tag_id", "tag_name", "text_message_format", "variation", "variation_name")
_SEGMENT_STATISTICS: Mapping[str, Callable[[Movement], int]] = {
    "total_members": lambda movement: movement.total,
    "members_added": lambda movement: movement.added,
    "members_removed": lambda movement: movement.removed,
    "net_members_changed": lambda movement: movement.added - movement.removed,
}
_FORM_STATISTICS: Mapping[str, None] = dict.fromkeys(
    (
        "closed_form", "closed_form_uniques", "qualified_form", "qualified_form_uniques", "submit_rate", "submits",
        "submitted_form_step", "submitted_form_step_uniques", "viewed_form", "viewed_form_step",
        "viewed_form_step_uniques", "viewed_form_uniques",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Kind:
    """Reports on the messages of flows, or of campaigns."""

    owner: str
    groups: tuple[str, ...]
    filters: Mapping[str, FieldRule]

    @property
    def required(self) -> tuple[str, ...]:
        """What is always grouped by."""
        return (f"{self.owner}_id", f"{self.owner}_message_id")

    @property
    def default(self) -> tuple[str, ...]:
        """What is grouped by where nothing is said."""
        return (*self.required, "send_channel")


def _kind(owner: str, *further: str) -> _Kind:
    scalars = (f"{owner}_id", f"{owner}_message_id", f"{owner}_message_name", "text_message_format", "variation")
    filters = {
        **dict.fromkeys((*scalars, "variation_name"), _SCALAR),
        **dict.fromkeys(("tag_id", "tag_name"), _LISTED),
        "send_channel": FieldRule(single=_SCALAR.single, many=_SCALAR.many, values=_CHANNELS),
    }
    if owner == "flow":
        filters["flow_name"] = _SCALAR
    names = (f"{owner}_id", f"{owner}_message_id", f"{owner}_message_name", *further, *_FURTHER)
    return _Kind(owner, tuple(sorted(names)), filters)


_FLOWS = _kind("flow", "flow_name")
_CAMPAIGNS = _kind("campaign", "group", "group_name")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A report on messages that is asked for."""

    range: Range
    buckets: Buckets | None
    groups: list[str]
    conditions: tuple[Condition, ...]
    statistics: list[str]
    conversion_metric: str

    @property
    def edges(self) -> list[int]:
        """Where its parts begin and the last one ends, in whole seconds."""
        return self.range.edges if self.buckets is None else self.buckets.edges


def _on_messages(kind: _Kind, *, series: bool) -> Handler:
    """Answer a report on messages, one value for each statistic or one for each part of the time."""

    async def handle(context: Context, request: ApiRequest) -> Reply:
        attributes: Object = request.resource()["attributes"]
        found = read_range(attributes, context.config.clock())
        asked = _Asked(
            range=found,
            buckets=read_buckets(attributes, found) if series else None,
            groups=read_groups(attributes, kind.default, kind.groups, kind.required),
            conditions=read_filter(attributes, kind.filters),
            statistics=read_statistics(attributes, STATISTICS),
            conversion_metric=attributes["conversion_metric_id"],
        )
        offset = _offset(request.query.others.get(_CURSOR))
        tallies = await context.read(lambda connection: _tallies(connection, kind, asked))
        rows = sorted(tallies.items(), key=lambda item: [str(value or "") for value in item[0]])
        page = rows[offset : offset + PAGE_SIZE]
        results = [_result(asked, row, parts) for row, parts in page]
        related = {f"{kind.owner}s": kind.owner}
        if kind.owner == "flow":
            related["flow-messages"] = "flow-message"
        relationships: Document = {
            name: {"data": _identifiers(target, asked.groups, [row for row, _ in page])}
            for name, target in related.items()
        }
        answer = _answer(context, request, results, asked.buckets, relationships)
        more = len(rows) > offset + PAGE_SIZE
        answer["links"]["next"] = _page_link(context, request, offset + PAGE_SIZE) if more else None
        answer["links"]["prev"] = _page_link(context, request, max(0, offset - PAGE_SIZE)) if offset else None
        return Reply(200, answer)

    return handle


def _tallies(connection: sqlite3.Connection, kind: _Kind, asked: _Asked) -> dict[tuple[Any, ...], list[Tally]]:
    if find_metric(connection, asked.conversion_metric) is None:
        raise invalid(f"Metric with id {asked.conversion_metric} not found.", f"{AT}/conversion_metric_id")
    labels = Labels(connection, kind.owner)
    edges = asked.edges
    tallies: dict[tuple[Any, ...], list[Tally]] = {}
    for fact in message_facts(connection, f"${kind.owner}", asked.conversion_metric, edges[0], edges[-1]):
        found = labels.of(fact.origin)
        if all(_holds(condition, found[condition.field]) for condition in asked.conditions):
            for row in labels.rows(fact.origin, asked.groups):
                parts = tallies.setdefault(row, [Tally() for _ in edges[1:]])
                parts[bisect_right(edges, fact.time) - 1].add(fact)
    return tallies


def _holds(condition: Condition, value: str | list[str] | None) -> bool:
    """Whether a dimension passes; tags are a list."""
    wanted = values_of(condition)
    if not isinstance(value, list):
        return value in wanted
    return wanted <= set(value) if condition.operator == "contains-all" else not wanted.isdisjoint(value)


def _result(asked: _Asked, row: tuple[Any, ...], parts: Sequence[Tally]) -> Document:
    measured = {name: [float(STATISTICS[name](tally)) for tally in parts] for name in asked.statistics}
    return {
        "groupings": dict(zip(asked.groups, row, strict=True)),
        "statistics": measured if asked.buckets else {name: values[0] for name, values in measured.items()},
    }


def _identifiers(target: str, groups: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> list[Document]:
    place = groups.index(f"{target.replace('-', '_')}_id")
    return [identifier(target, found) for found in dict.fromkeys(str(row[place]) for row in rows)]


def _on_segments(*, series: bool) -> Handler:
    """Answer a report on segments, which are brought up to date before."""

    async def handle(context: Context, request: ApiRequest) -> Reply:
        attributes: Object = request.resource()["attributes"]
        found = read_range(attributes, context.config.clock())
        if found.start < FIRST_SEGMENT_DATA:
            raise invalid("There is no data of segments from before June 1st, 2023.", f"{AT}/timeframe")
        buckets = read_buckets(attributes, found) if series else None
        conditions = read_filter(attributes, {"segment_id": _NAMED})
        statistics = read_statistics(attributes, _SEGMENT_STATISTICS)
        edges = found.edges if buckets is None else buckets.edges
        await refresh_stale(context)

        def work(connection: sqlite3.Connection) -> list[Document]:
            results: list[Document] = []
            for segment in sorted(all_records(connection, SEGMENT), key=lambda one: one.id):
                if not all(segment.id in values_of(condition) for condition in conditions):
                    continue
                parts = movements(connection, segment.id, edges)
                measured = {name: [float(_SEGMENT_STATISTICS[name](part)) for part in parts] for name in statistics}
                values: Document = measured if series else {name: value[0] for name, value in measured.items()}
                results.append({"groupings": {"segment_id": segment.id}, "statistics": values})
            return results

        return Reply(200, _answer(context, request, await context.read(work), buckets))

    return handle


def _on_forms(*, series: bool) -> Handler:
    """Answer a report on forms: the emulator has none, so that there is nothing in it."""

    async def handle(context: Context, request: ApiRequest) -> Reply:
        attributes: Object = request.resource()["attributes"]
        found = read_range(attributes, context.config.clock())
        buckets = read_buckets(attributes, found) if series else None
        read_groups(attributes, ("form_id",), ("form_id", "form_version_id"), ("form_id",))
        read_filter(attributes, {"form_id": _NAMED, "form_version_id": _NAMED})
        read_statistics(attributes, _FORM_STATISTICS)
        return Reply(200, _answer(context, request, [], buckets))

    return handle


def _answer(
    context: Context,
    request: ApiRequest,
    results: list[Document],
    buckets: Buckets | None,
    relationships: Document | None = None,
) -> Document:
    """A report. It has an id that names nothing, and, unlike other resources, no link."""
    kind = f"{request.path.strip('/').rpartition('/')[2].removesuffix('s')}"
    attributes: Document = {"results": results}
    if buckets is not None:
        attributes["date_times"] = [start.isoformat() for start in buckets.starts]
    digest = hashlib.sha256(json.dumps([request.document, results], sort_keys=True).encode("utf-8")).digest()
    data: Document = {
        "type": kind,
        "id": str(uuid.UUID(bytes=digest[:16], version=4)),
        "attributes": select(attributes, request.query.fields.get(kind)),
    }
    if relationships is not None:
        data["relationships"] = relationships
    return {"data": data, "links": {"self": request.self_link(context.linker)}}


def _page_link(context: Context, request: ApiRequest, offset: int) -> str:
    others = tuple(pair for pair in request.pairs if pair[0] != _CURSOR)
    cursor = encode_keyed("id", offset, str(offset), forward=True)
    return context.linker.request(request.path, (*others, (_CURSOR, cursor)))


def _offset(cursor: str | None) -> int:
    """How many groups come before the page."""
    if not cursor:
        return 0
    try:
        place = str(decode_keyed(cursor.removeprefix("="), "id").tie)
    except CursorError:
        place = ""
    if not (place.isascii() and place.isdigit() and len(place) < len(str(1 << 31))):
        raise invalid_parameter("Invalid page cursor.", _CURSOR)
    return int(place)


ROUTES: Routes = {
    "query_campaign_values": _on_messages(_CAMPAIGNS, series=False),
    "query_flow_values": _on_messages(_FLOWS, series=False),
    "query_flow_series": _on_messages(_FLOWS, series=True),
    "query_segment_values": _on_segments(series=False),
    "query_segment_series": _on_segments(series=True),
    "query_form_values": _on_forms(series=False),
    "query_form_series": _on_forms(series=True),
}
