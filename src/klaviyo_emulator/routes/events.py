"""Events: created one by one and in bulk, listed, read, and followed to their metric and profile."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import format_instant, whole_seconds
from klaviyo_emulator.cursors import decode_event, encode_event
from klaviyo_emulator.errors import Refusal, invalid, not_found
from klaviyo_emulator.ids import event_id, event_sequence, event_uuid
from klaviyo_emulator.jsonapi import Document, identifier, relationship, resource, select, single
from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, page_reply
from klaviyo_emulator.routes.event_input import Receipt, event_pointer, profile_pointer, read_bulk, read_event
from klaviyo_emulator.routes.metrics import METRIC
from klaviyo_emulator.routes.profiles import PROFILE, conflicting_identifiers
from klaviyo_emulator.routes.resources import View, written
from klaviyo_emulator.state.events import Event, RepeatedUniqueIdError, find_event, list_events, store_events
from klaviyo_emulator.state.metrics import find_metrics
from klaviyo_emulator.state.profiles import (
    DuplicateProfileError,
    UnknownProfileError,
    find_profiles,
)
from klaviyo_emulator.state.tasks import schedule

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from klaviyo_emulator.config import BulkDuplicates
    from klaviyo_emulator.state.new_events import NewEvent, NewEvents
    from klaviyo_emulator.state.paging import Page

ARRIVAL = "events-arrive"
"""The kind of the task that stores events which were accepted to be visible later.

Its payload is the `operation` and `document` of the request, its receipt (`now`, `size`), and whether to note that it
was accepted (`noted`).
"""


async def create_event(context: Context, request: ApiRequest) -> Reply:
    """Accept one event."""
    receipt = _receipt(context, request)
    entry = read_event(request.document, receipt)
    try:
        await _accept(context, request, receipt, [entry])
    except (DuplicateProfileError, UnknownProfileError) as error:
        raise _refused_profile(error, "/data/attributes/profile/data") from None
    return Reply(202)


async def bulk_create_events(context: Context, request: ApiRequest) -> Reply:
    """Accept many events, or none of them."""
    receipt = _receipt(context, request)
    entries = read_bulk(request.document, receipt)
    try:
        await _accept(context, request, receipt, entries, context.config.bulk_duplicates)
    except (DuplicateProfileError, UnknownProfileError) as error:
        raise _refused_profile(error, profile_pointer(error.entry)) from None
    except RepeatedUniqueIdError as error:
        pointer = f"{event_pointer(error.entry, error.event)}/unique_id"
        detail = f"unique_id '{error.unique_id}' is repeated for the same profile and metric. No event was processed."
        raise invalid(detail, pointer) from None
    return Reply(202)


async def get_events(context: Context, request: ApiRequest) -> Reply:
    """A page of events, newest first unless asked otherwise."""
    query = request.query
    event_key = context.mint.event_key
    start = request.position(lambda text: decode_event(text, event_key))

    def work(connection: sqlite3.Connection) -> tuple[Page[Event], list[Document]]:
        page = list_events(connection, query.filters, descending=query.sort.descending, start=start, size=query.size)
        return page, _related(View(connection, context, request), page.rows)

    page, related = await context.read(work)
    return page_reply(
        context,
        request,
        page,
        write=lambda event: _event(context, request, event),
        cursor=lambda event, forward: encode_event(event.time, event.seq, event_key, forward=forward),
        included=related,
    )


async def get_event(context: Context, request: ApiRequest) -> Reply:
    """One event."""

    def work(connection: sqlite3.Connection) -> tuple[Event, list[Document]]:
        event = _find(context, request, connection)
        return event, _related(View(connection, context, request), (event,))

    event, related = await context.read(work)
    data = _event(context, request, event)
    return Reply(200, single(data, request.self_link(context.linker), request.included(related)))


async def get_metric_for_event(context: Context, request: ApiRequest) -> Reply:
    """The metric of an event."""

    def work(connection: sqlite3.Connection) -> Reply:
        metric = METRIC.get(connection, _find(context, request, connection).metric_id)
        return written(View(connection, context, request), METRIC, metric, 200)

    return await context.read(work)


async def get_profile_for_event(context: Context, request: ApiRequest) -> Reply:
    """The profile of an event."""

    def work(connection: sqlite3.Connection) -> Reply:
        profile = PROFILE.get(connection, _find(context, request, connection).profile_id)
        return written(View(connection, context, request), PROFILE, profile, 200)

    return await context.read(work)


async def get_metric_id_for_event(context: Context, request: ApiRequest) -> Reply:
    """The id of an event's metric."""
    event = await context.read(lambda connection: _find(context, request, connection))
    return Reply(200, single(identifier("metric", event.metric_id), request.self_link(context.linker)))


async def get_profile_id_for_event(context: Context, request: ApiRequest) -> Reply:
    """The id of an event's profile."""
    event = await context.read(lambda connection: _find(context, request, connection))
    return Reply(200, single(identifier("profile", event.profile_id), request.self_link(context.linker)))


def _receipt(context: Context, request: ApiRequest) -> Receipt:
    return Receipt(whole_seconds(context.config.clock()), request.size)


async def _accept(
    context: Context,
    request: ApiRequest,
    receipt: Receipt,
    entries: Sequence[NewEvents],
    duplicates: BulkDuplicates | None = None,
) -> None:
    """Store events, now or when they are to be visible. What cannot be stored now is refused in either case."""
    mint, delay_ms = context.mint, context.config.visibility_ms
    if not delay_ms:
        await context.write(lambda connection: store_events(connection, mint, entries, duplicates))
        return
    is_noted = context.request is not None
    arrival = {"operation": request.operation.id, "document": request.document, **asdict(receipt), "noted": is_noted}

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("SAVEPOINT trial")
        store_events(connection, mint, entries, duplicates)
        connection.execute("ROLLBACK TO trial")
        connection.execute("RELEASE trial")
        schedule(connection, mint, ARRIVAL, arrival, after_ms=delay_ms)

    # It is noted as accepted when it is stored: only then is it known whose the events are.
    await replace(context, request=None).write(work)


def read_arrival(payload: Mapping[str, Any]) -> list[NewEvents]:
    """The events of a request that was accepted earlier, with the time of its receipt where they have none."""
    receipt = Receipt(payload["now"], payload["size"])
    document: object = payload["document"]
    is_bulk = payload["operation"] == "bulk_create_events"
    entries = read_bulk(document, receipt) if is_bulk else [read_event(document, receipt)]

    def timed(event: NewEvent) -> NewEvent:
        return event if event.time is not None else event._replace(time=receipt.now)

    return [replace(entry, events=[timed(event) for event in entry.events]) for entry in entries]


def _find(context: Context, request: ApiRequest, connection: sqlite3.Connection) -> Event:
    (given,) = request.arguments
    seq = event_sequence(given, context.mint.event_key)
    if seq is None:
        raise invalid(f"Invalid Event ID: '{given}'", "/data/id")
    event = find_event(connection, seq) if seq < 1 << 63 else None
    if event is None:
        raise not_found(f"Event with id {given} not found.")
    return event


def _related(view: View, events: Sequence[Event]) -> list[Document]:
    """What `include` asks for of events: first their metrics, then their profiles, each once."""
    include = view.query.include or frozenset()
    metric_ids = dict.fromkeys(event.metric_id for event in events) if "metric" in include else {}
    profile_ids = dict.fromkeys(event.profile_id for event in events) if "profile" in include else {}
    return [
        *(METRIC.document(view, metric) for metric in find_metrics(view.connection, list(metric_ids))),
        *(PROFILE.document(view, profile) for profile in find_profiles(view.connection, list(profile_ids))),
    ]


def _event(context: Context, request: ApiRequest, event: Event) -> Document:
    asked = "attributions" in (request.query.include or ())
    return event_resource(context, event, request.query.fields.get("event"), attributions=asked)


def event_resource(
    context: Context, event: Event, fields: Iterable[str] | None = None, *, attributions: bool = False
) -> Document:
    """The resource object of an event."""
    key = context.mint.event_key
    public_id = event_id(event.seq, key)
    properties: Document = dict(event.properties)
    if event.currency is not None:
        properties["$value_currency"] = event.currency
    properties["$event_id"] = event.unique_id
    if event.value is not None:
        properties["$value"] = event.value
    attributes: Document = {
        "timestamp": event.time,
        "event_properties": properties,
        "datetime": format_instant(event.time),
        "uuid": event_uuid(event.seq, key, event.time),
    }
    owner = context.linker.resource("event", public_id)
    relationships: Document = {
        "profile": relationship(owner, "profile", identifier("profile", event.profile_id)),
        "metric": relationship(owner, "metric", identifier("metric", event.metric_id)),
    }
    if attributions:
        relationships["attributions"] = relationship(owner, "attributions", [])
    return resource(context.linker, "event", public_id, select(attributes, fields), relationships)


def _refused_profile(error: DuplicateProfileError | UnknownProfileError, pointer: str) -> Refusal:
    if isinstance(error, DuplicateProfileError):
        return conflicting_identifiers(error, pointer)
    return invalid(f"Profile with id {error.profile_id} not found.", pointer)


ROUTES: Routes = {
    "create_event": create_event,
    "bulk_create_events": bulk_create_events,
    "get_events": get_events,
    "get_event": get_event,
    "get_metric_for_event": get_metric_for_event,
    "get_metric_id_for_event": get_metric_id_for_event,
    "get_profile_for_event": get_profile_for_event,
    "get_profile_id_for_event": get_profile_id_for_event,
}
