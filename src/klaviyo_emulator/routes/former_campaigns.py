"""Campaigns as they were until 2026-10-15: one audience, one message, one send strategy, all in the campaign.

This is a view of the state that the later model has too (see `state.campaigns`). What the older model cannot say is
left out: of several audiences the union is shown, of several variations the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klaviyo_emulator.errors import conflict, invalid, invalid_parameter
from klaviyo_emulator.payload import Object, as_object, filled, flag, only, related_id, text
from klaviyo_emulator.routes.campaign_details import check_address, read_details
from klaviyo_emulator.routes.campaign_parts import send_times, set_image
from klaviyo_emulator.routes.campaign_sending import former_plan
from klaviyo_emulator.routes.campaign_types import CAMPAIGN_COLUMNS, instant
from klaviyo_emulator.routes.campaigns import check_apart, check_groups, require_draft
from klaviyo_emulator.routes.images import IMAGE
from klaviyo_emulator.routes.resources import (
    Relation,
    ResourceType,
    View,
    linked,
    page_of,
    record_type,
    write_one,
)
from klaviyo_emulator.routes.tags import tagged
from klaviyo_emulator.state.campaigns import (
    AUDIENCE,
    CAMPAIGN,
    EMAIL,
    MESSAGE,
    PUSH,
    SENDING_OPTIONS,
    SMS,
    TRACKING,
    VARIATION,
    add_audience,
    add_message,
    add_variation,
    audiences_of,
    create_campaign,
    details_of,
    messages_of,
    owner_of,
    records_of,
    summarize,
    template_of,
    variations_of,
)
from klaviyo_emulator.state.records import Body, Record, Subquery, change_record
from klaviyo_emulator.state.sending import LOCAL, SMART, STATIC, THROTTLED

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Types

REVISION = "2026-07-15"
_ATTRIBUTES = "/data/attributes"
_MESSAGES = f"{_ATTRIBUTES}/campaign-messages/data"
_STRATEGY = f"{_ATTRIBUTES}/send_strategy"
_CHANNEL = "messages.channel"
_MOBILE_PUSH = "mobile_push"
_SMART = "throttle-for-campaigns-and-flows"
_STRATEGIES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "immediate": ((), ()),
    "smart_send_time": (("date",), ()),
    "static": (("datetime",), ("options",)),
    "throttled": (("datetime", "throttle_percentage"), ()),
}
"""What each method needs, and what else it may have."""
_DYNAMIC = (
    "campaign_id",
    "campaign_name",
    "campaign_name_id",
    "campaign_name_send_day",
    "email_subject",
    "group_id",
    "group_name",
    "group_name_id",
    "link_alt_text",
    "message_type",
    "profile_external_id",
    "profile_id",
)
_TRACKING = ("is_tracking_clicks", "is_tracking_opens")
_CONTENT = ("subject", "preview_text", "from_email", "from_label", "reply_to_email", "cc_email", "bcc_email")
_RENDER = {"shorten_links": True, "add_org_prefix": True, "add_info_link": True, "add_opt_out_language": False}
_PERCENTAGES = frozenset({1, 2, 5, 10, 11, 13, 14, 17, 20, 25, 33, 50})
_PUSH_CONTENT = ("title", "body", "dynamic_image", "action_buttons")
_BADGES = {"increment_one": "increment-one", "set_count": "set-count", "set_property": "set-property"}
_ON_OPEN = ("deep_link", "open_app", "open_web_url")


def _campaign(view: View, campaign: Record) -> Document:
    body, connection = campaign.body, view.connection
    audiences = records_of(connection, AUDIENCE, audiences_of(campaign.id))
    messages = records_of(connection, MESSAGE, messages_of(campaign.id))
    options: Body = messages[0].body["send_options"] if messages else SENDING_OPTIONS
    tracking: Body = messages[0].body["tracking_options"] if messages else TRACKING
    shown: Document = {
        "add_tracking_params": tracking["is_add_utm"],
        "custom_tracking_params": body["custom_tracking_params"] or [],
    }
    if body["channel"] in {None, EMAIL}:
        shown |= {name: tracking[name] for name in _TRACKING}
    return {
        "name": body["name"] or "",
        "status": body["status"],
        "archived": body["archived"],
        "audiences": {name: _united(audiences, name) for name in ("included", "excluded")},
        "send_options": {"use_smart_sending": options["throttling_type"] != "none"},
        "tracking_options": None if body["channel"] == _MOBILE_PUSH else shown,
        "send_strategy": _strategy(body["send_strategy"], messages),
        "created_at": instant(campaign.created_us),
        "scheduled_at": instant(body["scheduled_at"]),
        "updated_at": instant(campaign.updated_us),
        "send_time": instant(body["send_time"]),
    }


def _message(view: View, message: Record) -> Document:
    variation = next(iter(records_of(view.connection, VARIATION, variations_of(message.id))), None)
    return {
        "definition": _definition(message, {} if variation is None else details_of(variation.body)),
        "send_times": send_times(message),
        "created_at": instant(message.created_us),
        "updated_at": instant(message.updated_us),
    }


def _image_of(message_id: str) -> Subquery:
    sql = (
        "SELECT image.target FROM link AS image JOIN link AS part ON part.type = image.type "
        "AND part.owner = image.owner AND part.relation = 'campaign-message' "
        "WHERE image.type = ? AND image.relation = 'image' AND part.target = ?"
    )
    return Subquery(sql, (VARIATION, message_id))


FORMER_CAMPAIGN: ResourceType[Record] = record_type(
    CAMPAIGN,
    "Campaign",
    _campaign,
    columns=CAMPAIGN_COLUMNS,
    relations=(
        Relation(name="campaign-messages", target=MESSAGE, select=messages_of, always=True),
        tagged("campaigns"),
    ),
)
FORMER_MESSAGE: ResourceType[Record] = record_type(
    MESSAGE,
    "Campaign message",
    _message,
    relations=(
        linked("campaign", CAMPAIGN, many=False, always=True, of=MESSAGE),
        Relation(name="template", target="template", select=template_of, many=False, always=True),
        Relation(name=IMAGE, target=IMAGE, select=_image_of, many=False),
    ),
)
TYPES: Types = {f"{CAMPAIGN}@{REVISION}": FORMER_CAMPAIGN, f"{MESSAGE}@{REVISION}": FORMER_MESSAGE}


async def list_campaigns(context: Context, request: ApiRequest) -> Reply:
    """A page of campaigns of one channel, which the filter has to name."""
    if not any(condition.field == _CHANNEL for condition in request.query.filters):
        raise invalid_parameter(f"A filter on '{_CHANNEL}' is needed, such as equals({_CHANNEL},'email').", "filter")
    return await context.read(lambda connection: page_of(View(connection, context, request), FORMER_CAMPAIGN))


async def create(context: Context, request: ApiRequest) -> Reply:
    """Make a campaign with its message."""
    attributes: Object = request.resource()["attributes"]
    name = filled(attributes, "name", _ATTRIBUTES)
    messages: list[Object] = attributes["campaign-messages"]["data"]
    if len(messages) != 1:
        raise invalid("A campaign has one message here.", _MESSAGES)
    pointer = f"{_MESSAGES}/0/attributes/definition"
    label, details = _read_definition(messages[0]["attributes"]["definition"], pointer, {})
    _check_strategy(attributes.get("send_strategy"))
    given = {
        "name": name,
        "send_strategy": attributes.get("send_strategy") or {"method": "immediate"},
        "custom_tracking_params": _params(attributes),
    }
    image_id = related_id(messages[0], IMAGE)

    def work(connection: sqlite3.Connection) -> Record:
        campaign = create_campaign(connection, context.mint, given)
        audience = _audience(connection, attributes["audiences"], {})
        audience_id = add_audience(connection, context.mint, campaign.id, audience).id
        body: Body = {
            "name": label,
            "tracking_options": _tracking(attributes, TRACKING),
            "send_options": _options(attributes, {**SENDING_OPTIONS, "throttling_type": _SMART}),
        }
        message = add_message(connection, context.mint, campaign.id, audience_id, body)
        add_variation(connection, context.mint, message.id, {"name": label, "details": details})
        if image_id is not None:
            set_image(context, connection, message, image_id, f"{_MESSAGES}/0/relationships/image/data/id")
        return summarize(connection, context.mint, campaign.id)

    return await write_one(context, request, FORMER_CAMPAIGN, work, 201)


async def update(context: Context, request: ApiRequest) -> Reply:
    """Change a campaign; anything but the name only while it is a draft."""
    attributes: Object = request.resource()["attributes"]
    _check_strategy(attributes.get("send_strategy"))
    changes: Body = {}
    if attributes.get("name") is not None:
        changes["name"] = filled(attributes, "name", _ATTRIBUTES)
    if attributes.get("send_strategy") is not None:
        changes["send_strategy"] = attributes["send_strategy"]
    params = _params(attributes)
    if params is not None:
        changes["custom_tracking_params"] = params

    def work(connection: sqlite3.Connection) -> Record:
        campaign = FORMER_CAMPAIGN.get(connection, request.arguments[0])
        parts = [name for name, value in attributes.items() if value is not None and name != "name"]
        if parts and campaign.body["status"] != "Draft":
            status = campaign.body["status"]
            raise conflict(f"The campaign is in the status '{status}'; only its name can be changed.", "/data/id")
        if attributes.get("audiences") is not None:
            for audience in records_of(connection, AUDIENCE, audiences_of(campaign.id))[:1]:
                body = _audience(connection, attributes["audiences"], audience.body)
                change_record(connection, context.mint, audience, body)
        for message in records_of(connection, MESSAGE, messages_of(campaign.id)) if parts else ():
            body = {
                "tracking_options": _tracking(attributes, message.body["tracking_options"]),
                "send_options": _options(attributes, message.body["send_options"]),
            }
            change_record(connection, context.mint, message, body)
        change_record(connection, context.mint, campaign, changes)
        return summarize(connection, context.mint, campaign.id)

    return await write_one(context, request, FORMER_CAMPAIGN, work)


async def update_message(context: Context, request: ApiRequest) -> Reply:
    """Change what a draft of a message says; its channel stays."""
    data = request.resource()
    given = data["attributes"].get("definition")
    image_id = related_id(data, IMAGE)

    def work(connection: sqlite3.Connection) -> Record:
        message = FORMER_MESSAGE.get(connection, request.arguments[0])
        require_draft(message)
        variation = next(iter(records_of(connection, VARIATION, variations_of(message.id))), None)
        before: Body = {} if variation is None else details_of(variation.body)
        if given is not None:
            label, details = _read_definition(given, f"{_ATTRIBUTES}/definition", before)
            if variation is None:
                add_variation(connection, context.mint, message.id, {"details": details})
            else:
                change_record(connection, context.mint, variation, {"details": details})
            name = label if label is not None else message.body["name"]
            message = change_record(connection, context.mint, message, {"name": name})
        if image_id is not None:
            set_image(context, connection, message, image_id, "/data/relationships/image/data/id")
        summarize(connection, context.mint, owner_of(connection, message, CAMPAIGN))
        return message

    return await write_one(context, request, FORMER_MESSAGE, work)


def _definition(message: Record, details: Body) -> Document | None:
    """The content of a message as the older model has it; None where it has none such."""
    match details.get("channel"):
        case "email":
            content = {name: details.get(name) for name in _CONTENT}
            return {"channel": EMAIL, "label": message.body["name"], "content": content}
        case "sms":
            content = {"body": details.get("body"), "media_url": None}
            shown = {name: details.get(name, value) for name, value in _RENDER.items()}
            return {"channel": SMS, "content": content, "render_options": shown}
        case "push" if details.get("push_type") == "silent":
            kind = {"channel": _MOBILE_PUSH, "notification_type": "silent"}
            return {**kind, "kv_pairs": details.get("kv_pairs")}
        case "push":
            content = {
                "title": details.get("title"),
                "body": details.get("body"),
                "dynamic_image": details.get("dynamic_media_template"),
                "action_buttons": details.get("action_buttons"),
            }
            kind = {"channel": _MOBILE_PUSH, "notification_type": "standard", "content": content}
            return {**kind, "kv_pairs": details.get("kv_pairs"), "options": _push_options(details)}
        case _:
            return None


def _read_definition(value: object, pointer: str, before: Body) -> tuple[str | None, Body]:
    """The label and the details of a message for its older definition, put into those that are there."""
    definition = as_object(value, pointer)
    channel = text(definition, "channel", pointer)
    if channel not in {EMAIL, SMS, _MOBILE_PUSH}:
        raise invalid("'channel' must be one of email, sms, mobile_push.", f"{pointer}/channel")
    own = PUSH if channel == _MOBILE_PUSH else channel
    if before.get("channel") not in {None, own}:
        raise invalid("The channel of a message cannot be changed.", f"{pointer}/channel")
    read = {EMAIL: _read_email, SMS: _read_sms, PUSH: _read_push}[own]
    given = read(definition, pointer, before)
    label = text(definition, "label", pointer) if own == EMAIL else None
    # The names of both models differ below the content; so what is wrong in detail is found by the later one's rules.
    return label, read_details({**before, "channel": own, **given}, pointer)


def _read_email(definition: Object, pointer: str, _before: Body) -> Body:
    only(definition, {"channel", "label", "content"}, MESSAGE, pointer)
    content = _content(definition, pointer, _CONTENT)
    for name in _CONTENT:
        text(content, name, f"{pointer}/content")
        if name.endswith("_email"):
            check_address(content.get(name), f"{pointer}/content/{name}")
    return content


def _read_sms(definition: Object, pointer: str, _before: Body) -> Body:
    only(definition, {"channel", "content", "render_options"}, MESSAGE, pointer)
    content = _content(definition, pointer, ("body",))
    text(content, "body", f"{pointer}/content")
    rendering = _below(definition, "render_options", pointer)
    only(rendering, _RENDER, MESSAGE, f"{pointer}/render_options")
    shown = {name: flag(rendering, name, f"{pointer}/render_options") for name in rendering}
    return {**content, **{name: value for name, value in shown.items() if value is not None}}


def _read_push(definition: Object, pointer: str, before: Body) -> Body:
    kind = text(definition, "notification_type", pointer) or before.get("push_type") or "standard"
    if kind not in {"standard", "silent"}:
        raise invalid("'notification_type' must be one of standard, silent.", f"{pointer}/notification_type")
    members = {"channel", "notification_type", "kv_pairs"}
    if kind == "standard":
        members |= {"content", "options"}
    only(definition, members, MESSAGE, pointer)
    details: Body = {"push_type": kind}
    if "kv_pairs" in definition:
        details["kv_pairs"] = definition["kv_pairs"]
    content = _content(definition, pointer, _PUSH_CONTENT)
    if kind == "standard" and not before and not content.get("body"):
        raise invalid("'body' is a required field.", f"{pointer}/content/body")
    if "dynamic_image" in content:
        content["dynamic_media_template"] = content.pop("dynamic_image")
    return {**details, **content, **_read_push_options(_below(definition, "options", pointer), f"{pointer}/options")}


def _read_push_options(options: Object, pointer: str) -> Body:
    only(options, {"on_open", "badge", "play_sound"}, MESSAGE, pointer)
    details: Body = {}
    sound = flag(options, "play_sound", pointer)
    if sound is not None:
        details["sound"] = sound
    on_open = _below(options, "on_open", pointer)
    if on_open:
        only(on_open, {"type", "ios_deep_link", "android_deep_link", "web_url"}, MESSAGE, f"{pointer}/on_open")
        kind = text(on_open, "type", f"{pointer}/on_open")
        if kind not in _ON_OPEN:
            raise invalid(f"'type' must be one of {', '.join(_ON_OPEN)}.", f"{pointer}/on_open/type")
        details["open_action"] = _ON_OPEN.index(kind)
        details |= {name: value for name, value in on_open.items() if name != "type"}
    badge = _below(options, "badge", pointer)
    if badge:
        only(badge, {"display", "badge_options"}, MESSAGE, f"{pointer}/badge")
        details["badge"] = bool(flag(badge, "display", f"{pointer}/badge"))
        chosen = _below(badge, "badge_options", f"{pointer}/badge")
        at = f"{pointer}/badge/badge_options"
        only(chosen, {"badge_config", "value", "set_from_property"}, MESSAGE, at)
        config = text(chosen, "badge_config", at)
        if chosen and config not in _BADGES:
            raise invalid(f"'badge_config' must be one of {', '.join(_BADGES)}.", f"{at}/badge_config")
        if config is not None:
            value = text(chosen, "value", at) or text(chosen, "set_from_property", at)
            details |= {"badge_config": _BADGES[config], "badge_value": value}
    return details


def _push_options(details: Body) -> Document:
    """The options of a push message as the older model has them."""
    action: int | None = details.get("open_action")
    kind = _ON_OPEN[action] if action is not None and 0 <= action < len(_ON_OPEN) else "open_app"
    links = {"deep_link": ("ios_deep_link", "android_deep_link"), "open_web_url": ("web_url",)}.get(kind, ())
    badge: Document = {"display": bool(details.get("badge"))}
    if badge["display"]:
        badge["badge_options"] = _badge(details)
    return {
        "on_open": {"type": kind, **{name: details.get(name) for name in links}},
        "badge": badge,
        "play_sound": bool(details.get("sound")),
    }


def _badge(details: Body) -> Document | None:
    config = str(details.get("badge_config") or "").replace("-", "_")
    value = details.get("badge_value")
    match config:
        case "increment_one":
            return {"badge_config": config}
        case "set_count":
            return {"badge_config": config, "value": value or ""}
        case "set_property":
            return {"badge_config": config, "set_from_property": value or ""}
        case _:
            return None


def _content(definition: Object, pointer: str, known: tuple[str, ...]) -> Object:
    content = _below(definition, "content", pointer)
    only(content, known, MESSAGE, f"{pointer}/content")
    return dict(content)


def _below(parent: Object, name: str, pointer: str) -> Object:
    value = parent.get(name)
    return {} if value is None else as_object(value, f"{pointer}/{name}")


def _check_strategy(strategy: Object | None) -> None:
    """Refuse what does not go with a method of sending."""
    if strategy is None:
        return
    method = strategy["method"]
    needed, allowed = _STRATEGIES[method]
    for name in needed:
        if strategy.get(name) is None:
            raise invalid(f"'{name}' is needed for the method '{method}'.", f"{_STRATEGY}/{name}")
    for name, value in strategy.items():
        if value is not None and name != "method" and name not in needed and name not in allowed:
            raise invalid(f"'{name}' does not go with the method '{method}'.", f"{_STRATEGY}/{name}")


def _params(attributes: Object) -> list[Any] | None:
    """The tracking parameters, checked; None where the request says nothing of them."""
    options: Object = attributes.get("tracking_options") or {}
    params: list[Object] | None = options.get("custom_tracking_params")
    if not params:
        return params
    pointer = f"{_ATTRIBUTES}/tracking_options/custom_tracking_params"
    missing = {"utm_source", "utm_medium"} - {param["name"] for param in params}
    if missing:
        raise invalid(f"'{min(missing)}' has to be among the parameters.", pointer)
    for index, param in enumerate(params):
        if param["type"] == "dynamic" and param["value"] not in _DYNAMIC:
            raise invalid(f"'value' must be one of {', '.join(_DYNAMIC)}.", f"{pointer}/{index}/value")
    return params


def _tracking(attributes: Object, before: Body) -> Body:
    given: Object = attributes.get("tracking_options") or {}
    named = {"add_tracking_params": "is_add_utm", **{name: name for name in _TRACKING}}
    return {**before, **{own: given[name] for name, own in named.items() if given.get(name) is not None}}


def _options(attributes: Object, before: Body) -> Body:
    options: Object = attributes.get("send_options") or {}
    smart = options.get("use_smart_sending")
    return before if smart is None else {**before, "throttling_type": _SMART if smart else "none"}


def _audience(connection: sqlite3.Connection, given: Object, before: Body) -> Body:
    body: Body = {}
    for name in ("included", "excluded"):
        if given.get(name) is not None:
            body[name] = check_groups(connection, given[name], f"{_ATTRIBUTES}/audiences/{name}")
    after = {**before, **body}
    check_apart(after.get("included", ()), after.get("excluded", ()), f"{_ATTRIBUTES}/audiences/excluded")
    return body


def _united(audiences: list[Record], name: str) -> list[str]:
    return list(dict.fromkeys(group for audience in audiences for group in audience.body[name]))


def _strategy(own: Object | None, messages: list[Record]) -> Document:
    """How a campaign is sent: as it was told, unless its first message is scheduled in another way."""
    plan: Body | None = next((message.body["schedule"] for message in messages if message.body["schedule"]), None)
    if own is not None and (plan is None or _is_planned(own, plan)):
        return {name: value for name, value in own.items() if value is not None}
    if plan is None:
        return {"method": "immediate"}
    starts = instant(plan["starts"])
    shown: dict[str, Document] = {
        STATIC: {"method": STATIC, "datetime": starts, "options": {"is_local": False}},
        SMART: {"method": SMART, "date": plan["send_date"]},
        LOCAL: {
            "method": STATIC,
            "datetime": starts,
            "options": {"is_local": True, "send_past_recipients_immediately": not plan["tomorrow"]},
        },
    }
    if plan["throttling_percentage"] in _PERCENTAGES:
        percentage = plan["throttling_percentage"]
        shown[THROTTLED] = {"method": THROTTLED, "datetime": starts, "throttle_percentage": percentage}
    return shown.get(plan["strategy"], {"method": "unsupported"})


def _is_planned(own: Object, plan: Body) -> bool:
    """Whether a schedule is what a send strategy asks for."""
    if own["method"] == "immediate":
        return plan["strategy"] == STATIC and plan["starts"] <= plan["asked"]
    asked = former_plan(own, plan["asked"])
    return all(plan[name] == value for name, value in asked.items())
