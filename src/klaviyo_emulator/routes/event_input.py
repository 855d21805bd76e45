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
    Object,
    as_list,
    as_object,
    document_resource,
    flag,
    member,
    number,
    only,
    properties,
    resource,
    text,
)
from klaviyo_emulator.routes.profile_input import IN_EVENT, read_profile, require_identifier
from klaviyo_emulator.state.events import NewEvent, NewEvents

if TYPE_CHECKING:
    from klaviyo_emulator.state.profiles import ProfileChange

MAXIMUM_BULK_EVENTS = 1000
MAXIMUM_METRIC_NAME = 127
MAXIMUM_UNIQUE_ID = 255
MAXIMUM_PROFILE_BYTES = 95 * 1024
EARLIEST = whole_seconds(datetime(1990, 1, 1, tzinfo=UTC))
FUTURE_SECONDS = 366 * 86_400
_CURRENCY = re.compile(r"[A-Z]{3}")
_BULK = "/data/attributes/events-bulk-create/data"
_IN_BULK = ("properties", "time", "value", "value_currency", "unique_id", "backfill", "metric")
_SINGLE = (*_IN_BULK, "profile")
_COMPACT = (",", ":")


@dataclass(frozen=True, slots=True)
class Receipt:
    """When a body came, in whole seconds, and how big it was."""

    now: int
    size: int


def read_event(document: object, receipt: Receipt) -> NewEvents:
    """The event of `create_event`, with its profile. Raises a 400 refusal."""
    found = document_resource(document, "event")
    attributes = member(found, "attributes", "/data")
    at = "/data/attributes"
    only(attributes, _SINGLE, "event", at)
    event = _event(attributes, at, receipt)
    return NewEvents(_profile(attributes, at, receipt), (event,))


def read_bulk(document: object, receipt: Receipt) -> list[NewEvents]:
    """The entries of `bulk_create_events`. Raises a 400 refusal."""
    found = document_resource(document, "event-bulk-create-job")
    attributes = member(found, "attributes", "/data")
    only(attributes, ("events-bulk-create",), "event-bulk-create-job", "/data/attributes")
    listed = member(attributes, "events-bulk-create", "/data/attributes").get("data")
    entries = [_entry(entry, f"{_BULK}/{index}", receipt) for index, entry in enumerate(as_list(listed, _BULK))]
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


def _entry(value: object, pointer: str, receipt: Receipt) -> NewEvents:
    attributes = member(resource(value, "event-bulk-create", pointer), "attributes", pointer)
    at = f"{pointer}/attributes"
    only(attributes, ("profile", "events", "backfill"), "event-bulk-create", at)
    flag(attributes, "backfill", at)
    listed = as_list(member(attributes, "events", at).get("data"), f"{at}/events/data")
    events = [_bulk_event(event, f"{at}/events/data/{index}", receipt) for index, event in enumerate(listed)]
    return NewEvents(_profile(attributes, at, receipt), events)


def _bulk_event(value: object, pointer: str, receipt: Receipt) -> NewEvent:
    attributes = member(resource(value, "event", pointer), "attributes", pointer)
    at = f"{pointer}/attributes"
    only(attributes, _IN_BULK, "event", at)
    return _event(attributes, at, receipt)


def _profile(attributes: Object, at: str, receipt: Receipt) -> ProfileChange:
    pointer = f"{at}/profile/data"
    found = resource(member(attributes, "profile", at).get("data"), "profile", pointer)
    if receipt.size > MAXIMUM_PROFILE_BYTES and _bytes(found) > MAXIMUM_PROFILE_BYTES:
        raise invalid(f"A profile within an event may have {MAXIMUM_PROFILE_BYTES} bytes.", pointer)
    change = read_profile(found, IN_EVENT, pointer)
    require_identifier(change, IN_EVENT, pointer)
    return change


def _event(attributes: Object, at: str, receipt: Receipt) -> NewEvent:
    if "properties" not in attributes:
        raise invalid("'properties' is a required field.", f"{at}/properties")
    stored = properties(attributes["properties"], f"{at}/properties", MAXIMUM_EVENT_PROPERTIES)
    metric = _metric(attributes, f"{at}/metric/data", at)
    unique_id = text(attributes, "unique_id", at)
    if unique_id is not None and not 1 <= len(unique_id) <= MAXIMUM_UNIQUE_ID:
        raise invalid(f"'unique_id' must have 1 to {MAXIMUM_UNIQUE_ID} characters.", f"{at}/unique_id")
    currency = text(attributes, "value_currency", at)
    if currency is not None and not _CURRENCY.fullmatch(currency):
        raise invalid("'value_currency' must be an ISO 4217 code, such as USD.", f"{at}/value_currency")
    flag(attributes, "backfill", at)
    return NewEvent(
        metric=metric[0],
        service=metric[1],
        time=_time(attributes, at, receipt.now),
        unique_id=unique_id,
        value=number(attributes, "value", at),
        currency=currency,
        properties=json.dumps(stored, separators=_COMPACT),
    )


def _metric(attributes: Object, pointer: str, at: str) -> tuple[str, str | None]:
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
