"""Looking into the state, for people: the newest of everything, found by what a person would type."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state.campaigns import SEND_JOB, job_status
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
    "flows": "SELECT count(*) FROM record WHERE type = 'flow'",
    "mail": "SELECT count(*) FROM mail",
    "tasks": "SELECT count(*) FROM task",
    "posts": "SELECT count(*) FROM post",
}
_EVENT = (
    "SELECT event.seq, event.time, metric.name, profile.id, profile.email, event.value, event.unique_id, "
    "event.properties FROM event JOIN metric ON metric.seq = event.metric JOIN profile ON profile.seq = event.profile"
)
_MAIL = (
    "SELECT mail.id, mail.sent, profile.id, mail.address, mail.subject FROM mail "
    "LEFT JOIN profile ON profile.seq = mail.profile"
)
_POST = "SELECT seq, webhook, url, headers, body, created_us, due_us, attempts, outcome FROM post"
_WEBHOOK = (
    "SELECT id, json_extract(body, '$.name'), json_extract(body, '$.endpoint_url'), json_extract(body, '$.enabled'), "
    "(SELECT json_group_array(target) FROM (SELECT target FROM link WHERE link.type = 'webhook' "
    "AND link.owner = record.id AND relation = 'webhook-topics' ORDER BY target)) "
    "FROM record WHERE type = 'webhook' ORDER BY seq DESC LIMIT ?"
)
_GROUP = (
    "SELECT type, id, coalesce(json_extract(body, '$.name'), ''), created_us, "
    "(SELECT count(*) FROM member WHERE member.group_id = record.id) "
    "FROM record WHERE type IN ('list', 'segment')"
)
_FLOW = (
    "SELECT id, coalesce(json_extract(body, '$.name'), ''), json_extract(body, '$.status'), "
    "json_extract(body, '$.trigger_type'), created_us, "
    "(SELECT count(*) FROM flow_run WHERE flow_run.flow = record.id), "
    "(SELECT count(*) FROM flow_run WHERE flow_run.flow = record.id AND status = 'running') "
    "FROM record WHERE type = 'flow'"
)
_RUN = (
    "SELECT flow_run.seq, flow_run.flow, coalesce(json_extract(flow.body, '$.name'), ''), profile.id, profile.email, "
    "flow_run.entered_us, flow_run.status, flow_run.log FROM flow_run "
    "JOIN profile ON profile.seq = flow_run.profile "
    "LEFT JOIN record AS flow ON flow.type = 'flow' AND flow.id = flow_run.flow"
)
_ACTION_TYPES = (
    "SELECT id, json_extract(body, '$.definition.type') FROM record "
    "WHERE type = 'flow-action' AND id IN (SELECT value FROM json_each(?))"
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
    """An asynchronous job; `failed` says how many of its items did, where it has items."""

    type: str
    id: str
    created_us: int
    status: str | None
    failed: int | None


@dataclass(frozen=True, slots=True)
class SeenWebhook:
    """A webhook, with the ids of the topics that it listens to."""

    id: str
    name: str
    url: str
    enabled: bool
    topics: Sequence[str]


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
    """A mail as it is listed; one that went to an address and to no profile has no `profile_id`."""

    id: str
    sent: int
    profile_id: str | None
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
class SeenFlow:
    """A flow, with how many profiles have entered it and how many of them are on their way."""

    id: str
    name: str
    status: str
    trigger_type: str
    created_us: int
    runs: int
    running: int


@dataclass(frozen=True, slots=True)
class SeenStep:
    """What happened at one action of a flow. `type` is None where the action is gone."""

    action: str
    type: str | None
    at_us: int
    words: str


@dataclass(frozen=True, slots=True)
class SeenRun:
    """One profile's way through a flow; `status` is `running`, `finished` or `left`."""

    seq: int
    flow_id: str
    flow: str
    profile_id: str
    email: str | None
    entered_us: int
    status: str
    steps: Sequence[SeenStep]


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
    """The mail that was sent last, newest first; of all, or of the profile in a row."""
    restriction = "" if profile is None else " WHERE mail.profile = :profile"
    sql = f"{_MAIL}{restriction} ORDER BY mail.seq DESC LIMIT :limit"
    return [SeenMail(*row) for row in connection.execute(sql, {"profile": profile, "limit": limit})]


def tasks(connection: sqlite3.Connection, skip: int, limit: int) -> list[SeenTask]:
    """What is due, in order of time."""
    sql = "SELECT due_us, kind, payload FROM task ORDER BY due_us, seq LIMIT ? OFFSET ?"
    return [SeenTask(row[0], row[1], json.loads(row[2])) for row in connection.execute(sql, (limit, skip))]


def jobs(connection: sqlite3.Connection, limit: int) -> list[SeenJob]:
    """The last jobs, newest first."""
    sql = (
        "SELECT type, id, created_us, json_extract(body, '$.status'), "
        "coalesce(json_extract(body, '$.failed'), json_extract(body, '$.failed_count')) FROM record "
        "WHERE type LIKE '%job' ORDER BY seq DESC LIMIT ?"
    )
    found = [SeenJob(*row) for row in connection.execute(sql, (limit,))]
    # What a send job says follows from its campaign, whose id it has.
    return [replace(job, status=job_status(connection, job.id)) if job.type == SEND_JOB else job for job in found]


def flows(connection: sqlite3.Connection, limit: int) -> list[SeenFlow]:
    """The last flows, newest first."""
    return [SeenFlow(*row) for row in connection.execute(f"{_FLOW} ORDER BY seq DESC LIMIT ?", (limit,))]


def find_flow(connection: sqlite3.Connection, flow_id: str) -> SeenFlow | None:
    """The flow with this id."""
    row = connection.execute(f"{_FLOW} AND id = ?", (flow_id,)).fetchone()
    return None if row is None else SeenFlow(*row)


def flow_runs(
    connection: sqlite3.Connection, after: int, limit: int, *, flow_id: str | None = None, profile: int | None = None
) -> list[SeenRun]:
    """Runs in the order of entering, from beyond a row on; of one flow or of all, of the profile in a row or of all."""
    restriction = "" if flow_id is None else " AND flow_run.flow = :flow"
    restriction += "" if profile is None else " AND flow_run.profile = :profile"
    sql = f"{_RUN} WHERE flow_run.seq > :after{restriction} ORDER BY flow_run.seq LIMIT :limit"
    names = {"after": after, "limit": limit, "flow": flow_id, "profile": profile}
    return _runs(connection, connection.execute(sql, names).fetchall())


def latest_runs_of_flow(connection: sqlite3.Connection, flow_id: str, limit: int) -> list[SeenRun]:
    """The runs of a flow that began last, newest first."""
    sql = f"{_RUN} WHERE flow_run.flow = ? ORDER BY flow_run.seq DESC LIMIT ?"
    return _runs(connection, connection.execute(sql, (flow_id, limit)).fetchall())


def latest_runs_of_profile(connection: sqlite3.Connection, profile: int, limit: int) -> list[SeenRun]:
    """The runs of the profile in a row that began last, newest first."""
    sql = f"{_RUN} WHERE flow_run.profile = ? ORDER BY flow_run.seq DESC LIMIT ?"
    return _runs(connection, connection.execute(sql, (profile, limit)).fetchall())


def webhooks(connection: sqlite3.Connection, limit: int) -> list[SeenWebhook]:
    """The last webhooks, newest first."""
    rows = connection.execute(_WEBHOOK, (limit,)).fetchall()
    return [SeenWebhook(row[0], row[1], row[2], bool(row[3]), json.loads(row[4])) for row in rows]


def posts(connection: sqlite3.Connection, after: int, limit: int) -> list[SeenPost]:
    """The emulator's own requests in order, from beyond a row on."""
    rows = connection.execute(f"{_POST} WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    return [_post(row) for row in rows]


def latest_posts(connection: sqlite3.Connection, limit: int) -> list[SeenPost]:
    """The emulator's own last requests, newest first."""
    return [_post(row) for row in connection.execute(f"{_POST} ORDER BY seq DESC LIMIT ?", (limit,))]


def _runs(connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> list[SeenRun]:
    logs = [json.loads(row[7]) for row in rows]
    actions = json.dumps(sorted({action for log in logs for action, _, _ in log}))
    types = dict(connection.execute(_ACTION_TYPES, (actions,)).fetchall())
    steps = [[SeenStep(action, types.get(action), at_us, words) for action, at_us, words in log] for log in logs]
    return [SeenRun(*row[:7], steps=told) for row, told in zip(rows, steps, strict=True)]


def _event(row: Sequence[Any]) -> SeenEvent:
    return SeenEvent(row[0], row[1], row[2], row[3], row[4], row[5], row[6], json.loads(row[7]))


def _post(row: Sequence[Any]) -> SeenPost:
    body = row[4] if isinstance(row[4], str) else bytes(row[4]).decode("utf-8", "replace")
    return SeenPost(row[0], row[1], row[2], json.loads(row[3]), body, *row[5:])
