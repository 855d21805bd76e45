"""Profiles: who is meant, what changes, and how they are found again.

A profile is matched by id, email, phone number and external id. Where none of these is stored yet, an anonymous id or
an exchange id (`_kx`) leads to the profile it was seen with. E-mail addresses are matched without regard to case.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from klaviyo_emulator.clock import seconds
from klaviyo_emulator.state.paging import Listing, Page, fetch_page

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.filters import Condition
    from klaviyo_emulator.state.minting import Mint

STRONG = ("email", "phone_number", "external_id")
WEAK = {"anonymous_id": "anonymous_id", "_kx": "kx"}
"""Identifiers that only help to find a profile, with their columns."""

_SELECT = "SELECT seq, id, email, phone_number, external_id, created, updated, last_event, details FROM profile"
_AMONG = "IN (SELECT value FROM json_each(?))"
_SORT_KEYS = {"id": "id", "created": "created", "updated": "updated", "email": "coalesce(email, '')"}
_NO_KEY = "id"
"""The sort key where all profiles are equal, as in the times of suppressions, of which there are none yet."""
_COMPARE = {"greater-than": ">", "less-than": "<"}

Details = dict[str, Any]


class ProfileError(Exception):
    """The identifiers given do not name one profile. `entry` is the place in a list of profiles, where there is one."""

    entry = 0


class DuplicateProfileError(ProfileError):
    """An identifier belongs to another profile than the one that is meant."""

    def __init__(self, profile_id: str, identifier: str) -> None:
        super().__init__(f"{identifier} belongs to {profile_id}")
        self.profile_id = profile_id
        self.identifier = identifier


class UnknownProfileError(ProfileError):
    """A profile was named by an id that does not exist."""

    def __init__(self, profile_id: str) -> None:
        super().__init__(profile_id)
        self.profile_id = profile_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChange:
    """What a request says of a profile. A name that is absent stays as it is; one that is None is cleared."""

    id: str | None = None
    identifiers: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Names, `location` and `properties`; the latter two are merged."""
    append: Mapping[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    unappend: Mapping[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    unset: Sequence[str] = ()

    @property
    def changes_details(self) -> bool:
        """Whether more than identifiers may change."""
        return bool(self.details or self.append or self.unappend or self.unset)


@dataclass(frozen=True, slots=True)
class Profile:
    """One stored profile; times in whole seconds."""

    seq: int
    id: str
    email: str | None
    phone_number: str | None
    external_id: str | None
    created: int
    updated: int
    last_event: int | None
    details: Details


def find_profile(connection: sqlite3.Connection, profile_id: str) -> Profile | None:
    """The profile with this id."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (profile_id,)).fetchone()
    return None if row is None else _profile(row)


def find_profiles(connection: sqlite3.Connection, profile_ids: Sequence[str]) -> list[Profile]:
    """The profiles with these ids, in the order given."""
    found = (find_profile(connection, profile_id) for profile_id in profile_ids)
    return [profile for profile in found if profile is not None]


def list_profiles(
    connection: sqlite3.Connection,
    conditions: Sequence[Condition],
    *,
    sort: str,
    descending: bool,
    start: Position | None,
    size: int,
) -> Page[Profile]:
    """A page of profiles."""
    listing = Listing(select=_SELECT, key=_SORT_KEYS.get(sort, _NO_KEY), tie="id")
    for condition in conditions:
        _restrict(listing, condition)
    return fetch_page(connection, listing, _profile, start=start, size=size, descending=descending)


def sort_value(profile: Profile, sort: str) -> str | int:
    """The value of a profile's sort key, for a cursor."""
    match sort:
        case "id":
            return profile.id
        case "created":
            return profile.created
        case "updated":
            return profile.updated
        case "email":
            return profile.email or ""
        case _:
            return 0


def create_profile(connection: sqlite3.Connection, mint: Mint, change: ProfileChange) -> Profile:
    """Make a new profile. Raises DuplicateProfileError when an identifier is taken."""
    for name in STRONG:
        _refuse_taken(connection, name, change.identifiers.get(name), None)
    return _insert(connection, mint, change)


def update_profile(connection: sqlite3.Connection, mint: Mint, profile_id: str, change: ProfileChange) -> Profile:
    """Change a profile. Raises UnknownProfileError, or DuplicateProfileError when an identifier is another's."""
    profile = find_profile(connection, profile_id)
    if profile is None:
        raise UnknownProfileError(profile_id)
    for name in STRONG:
        _refuse_taken(connection, name, change.identifiers.get(name), profile.seq)
    return _apply(connection, mint, profile, change)


def upsert_profile(connection: sqlite3.Connection, mint: Mint, change: ProfileChange) -> tuple[Profile, bool]:
    """Find the profile that is meant and change it, or make it; True when it is new.

    Raises UnknownProfileError for an id that does not exist, and DuplicateProfileError for identifiers of two profiles.
    """
    profile = _match(connection, change)
    if profile is None:
        return _insert(connection, mint, change), True
    return _apply(connection, mint, profile, change), False


def record_event_time(connection: sqlite3.Connection, mint: Mint, profile: Profile, latest: int) -> None:
    """Move `last_event_date` forward, and `updated` with it."""
    if profile.last_event is None or latest > profile.last_event:
        connection.execute(
            "UPDATE profile SET last_event = ?, updated = ? WHERE seq = ?", (latest, mint.now(), profile.seq)
        )


def _match(connection: sqlite3.Connection, change: ProfileChange) -> Profile | None:
    found: Profile | None = None
    if change.id is not None:
        found = find_profile(connection, change.id)
        if found is None:
            raise UnknownProfileError(change.id)
    for name in STRONG:
        value = change.identifiers.get(name)
        if value is None or (found is not None and getattr(found, name) == value):
            continue
        row = connection.execute(f"{_SELECT} WHERE {name} = ?", (value,)).fetchone()
        if row is None:
            continue
        other = _profile(row)
        if found is not None and other.seq != found.seq:
            raise DuplicateProfileError(other.id, name)
        found = other
    return found if found is not None else _match_weakly(connection, change)


def _match_weakly(connection: sqlite3.Connection, change: ProfileChange) -> Profile | None:
    """A profile seen with the same anonymous or exchange id, unless it is known to be somebody else."""
    given = [name for name in STRONG if change.identifiers.get(name) is not None]
    for name, column in WEAK.items():
        value = change.identifiers.get(name)
        if value is None:
            continue
        for row in connection.execute(f"{_SELECT} WHERE {column} = ? ORDER BY seq", (value,)):
            profile = _profile(row)
            if all(getattr(profile, strong) is None for strong in given):
                return profile
    return None


def _refuse_taken(connection: sqlite3.Connection, name: str, value: str | None, own: int | None) -> None:
    if value is None:
        return
    row = connection.execute(f"{_SELECT} WHERE {name} = ?", (value,)).fetchone()
    if row is not None and row[0] != own:
        raise DuplicateProfileError(str(row[1]), name)


def _insert(connection: sqlite3.Connection, mint: Mint, change: ProfileChange) -> Profile:
    now = mint.now()
    identifiers = change.identifiers
    details = change_details({}, change)
    profile_id = mint.ulid()
    values = (
        profile_id,
        identifiers.get("email"),
        identifiers.get("phone_number"),
        identifiers.get("external_id"),
        identifiers.get("anonymous_id"),
        identifiers.get("_kx"),
        now,
        now,
        json.dumps(details, separators=(",", ":")),
    )
    cursor = connection.execute(
        "INSERT INTO profile (id, email, phone_number, external_id, anonymous_id, kx, created, updated, details) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )
    return Profile(int(cursor.lastrowid or 0), profile_id, values[1], values[2], values[3], now, now, None, details)


def _apply(connection: sqlite3.Connection, mint: Mint, profile: Profile, change: ProfileChange) -> Profile:
    columns: dict[str, Any] = {}
    for name in STRONG:
        if name in change.identifiers and change.identifiers[name] != getattr(profile, name):
            columns[name] = change.identifiers[name]
    if change.changes_details:
        before = json.dumps(profile.details, separators=(",", ":"))
        after = json.dumps(change_details(profile.details, change), separators=(",", ":"))
        if after != before:
            columns["details"] = after
    if columns:
        columns["updated"] = mint.now()
    columns |= {column: change.identifiers[name] for name, column in WEAK.items() if change.identifiers.get(name)}
    if not columns:
        return profile
    assignments = ", ".join(f"{name} = ?" for name in columns)
    sql = f"UPDATE profile SET {assignments} WHERE seq = ?"  # noqa: S608 - column names of this module
    connection.execute(sql, (*columns.values(), profile.seq))
    row = connection.execute(f"{_SELECT} WHERE seq = ?", (profile.seq,)).fetchone()
    return _profile(row)


def change_details(stored: Mapping[str, Any], change: ProfileChange) -> Details:
    """The details after a change, pure: merge, then append, unappend, unset."""
    details = dict(stored)
    for name, value in change.details.items():
        if value is None:
            details.pop(name, None)
        elif name in {"location", "properties"}:
            details[name] = {**details.get(name, {}), **value}
        else:
            details[name] = value
    if change.append or change.unappend or change.unset:
        properties: Details = dict(details.get("properties", {}))
        for name, values in change.append.items():
            properties[name] = [*_as_list(properties.get(name)), *values]
        for name, values in change.unappend.items():
            if name in properties:
                properties[name] = [item for item in _as_list(properties[name]) if item not in values]
        for name in change.unset:
            properties.pop(name, None)
        details["properties"] = properties
    return details


def _as_list(value: object) -> list[Any]:
    if value is None:
        return []
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _restrict(listing: Listing, condition: Condition) -> None:
    match condition.field:
        case "id" | "email" | "phone_number" | "external_id":
            values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
            # One parameter however long the list is; the column's own collation decides what is equal.
            listing.restrict(f"{condition.field} {_AMONG}", json.dumps(values))
        case "_kx":
            listing.restrict("kx = ?", str(condition.value))
        case "created" | "updated":
            moment = cast("datetime", condition.value)
            listing.restrict(f"{condition.field} {_COMPARE[condition.operator]} ?", seconds(moment))
        case _:
            listing.restrict("0")  # the suppressions of a profile: there are none yet


def _profile(row: Sequence[Any]) -> Profile:
    return Profile(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], json.loads(row[8]))
