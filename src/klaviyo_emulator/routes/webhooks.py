"""Webhooks and the topics they listen to. Secrets are taken and never shown; of URLs the host is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_micros
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import Object
from klaviyo_emulator.routes.resources import (
    ResourceType,
    linked,
    many,
    one,
    record_type,
    write_one,
    write_silently,
)
from klaviyo_emulator.state import links, posts
from klaviyo_emulator.state.paging import Page
from klaviyo_emulator.state.records import Record, change_record, count_records, create_record, delete_record
from klaviyo_emulator.state.topics import topics
from klaviyo_emulator.state.webhooks import TOPICS, WEBHOOK, subscribed
from klaviyo_emulator.targets import TargetError, check_target, masked

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types
    from klaviyo_emulator.routes.resources import View
    from klaviyo_emulator.state.records import Subquery

MAXIMUM_WEBHOOKS = 10
SHORTEST_SECRET = 16
_TOPIC = "webhook-topic"
_ATTRIBUTES = "/data/attributes"


def _attributes(_view: View, record: Record) -> Document:
    body = record.body
    return {
        "name": body["name"],
        "description": body["description"],
        "endpoint_url": masked(body["endpoint_url"]),
        "enabled": body["enabled"],
        "created_at": format_micros(record.created_us),
        "updated_at": format_micros(record.updated_us),
    }


WEBHOOK_TYPE = record_type(
    WEBHOOK,
    "Webhook",
    _attributes,
    relations=(replace(linked(TOPICS, _TOPIC, of=WEBHOOK, always=True), navigable=False),),
)


def _find_topic(connection: sqlite3.Connection, topic: str) -> str | None:
    return topic if topic in topics(connection) else None


def _all_topics(view: View, _start: Position | None, _within: Subquery | None) -> Page[str]:
    return Page(topics(view.connection), has_next=False, has_previous=False)


TOPIC_TYPE: ResourceType[str] = ResourceType(
    name=_TOPIC,
    title="Webhook topic",
    find=_find_topic,
    page=_all_topics,
    identify=lambda topic: topic,
    sort_key=lambda topic, _sort: topic,
    attributes=lambda _view, _topic: {},
)
TYPES: Types = {WEBHOOK: WEBHOOK_TYPE, _TOPIC: TOPIC_TYPE}


async def create_webhook(context: Context, request: ApiRequest) -> Reply:
    """Make a webhook. It is enabled, and told of what happens from now on."""
    data = request.resource()
    attributes: Object = data["attributes"]
    body: Object = {
        **_checked(attributes),
        "description": attributes.get("description"),
        "enabled": True,
        "revision": request.revision,
        "pending": None,
    }
    listened = _topics(data) or []

    def work(connection: sqlite3.Connection) -> Record:
        if count_records(connection, WEBHOOK) >= MAXIMUM_WEBHOOKS:
            raise invalid(f"An account may have {MAXIMUM_WEBHOOKS} webhooks.", "/data")
        record = create_record(connection, context.mint, WEBHOOK, context.mint.ulid(), body)
        _listen(connection, context, record, listened)
        return record

    return await write_one(context, request, WEBHOOK_TYPE, work, 201)


async def update_webhook(context: Context, request: ApiRequest) -> Reply:
    """Change what is given; null leaves it as it is, but takes the description away where the specification counts.

    What waits for a webhook that is disabled is not sent.
    """
    data = request.resource()
    attributes: Object = data["attributes"]
    changes = _checked(attributes)
    if attributes.get("enabled") is not None:
        changes["enabled"] = attributes["enabled"]
    if "description" in attributes and (attributes["description"] is not None or context.config.behaviour == "spec"):
        changes["description"] = attributes["description"]
    listened = _topics(data)

    def work(connection: sqlite3.Connection) -> Record:
        record = change_record(connection, context.mint, WEBHOOK_TYPE.get(connection, request.arguments[0]), changes)
        if listened is not None:
            _listen(connection, context, record, listened)
        if not record.body["enabled"]:
            posts.abandon(connection, context.mint, record.id, "not sent: the webhook was disabled")
        return record

    return await write_one(context, request, WEBHOOK_TYPE, work)


async def delete_webhook(context: Context, request: ApiRequest) -> Reply:
    """Delete a webhook; what waits for it is not sent."""

    def work(connection: sqlite3.Connection) -> None:
        record = WEBHOOK_TYPE.get(connection, request.arguments[0])
        delete_record(connection, WEBHOOK, record.id)
        posts.abandon(connection, context.mint, record.id, "not sent: the webhook was deleted")

    return await write_silently(context, work)


def _checked(attributes: Object) -> Object:
    """Name, URL and secret, where they are given."""
    given = {name: attributes[name] for name in ("name", "endpoint_url", "secret_key") if attributes.get(name)}
    for name in ("name", "endpoint_url", "secret_key"):
        if attributes.get(name) == "" or not str(given.get(name, " x")).strip():
            raise invalid(f"'{name}' must not be empty.", f"{_ATTRIBUTES}/{name}")
    if "endpoint_url" in given:
        try:
            check_target(given["endpoint_url"])
        except TargetError as error:
            raise invalid(f"Invalid URL: {error}.", f"{_ATTRIBUTES}/endpoint_url") from None
    if len(given.get("secret_key", " " * SHORTEST_SECRET)) < SHORTEST_SECRET:
        raise invalid(f"'secret_key' must have at least {SHORTEST_SECRET} characters.", f"{_ATTRIBUTES}/secret_key")
    return given


def _topics(data: Object) -> list[str] | None:
    """The topics that are given; None where none are."""
    related: Object = data.get("relationships") or Object()
    found: list[Object] | None = (related.get(TOPICS) or Object()).get("data")
    return None if found is None else [topic["id"] for topic in found]


def _listen(connection: sqlite3.Connection, context: Context, record: Record, listened: Sequence[str]) -> None:
    at = f"/data/relationships/{TOPICS}/data"
    if not listened:
        raise invalid("A webhook needs a topic.", at)
    known = set(topics(connection))
    for index, topic in enumerate(listened):
        if topic not in known:
            raise invalid(f"Webhook topic with id {topic} not found.", f"{at}/{index}/id")
    links.relink(connection, context.mint, subscribed(record.id), listened)


ROUTES: Routes = {
    "get_webhooks": many(WEBHOOK_TYPE),
    "get_webhook": one(WEBHOOK_TYPE),
    "create_webhook": create_webhook,
    "update_webhook": update_webhook,
    "delete_webhook": delete_webhook,
    "get_webhook_topics": many(TOPIC_TYPE),
    "get_webhook_topic": one(TOPIC_TYPE),
}
