"""Push tokens: registered, listed, read, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_instant, format_seconds
from klaviyo_emulator.errors import too_large
from klaviyo_emulator.payload import filled
from klaviyo_emulator.routes.profile_input import IN_EVENT, read_profile, require_identifier
from klaviyo_emulator.routes.profiles import MAXIMUM_BYTES, upsert
from klaviyo_emulator.routes.resources import (
    View,
    linked,
    many,
    one,
    record_type,
    related,
    related_ids,
    write_silently,
)
from klaviyo_emulator.state.push_tokens import PROFILE, PUSH_TOKEN, register_token
from klaviyo_emulator.state.records import Columns, Record, delete_record

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types

_OWNER = "(SELECT target FROM link WHERE type = 'push-token' AND relation = 'profile' AND owner = record.id)"
_METADATA = (
    "device_id",
    "klaviyo_sdk",
    "sdk_version",
    "device_model",
    "os_name",
    "os_version",
    "manufacturer",
    "app_name",
    "app_version",
    "app_build",
    "app_id",
    "environment",
)


def _attributes(_view: View, token: Record) -> Document:
    body = token.body
    return {
        "created": format_seconds(token.created_us),
        "token": body["name"],
        "enablement_status": body["enablement_status"],
        "platform": body["platform"],
        "vendor": body["vendor"],
        "background": body["background"],
        "recorded_date": format_instant(body["recorded"]),
        "metadata": {name: body["metadata"].get(name) for name in _METADATA},
    }


TOKEN = record_type(
    PUSH_TOKEN,
    "Push token",
    _attributes,
    columns=Columns(expressions={"profile.id": _OWNER}),
    relations=(linked(PROFILE, "profile", many=False, always=True, of=PUSH_TOKEN),),
)
TYPES: Types = {PUSH_TOKEN: TOKEN}


async def create_push_token(context: Context, request: ApiRequest) -> Reply:
    """Register a token, with the profile it belongs to. A known token goes to the profile that is named now."""
    if request.size > MAXIMUM_BYTES:
        raise too_large(f"A push token payload may have {MAXIMUM_BYTES} bytes.")
    attributes: Object = request.resource()["attributes"]
    filled(attributes, "token", "/data/attributes")
    at = "/data/attributes/profile/data"
    change = read_profile(attributes["profile"]["data"], IN_EVENT, at)
    require_identifier(change, IN_EVENT, at)

    def work(connection: sqlite3.Connection) -> None:
        profile, _ = upsert(connection, context.mint, change, at)
        register_token(connection, context.mint, profile.id, attributes)

    return await write_silently(context, work, 202)


async def delete_push_token(context: Context, request: ApiRequest) -> Reply:
    """Delete a token."""

    def work(connection: sqlite3.Connection) -> None:
        delete_record(connection, PUSH_TOKEN, TOKEN.get(connection, request.arguments[0]).id)

    return await write_silently(context, work)


ROUTES: Routes = {
    "create_push_token": create_push_token,
    "get_push_tokens": many(TOKEN),
    "get_push_token": one(TOKEN),
    "delete_push_token": delete_push_token,
    "get_profile_for_push_token": related(TOKEN, PROFILE),
    "get_profile_id_for_push_token": related_ids(TOKEN, PROFILE),
}
