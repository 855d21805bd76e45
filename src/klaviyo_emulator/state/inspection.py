"""Looking into the state, for people: the newest of everything, found by what a person would type."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state.profiles import Profile, find_profile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_COUNTED = {
    "profiles": "SELECT count(*) FROM profile",
    "events": "SELECT count(*) FROM event",
    "metrics": "SELECT count(*) FROM metric",
    "lists": "SELECT count(*) FROM record WHERE type = 'list'",
    "segments": "SELECT count(*) FROM record WHERE type = 'segment'",
    "mail": "SELECT count(*) FROM mail",
    "tasks": "SELECT count(*) FROM task",
    "posts": "SELECT count(*) FROM post",
}
_EVENT = (
    "SELECT event.seq, event.time, metric.name, profile.id, profile.email, event.value, event.unique_id, "
    "event.properties FROM event JOIN metric ON metric.seq = event.metric JOIN profile ON profile.seq = event.profile"
)
_POST = "SELECT seq, webhook, url, headers, body, created_us, due_us, attempts, outcome FROM post"
_GROUP = (
    "SELECT type, id, coalesce(json_extract(body, '$.name'), ''), created_us, "
    "(SELECT count(*) FROM member WHERE member.group_id = record.id) "
    "FROM record WHERE type IN ('list', 'segment')"
)
_ESCAPE = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """An event as it is listed; `time` in whole seconds."""

    seq: int
    time: int
    metric: str
    profile_id: str
    email: str | None
    value: float | None
    unique_id: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SeenTask:
    """Something that is due."""

    due_us: int
    kind: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SeenJob:
    """An asynchronous job."""

    type: str
    id: str
    created_us: int
    status: str | None


@dataclass(frozen=True, slots=True)
class SeenPost:
    """A request of the emulator's own; `webhook` is empty for the action of a flow."""

    seq: int
    webhook: str
    url: str
    headers: dict[str, Any]
    body: str
    created_us: int
    due_us: int | None
    attempts: int
    outcome: str


@dataclass(frozen=True, slots=True)
class SeenMail:
    """A mail as it is listed."""

    id: str
    sent: int
    profile_id: str
    address: str
    subject: str


@dataclass(frozen=True, slots=True)
class Channel:
    """What a profile said to one channel; times in whole seconds."""

    channel: str
    status: str
    consented: int
    method: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """A list or a segment that a profile is in."""

    type: str
    id: str
    name: str
    joined: int


@dataclass(frozen=True, slots=True)
class CountedGroup:
    """A list or a segment, and how many profiles are in it."""

    type: str
    id: str
    name: str
    created_us: int
    members: int


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why a profile gets no mail; of the whole account if `list_id` is empty."""

    list_id: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Membership:
    """What is known of a profile beside its own row."""

    channels: Sequence[Channel]
    pending: Sequence[tuple[str, str, int]]
    """List, channel and time of each confirmation that is waited for; the list is empty for the whole account."""
    groups: Sequence[Group]
    suppressions: Sequence[Suppression]


def count_rows(connection: sqlite3.Connection) -> dict[str, int]:
    """How many there are of each kind."""
    return {name: connection.execute(sql).fetchone()[0] for name, sql in _COUNTED.items()}


def find_profile_by(connection: sqlite3.Connection, name: str) -> Profile | None:
    """The profile with this id or e-mail address."""
    found = find_profile(connection, name)
    if found is not None:
        return found
    row = connection.execute("SELECT id FROM profile WHERE email = ?", (name,)).fetchone()
    return None if row is None else find_profile(connection, row[0])


def profiles(connection: sqlite3.Connection, wanted: str, limit: int) -> list[Profile]:
    """Profiles whose id, address, number or external id begins with `wanted`; without it, the newest."""
    if wanted:
        sql = (
            "SELECT id FROM profile WHERE email LIKE ?1 ESCAPE '\\' OR id LIKE ?1 ESCAPE '\\' "
            "OR phone_number LIKE ?1 ESCAPE '\\' OR external_id LIKE ?1 ESCAPE '\\' ORDER BY seq DESC LIMIT ?2"
        )
        rows = connection.execute(sql, (f"{wanted.translate(_ESCAPE)}%", limit))
    else:
        rows = connection.execute("SELECT id FROM profile ORDER BY seq DESC LIMIT ?", (limit,))
    found = (find_profile(connection, row[0]) for row in rows.fetchall())
    return [profile for profile in found if profile is not None]


def membership(connection: sqlite3.Connection, profile: int) -> Membership:
    """What channels, groups and suppressions say of the profile in a row."""
    channels = connection.execute(
        "SELECT channel, status, consented, method FROM consent WHERE profile = ? ORDER BY channel", (profile,)
    )
    pending = connection.execute(
        "SELECT list_id, channel, asked FROM pending_consent WHERE profile = ? ORDER BY asked, list_id", (profile,)
    )
    groups = connection.execute(
        "SELECT record.type, record.id, coalesce(json_extract(record.body, '$.name'), ''), member.joined "
        "FROM member JOIN record ON record.id = member.group_id AND record.type IN ('list', 'segment') "
        "WHERE member.profile = ? ORDER BY record.type, record.seq",
        (profile,),
    )
    suppressions = connection.execute(
        "SELECT list_id, reason, at FROM suppression WHERE profile = ? ORDER BY at", (profile,)
    )
    return Membership(
        [Channel(*row) for row in channels],
        [(row[0], row[1], row[2]) for row in pending],
        [Group(*row) for row in groups],
        [Suppression(*row) for row in suppressions],
    )


def groups(connection: sqlite3.Connection, limit: int) -> list[CountedGroup]:
    """The last lists and segments, newest first, with how many profiles are in each."""
    return [CountedGroup(*row) for row in connection.execute(f"{_GROUP} ORDER BY seq DESC LIMIT ?", (limit,))]


def find_group(connection: sqlite3.Connection, group_id: str) -> CountedGroup | None:
    """The list or segment with this id."""
    row = connection.execute(f"{_GROUP} AND id = ?", (group_id,)).fetchone()
    return None if row is None else CountedGroup(*row)


def latest_members(connection: sqlite3.Connection, group_id: str, limit: int) -> list[tuple[Profile, int]]:
    """Who joined a list or a segment last, with when, in whole seconds."""
    sql = (
        "SELECT profile.id, member.joined FROM member JOIN profile ON profile.seq = member.profile "
        "WHERE member.group_id = ? ORDER BY member.joined DESC, member.profile DESC LIMIT ?"
    )
    rows: list[tuple[str, int]] = connection.execute(sql, (group_id, limit)).fetchall()
    found = ((find_profile(connection, profile_id), joined) for profile_id, joined in rows)
    return [(profile, joined) for profile, joined in found if profile is not None]


def events(connection: sqlite3.Connection, limit: int, *, profile: int | None = None) -> list[SeenEvent]:
    """The events that were stored last, or those of a profile with the latest times."""
    if profile is None:
        rows = connection.execute(f"{_EVENT} ORDER BY event.seq DESC LIMIT ?", (limit,))
    else:
        sql = f"{_EVENT} WHERE event.profile = ? ORDER BY event.time DESC, event.seq DESC LIMIT ?"
        rows = connection.execute(sql, (profile, limit))
    return [_event(row) for row in rows]


def latest_mail(connection: sqlite3.Connection, limit: int, *, profile: int | None = None) -> list[SeenMail]:
    """The mail that was sent last, newest first."""
    sql = (
        "SELECT mail.id, mail.sent, profile.id, mail.address, mail.subject FROM mail "
        "JOIN profile ON profile.seq = mail.profile WHERE ?1 IS NULL OR mail.profile = ?1 "
        "ORDER BY mail.seq DESC LIMIT ?2"
    )
    return [SeenMail(*row) for row in connection.execute(sql, (profile, limit))]


def tasks(connection: sqlite3.Connection, skip: int, limit: int) -> list[SeenTask]:
    """What is due, in order of time."""
    sql = "SELECT due_us, kind, payload FROM task ORDER BY due_us, seq LIMIT ? OFFSET ?"
    return [SeenTask(row[0], row[1], json.loads(row[2])) for row in connection.execute(sql, (limit, skip))]


def jobs(connection: sqlite3.Connection, limit: int) -> list[SeenJob]:
    """The last jobs, newest first."""
    sql = (
        "SELECT type, id, created_us, json_extract(body, '$.status') FROM record WHERE type LIKE '%job' "
        "ORDER BY seq DESC LIMIT ?"
    )
    return [SeenJob(*row) for row in connection.execute(sql, (limit,))]


def posts(connection: sqlite3.Connection, after: int, limit: int) -> list[SeenPost]:
    """The emulator's own requests in order, from beyond a row on."""
    rows = connection.execute(f"{_POST} WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    return [_post(row) for row in rows]


def latest_posts(connection: sqlite3.Connection, limit: int) -> list[SeenPost]:
    """The emulator's own last requests, newest first."""
    return [_post(row) for row in connection.execute(f"{_POST} ORDER BY seq DESC LIMIT ?", (limit,))]


def _event(row: Sequence[Any]) -> SeenEvent:
    return SeenEvent(row[0], row[1], row[2], row[3], row[4], row[5], row[6], json.loads(row[7]))


def _post(row: Sequence[Any]) -> SeenPost:
    body = row[4] if isinstance(row[4], str) else bytes(row[4]).decode("utf-8", "replace")
    return SeenPost(row[0], row[1], row[2], json.loads(row[3]), body, *row[5:])
