"""Merging one profile into another, and forgetting a profile altogether."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state.aliases import ID, IDENTIFIERS, add_alias, move_aliases
from klaviyo_emulator.state.consents import move_consents
from klaviyo_emulator.state.links import unlink_target
from klaviyo_emulator.state.profiles import WEAK, Details, Profile, last_seen, profile_in_row
from klaviyo_emulator.state.push_tokens import remove_tokens_of
from klaviyo_emulator.state.records import delete_record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from klaviyo_emulator.state.minting import Mint

_OWNED = (
    "event", "member", "member_history", "flow_run", "consent", "pending_consent", "suppression", "prediction", "alias",
    "mail",
)  # fmt: skip
"""The tables whose rows are a profile's and go with it."""
_MOVED = ("event", "member", "member_history", "flow_run", "prediction", "mail")
"""Of which the destination keeps its own row where both have one."""
_MERGED = frozenset({"location", "properties"})
_REFUSED_IMPORTS = """
SELECT record.id FROM record JOIN (
  SELECT 'id' AS kind, id AS value FROM profile WHERE seq = :seq
  UNION ALL SELECT 'attributes.email', email FROM profile WHERE seq = :seq
  UNION ALL SELECT 'attributes.phone_number', phone_number FROM profile WHERE seq = :seq
  UNION ALL SELECT 'attributes.external_id', external_id FROM profile WHERE seq = :seq
  UNION ALL SELECT 'attributes.' || kind, value FROM alias WHERE profile = :seq AND kind != 'id'
) AS named ON json_extract(record.body, '$.original_payload.' || named.kind) = named.value COLLATE NOCASE
WHERE record.type = 'import-error'
"""
"""The errors of import jobs that hold what was sent about a profile."""


def merge_profiles(connection: sqlite3.Connection, mint: Mint, destination: Profile, source: Profile) -> Profile:
    """Give the destination everything of the source, whose id leads to the destination from now on.

    What both have stays as the destination has it. A second e-mail address, phone number, anonymous or exchange id
    becomes a further name; an external id, of which there is one only, is lost if the destination has its own.
    """
    seen = last_seen(connection, source.seq)
    kept = last_seen(connection, destination.seq)
    for table in _MOVED:
        connection.execute(
            f"UPDATE OR IGNORE {table} SET profile = ? WHERE profile = ?",  # noqa: S608 - table names of this module
            (destination.seq, source.seq),
        )
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
    for name, value in seen.items():
        if value is not None and kept[name] is None:
            columns[WEAK[name]] = value
        elif value is not None:
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
    """Forget a profile: its events, memberships, consents, tokens, mail, further names and import errors go with it."""
    remove_tokens_of(connection, profile.id)
    for row in connection.execute(_REFUSED_IMPORTS, {"seq": profile.seq}).fetchall():
        unlink_target(connection, "profile-bulk-import-job", "import-errors", row[0])
        delete_record(connection, "import-error", row[0])
    _remove(connection, profile)


def _remove(connection: sqlite3.Connection, profile: Profile) -> None:
    for table in _OWNED:
        sql = f"DELETE FROM {table} WHERE profile = ?"  # noqa: S608 - table names of this module
        connection.execute(sql, (profile.seq,))
    connection.execute("DELETE FROM link WHERE target = ?", (profile.id,))
    connection.execute("DELETE FROM profile WHERE seq = ?", (profile.seq,))
