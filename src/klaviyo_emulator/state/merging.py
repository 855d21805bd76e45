"""Merging one profile into another, and forgetting a profile altogether."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state.aliases import ID, IDENTIFIERS, add_alias, move_aliases
from klaviyo_emulator.state.consents import move_consents
from klaviyo_emulator.state.profiles import Details, Profile, profile_in_row
from klaviyo_emulator.state.push_tokens import remove_tokens_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from klaviyo_emulator.state.minting import Mint

_OWNED = (
    "event", "member", "member_history", "flow_run", "consent", "pending_consent", "suppression", "prediction", "alias",
    "mail",
)  # fmt: skip
"""The tables whose rows are a profile's and go with it."""
_MOVED = ("event", "member", "member_history", "flow_run", "prediction")
"""Of which the destination keeps its own row where both have one."""
_MERGED = frozenset({"location", "properties"})


def merge_profiles(connection: sqlite3.Connection, mint: Mint, destination: Profile, source: Profile) -> Profile:
    """Give the destination everything of the source, whose id leads to the destination from now on.

    What both have stays as the destination has it. A second e-mail address or phone number becomes a further name; an
    external id, of which there is one only, is lost if the destination has its own.
    """
    for table in _MOVED:
        connection.execute(
            f"UPDATE OR IGNORE {table} SET profile = ? WHERE profile = ?",  # noqa: S608 - table names of this module
            (destination.seq, source.seq),
        )
    connection.execute("UPDATE mail SET profile = ? WHERE profile = ?", (destination.seq, source.seq))
    move_consents(connection, source.seq, destination.seq)
    move_aliases(connection, source.seq, destination.seq)
    connection.execute("UPDATE OR IGNORE link SET target = ? WHERE target = ?", (destination.id, source.id))
    _remove(connection, source)
    add_alias(connection, ID, source.id, destination.seq)
    columns: dict[str, Any] = {}
    for name in (*IDENTIFIERS, "external_id"):
        value: str | None = getattr(source, name)
        if value is None:
            continue
        if getattr(destination, name) is None:
            columns[name] = value
        elif name in IDENTIFIERS:
            add_alias(connection, name, value, destination.seq)
    columns["details"] = json.dumps(merged_details(destination.details, source.details), separators=(",", ":"))
    times = [time for time in (destination.last_event, source.last_event) if time is not None]
    columns |= {"last_event": max(times, default=None), "updated": mint.now()}
    assignments = ", ".join(f"{name} = ?" for name in columns)
    sql = f"UPDATE profile SET {assignments} WHERE seq = ?"  # noqa: S608 - column names of this module
    connection.execute(sql, (*columns.values(), destination.seq))
    merged = profile_in_row(connection, destination.seq)
    return destination if merged is None else merged


def merged_details(kept: Mapping[str, Any], given: Mapping[str, Any]) -> Details:
    """The details of two profiles, pure: what is kept comes first, member by member in `location` and `properties`."""
    details: Details = {**given, **kept}
    for name in _MERGED & given.keys() & kept.keys():
        present = {key: value for key, value in kept[name].items() if value is not None}
        details[name] = {**kept[name], **given[name], **present}
    return details


def erase_profile(connection: sqlite3.Connection, profile: Profile) -> None:
    """Forget a profile: its events, memberships, consents, tokens, mail and further names go with it."""
    remove_tokens_of(connection, profile.id)
    _remove(connection, profile)


def _remove(connection: sqlite3.Connection, profile: Profile) -> None:
    for table in _OWNED:
        sql = f"DELETE FROM {table} WHERE profile = ?"  # noqa: S608 - table names of this module
        connection.execute(sql, (profile.seq,))
    connection.execute("DELETE FROM link WHERE target = ?", (profile.id,))
    connection.execute("DELETE FROM profile WHERE seq = ?", (profile.seq,))
