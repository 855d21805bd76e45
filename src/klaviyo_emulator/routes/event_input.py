"""Reading events out of a request body, one or in bulk."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import parse_instant, whole_seconds
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import (
    MAXIMUM_EVENT_PROPERTIES,
    MAXIMUM_STRING_BYTES,
    Object,
    as_list,
    as_object,
    document_resource,
    flag,
    is_storable,
    member,
    number,
    only,
    properties,
    resource,
    text,
)
from klaviyo_emulator.routes.profile_input import IN_EVENT, read_profile, require_identifier
from klaviyo_emulator.state.new_events import NewEvent, NewEvents

if TYPE_CHECKING:
    from collections.abc import Iterable

    from klaviyo_emulator.state.profiles import ProfileChange

MAXIMUM_BULK_EVENTS = 1000
MAXIMUM_METRIC_NAME = 127
MAXIMUM_UNIQUE_ID = 255
MAXIMUM_PROFILE_BYTES = 95 * 1024
EARLIEST = whole_seconds(datetime(1990, 1, 1, tzinfo=UTC))
FUTURE_SECONDS = 366 * 86_400
_CURRENCY = re.compile(r"[A-Z]{3}")
_BULK = "/data/attributes/events-bulk-create/data"
_MEMBERS = ("type", "attributes")
_IN_BULK = frozenset({"properties", "time", "value", "value_currency", "unique_id", "backfill", "metric"})
_SINGLE = _IN_BULK | {"profile"}
_COMPACT = (",", ":")
_write = json.JSONEncoder(separators=_COMPACT).encode
_REMEMBERED = 8

Metric = tuple[str, str | None]
"""Name and service."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """When a body came, in whole seconds, and how big it was."""

    now: int
    size: int


def read_event(document: object, receipt: Receipt) -> NewEvents:
    """The event of `create_event`, with its profile. Raises a 400 refusal."""
    found = document_resource(document, "event")
    only(found, _MEMBERS, "event", "/data")
    attributes = member(found, "attributes", "/data")
    at = "/data/attributes"
    only(attributes, _SINGLE, "event", at)
    reader = _Reader(receipt)
    event = reader.event(attributes, at, backfill=False)
    return NewEvents(reader.profile(attributes, at), (event,))


def read_bulk(document: object, receipt: Receipt) -> list[NewEvents]:
    """The entries of `bulk_create_events`. Raises a 400 refusal."""
    found = document_resource(document, "event-bulk-create-job")
    only(found, _MEMBERS, "event-bulk-create-job", "/data")
    attributes = member(found, "attributes", "/data")
    only(attributes, ("events-bulk-create",), "event-bulk-create-job", "/data/attributes")
    listed = member(attributes, "events-bulk-create", "/data/attributes").get("data")
    reader = _Reader(receipt)
    entries = [reader.entry(entry, f"{_BULK}/{index}") for index, entry in enumerate(as_list(listed, _BULK))]
    count = sum(len(entry.events) for entry in entries)
    if not 1 <= count <= MAXIMUM_BULK_EVENTS:
        raise invalid(f"A request holds 1 to {MAXIMUM_BULK_EVENTS} events, and this one has {count}.", _BULK)
    return entries


def event_pointer(entry: int, event: int) -> str:
    """Where an event of a bulk request stands."""
    return f"{_BULK}/{entry}/attributes/events/data/{event}/attributes"


def profile_pointer(entry: int) -> str:
    """Where a profile of a bulk request stands."""
    return f"{_BULK}/{entry}/attributes/profile/data"


class _Reader:
    """Reads the events of one body."""

    def __init__(self, receipt: Receipt) -> None:
        self._receipt = receipt
        self._metrics: list[tuple[Object, Metric]] = []

    def entry(self, value: object, pointer: str) -> NewEvents:
        found = resource(value, "event-bulk-create", pointer)
        only(found, _MEMBERS, "event-bulk-create", pointer)
        attributes = member(found, "attributes", pointer)
        at = f"{pointer}/attributes"
        only(attributes, ("profile", "events", "backfill"), "event-bulk-create", at)
        backfill = flag(attributes, "backfill", at) is True
        below = f"{at}/events/data"
        listed = as_list(member(attributes, "events", at).get("data"), below)
        events = [self._bulk_event(event, f"{below}/{index}", backfill) for index, event in enumerate(listed)]
        return NewEvents(self.profile(attributes, at), events)

    def profile(self, attributes: Object, at: str) -> ProfileChange:
        pointer = f"{at}/profile/data"
        found = resource(member(attributes, "profile", at).get("data"), "profile", pointer)
        if self._receipt.size > MAXIMUM_PROFILE_BYTES and _bytes(found) > MAXIMUM_PROFILE_BYTES:
            raise invalid(f"A profile within an event may have {MAXIMUM_PROFILE_BYTES} bytes.", pointer)
        change = read_profile(found, IN_EVENT, pointer)
        require_identifier(change, IN_EVENT, pointer)
        return change

    def event(self, attributes: Object, at: str, *, backfill: bool) -> NewEvent:
        if "properties" not in attributes:
            raise invalid("'properties' is a required field.", f"{at}/properties")
        stored = _properties(attributes["properties"], f"{at}/properties")
        name, service = self._metric(attributes, at)
        unique_id = text(attributes, "unique_id", at)
        if unique_id is not None and not 1 <= len(unique_id) <= MAXIMUM_UNIQUE_ID:
            raise invalid(f"'unique_id' must have 1 to {MAXIMUM_UNIQUE_ID} characters.", f"{at}/unique_id")
        currency = text(attributes, "value_currency", at)
        if currency is not None and not _CURRENCY.fullmatch(currency):
            raise invalid("'value_currency' must be an ISO 4217 code, such as USD.", f"{at}/value_currency")
        return NewEvent(
            metric=name,
            service=service,
            time=_time(attributes, at, self._receipt.now),
            unique_id=unique_id,
            value=number(attributes, "value", at),
            currency=currency,
            properties=stored,
            backfill=flag(attributes, "backfill", at) is True or backfill,
        )

    def _bulk_event(self, value: object, pointer: str, backfill: bool) -> NewEvent:  # noqa: FBT001 - asked a thousand times
        found = resource(value, "event", pointer)
        only(found, _MEMBERS, "event", pointer)
        attributes = member(found, "attributes", pointer)
        at = f"{pointer}/attributes"
        only(attributes, _IN_BULK, "event", at)
        return self.event(attributes, at, backfill=backfill)

    def _metric(self, attributes: Object, at: str) -> Metric:
        given = attributes.get("metric")
        for known, metric in self._metrics:  # the events of a body have few, so most need not be read anew
            if known == given:
                return metric
        metric = _metric(attributes, f"{at}/metric/data", at)
        if len(self._metrics) < _REMEMBERED:
            self._metrics.append((_as_sent(metric), metric))
        return metric


def _properties(value: object, pointer: str) -> str:
    """The properties as JSON text, within the limits of values."""
    found = as_object(value, pointer)
    if len(found) <= MAXIMUM_EVENT_PROPERTIES and _are_plain(found.values()):
        # A few plain values, as most events have: where all of them together are short, none is too long.
        written = _write(found)
        if len(written) <= MAXIMUM_STRING_BYTES:
            return written
    return _write(properties(found, pointer, MAXIMUM_EVENT_PROPERTIES))


def _are_plain(values: Iterable[object]) -> bool:
    """Whether values are short of every limit but that of a string's length."""
    for value in values:
        kind = type(value)
        if kind is str or kind is bool or value is None:
            continue
        if not isinstance(value, int | float) or not is_storable(value):
            return False
    return True


def _metric(attributes: Object, pointer: str, at: str) -> Metric:
    found = resource(member(attributes, "metric", at).get("data"), "metric", pointer)
    named = member(found, "attributes", pointer)
    at = f"{pointer}/attributes"
    only(named, ("name", "service"), "metric", at)
    name = text(named, "name", at)
    if name is None or not name.strip() or len(name) > MAXIMUM_METRIC_NAME:
        raise invalid(f"'name' must have 1 to {MAXIMUM_METRIC_NAME} characters.", f"{at}/name")
    service = text(named, "service", at)
    if service is not None and len(service) > MAXIMUM_METRIC_NAME:
        raise invalid(f"'service' may have {MAXIMUM_METRIC_NAME} characters.", f"{at}/service")
    return name, service


def _as_sent(metric: Metric) -> Object:
    """How nearly everybody sends a metric."""
    name, service = metric
    named = {"name": name} if service is None else {"name": name, "service": service}
    return {"data": {"type": "metric", "attributes": named}}


def _time(attributes: Object, at: str, now: int) -> int | None:
    value = text(attributes, "time", at)
    if value is None:
        return None
    moment = parse_instant(value)
    if moment is None:
        raise invalid("'time' must be an ISO 8601 date and time.", f"{at}/time")
    seconds = whole_seconds(moment)
    if seconds < EARLIEST:
        raise invalid("'time' must be after 1990.", f"{at}/time")
    if seconds > now + FUTURE_SECONDS:
        raise invalid("'time' must not be more than a year in the future.", f"{at}/time")
    return seconds


def _bytes(value: Object) -> int:
    return len(json.dumps(as_object(value, ""), ensure_ascii=False, separators=_COMPACT).encode("utf-8"))
