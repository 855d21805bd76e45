"""Batches of events on their way to webhooks: when they go out, what they say, and how they are signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import EPOCH, format_micros
from klaviyo_emulator.ids import event_id
from klaviyo_emulator.jsonapi import Document, single
from klaviyo_emulator.routes.events import event_resource
from klaviyo_emulator.state.events import Event, events_since
from klaviyo_emulator.state.posts import enqueue
from klaviyo_emulator.state.records import Record, find_record
from klaviyo_emulator.state.tasks import Task, schedule
from klaviyo_emulator.state.webhooks import BATCH, FIRST_EVENT, WEBHOOK, set_pending, topics_by_metric

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.background.pump import TaskHandler
    from klaviyo_emulator.routes.context import Context

MAXIMUM_EVENTS = 1000
"""Of one request."""
_LIVE_CLOCK_IS_OFF_BY = timedelta(hours=5)


def wait_for_more(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """A webhook has its first event: gather what comes until the batch is due."""
    schedule(
        connection,
        context.mint,
        BATCH,
        task.payload,
        after_ms=context.config.webhook_batch_ms,
        since_us=task.due_us,
    )


def send_batch(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Put what a webhook was not told of yet into requests."""
    webhook = find_record(connection, WEBHOOK, task.payload["webhook"])
    if webhook is None or webhook.body["pending"] is None:
        return
    set_pending(connection, webhook.id, None)
    if not webhook.body["enabled"]:
        return
    topics = topics_by_metric(connection, webhook.id)
    first: int = webhook.body["pending"]
    while events := events_since(connection, first, list(topics), MAXIMUM_EVENTS):
        first = events[-1].seq + 1
        entries = [(topics[event.metric_id], event) for event in events]
        body = _encode(_document(context, webhook, entries, task.due_us))
        headers = {"Content-Type": "application/json", **_signed(context, webhook, body, task.due_us)}
        enqueue(
            connection, context.mint.at(task.due_us), webhook.body["endpoint_url"], headers, body, webhook=webhook.id
        )


def signature(secret: str, body: bytes, timestamp: str) -> str:
    """What `Klaviyo-Signature` says of a body and its `Klaviyo-Timestamp`."""
    return hmac.new(secret.encode("utf-8"), body + timestamp.encode("utf-8"), hashlib.sha256).hexdigest()


def _signed(context: Context, webhook: Record, body: bytes, sent_us: int) -> Mapping[str, str]:
    moment = EPOCH + timedelta(microseconds=sent_us)
    if context.config.behaviour == "live":
        moment += _LIVE_CLOCK_IS_OFF_BY
    timestamp = format_datetime(moment, usegmt=True)
    return {
        "Klaviyo-Signature": signature(webhook.body["secret_key"], body, timestamp),
        "Klaviyo-Timestamp": timestamp,
        "Klaviyo-Webhook-Id": webhook.id,
    }


def _document(context: Context, webhook: Record, entries: Sequence[tuple[str, Event]], sent_us: int) -> Document:
    return {
        "data": [_entry(context, topic, event) for topic, event in entries],
        "meta": {
            "klaviyo_account_id": context.mint.account_id,
            "klaviyo_webhook_id": webhook.id,
            "timestamp": format_micros(sent_us),
            "version": webhook.body["revision"],
        },
    }


def _entry(context: Context, topic: str, event: Event) -> Document:
    """One event with its topic; `payload` is what reading the event would answer."""
    resource = event_resource(context, event)
    payload = single(resource, str(resource["links"]["self"]).rstrip("/"))
    return {"external_id": event_id(event.seq, context.mint.event_key), "topic": topic, "payload": payload}


def _encode(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


HANDLERS: Mapping[str, TaskHandler] = {FIRST_EVENT: wait_for_more, BATCH: send_batch}
