"""Webhooks as they are stored, and the events that wait to be sent to them.

A webhook remembers in `pending` the row of the first event that it was not told of yet. Everything since then goes out
together when the task `webhook-batch` comes to it, so that an event costs no more than a look at who listens.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from klaviyo_emulator.state import links
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.tasks import schedule
from klaviyo_emulator.state.topics import metrics_by_topic, topic_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.new_events import Stored

WEBHOOK = "webhook"
TOPICS = "webhook-topics"
FIRST_EVENT = "webhook-first-event"
"""The kind of the task that a webhook's first event leaves behind."""
BATCH = "webhook-batch"
"""The kind of the task that sends what has come together since."""

_ANYBODY = "SELECT 1 FROM link WHERE type = 'webhook' LIMIT 1"
_IDLE_LISTENERS = (
    "SELECT record.id, link.target FROM link JOIN record ON record.type = link.type AND record.id = link.owner "
    "WHERE link.type = 'webhook' AND link.relation = 'webhook-topics' "
    "AND link.target IN (SELECT value FROM json_each(?)) "
    "AND json_extract(record.body, '$.enabled') AND json_extract(record.body, '$.pending') IS NULL"
)
_PENDING = "UPDATE record SET body = json_set(body, '$.pending', ?) WHERE type = ? AND id = ?"


def subscribed(webhook_id: str) -> Relationship:
    """The relationship of a webhook to its topics."""
    return Relationship(WEBHOOK, webhook_id, TOPICS)


def note_events(connection: sqlite3.Connection, mint: Mint, stored: Sequence[Stored]) -> None:
    """Let the webhooks that listen know of new events. Without any webhook it is one look at an index."""
    if connection.execute(_ANYBODY).fetchone() is None:
        return
    first: dict[str, int] = {}
    for one in stored:
        if one.seq is not None:
            first.setdefault(topic_of(one.event.metric, one.event.service), one.seq)
    waiting: dict[str, int] = {}
    for webhook_id, topic in connection.execute(_IDLE_LISTENERS, (json.dumps(list(first)),)):
        waiting[webhook_id] = min(first[topic], waiting.get(webhook_id, first[topic]))
    for webhook_id, seq in waiting.items():
        set_pending(connection, webhook_id, seq)
        schedule(connection, mint, FIRST_EVENT, {"webhook": webhook_id})


def set_pending(connection: sqlite3.Connection, webhook_id: str, seq: int | None) -> None:
    """Remember which event a webhook is to be told of first; None for none."""
    connection.execute(_PENDING, (seq, WEBHOOK, webhook_id))


def topics_by_metric(connection: sqlite3.Connection, webhook_id: str) -> dict[str, str]:
    """What a webhook listens to: the id of each metric, and its topic."""
    metrics = metrics_by_topic(connection)
    listened = links.ids(connection, links.targets(subscribed(webhook_id)))
    return {metric_id: topic for topic in listened for metric_id in metrics.get(topic, ())}
