"""Profiles: who is meant, what changes, and how they are found again.

A profile is matched by id, email, phone number and external id, and by its further names (see `aliases`). Where none
of these is stored yet, an anonymous id or an exchange id (`_kx`) leads to the profile it was seen with. The last one of
each kind has a column, and those before it are further names. The case of an e-mail address does not matter.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from klaviyo_emulator.clock import seconds
from klaviyo_emulator.state.aliases import ID, IDENTIFIERS, add_alias, find_alias, remove_alias
from klaviyo_emulator.state.paging import COMPARE, Listing, Page, fetch_page

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.filters import Condition
    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.records import Subquery

STRONG = ("email", "phone_number", "external_id")
WEAK = {"anonymous_id": "anonymous_id", "_kx": "kx"}
"""Identifiers that only help to find a profile, with their columns."""

COLUMNS = "seq, id, email, phone_number, external_id, created, updated, last_event, details"
"""What `read_profile_row` reads, in its order."""
_SELECT = f"SELECT {COLUMNS} FROM profile"  # noqa: S608 - as all texts of SQL here, made of constants
_AMONG = "IN (SELECT value FROM json_each(?))"
_SUPPRESSION = "subscriptions.email.marketing.suppression."
_LIST_SUPPRESSION = "subscriptions.email.marketing.list_suppressions."
_SCOPES = {_SUPPRESSION: "list_id = ''", _LIST_SUPPRESSION: "list_id != ''"}
_LATEST = "coalesce((SELECT max(at) FROM suppression WHERE profile = profile.seq AND {}), 0)"
_SORT_KEYS = {
    "id": "id",
    "created": "created",
    "updated": "updated",
    "email": "coalesce(email, '')",
    **{f"{prefix}timestamp": _LATEST.format(scope) for prefix, scope in _SCOPES.items()},
}
_OWNERS_OF_TOKENS = (
    "SELECT target FROM link WHERE type = 'push-token' AND owner IN "
    "(SELECT id FROM record WHERE type = 'push-token' AND json_extract(body, '$.name') "
    "IN (SELECT value FROM json_each(?)))"
)
_MOVE_FORWARD = (
    "UPDATE profile SET last_event = heard.time, updated = ? "
    "FROM (SELECT json_extract(value, '$[0]') AS profile, json_extract(value, '$[1]') AS time FROM json_each(?)) "
    "AS heard "
    "WHERE profile.seq = heard.profile AND (last_event IS NULL OR last_event < heard.time)"
)
_NAME = "external_id"
_FORMER_KX = "SELECT profile FROM alias WHERE kind = '_kx' AND value = ?"

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
    append_identifiers: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Secondary e-mail addresses and phone numbers to be added."""
    unappend_identifiers: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])

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
    sort_key: str | int = field(default=0, compare=False)
    """Set on the rows of a page."""


def find_profile(connection: sqlite3.Connection, profile_id: str) -> Profile | None:
    """The profile with this id, or the one into which the profile with this id was merged."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (profile_id,)).fetchone()
    if row is not None:
        return read_profile_row(row)
    seq = find_alias(connection, ID, profile_id)
    return None if seq is None else profile_in_row(connection, seq)


def profile_in_row(connection: sqlite3.Connection, seq: int) -> Profile | None:
    """The profile in this row."""
    row = connection.execute(f"{_SELECT} WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else read_profile_row(row)


def find_identified(connection: sqlite3.Connection, identifiers: Mapping[str, str | None]) -> list[Profile]:
    """The profiles that have one of the identifiers (`email`, `phone_number`, `external_id`), each once."""
    given = ((name, identifiers.get(name)) for name in STRONG)
    found = (_find_by(connection, name, value) for name, value in given if value is not None)
    return list({profile.seq: profile for profile, _ in filter(None, found)}.values())


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
    within: Subquery | None = None,
) -> Page[Profile]:
    """A page of profiles; `within` keeps those whose id a subquery selects. Size 0 asks for all."""
    key = _SORT_KEYS[sort or "id"]
    select = f"SELECT {COLUMNS}, {key} FROM profile"  # noqa: S608 - constants
    listing = Listing(select=select, key=key, tie="id")
    if within is not None:
        listing.restrict(f"id IN ({within.sql})", *within.parameters)
    restrict_profiles(listing, conditions)
    return fetch_page(connection, listing, _sorted, start=start, size=size, descending=descending)


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

    A profile that was found by a secondary identifier keeps its first one.
    Raises UnknownProfileError for an id that does not exist, and DuplicateProfileError for identifiers of two profiles.
    """
    profile, secondary = _match(connection, change)
    if profile is None:
        return _insert(connection, mint, change), True
    return _apply(connection, mint, profile, change, secondary), False


def find_named(connection: sqlite3.Connection, changes: Sequence[ProfileChange]) -> list[Profile | None]:
    """The profile that each change means, where none of them says more than one external id: one statement for all.

    None stands for one that `upsert_profile` has to find or make.
    """
    if not all(map(_only_names, changes)):
        return [None] * len(changes)
    names = [change.identifiers[_NAME] for change in changes]
    sql = f"{_SELECT} WHERE {_NAME} {_AMONG}"
    found = map(read_profile_row, connection.execute(sql, (json.dumps(names),)))
    by_name = {profile.external_id: profile for profile in found}
    return [by_name.get(name) for name in names]


def _only_names(change: ProfileChange) -> bool:
    """Whether a change says an external id, and nothing else."""
    says_more = change.changes_details or change.append_identifiers or change.unappend_identifiers
    return change.id is None and list(change.identifiers) == [_NAME] and not says_more


def record_event_times(connection: sqlite3.Connection, mint: Mint, latest: Mapping[int, int]) -> None:
    """Move the `last_event_date` of profiles, by their rows, forward to these times, and `updated` with it."""
    connection.execute(_MOVE_FORWARD, (mint.now(), json.dumps(list(latest.items()))))


def _match(connection: sqlite3.Connection, change: ProfileChange) -> tuple[Profile | None, tuple[str, ...]]:
    """The profile that is meant, and which of the identifiers given are secondary ones of it."""
    found: Profile | None = None
    secondary: tuple[str, ...] = ()
    if change.id is not None:
        found = find_profile(connection, change.id)
        if found is None:
            raise UnknownProfileError(change.id)
    for name in STRONG:
        value = change.identifiers.get(name)
        if value is None or (found is not None and getattr(found, name) == value):
            continue
        hit = _find_by(connection, name, value)
        if hit is None:
            continue
        other, is_first = hit
        if found is not None and other.seq != found.seq:
            raise DuplicateProfileError(other.id, name)
        found = other
        if not is_first:
            secondary += (name,)
    return (found if found is not None else _match_weakly(connection, change)), secondary


def _find_by(connection: sqlite3.Connection, name: str, value: str) -> tuple[Profile, bool] | None:
    """The profile that an identifier belongs to, and whether it is its first one of the kind."""
    row = connection.execute(f"{_SELECT} WHERE {name} = ?", (value,)).fetchone()
    if row is not None:
        return read_profile_row(row), True
    if name not in IDENTIFIERS:
        return None
    seq = find_alias(connection, name, value)
    profile = None if seq is None else profile_in_row(connection, seq)
    return None if profile is None else (profile, False)


def _match_weakly(connection: sqlite3.Connection, change: ProfileChange) -> Profile | None:
    """A profile seen with the same anonymous or exchange id, unless it is known to be somebody else."""
    given = [name for name in STRONG if change.identifiers.get(name) is not None]
    for name in WEAK:
        value = change.identifiers.get(name)
        for profile in [] if value is None else _seen_with(connection, name, value):
            if all(getattr(profile, strong) is None for strong in given):
                return profile
    return None


def _seen_with(connection: sqlite3.Connection, name: str, value: str) -> list[Profile]:
    """The profiles last seen with an anonymous or exchange id, and after them the one that was seen with it earlier."""
    rows = connection.execute(f"{_SELECT} WHERE {WEAK[name]} = ? ORDER BY seq", (value,))
    found = [read_profile_row(row) for row in rows]
    seq = find_alias(connection, name, value)
    former = None if seq is None else profile_in_row(connection, seq)
    return found if former is None else [*found, former]


def _refuse_taken(connection: sqlite3.Connection, name: str, value: str | None, own: int | None) -> None:
    hit = None if value is None else _find_by(connection, name, value)
    if hit is not None and hit[0].seq != own:
        raise DuplicateProfileError(hit[0].id, name)


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
    profile = Profile(int(cursor.lastrowid or 0), profile_id, values[1], values[2], values[3], now, now, None, details)
    if not change.append_identifiers:
        return profile
    return _change_aliases(connection, mint, profile, change)


def _apply(
    connection: sqlite3.Connection, mint: Mint, profile: Profile, change: ProfileChange, keep: Sequence[str] = ()
) -> Profile:
    """Change a profile, but not its first identifiers of the kinds in `keep`."""
    columns: dict[str, Any] = {}
    for name in STRONG:
        if name in change.identifiers and name not in keep and change.identifiers[name] != getattr(profile, name):
            columns[name] = change.identifiers[name]
    if change.changes_details:
        before = json.dumps(profile.details, separators=(",", ":"))
        after = json.dumps(change_details(profile.details, change), separators=(",", ":"))
        if after != before:
            columns["details"] = after
    if columns:
        columns["updated"] = mint.now()
    columns |= _newly_seen(connection, profile, change)
    if columns:
        profile = _set(connection, profile, columns)
        for name in IDENTIFIERS:
            if columns.get(name) is not None:
                remove_alias(connection, name, columns[name], profile.seq)
    if change.append_identifiers or change.unappend_identifiers:
        profile = _change_aliases(connection, mint, profile, change)
    return profile


def _newly_seen(connection: sqlite3.Connection, profile: Profile, change: ProfileChange) -> dict[str, str]:
    """The anonymous and exchange ids, by column, that differ from the last ones, which become further names."""
    seen = {name: value for name in WEAK if (value := change.identifiers.get(name))}
    if not seen:
        return {}
    last = last_seen(connection, profile.seq)
    columns: dict[str, str] = {}
    for name, value in seen.items():
        former = last[name]
        if value != former:
            columns[WEAK[name]] = value
            if former is not None:
                add_alias(connection, name, former, profile.seq)
    return columns


def last_seen(connection: sqlite3.Connection, seq: int) -> dict[str, str | None]:
    """The anonymous id and the exchange id that the profile in a row was last seen with."""
    sql = f"SELECT {', '.join(WEAK.values())} FROM profile WHERE seq = ?"  # noqa: S608 - columns of this module
    return dict(zip(WEAK, connection.execute(sql, (seq,)).fetchone(), strict=True))


def _set(connection: sqlite3.Connection, profile: Profile, columns: Mapping[str, Any]) -> Profile:
    assignments = ", ".join(f"{name} = ?" for name in columns)
    sql = f"UPDATE profile SET {assignments} WHERE seq = ?"  # noqa: S608 - column names of this module
    connection.execute(sql, (*columns.values(), profile.seq))
    row = connection.execute(f"{_SELECT} WHERE seq = ?", (profile.seq,)).fetchone()
    return read_profile_row(row)


def _change_aliases(connection: sqlite3.Connection, mint: Mint, profile: Profile, change: ProfileChange) -> Profile:
    """Add and remove secondary identifiers. The first one that a profile without any gets is its first."""
    for name, values in change.append_identifiers.items():
        for value in values:
            _refuse_taken(connection, name, value, profile.seq)
            if getattr(profile, name) is None:
                profile = _set(connection, profile, {name: value, "updated": mint.now()})
                remove_alias(connection, name, value, profile.seq)
            elif getattr(profile, name).casefold() != value.casefold():
                add_alias(connection, name, value, profile.seq)
    for name, values in change.unappend_identifiers.items():
        for value in values:
            remove_alias(connection, name, value, profile.seq)
    return profile


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


def restrict_profiles(listing: Listing, conditions: Sequence[Condition]) -> None:
    """Add the conditions of a filter to a listing of the table `profile`."""
    for prefix, scope in _SCOPES.items():
        _restrict_suppressed(listing, scope, [item for item in conditions if item.field.startswith(prefix)])
    for condition in conditions:
        match condition.field:
            case "id" | "profile_id" | "email" | "phone_number" | "external_id":
                column = condition.field.removeprefix("profile_")
                # One parameter however long the list is; the column's own collation decides what is equal.
                listing.restrict(f"{column} {_AMONG}", _chosen(condition))
            case "_kx":
                listing.restrict(f"(kx = ? OR seq IN ({_FORMER_KX}))", str(condition.value), str(condition.value))
            case "created" | "updated":
                moment = cast("datetime", condition.value)
                listing.restrict(f"{condition.field} {COMPARE[condition.operator]} ?", seconds(moment))
            case "push_token":
                listing.restrict(f"id IN ({_OWNERS_OF_TOKENS})", _chosen(condition))
            case _:
                pass  # suppressions, above, and what is no column of a profile


def _restrict_suppressed(listing: Listing, scope: str, conditions: Sequence[Condition]) -> None:
    """Keep who has one suppression that meets all the conditions."""
    if not conditions:
        return
    where = [scope]
    parameters: list[str | float] = []
    for condition in conditions:
        match condition.field.rpartition(".")[2]:
            case "timestamp":
                where.append(f"at {COMPARE[condition.operator]} ?")
                parameters.append(seconds(cast("datetime", condition.value)))
            case column:
                where.append(f"{column} = ?")
                parameters.append(str(condition.value))
    sql = f"seq IN (SELECT profile FROM suppression WHERE {' AND '.join(where)})"  # noqa: S608 - constants
    listing.restrict(sql, *parameters)


def _chosen(condition: Condition) -> str:
    return json.dumps(condition.value if isinstance(condition.value, tuple) else (condition.value,))


def read_profile_row(row: Sequence[Any]) -> Profile:
    """The profile in a row whose first columns are `COLUMNS`."""
    return Profile(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], json.loads(row[8]))


def _sorted(row: Sequence[Any]) -> Profile:
    return Profile(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], json.loads(row[8]), row[9])
