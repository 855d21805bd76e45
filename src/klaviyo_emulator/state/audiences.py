"""Who a campaign's message goes to: members of the included groups, without the excluded, who may be reached."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.state.campaigns import (
    AUDIENCE,
    EMAIL,
    MESSAGE,
    PUSH,
    SMS,
    VARIATION,
    WHATSAPP,
    audiences_of,
    details_of,
    messages_of,
    owner_of,
    records_of,
    variations_of,
)
from klaviyo_emulator.state.consents import CAN_RECEIVE_EMAIL, DELIVERABLE_EMAIL
from klaviyo_emulator.state.records import find_record
from klaviyo_emulator.state.segments import refresh_segments

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.records import Record

GROUPS = ("list", "segment")
"""The types of groups an audience may name."""
_SUBSCRIBED = (
    "EXISTS (SELECT 1 FROM consent WHERE consent.profile = profile.seq AND consent.channel = '{}.marketing' "
    "AND consent.status = 'SUBSCRIBED')"
)
REACHABLE: Mapping[str, str] = {
    EMAIL: f"profile.email IS NOT NULL AND {CAN_RECEIVE_EMAIL}",
    SMS: f"profile.phone_number IS NOT NULL AND {_SUBSCRIBED.format('sms')}",
    PUSH: _SUBSCRIBED.format("mobile_push"),
    WHATSAPP: f"profile.phone_number IS NOT NULL AND {_SUBSCRIBED.format('whatsapp')}",
}
"""The SQL condition on a row of `profile` of who can be reached in a channel."""
_REGARDLESS: Mapping[str, str] = {EMAIL: f"profile.email IS NOT NULL AND {DELIVERABLE_EMAIL}"}
"""The same for a message that ignores who unsubscribed."""
# Who left one list only is no recipient as a member of that list.
_MEMBERS = (
    "SELECT member.profile FROM member WHERE member.group_id IN (SELECT value FROM json_each(?)) AND NOT EXISTS "
    "(SELECT 1 FROM suppression WHERE suppression.profile = member.profile "
    "AND suppression.list_id = member.group_id)"
)
_ALL_MEMBERS = "SELECT profile FROM member WHERE group_id IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Selection:
    """An SQL condition on rows of `profile`."""

    sql: str
    parameters: tuple[str, ...]


def is_group(connection: sqlite3.Connection, group_id: str) -> bool:
    """Whether a list or a segment has this id."""
    return any(find_record(connection, kind, group_id) is not None for kind in GROUPS)


def channel_of(connection: sqlite3.Connection, message: Record) -> str:
    """The channel of a message: that of its first variation, or `email`."""
    for variation in records_of(connection, VARIATION, variations_of(message.id)):
        channel = details_of(variation.body).get("channel")
        if channel:
            return str(channel)
    return EMAIL


def recipients(connection: sqlite3.Connection, mint: Mint, message: Record) -> list[str]:
    """The ids of the profiles that a message goes to at present. Segments are brought up to date for it."""
    selection = _selection(connection, mint, message)
    sql = f"SELECT id FROM profile WHERE {selection.sql} ORDER BY seq"  # noqa: S608 - conditions of our own
    return [str(row[0]) for row in connection.execute(sql, selection.parameters)]


def can_reach(connection: sqlite3.Connection, message: Record, channel: str, profile: int) -> bool:
    """Whether the profile in a row may still be sent a message."""
    sql = f"SELECT 1 FROM profile WHERE seq = ? AND {_condition(message, channel)}"  # noqa: S608 - as above
    return connection.execute(sql, (profile,)).fetchone() is not None


def count_recipients(connection: sqlite3.Connection, mint: Mint, campaign_id: str) -> int:
    """How many profiles the messages of a campaign go to at present, each counted once."""
    found: set[str] = set()
    for message in records_of(connection, MESSAGE, messages_of(campaign_id)):
        found.update(recipients(connection, mint, message))
    return len(found)


def _selection(connection: sqlite3.Connection, mint: Mint, message: Record) -> Selection:
    campaign_id = owner_of(connection, message, "campaign")
    audience_id = owner_of(connection, message, "campaign-audience")
    audiences = records_of(connection, AUDIENCE, audiences_of(campaign_id))
    audience = next(one for one in audiences if one.id == audience_id)
    preferred = [one for one in audiences if _comes_before(one, audience)]
    named = [group for one in (audience, *preferred) for group in (*one.body["included"], *one.body["excluded"])]
    refresh_segments(connection, mint, dict.fromkeys(named))
    parts = [
        f"seq IN ({_MEMBERS})",
        f"seq NOT IN ({_ALL_MEMBERS})",
        _condition(message, channel_of(connection, message)),
    ]
    parameters = [json.dumps(audience.body["included"]), json.dumps(audience.body["excluded"])]
    for other in preferred:
        parts.append(f"NOT (seq IN ({_MEMBERS}) AND seq NOT IN ({_ALL_MEMBERS}))")
        parameters += [json.dumps(other.body["included"]), json.dumps(other.body["excluded"])]
    return Selection(" AND ".join(parts), tuple(parameters))


def _comes_before(other: Record, audience: Record) -> bool:
    """Whether somebody in both audiences belongs to the other one: the lower priority number counts."""
    theirs, own = other.body["priority"], audience.body["priority"]
    return other.id != audience.id and theirs is not None and own is not None and theirs < own


def _condition(message: Record, channel: str) -> str:
    if message.body["send_options"].get("is_ignoring_unsubscribes"):
        return _REGARDLESS.get(channel, REACHABLE[channel])
    return REACHABLE[channel]
