"""The actions of flows: what each of the twenty kinds says of itself, and which actions can follow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.flows.conditions import check_groups
from klaviyo_emulator.flows.shapes import members, read, required
from klaviyo_emulator.flows.times import check_time, check_time_zone, check_weekdays
from klaviyo_emulator.payload import Object, as_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from klaviyo_emulator.flows.shapes import Shape

BRANCHES = "multi-branch-split"
"""The action whose exits are in its data."""
STATUSES = ("draft", "manual", "live")
"""What a flow can be. An action can be disabled besides."""
_STATUS = "disabled|draft|live|manual"
_OWNER = "a flow action"
_MOST_SECONDARY = 60
"""Of hours or minutes beside a delay in days or hours."""

_SENT: Mapping[str, Shape] = {
    "smart_sending_enabled=true": "boolean",
    "transactional=false": "boolean",
    "add_tracking_params=false": "boolean",
    "additional_filters": check_groups,
    "name": "string",
    "id": "string",
}
_UTM: Shape = [{"param*": "string", "value*": "string"}]
_EMAIL: Mapping[str, Shape] = {
    **dict.fromkeys(
        ("from_email", "from_label", "reply_to_email", "cc_email", "bcc_email", "subject_line", "preview_text"),
        "string",
    ),
    "template_id": "string",
    "custom_tracking_params": _UTM,
    **_SENT,
}
_SMS: Mapping[str, Shape] = {
    "body*": "string",
    "image_id": "string",
    "dynamic_image": "string",
    "message_hierarchy": "array",
    "shorten_links=true": "boolean",
    "include_contact_card=false": "boolean",
    "add_org_prefix=true": "boolean",
    "add_info_link=true": "boolean",
    "add_opt_out_language=false": "boolean",
    "sms_quiet_hours_enabled=true": "boolean",
    "custom_tracking_params": _UTM,
    "template_id": "string",
    **_SENT,
}
_PUSH: Mapping[str, Shape] = {
    "title": "string",
    "body*": "string",
    "sound=false": "boolean",
    "badge=false": "boolean",
    "badge_options": "object",
    **dict.fromkeys(
        ("image_id", "dynamic_image", "video_asset_id", "ios_link", "android_link", "web_url", "conversion_metric_id"),
        "string",
    ),
    "on_open=home": "home|link|open_url",
    "push_type": "silent|standard",
    "kv_pairs": "object",
    "action_buttons": [
        {
            "label*": "string",
            "action_type*": "deep_link|dismiss|open_app|open_url",
            "position": "integer",
            "url": "string",
            "icon": "string",
            "custom_action_id": "string",
        }
    ],
    **{name: shape for name, shape in _SENT.items() if not name.startswith(("transactional", "add_tracking"))},
}
_WHATSAPP: Mapping[str, Shape] = {"vendor_id": "string", **_SENT}
_WEBHOOK: Mapping[str, Shape] = {
    "url*?": "string",
    "headers": "object",
    "body": "string",
    "name": "string",
    "id": "string",
}
_ALERT: Mapping[str, Shape] = {
    "from_email*?": "string",
    "from_label*?": "string",
    "to_emails*": ["string"],
    "subject_line*?": "string",
    "template_id": "string",
    "name": "string",
    "id": "string",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of one kind of action."""

    data: Mapping[str, Shape] | None
    """The members of `data`; None for any."""
    needs_data: bool = False
    splits: bool = False
    """Whether it has `next_if_true` and `next_if_false` instead of `next`."""
    channel: str = ""
    """The channel of its message; empty for one that has none."""
    insertable: bool = True
    """Whether it can be put into a flow that exists."""

    @property
    def has_status(self) -> bool:
        """Whether it can be draft, manual or live; the others always act."""
        return self.data is None or any(name.startswith("status") for name in self.data)

    @property
    def is_draft_without_data(self) -> bool:
        """Whether its status may be all that it has."""
        return "status=draft" in (self.data or ()) and not any("*" in name for name in self.data or ())


def _sending(message: Mapping[str, Shape], channel: str, *, message_needed: bool = False) -> Kind:
    name = "message*" if message_needed else "message"
    return Kind({name: message, "status=draft": _STATUS}, channel=channel)


def _nested(value: object, pointer: str) -> Object:
    """The action within an experiment, which is complete but for where it leads."""
    return read_action(value, pointer, nested=True)


def _experiment(metrics: str, *further: tuple[str, Shape]) -> Kind:
    current: Mapping[str, Shape] = {
        "id": "string",
        "name": "string",
        "variations*": [_nested],
        "allocations": "object",
        "started": "string",
        "winner_metric": metrics,
        **dict(further),
    }
    data: Mapping[str, Shape] = {
        "status=draft": _STATUS,
        "experiment_status=draft": "completed|draft|live",
        "main_action*": _nested,
        "current_experiment": current,
    }
    return Kind(data, needs_data=True, insertable=False)


_OPERATION_VALUES: Mapping[str, Shape] = {
    "string": "string",
    "boolean": "boolean",
    "numeric": "number",
    "date": "string",
    "list": "string",
}


def _operation(value: object, pointer: str) -> Object:
    """One change of a profile's properties."""
    found = as_object(value, pointer)
    operator = read("create|update|delete", found.get("operator"), f"{pointer}/operator", _OWNER)
    if operator == "delete":
        return members({"operator*": "delete", "property_key*": "string"}, found, pointer, _OWNER)
    kind = read("|".join(_OPERATION_VALUES), found.get("property_type"), f"{pointer}/property_type", _OWNER)
    shape: dict[str, Shape] = {
        "operator*": "create|update",
        "property_type*": "string",
        "property_key*": "string",
        "property_value*": _OPERATION_VALUES[kind],
    }
    if kind == "list":
        shape["property_operation"] = "add|remove"
    return members(shape, found, pointer, _OWNER)


_UNTIL: Mapping[str, Shape] = {
    "timezone=profile": check_time_zone,
    "delay_until_time": check_time,
    "delay_until_weekdays": check_weekdays,
}
KINDS: Mapping[str, Kind] = {
    "send-email": _sending(_EMAIL, "Email"),
    "send-sms": _sending(_SMS, "SMS"),
    "send-mobile-push": _sending(_PUSH, "Push Notification"),
    "send-whatsapp": _sending(_WHATSAPP, "WhatsApp"),
    "send-webhook": _sending(_WEBHOOK, "Webhook", message_needed=True),
    "send-internal-alert": _sending(_ALERT, "Internal Alert", message_needed=True),
    "time-delay": Kind(
        {"unit=days": "days|hours|minutes", "value*": "integer", "secondary_value": "integer", **_UNTIL},
        needs_data=True,
    ),
    "countdown-delay": Kind({"unit=days": "days|months|weeks", "value": "integer", **_UNTIL}, needs_data=True),
    "target-date": Kind(
        {"timezone=profile": check_time_zone, "target_time": check_time, "target_days": check_weekdays},
        needs_data=True,
    ),
    "back-in-stock-delay": Kind({}),
    "conditional-split": Kind({"profile_filter*?": check_groups}, splits=True, insertable=False),
    "trigger-split": Kind(
        {
            "trigger_filter*?": check_groups,
            "trigger_id*": "string",
            "trigger_type*": "date|list|low-inventory|metric|price-drop|scheduled|segment",
            "trigger_subtype": "custom-object|legacy-custom-object|profile-property|profile-trait",
        },
        splits=True,
        insertable=False,
    ),
    "action-output-split": Kind({"action_output_filter*?": check_groups}, splits=True, insertable=False),
    "multi-branch-split": Kind(
        {
            "branches*": [
                {
                    "branch_id*": "string",
                    "order": "integer",
                    "is_else=false": "boolean",
                    "branch_filter": check_groups,
                    "links": {"next": "string"},
                    "name": "string",
                }
            ],
            "name*": "string",
        }
    ),
    "update-profile": Kind({"profile_operations*": [_operation], "status=draft": _STATUS}),
    "list-update": Kind(
        {"name*": "string", "on_execution*?": "boolean", "list_id*?": "string", "status=draft": _STATUS},
        needs_data=True,
    ),
    "ab-test": _experiment(
        "submission|unique-clicks|unique-opens|unique-placed-orders",
        (
            "automatic_winner_selection_settings",
            {
                "enabled*": "boolean",
                "automatic_end_date": "string",
                "automatic_end_statistical_certainty*": "boolean",
            },
        ),
    ),
    "content-experiment": _experiment("click-rate|open-rate"),
    "internal-service": Kind({"service_configuration": "object", "status=draft": _STATUS}),
    "code": Kind(None),
}
NEVER_DRAFT = frozenset(name for name, kind in KINDS.items() if not kind.has_status)
"""Timing and logic: what acts as soon as it is in a live flow."""


def kind_of(action: Object) -> Kind:
    """What is known of an action's kind."""
    return KINDS[action["type"]]


def data_of(action: Object) -> Object:
    """An action's data, empty where it has none that is an object."""
    data: object = action.get("data")
    return cast("Object", data) if isinstance(data, dict) else {}


def read_action(value: object, pointer: str, *, nested: bool = False) -> Object:
    """An action with its defaults. Raises a 400 refusal that names the member."""
    found = as_object(value, pointer)
    if found.get("type") is None:
        raise required("type", pointer)
    name = read("|".join(KINDS), found["type"], f"{pointer}/type", _OWNER)
    if nested and not name.startswith("send-"):
        raise invalid("An experiment is about actions that send.", f"{pointer}/type")
    kind = KINDS[name]
    data: Shape = kind.data if kind.data is not None else "any"
    links: Shape = {"next_if_true*?": "string", "next_if_false*?": "string"} if kind.splits else {"next": "string"}
    shape: Mapping[str, Shape] = {
        "id": "string",
        "temporary_id": "string",
        "type*": "string",
        "links": "any" if name == BRANCHES else links,
        "data*" if kind.needs_data else "data": data,
    }
    action = members(shape, found, pointer, f"the action '{name}'")
    _check_numbers(action, f"{pointer}/data")
    if action.get("data") is None and kind.is_draft_without_data:
        action["data"] = {"status": "draft"}
    return action


def _check_numbers(action: Object, pointer: str) -> None:
    data = data_of(action)
    if action["type"] in {"time-delay", "countdown-delay"}:
        for name in ("value", "secondary_value"):
            if (data.get(name) or 0) < 0:
                raise invalid(f"'{name}' must not be negative.", f"{pointer}/{name}")
        if (data.get("secondary_value") or 0) > _MOST_SECONDARY:
            raise invalid("'secondary_value' is of the next smaller unit: at most 60.", f"{pointer}/secondary_value")


def exits(action: Object) -> Iterator[tuple[str, Object, str]]:
    """Where an action leads: for each exit its pointer within the action, the object that holds it, and its name.

    An exit that is absent is one too; it leads nowhere, as null does. Objects that hold exits are made where missing.
    """
    if action["type"] == BRANCHES:
        for index, branch in enumerate(data_of(action).get("branches") or ()):
            if branch.get("links") is None:
                branch["links"] = {}
            yield f"/data/branches/{index}/links/next", branch["links"], "next"
        return
    if action.get("links") is None:
        action["links"] = {}
    for name in ("next_if_true", "next_if_false") if KINDS[action["type"]].splits else ("next",):
        yield f"/links/{name}", action["links"], name


def exit_of(holder: Object, name: str = "next") -> str | None:
    """Where one link of an action, or of one of its branches, leads."""
    links: Object = holder.get("links") or Object()
    return links.get(name)


def targets(action: Object) -> list[str]:
    """The ids of the actions that can follow, in the order of the exits."""
    found = [holder.get(name) for _, holder, name in exits(action)]
    return [str(target) for target in found if target is not None]


def filters(action: Object) -> Iterator[tuple[str, object]]:
    """The filters of an action, each with its pointer within the action."""
    data = data_of(action)
    for name in ("profile_filter", "trigger_filter", "action_output_filter"):
        if data.get(name) is not None:
            yield f"/data/{name}", data[name]
    message: Object = data.get("message") or {}
    if message.get("additional_filters") is not None:
        yield "/data/message/additional_filters", message["additional_filters"]
    if action["type"] == BRANCHES:
        for index, branch in enumerate(data.get("branches") or ()):
            if branch.get("branch_filter") is not None:
                yield f"/data/branches/{index}/branch_filter", branch["branch_filter"]


def parts(action: Object) -> list[tuple[str, Object]]:
    """The actions within an experiment, each with its pointer; none of any other action."""
    if action["type"] not in {"ab-test", "content-experiment"}:
        return []
    data = data_of(action)
    current: Object = data.get("current_experiment") or Object()
    variations: list[Object] = current.get("variations") or []
    found = [(f"/data/current_experiment/variations/{index}", part) for index, part in enumerate(variations)]
    return [("/data/main_action", data["main_action"]), *found]


def messages(action: Object) -> list[tuple[str, Object, str]]:
    """The messages of an action, those of its experiment included: pointer within the action, message, channel."""
    found = [
        (f"{at}{inner}", message, channel) for at, part in parts(action) for inner, message, channel in messages(part)
    ]
    channel = KINDS[action["type"]].channel
    message: Object | None = data_of(action).get("message")
    return [("/data/message", message, channel)] if channel and message is not None else found
