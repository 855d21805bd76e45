"""Campaigns: their audiences, messages and variations, and what becomes of a message that is to be sent.

Both models of the API are views of one state. A campaign has audiences; each message goes to one of them; each
variation is one content of a message. All four are records that know what they belong to by links. What the older
model says of a campaign as a whole (`status`, `scheduled_at`, `send_time`, `channel`) follows from its messages and is
kept in its body (see `summarize`), so that it can be filtered and sorted by.

A message is `draft`, `scheduled`, `sending`, `sent` or `cancelled`. Each time it leaves `draft` it gets a new `run`:
tasks name the run they belong to, and one of an earlier run does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from klaviyo_emulator.state import links
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.records import (
    Body,
    Record,
    Subquery,
    change_record,
    create_record,
    delete_record,
    find_record,
)
from klaviyo_emulator.state.templates import TEMPLATE, copy_template

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.state.minting import Mint

CAMPAIGN = "campaign"
AUDIENCE = "campaign-audience"
MESSAGE = "campaign-message"
VARIATION = "campaign-variation"
SEND_JOB = "campaign-send-job"
ESTIMATION_JOB = "campaign-recipient-estimation-job"
ESTIMATION = "campaign-recipient-estimation"
BATCH = "campaign-batch"
"""Recipients of a message that are sent to at once; a record that lives until they are."""

DRAFT = "draft"
SCHEDULED = "scheduled"
SENDING = "sending"
SENT = "sent"
CANCELLED = "cancelled"

EMAIL = "email"
SMS = "sms"
PUSH = "push"
WHATSAPP = "whatsapp"

NO_RECIPIENTS = "No Recipients"
SMART_SENDING = "Smart Sending"

_NEW_CAMPAIGN: Body = {
    "name": None,
    "builder": "wizard",
    "archived": False,
    "color": None,
    "description": None,
    "send_settings": None,
    "send_strategy": None,
    "custom_tracking_params": None,
    "status": "Draft",
    "scheduled_at": None,
    "send_time": None,
    "channel": None,
}
_NEW_AUDIENCE: Body = {"name": None, "included": [], "excluded": [], "priority": None}
TRACKING: Body = {"is_add_utm": False, "is_tracking_clicks": True, "is_tracking_opens": True}
"""The tracking options of a message that names none."""
SENDING_OPTIONS: Body = {
    "send_time": None,
    "send_times": None,
    "send_strategy": "static",
    "recipient_percentage": None,
    "throttling_type": "none",
    "throttle_unit": None,
    "is_ignoring_unsubscribes": False,
}
"""The send options of a message that names none. Instants are whole microseconds."""
_NEW_MESSAGE: Body = {
    "name": None,
    "status": DRAFT,
    "tracking_options": TRACKING,
    "send_options": SENDING_OPTIONS,
    "ab_test": None,
    "schedule": None,
    "phase": "",
    "run": "",
    "reason": "",
    "counts": {},
}
_TEMPLATES = (
    "SELECT json_extract(body, '$.details.template_id') FROM record WHERE type = 'campaign-variation' "
    "AND json_extract(body, '$.details.template_id') IS NOT NULL AND id IN "
    "(SELECT owner FROM link WHERE type = 'campaign-variation' AND relation = 'campaign-message' AND target = ?) "
    "ORDER BY seq LIMIT 1"
)


def audiences_of(campaign_id: str) -> Subquery:
    """The ids of a campaign's audiences."""
    return links.owners(AUDIENCE, "campaign", campaign_id)


def messages_of(campaign_id: str) -> Subquery:
    """The ids of a campaign's messages."""
    return links.owners(MESSAGE, "campaign", campaign_id)


def messages_to(audience_id: str) -> Subquery:
    """The ids of the messages that go to an audience."""
    return links.owners(MESSAGE, "campaign-audience", audience_id)


def variations_of(message_id: str) -> Subquery:
    """The ids of a message's variations."""
    return links.owners(VARIATION, "campaign-message", message_id)


def template_of(message_id: str) -> Subquery:
    """The id of the template of a message's first variation that has one."""
    return Subquery(_TEMPLATES, (message_id,))


def tags_of_message(message_id: str) -> Subquery:
    """The ids of the tags of the campaign that a message belongs to."""
    sql = (
        "SELECT owner FROM link WHERE type = 'tag' AND relation = 'campaigns' AND target IN "
        "(SELECT target FROM link WHERE type = ? AND owner = ? AND relation = 'campaign')"
    )
    return Subquery(sql, (MESSAGE, message_id))


def details_of(body: Body) -> Body:
    """What the body of a variation says in detail; empty where it says nothing yet."""
    details: Body | None = body.get("details")
    return details or {}


def records_of(connection: sqlite3.Connection, kind: str, selected: Subquery) -> list[Record]:
    """The records that a subquery selects, oldest first."""
    found = (find_record(connection, kind, record_id) for record_id in links.ids(connection, selected))
    return sorted((record for record in found if record is not None), key=lambda record: record.seq)


def owner_of(connection: sqlite3.Connection, record: Record, name: str) -> str:
    """The id of the one thing that a record is linked to by a name, such as a message's `campaign`."""
    return links.ids(connection, links.targets(Relationship(record.type, record.id, name)))[0]


def create_campaign(connection: sqlite3.Connection, mint: Mint, given: Body) -> Record:
    """Store a campaign without audiences and messages."""
    return create_record(connection, mint, CAMPAIGN, mint.ulid(), {**_NEW_CAMPAIGN, **given})


def add_audience(connection: sqlite3.Connection, mint: Mint, campaign_id: str, given: Body) -> Record:
    """Store an audience of a campaign."""
    audience = create_record(connection, mint, AUDIENCE, mint.ulid(), {**_NEW_AUDIENCE, **given})
    links.link(connection, mint, Relationship(AUDIENCE, audience.id, "campaign"), [campaign_id])
    return audience


def add_message(connection: sqlite3.Connection, mint: Mint, campaign_id: str, audience_id: str, given: Body) -> Record:
    """Store a draft of a message to an audience of a campaign."""
    message = create_record(connection, mint, MESSAGE, mint.ulid(), {**_NEW_MESSAGE, **given})
    links.link(connection, mint, Relationship(MESSAGE, message.id, "campaign"), [campaign_id])
    links.link(connection, mint, Relationship(MESSAGE, message.id, "campaign-audience"), [audience_id])
    return message


def add_variation(connection: sqlite3.Connection, mint: Mint, message_id: str, given: Body) -> Record:
    """Store a variation of a message: `name`, and `details` with the `channel` and what goes with it."""
    variation = create_record(connection, mint, VARIATION, mint.ulid(), {"name": None, "details": None, **given})
    links.link(connection, mint, Relationship(VARIATION, variation.id, "campaign-message"), [message_id])
    return variation


def assign_template(
    connection: sqlite3.Connection, mint: Mint, message_id: str, variation: Record, template: Record
) -> Record:
    """Give a variation a copy of a template, which is the message's own."""
    copied = copy_template(connection, mint, template, owner=message_id)
    details = cast("Body", variation.body["details"])
    _forget_copy(connection, message_id, details.get("template_id"))
    return change_record(connection, mint, variation, {"details": {**details, "template_id": copied.id}})


def copy_campaign(connection: sqlite3.Connection, mint: Mint, campaign: Record, name: str) -> Record:
    """A draft with the same audiences, messages and variations; tags are not copied."""
    kept = ("builder", "color", "description", "send_settings", "send_strategy", "custom_tracking_params")
    copied = create_campaign(connection, mint, {"name": name, **{key: campaign.body[key] for key in kept}})
    places: dict[str, str] = {}
    for audience in records_of(connection, AUDIENCE, audiences_of(campaign.id)):
        places[audience.id] = add_audience(connection, mint, copied.id, audience.body).id
    for message in records_of(connection, MESSAGE, messages_of(campaign.id)):
        audience_id = places[owner_of(connection, message, "campaign-audience")]
        copy_message(connection, mint, message, (copied.id, audience_id))
    return summarize(connection, mint, copied.id)


def copy_message(
    connection: sqlite3.Connection, mint: Mint, message: Record, place: tuple[str, str], *, name: str | None = None
) -> Record:
    """A draft of a message to an audience, with the same variations. The templates that it owns are copied too.

    `place` are the ids of the campaign and the audience.
    """
    kept = ("tracking_options", "send_options", "ab_test")
    given = {"name": name or message.body["name"], **{key: message.body[key] for key in kept}}
    copied = add_message(connection, mint, *place, given)
    for variation in records_of(connection, VARIATION, variations_of(message.id)):
        made = add_variation(connection, mint, copied.id, variation.body)
        images = links.ids(connection, links.targets(Relationship(VARIATION, variation.id, "image")))
        links.link(connection, mint, Relationship(VARIATION, made.id, "image"), images)
        template_id = details_of(made.body).get("template_id")
        template = find_record(connection, TEMPLATE, template_id or "")
        if template is not None and template.body.get("owner") == message.id:
            copy = copy_template(connection, mint, template, owner=copied.id)
            change_record(connection, mint, made, {"details": {**made.body["details"], "template_id": copy.id}})
    return copied


def delete_campaign(connection: sqlite3.Connection, campaign_id: str) -> None:
    """Forget a campaign with all its parts and jobs. Its tags are the caller's to take off."""
    for message_id in links.ids(connection, messages_of(campaign_id)):
        delete_message(connection, message_id)
    for audience_id in links.ids(connection, audiences_of(campaign_id)):
        delete_record(connection, AUDIENCE, audience_id)
    for kind in (SEND_JOB, ESTIMATION_JOB, ESTIMATION, CAMPAIGN):
        delete_record(connection, kind, campaign_id)


def delete_message(connection: sqlite3.Connection, message_id: str) -> None:
    """Forget a message with its variations, templates and recipients."""
    for variation_id in links.ids(connection, variations_of(message_id)):
        delete_record(connection, VARIATION, variation_id)
    forget_batches(connection, message_id)
    connection.execute(
        "DELETE FROM record WHERE type = ? AND json_extract(body, '$.owner') = ?", (TEMPLATE, message_id)
    )
    delete_record(connection, MESSAGE, message_id)


def delete_variation(connection: sqlite3.Connection, variation: Record) -> None:
    """Forget a variation with the template that it has to itself."""
    details: Body = details_of(variation.body)
    _forget_copy(connection, owner_of(connection, variation, "campaign-message"), details.get("template_id"))
    delete_record(connection, VARIATION, variation.id)


def forget_batches(connection: sqlite3.Connection, message_id: str) -> None:
    """Forget who a message was still to be sent to."""
    sql = "DELETE FROM record WHERE type = ? AND json_extract(body, '$.message') = ?"
    connection.execute(sql, (BATCH, message_id))


def summarize(connection: sqlite3.Connection, mint: Mint, campaign_id: str) -> Record:
    """Say of a campaign what follows from its messages; it counts as changed now."""
    campaign = find_record(connection, CAMPAIGN, campaign_id)
    if campaign is None:
        raise LookupError(campaign_id)
    messages = records_of(connection, MESSAGE, messages_of(campaign_id))
    begun = [message for message in messages if message.body["status"] != DRAFT]
    plans: list[Body] = [message.body["schedule"] for message in begun]
    changes = {
        "status": _status([message.body for message in messages]),
        "scheduled_at": min((plan["asked"] for plan in plans), default=None),
        "send_time": min((plan["starts"] for plan in plans), default=None),
        "channel": _channel(connection, messages),
    }
    return change_record(connection, mint, campaign, changes)


def job_status(connection: sqlite3.Connection, campaign_id: str) -> str | None:
    """What the send job of a campaign says; None for a campaign that was never sent."""
    messages = records_of(connection, MESSAGE, messages_of(campaign_id))
    states = {message.body["status"] for message in messages} - {DRAFT}
    if not states:
        return None if find_record(connection, SEND_JOB, campaign_id) is None else CANCELLED
    if SENDING in states and any(message.body["phase"] == SENDING for message in messages):
        return "processing"
    if states & {SENDING, SCHEDULED}:
        return "queued"
    return "complete" if SENT in states else CANCELLED


def _status(messages: list[Body]) -> str:
    """The status of the older model for the messages of a campaign."""
    states = [str(message["status"]) for message in messages]
    if SENDING in states:
        begun = any(message["phase"] == SENDING for message in messages)
        return "Sending" if begun else "Preparing to send"
    if SCHEDULED in states:
        return "Scheduled"
    if not states or DRAFT in states:
        return "Draft"
    if SENT in states:
        return "Sent"
    reason = next((str(message["reason"]) for message in messages if message["reason"]), "")
    return f"Cancelled: {reason}" if reason else "Cancelled"


def _channel(connection: sqlite3.Connection, messages: list[Record]) -> str | None:
    """As the older model calls it."""
    for message in messages:
        for variation in records_of(connection, VARIATION, variations_of(message.id)):
            channel = str(details_of(variation.body).get("channel") or "")
            if channel:
                return "mobile_push" if channel == PUSH else channel
    return None


def _forget_copy(connection: sqlite3.Connection, message_id: str, template_id: str | None) -> None:
    sql = "DELETE FROM record WHERE type = ? AND id = ? AND json_extract(body, '$.owner') = ?"
    connection.execute(sql, (TEMPLATE, template_id or "", message_id))
