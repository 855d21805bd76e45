"""Requests to be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.errors import invalid, not_found
from klaviyo_emulator.routes.profile_input import check_identifier
from klaviyo_emulator.routes.resources import write_silently
from klaviyo_emulator.state.profiles import find_identified, find_profile
from klaviyo_emulator.state.tasks import schedule

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes

ERASE_TASK = "erase-profile"
"""One of `{"id": ...}`, `{"email": ...}`, `{"phone_number": ...}`."""
_IDENTIFIERS = ("email", "phone_number")
_AT = "/data/attributes/profile/data"


async def request_profile_deletion(context: Context, request: ApiRequest) -> Reply:
    """Forget, in a while, whom exactly one identifier means. Live, nobody is 404; by the specification accepted."""
    wanted: Object = request.resource()["attributes"]["profile"]["data"]
    attributes: Object = wanted.get("attributes") or {}
    given = {name: attributes[name] for name in _IDENTIFIERS if attributes.get(name) is not None}
    for name, value in given.items():
        check_identifier(name, value, f"{_AT}/attributes")
    if wanted.get("id") is not None:
        given["id"] = wanted["id"]
    if len(given) != 1:
        raise invalid("Exactly one identifier is needed: id, email, phone_number.", _AT)

    def work(connection: sqlite3.Connection) -> None:
        known = find_profile(connection, given["id"]) if "id" in given else find_identified(connection, given)
        if not known and context.config.behaviour == "live":
            raise not_found("Profile not found.")
        schedule(connection, context.mint, ERASE_TASK, given, after_ms=context.config.job_ms / 2)

    return await write_silently(context, work, 202)


ROUTES: Routes = {"request_profile_deletion": request_profile_deletion}
