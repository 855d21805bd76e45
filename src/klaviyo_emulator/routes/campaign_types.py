"""Campaigns and their parts as they are written since 2026-10-15."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_micros
from klaviyo_emulator.routes.images import IMAGE
from klaviyo_emulator.routes.resources import Relation, ResourceType, View, linked, record_type
from klaviyo_emulator.routes.tags import tagged
from klaviyo_emulator.state.campaigns import (
    AUDIENCE,
    CAMPAIGN,
    ESTIMATION,
    ESTIMATION_JOB,
    MESSAGE,
    SEND_JOB,
    VARIATION,
    audiences_of,
    messages_of,
    messages_to,
    tags_of_message,
    template_of,
    variations_of,
)
from klaviyo_emulator.state.records import Columns, Record
from klaviyo_emulator.state.sending import options_of

if TYPE_CHECKING:
    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.routes.context import Types

CAMPAIGN_COLUMNS = Columns(expressions={"messages.channel": "json_extract(record.body, '$.channel')"})
_CAMPAIGN_OF = (
    "(SELECT target FROM link WHERE link.type = 'campaign-message' AND link.owner = record.id "
    "AND link.relation = 'campaign')"
)
_SETTINGS = (
    "send_timezone",
    "send_strategy",
    "send_passed_rltz_immediately",
    "exit_condition_enabled",
    "exit_condition_conversion_metric_id",
)


def instant(microseconds: int | None) -> str | None:
    """An instant of a body as it is answered."""
    return None if microseconds is None else format_micros(microseconds)


def _campaign(_view: View, campaign: Record) -> Document:
    body = campaign.body
    settings = body["send_settings"]
    return {
        "created_at": instant(campaign.created_us),
        "updated_at": instant(campaign.updated_us),
        "definition": {
            **{name: body[name] for name in ("name", "builder", "archived", "color", "description")},
            "send_settings": None if settings is None else {name: settings.get(name) for name in _SETTINGS},
        },
    }


def _audience(_view: View, audience: Record) -> Document:
    names = ("name", "included", "excluded", "priority")
    return _part(audience, {name: audience.body[name] for name in names})


def _message(_view: View, message: Record) -> Document:
    names = ("name", "status", "tracking_options", "ab_test")
    definition = {name: message.body[name] for name in names}
    options = options_of(message)
    definition["send_options"] = {**options, "send_time": instant(options["send_time"])}
    return _part(message, definition)


def _variation(_view: View, variation: Record) -> Document:
    return _part(variation, {"name": variation.body["name"], "details": variation.body["details"]})


def _part(record: Record, definition: Document) -> Document:
    return {
        "created": instant(record.created_us),
        "updated": instant(record.updated_us),
        "definition": definition,
    }


def _status(_view: View, job: Record) -> Document:
    return {"status": job.body["status"]}


def _count(_view: View, estimation: Record) -> Document:
    return {"estimated_recipient_count": estimation.body["estimated_recipient_count"]}


CAMPAIGN_TYPE: ResourceType[Record] = record_type(
    CAMPAIGN,
    "Campaign",
    _campaign,
    columns=CAMPAIGN_COLUMNS,
    relations=(
        Relation(name="campaign-audiences", target=AUDIENCE, select=audiences_of, always=True),
        Relation(name="campaign-messages", target=MESSAGE, select=messages_of, always=True),
        tagged("campaigns"),
    ),
)
AUDIENCE_TYPE: ResourceType[Record] = record_type(
    AUDIENCE,
    "Campaign audience",
    _audience,
    relations=(
        linked("campaign", CAMPAIGN, many=False, always=True, of=AUDIENCE),
        Relation(name="campaign-messages", target=MESSAGE, select=messages_to, always=True),
    ),
)
MESSAGE_TYPE: ResourceType[Record] = record_type(
    MESSAGE,
    "Campaign message",
    _message,
    columns=Columns(expressions={"campaign_id": _CAMPAIGN_OF}),
    relations=(
        linked("campaign", CAMPAIGN, many=False, always=True, of=MESSAGE),
        linked("campaign-audience", AUDIENCE, many=False, always=True, of=MESSAGE),
        Relation(name="campaign-variations", target=VARIATION, select=variations_of, always=True),
        Relation(name="tags", target="tag", select=tags_of_message, shown=False),
        Relation(name="template", target="template", select=template_of, many=False, shown=False),
    ),
)
VARIATION_TYPE: ResourceType[Record] = record_type(
    VARIATION,
    "Campaign variation",
    _variation,
    relations=(
        linked("campaign-message", MESSAGE, many=False, always=True, of=VARIATION),
        linked("image", IMAGE, many=False, of=VARIATION),
        linked("translation", "translation", many=False, of=VARIATION),
    ),
)
SEND_JOB_TYPE = record_type(SEND_JOB, "Campaign send job", _status)
ESTIMATION_JOB_TYPE = record_type(ESTIMATION_JOB, "Campaign recipient estimation job", _status)
ESTIMATION_TYPE = record_type(ESTIMATION, "Campaign recipient estimation", _count)
TYPES: Types = {
    CAMPAIGN: CAMPAIGN_TYPE,
    AUDIENCE: AUDIENCE_TYPE,
    MESSAGE: MESSAGE_TYPE,
    VARIATION: VARIATION_TYPE,
}
