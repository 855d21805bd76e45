"""Joining and leaving lists, with what Klaviyo records of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.clock import MICROSECONDS
from klaviyo_emulator.state.members import add_members, announce_members, remove_members
from klaviyo_emulator.state.records import find_record
from klaviyo_emulator.state.system_events import record_events

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.profiles import Profile

LIST = "list"
SUBSCRIBED_TO_LIST = "Subscribed to List"
UNSUBSCRIBED_FROM_LIST = "Unsubscribed from List"


def join_list(
    connection: sqlite3.Connection,
    mint: Mint,
    list_id: str,
    profiles: Sequence[Profile],
    *,
    at: int | None = None,
    historical: bool = False,
) -> None:
    """Put profiles into a list and record who is new in it; consent stays as it is.

    Flows that the list triggers act on them, unless it is history. A list that is gone takes nobody.
    """
    name = _name(connection, list_id)
    if name is None:
        return
    now = mint.now() if at is None else at
    new = set(add_members(connection, mint, list_id, (profile.seq for profile in profiles), at=now))
    joined = {profile.seq: profile for profile in profiles if profile.seq in new}
    entries = [(profile.id, {"List": name}) for profile in joined.values()]
    record_events(connection, mint, SUBSCRIBED_TO_LIST, entries, at=now, backfill=historical)
    if not historical:
        announce_members(connection, mint, list_id, list(joined), since_us=now * MICROSECONDS)


def leave_list(
    connection: sqlite3.Connection, mint: Mint, list_id: str, profile: Profile, *, at: int | None = None
) -> bool:
    """Take a profile that wants no more mail out of a list; False when it was not in it."""
    if not remove_members(connection, list_id, [profile.seq]):
        return False
    entry = (profile.id, {"List": _name(connection, list_id)})
    record_events(connection, mint, UNSUBSCRIBED_FROM_LIST, [entry], at=at)
    return True


def _name(connection: sqlite3.Connection, list_id: str) -> str | None:
    record = find_record(connection, LIST, list_id)
    return None if record is None else str(record.body["name"])
