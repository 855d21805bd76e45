"""Subscribing and unsubscribing in bulk: both are accepted, and done in a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import parse_instant, whole_seconds
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import related_id
from klaviyo_emulator.routes.lists import LIST_TYPE
from klaviyo_emulator.routes.profile_input import check_identifier
from klaviyo_emulator.routes.profiles import PROFILE
from klaviyo_emulator.routes.resources import write_silently
from klaviyo_emulator.state.tasks import schedule

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes

SUBSCRIBE_TASK = "subscribe-profiles"
"""`{"profiles": [entry, ...], "list": id | "", "historical": bool, "custom_source": text | null}`.

An entry has `id`, `identifiers`, `channels` (when each was consented to, in whole seconds, or null) and `tokens`.
"""
UNSUBSCRIBE_TASK = "unsubscribe-profiles"
"""`{"profiles": [entry, ...], "list": id | ""}`"""
MAXIMUM_SUBSCRIBED = 1000
MAXIMUM_UNSUBSCRIBED = 100
_PROFILES = "/data/attributes/profiles/data"
_NEEDED = {"email": ("email",), "sms": ("phone_number",), "whatsapp": ("phone_number",)}
"""The identifier that a channel needs, besides the id, which will do for any."""
_ANY = ("email", "phone_number", "anonymous_id")
_CHANNEL_NAMES = {"push": "mobile_push"}
_BEYOND = frozenset({"tokens", "anonymous_id"})
"""Members of `push` that are no consent."""


async def bulk_subscribe_profiles(context: Context, request: ApiRequest) -> Reply:
    """Subscribe profiles to channels, and put them into a list."""
    data = request.resource()
    attributes: Object = data["attributes"]
    historical = bool(attributes.get("historical_import"))
    now = whole_seconds(context.config.clock())
    entries = _entries(attributes, MAXIMUM_SUBSCRIBED)
    for index, entry in enumerate(entries):
        _check_moments(entry, f"{_PROFILES}/{index}", now, historical=historical)
    payload = {"historical": historical, "custom_source": attributes.get("custom_source")}
    return await _accept(context, SUBSCRIBE_TASK, data, entries, payload)


async def bulk_unsubscribe_profiles(context: Context, request: ApiRequest) -> Reply:
    """Unsubscribe profiles from channels: of the list if they are in it, and of everything otherwise."""
    data = request.resource()
    return await _accept(context, UNSUBSCRIBE_TASK, data, _entries(data["attributes"], MAXIMUM_UNSUBSCRIBED), {})


async def _accept(context: Context, task: str, data: Object, entries: list[Object], payload: Object) -> Reply:
    list_id = related_id(data, "list") or ""

    def work(connection: sqlite3.Connection) -> None:
        if list_id:
            LIST_TYPE.get(connection, list_id)
        for entry in entries:
            if entry["id"] is not None:
                PROFILE.get(connection, entry["id"])
        described = {"profiles": entries, "list": list_id, **payload}
        schedule(connection, context.mint, task, described, after_ms=context.config.job_ms / 2)

    return await write_silently(context, work, 202)


def _entries(attributes: Object, maximum: int) -> list[Object]:
    listed: list[Object] = attributes["profiles"]["data"]
    if not 1 <= len(listed) <= maximum:
        raise invalid(f"A request holds 1 to {maximum} profiles, and this one has {len(listed)}.", _PROFILES)
    return [_entry(item, f"{_PROFILES}/{index}") for index, item in enumerate(listed)]


def _entry(item: Object, pointer: str) -> Object:
    attributes: Object = item["attributes"]
    at = f"{pointer}/attributes"
    subscriptions: Object = {name: value for name, value in attributes["subscriptions"].items() if value}
    push: Object = subscriptions.get("push") or {}
    identifiers = {name: attributes[name] for name in ("email", "phone_number") if attributes.get(name) is not None}
    for name, value in identifiers.items():
        check_identifier(name, value, at)
    if push.get("anonymous_id") is not None:
        identifiers["anonymous_id"] = push["anonymous_id"]
    channels: Object = {}
    for kind, purposes in subscriptions.items():
        needed = _NEEDED.get(kind, _ANY)
        if item.get("id") is None and not any(name in identifiers for name in needed):
            raise invalid(f"The channel {kind} needs one of: id, {', '.join(needed)}.", at)
        for purpose, consent in purposes.items():
            if purpose not in _BEYOND and consent is not None:
                channels[f"{_CHANNEL_NAMES.get(kind, kind)}.{purpose}"] = consent.get("consented_at")
    if not channels:
        raise invalid("At least one channel is needed.", f"{at}/subscriptions")
    return {
        "id": item.get("id"),
        "identifiers": identifiers,
        "channels": channels,
        "tokens": push.get("tokens") or [],
    }


def _check_moments(entry: Object, pointer: str, now: int, *, historical: bool) -> None:
    """Put whole seconds in place of `consented_at`, which history must have and nothing else may have."""
    for channel, text in entry["channels"].items():
        kind, _, purpose = channel.partition(".")
        at = f"{pointer}/attributes/subscriptions/{'push' if kind == 'mobile_push' else kind}/{purpose}/consented_at"
        if text is None:
            if historical and not purpose.endswith("_tracking"):
                raise invalid("A historical import needs 'consented_at'.", at)
            continue
        if not historical:
            raise invalid("'consented_at' is for a historical import only.", at)
        moment = parse_instant(text)
        if moment is None:
            raise invalid("'consented_at' must be an ISO 8601 date and time.", at)
        seconds: Any = whole_seconds(moment)
        if seconds >= now:
            raise invalid("'consented_at' must be in the past.", at)
        entry["channels"][channel] = seconds


ROUTES: Routes = {
    "bulk_subscribe_profiles": bulk_subscribe_profiles,
    "bulk_unsubscribe_profiles": bulk_unsubscribe_profiles,
}
