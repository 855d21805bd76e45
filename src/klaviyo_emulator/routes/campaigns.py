"""Campaigns as they are since 2026-10-15: made with their audiences and messages, changed, copied, deleted."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import EPOCH, parse_instant
from klaviyo_emulator.errors import conflict, invalid
from klaviyo_emulator.payload import related_ids
from klaviyo_emulator.routes.campaign_details import read_details, require_template
from klaviyo_emulator.routes.campaign_types import CAMPAIGN_TYPE
from klaviyo_emulator.routes.resources import write_one, write_silently
from klaviyo_emulator.routes.tags import tag_resource, untag
from klaviyo_emulator.state.audiences import is_group
from klaviyo_emulator.state.campaigns import (
    DRAFT,
    SENDING_OPTIONS,
    TRACKING,
    add_audience,
    add_message,
    add_variation,
    copy_campaign,
    create_campaign,
    delete_campaign,
    details_of,
    summarize,
)
from klaviyo_emulator.state.records import Record, change_record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply
    from klaviyo_emulator.state.records import Body

UNDER_WAY = frozenset({"Scheduled", "Preparing to send", "Sending"})
"""What a campaign's status is while it may not be deleted."""
_ATTRIBUTES = "/data/attributes"
_DEFINITION = f"{_ATTRIBUTES}/definition"
_BUILDERS = ("canvas", "wizard")
_COLOR = re.compile(r"#?[0-9a-fA-F]{6}", re.ASCII)
_UNNAMED = "Untitled Campaign"
_SMART_SENDING = {
    "NONE": "none",
    "FOR_CAMPAIGNS": "throttle-for-campaigns",
    "FOR_FLOWS": "throttle-for-flows",
    "FOR_CAMPAIGNS_AND_FLOWS": "throttle-for-campaigns-and-flows",
}


def check_groups(connection: sqlite3.Connection, groups: Iterable[str] | None, pointer: str) -> list[str]:
    """The ids of an audience, each of a list or a segment. Raises a 400 refusal that names the first that is not."""
    found = list(groups or ())
    for index, group_id in enumerate(found):
        if not is_group(connection, group_id):
            raise invalid(f"List or segment with id {group_id} not found.", f"{pointer}/{index}")
    return found


def check_apart(included: Iterable[str], excluded: Iterable[str], pointer: str) -> None:
    """Refuse a group that an audience includes and excludes."""
    both = set(included).intersection(excluded)
    if both:
        raise invalid(f"{min(both)} is included and excluded.", pointer)


def require_draft(message: Record) -> None:
    """Refuse to change a message that is on its way, or was. Raises 409."""
    if message.body["status"] != DRAFT:
        raise conflict(
            f"The message {message.id} is {message.body['status']}; only a draft can be changed.", "/data/id"
        )


async def create(context: Context, request: ApiRequest) -> Reply:
    """Make a campaign with audiences, messages to them, and variations of these."""
    data = request.resource()
    attributes: Object = data["attributes"]
    given = {"name": _UNNAMED, **_definition(attributes["definition"])}
    for name in ("campaign-audiences", "campaign-messages"):
        if related_ids(data, name):
            raise invalid(f"'{name}' are made of the attributes here.", f"/data/relationships/{name}")

    def work(connection: sqlite3.Connection) -> Record:
        campaign = create_campaign(connection, context.mint, given)
        places = _audiences(context, connection, campaign, attributes.get("audiences") or [])
        for index, message in enumerate(attributes.get("messages") or []):
            pointer = f"{_ATTRIBUTES}/messages/{index}"
            temporary = message["audience_temporary_id"]
            if temporary not in places:
                detail = f"There is no audience with the temporary id '{temporary}'."
                raise invalid(detail, f"{pointer}/audience_temporary_id")
            made = add_message(connection, context.mint, campaign.id, places[temporary], _message_body(message))
            add_variations(context, connection, made.id, message.get("variations") or [], f"{pointer}/variations")
        tag_resource(connection, context.mint, "campaigns", campaign.id, related_ids(data, "tags"))
        return summarize(connection, context.mint, campaign.id)

    return await write_one(context, request, CAMPAIGN_TYPE, work, 201)


async def update(context: Context, request: ApiRequest) -> Reply:
    """Change what a campaign says of itself; how it is sent only before it is."""
    changes = _definition(request.resource()["attributes"]["definition"])

    def work(connection: sqlite3.Connection) -> Record:
        campaign = CAMPAIGN_TYPE.get(connection, request.arguments[0])
        if changes.get("send_settings") is not None:
            if campaign.body["status"] != "Draft":
                raise conflict(
                    "The campaign is no draft; its settings cannot be changed.", f"{_DEFINITION}/send_settings"
                )
            changes["send_settings"] = {**(campaign.body["send_settings"] or {}), **changes["send_settings"]}
        return change_record(connection, context.mint, campaign, changes)

    return await write_one(context, request, CAMPAIGN_TYPE, work)


async def delete(context: Context, request: ApiRequest) -> Reply:
    """Delete a campaign with its parts. One that is scheduled or being sent has to be cancelled first: 409."""

    def work(connection: sqlite3.Connection) -> None:
        campaign = CAMPAIGN_TYPE.get(connection, request.arguments[0])
        if campaign.body["status"] in UNDER_WAY:
            status = campaign.body["status"]
            raise conflict(f"The campaign is in the status '{status}' and has to be cancelled first.", "/data/id")
        untag(connection, "campaigns", campaign.id)
        delete_campaign(connection, campaign.id)

    return await write_silently(context, work)


async def clone(context: Context, request: ApiRequest) -> Reply:
    """Copy a campaign, as a draft."""
    data = request.resource()
    attributes: Object = data["attributes"]
    kind = context.types.get(f"campaign@{request.revision}") or CAMPAIGN_TYPE

    def work(connection: sqlite3.Connection) -> Record:
        campaign = CAMPAIGN_TYPE.get(connection, data["id"])
        name = attributes.get("name") or attributes.get("new_name") or f"Clone of {campaign.body['name']}"
        return copy_campaign(connection, context.mint, campaign, name)

    return await write_one(context, request, kind, work, 201)


def message_body(definition: Object, pointer: str, before: Body | None = None) -> Body:
    """The body of a message for a definition; what the definition leaves out stays, or is as always."""
    present: Body = before or {"tracking_options": TRACKING, "send_options": SENDING_OPTIONS, "status": DRAFT}
    status = definition.get("status")
    if status is not None and status != present["status"]:
        raise invalid("The status follows from the message's schedule and cannot be set.", f"{pointer}/status")
    body: Body = {name: definition[name] for name in ("name", "ab_test") if definition.get(name) is not None}
    for name in ("tracking_options", "send_options"):
        options: Object = definition.get(name) or {}
        given = {key: value for key, value in options.items() if value is not None}
        if name == "send_options" and "send_time" in given:
            given["send_time"] = micros(given["send_time"])
        percentage = given.get("recipient_percentage")
        if percentage is not None:
            check_percentage(percentage, f"{pointer}/send_options/recipient_percentage")
        body[name] = {**present[name], **given}
    return body


def variation_body(connection: sqlite3.Connection, definition: Object, pointer: str) -> Body:
    """The body of a variation for its definition."""
    body: Body = {"name": definition["name"]} if definition.get("name") is not None else {}
    if definition.get("details") is not None:
        body["details"] = read_details(definition["details"], f"{pointer}/details")
        require_template(connection, body["details"], f"{pointer}/details")
    return body


def check_percentage(value: int, pointer: str) -> None:
    """Refuse what is no share of recipients."""
    if not 1 <= value <= 100:  # noqa: PLR2004 - per cent
        raise invalid("A percentage from 1 to 100 is needed.", pointer)


def micros(text: str) -> int:
    """A checked instant of a body, in microseconds since 1970."""
    moment = parse_instant(text)
    if moment is None:
        raise ValueError(text)
    return (moment - EPOCH) // timedelta(microseconds=1)


def _definition(definition: Object) -> Body:
    """What a definition says of a campaign. Null clears what may be empty, and leaves the rest as it is."""
    builder, color = definition.get("builder"), definition.get("color")
    if builder is not None and builder not in _BUILDERS:
        raise invalid(f"'builder' must be one of {', '.join(_BUILDERS)}.", f"{_DEFINITION}/builder")
    if color is not None and not _COLOR.fullmatch(color):
        raise invalid("'color' must be six hexadecimal digits.", f"{_DEFINITION}/color")
    name = definition.get("name")
    if name is not None and not name.strip():
        raise invalid("'name' must not be empty.", f"{_DEFINITION}/name")
    clearable = ("color", "description", "send_settings")
    return {name: value for name, value in definition.items() if value is not None or name in clearable}


def _audiences(
    context: Context, connection: sqlite3.Connection, campaign: Record, given: list[Object]
) -> dict[str, Any]:
    places: dict[str, str] = {}
    for index, audience in enumerate(given):
        pointer = f"{_ATTRIBUTES}/audiences/{index}"
        temporary = audience["temporary_id"]
        if temporary in places:
            raise invalid(f"'{temporary}' is used twice.", f"{pointer}/temporary_id")
        included = check_groups(connection, audience.get("included"), f"{pointer}/included")
        excluded = check_groups(connection, audience.get("excluded"), f"{pointer}/excluded")
        check_apart(included, excluded, f"{pointer}/excluded")
        body = {"name": audience.get("name"), "included": included, "excluded": excluded}
        places[temporary] = add_audience(connection, context.mint, campaign.id, body).id
    return places


def _message_body(given: Object) -> Body:
    smart_sending = _SMART_SENDING[given.get("throttling_type") or "NONE"]
    return {
        "name": given.get("name"),
        "tracking_options": {**TRACKING, "is_add_utm": bool(given.get("is_add_utm"))},
        "send_options": {**SENDING_OPTIONS, "throttling_type": smart_sending},
    }


def add_variations(
    context: Context, connection: sqlite3.Connection, message_id: str, given: list[Object], pointer: str
) -> None:
    """Give a new message its variations, all in one channel."""
    channels: set[str] = set()
    for index, variation in enumerate(given):
        at = f"{pointer}/{index}/definition"
        made = variation_body(connection, variation["definition"], at)
        channels.add(details_of(made).get("channel") or "")
        refuse_mixed(channels, f"{at}/details/channel")
        add_variation(connection, context.mint, message_id, made)


def refuse_mixed(channels: set[str], pointer: str) -> None:
    """Refuse variations of one message in different channels."""
    if len(channels - {""}) > 1:
        raise invalid("All variations of a message have the same channel.", pointer)
