"""What a variation of a campaign's message may say, channel by channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import Object, as_list, as_object, check_value, flag, number, only, properties, text
from klaviyo_emulator.state.campaigns import EMAIL, PUSH, SMS, WHATSAPP
from klaviyo_emulator.state.records import find_record
from klaviyo_emulator.state.templates import TEMPLATE
from klaviyo_emulator.templating import Template, TemplateError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_MEMBERS: Mapping[str, Mapping[str, str]] = {
    EMAIL: dict.fromkeys(
        (
            "template_id",
            "from_label",
            "from_email",
            "reply_to_email",
            "cc_email",
            "bcc_email",
            "subject",
            "preview_text",
        ),
        "text",
    ),
    SMS: {
        "template_id": "text",
        "cost": "number",
        "mms_static_image_asset_id": "integer",
        "shorten_links": "flag",
        "include_contact_card": "flag",
        "body": "text",
        "add_org_prefix": "flag",
        "add_info_link": "flag",
        "add_opt_out_language": "flag",
        "mms_dynamic_image_template": "text",
        "text_message_type": "text",
        "message_hierarchy": "any",
    },
    PUSH: {
        "title": "text",
        "body": "text",
        "badge": "flag",
        "badge_config": "text",
        "badge_value": "text",
        "sound_file_name": "text",
        "static_asset_id": "integer",
        "sound": "flag",
        "open_action": "integer",
        "dynamic_media_template": "text",
        "kv_pairs": "object",
        "push_type": "text",
        "ios_deep_link": "text",
        "android_deep_link": "text",
        "web_url": "text",
        "content_available": "flag",
        "mutable_content": "flag",
        "video_asset_id": "text",
        "action_buttons": "list",
    },
    WHATSAPP: {"template_id": "text", "shorten_links": "flag"},
}
_VALUES: Mapping[str, tuple[str, ...]] = {
    "text_message_type": ("MMS", "RCS", "SMS"),
    "badge_config": ("increment-one", "set-count", "set-property"),
    "push_type": ("silent", "standard"),
}
_ADDRESSES = ("from_email", "reply_to_email", "cc_email", "bcc_email")
_RENDERED = ("subject", "title", "body", "from_label", "from_email")


def read_details(value: object, pointer: str) -> Object:
    """The details of a variation, checked: `channel`, and what goes with it. Raises a 400 refusal."""
    details = as_object(value, pointer)
    channel = text(details, "channel", pointer)
    if channel is None or channel not in _MEMBERS:
        raise invalid(f"'channel' must be one of {', '.join(_MEMBERS)}.", f"{pointer}/channel")
    members = _MEMBERS[channel]
    only(details, {"channel", *members}, "campaign-variation", pointer)
    for name in details:
        if name != "channel":
            _check(details, name, members[name], pointer)
    for name in _ADDRESSES:
        check_address(details.get(name), f"{pointer}/{name}")
    for name in _RENDERED:
        check_source(details.get(name), f"{pointer}/{name}")
    return details


def check_address(address: str | None, pointer: str) -> None:
    """Refuse what is no e-mail address, unless it is left to a template."""
    if address and "@" not in address and "{" not in address:
        raise invalid("Invalid email address.", pointer)


def check_source(source: str | None, pointer: str) -> None:
    """Refuse a text that cannot be compiled as a template."""
    try:
        Template(source or "")
    except TemplateError as error:
        raise invalid(f"The template cannot be rendered: {error}", pointer) from None


def require_template(connection: sqlite3.Connection, details: Object, pointer: str) -> None:
    """Refuse the id of a template that does not exist. What a message of WhatsApp names is kept elsewhere."""
    template_id = details.get("template_id")
    if template_id is None or details["channel"] != EMAIL:
        return
    if find_record(connection, TEMPLATE, template_id) is None:
        raise invalid(f"Template with id {template_id} not found.", f"{pointer}/template_id")


def _check(details: Object, name: str, kind: str, pointer: str) -> None:
    value = details[name]
    if value is None:
        return
    match kind:
        case "text":
            text(details, name, pointer)
        case "flag":
            flag(details, name, pointer)
        case "object":
            properties(value, f"{pointer}/{name}")
        case "list":
            as_list(value, f"{pointer}/{name}")
            check_value(value, pointer, name)
        case "any":
            check_value(value, pointer, name)
        case _:
            number(details, name, pointer)
            if kind == "integer" and not isinstance(value, int):
                raise invalid(f"'{name}' must be an integer.", f"{pointer}/{name}")
    if name in _VALUES and value not in _VALUES[name]:
        raise invalid(f"'{name}' must be one of {', '.join(_VALUES[name])}.", f"{pointer}/{name}")
