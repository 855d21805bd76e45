"""The body of a delivery as typed values. Nothing here asks whether it is Klaviyo's."""

import datetime as dt
from dataclasses import dataclass, field

from pydantic import ValidationError

from aioklaviyo import jsonapi
from aioklaviyo.jsonapi import Json, MalformedDocumentError
from aioklaviyo.models.event import Event, event_from
from aioklaviyo.webhooks.rejections import MalformedDelivery
from aioklaviyo.webhooks.topics import Topic


@dataclass(frozen=True, slots=True)
class Notice:
    """One event of a batch, as reading it by the API would give it; what was included is resolved to objects."""

    external_id: str
    """Klaviyo's id of the event. The same one again is a repeat."""
    topic: Topic
    event: Event = field(repr=False)


@dataclass(frozen=True, slots=True)
class DamagedNotice:
    """One entry of a batch that is no notice. Its neighbours are not affected.

    The whole batch gets one answer, so this is data and no error: refusing it would refuse them all.
    """

    index: int
    """Place in the batch, from 0."""
    defect: str
    """Where it is wrong and how; quotes no value."""
    external_id: str | None
    """The event's id where the entry has one: the API can be asked for it."""
    topic: Topic | None
    entry: Json = field(repr=False)
    """As it came."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request of a system webhook. What Klaviyo left out of ``meta`` is None."""

    webhook_id: str
    account_id: str | None
    sent_at: dt.datetime | None
    """When Klaviyo sent it, aware, by the body. The ``Klaviyo-Timestamp`` header is known to be hours off."""
    revision: str | None
    """The API revision that the events are written in; the webhook's, not the client's."""
    notices: tuple[Notice, ...]
    """In Klaviyo's order, which need not be that of the events."""
    damaged: tuple[DamagedNotice, ...]


def parse(body: bytes) -> Delivery:
    """Read a body that ``verify`` accepted before, say one that was kept for later. It proves nothing by itself.

    Raises:
        MalformedDelivery: It is not JSON, or not a delivery.
    """
    document = _decoded(body)
    meta = document.get("meta")
    data = document.get("data")
    if not isinstance(meta, dict) or not isinstance(data, list):
        raise MalformedDelivery("The body has no list data or no object meta")
    webhook_id = _text(meta.get("klaviyo_webhook_id"))
    if webhook_id is None:
        raise MalformedDelivery("meta.klaviyo_webhook_id is missing")
    notices: list[Notice] = []
    damaged: list[DamagedNotice] = []
    for index, entry in enumerate(data):
        read = _notice(index, entry)
        if isinstance(read, Notice):
            notices.append(read)
        else:
            damaged.append(read)
    return Delivery(
        webhook_id=webhook_id,
        account_id=_text(meta.get("klaviyo_account_id")),
        sent_at=_moment(meta.get("timestamp")),
        revision=_text(meta.get("version")),
        notices=tuple(notices),
        damaged=tuple(damaged),
    )


def _decoded(body: bytes) -> dict[str, Json]:
    try:
        document = jsonapi.decode(body)
    except MalformedDocumentError:
        document = None
    # Raised out here, so that the error does not drag along one that holds the body.
    if not isinstance(document, dict):
        raise MalformedDelivery("The body is not a JSON object")
    return document


def _notice(index: int, entry: Json) -> Notice | DamagedNotice:
    if not isinstance(entry, dict):
        return DamagedNotice(index, "not an object", None, None, entry)
    external_id = _text(entry.get("external_id"))
    name = _text(entry.get("topic"))
    topic = None if name is None else Topic(name)
    event = _event(entry.get("payload"))
    if isinstance(event, str):
        defect = event
    elif external_id is None:
        defect = "external_id is missing"
    elif topic is None:
        defect = "topic is missing"
    else:
        return Notice(external_id, topic, event)
    return DamagedNotice(index, defect, external_id, topic, entry)


def _event(payload: Json) -> Event | str:
    """The event, or what keeps the payload from being one."""
    try:
        resource = jsonapi.single(payload)
        return event_from(resource) if resource.type == "event" else "payload: data is not an event"
    except MalformedDocumentError as error:
        return f"payload: {error}"
    except ValidationError as error:
        # Locations only: the values are somebody's data.
        places = [".".join(map(str, found["loc"])) for found in error.errors(include_input=False)[:3]]
        return f"payload: unreadable at {', '.join(places)}"


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def _moment(value: Json) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=dt.UTC) if moment is not None and moment.tzinfo is None else moment
