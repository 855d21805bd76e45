"""Push tokens: records with the token as their name, each linked to the profile it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state import links
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.records import Record, change_record, create_record, delete_record, find_named

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from klaviyo_emulator.state.minting import Mint

PUSH_TOKEN = "push-token"  # noqa: S105 - a type
PROFILE = "profile"
ENABLED = "AUTHORIZED"
AVAILABLE = "AVAILABLE"


def register_token(connection: sqlite3.Connection, mint: Mint, profile_id: str, given: Mapping[str, Any]) -> Record:
    """Make or change a token, and give it to a profile, whoever had it before.

    `given` has `token`, `platform` and `vendor`, and may have `enablement_status`, `background`, `device_metadata`.
    """
    body = {
        "name": given["token"],
        "platform": given["platform"],
        "vendor": given["vendor"],
        "enablement_status": given.get("enablement_status") or ENABLED,
        "background": given.get("background") or AVAILABLE,
        "metadata": dict(given.get("device_metadata") or {}),
        "recorded": mint.now(),
    }
    known = find_named(connection, PUSH_TOKEN, given["token"])
    if known is None:
        record = create_record(connection, mint, PUSH_TOKEN, mint.hexadecimal_id(), body)
    else:
        record = change_record(connection, mint, known, body)
    links.relink(connection, mint, Relationship(PUSH_TOKEN, record.id, PROFILE), [profile_id])
    return record


def remove_token(connection: sqlite3.Connection, profile_id: str, token: str) -> bool:
    """Delete a token if it is the profile's; False when it is not."""
    known = find_named(connection, PUSH_TOKEN, token)
    if known is None or known.id not in token_ids(connection, profile_id):
        return False
    return delete_record(connection, PUSH_TOKEN, known.id)


def remove_tokens_of(connection: sqlite3.Connection, profile_id: str) -> None:
    """Delete all tokens of a profile."""
    for token_id in token_ids(connection, profile_id):
        delete_record(connection, PUSH_TOKEN, token_id)


def token_ids(connection: sqlite3.Connection, profile_id: str) -> list[str]:
    """The ids of a profile's tokens."""
    return links.ids(connection, links.owners(PUSH_TOKEN, PROFILE, profile_id))
