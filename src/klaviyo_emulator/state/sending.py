"""When a campaign's message is sent, and to whom at which moment; what its mail and events say of where they are from.

A schedule is part of a message's body: `strategy` (`static`, `local_timezone`, `throttled` or `smart_send_time`),
`starts` and `asked` (when it is sent, and when that was asked for; whole microseconds), `send_date`,
`throttling_percentage`, `throttle_unit`, and `tomorrow`: whether who is past the local time gets it a day later instead
of at once.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from klaviyo_emulator.clock import EPOCH
from klaviyo_emulator.state.campaigns import (
    BATCH,
    CANCELLED,
    DRAFT,
    MESSAGE,
    PUSH,
    SCHEDULED,
    SEND_JOB,
    SENDING,
    forget_batches,
    owner_of,
    summarize,
)
from klaviyo_emulator.state.records import Body, Record, change_record, create_record, find_record
from klaviyo_emulator.state.tasks import schedule

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from klaviyo_emulator.state.minting import Mint

START_TASK = "campaign-start"
"""`{"message": id, "run": run}`: find the recipients of a message and begin to send."""
SEND_TASK = "campaign-send"
"""`{"message", "run", "wave", "batch", "batches"}`: send to one batch of a wave, and have the next one sent."""
FINISH_TASK = "campaign-finish"
"""`{"message": id, "run": run}`: a message was sent to everybody."""

BATCH_SIZE = 200
"""Recipients that are sent to in one go."""
BATCH_MS = 500
"""Milliseconds from one batch of a wave to the next, so that requests are answered in between."""

STATIC = "static"
LOCAL = "local_timezone"
THROTTLED = "throttled"
SMART = "smart_send_time"
_OPTION = {SMART: "send_time_optimization"}
"""What the send options of a message call a strategy of a schedule, where it is another word."""
_UNIT_US = {"minute": 60_000_000, "hour": 3_600_000_000}
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_EARLIEST_ZONE_US = 14 * _HOUR_US
_HOURS = 24
_MICROSECOND = timedelta(microseconds=1)


def origin_of(campaign: Record, message: Record, variation: Record, channel: str, began_us: int) -> dict[str, Any]:
    """The properties that the mail and the events of a message carry. Reports and aggregates rely on them.

    `$message` is the campaign message, `$campaign` the campaign, `$variation` the variation, `$campaign_channel` one of
    `email`, `sms`, `mobile_push` and `whatsapp`, `$message_send_cohort` the message and when it began to be sent.
    """
    return {
        "$message": message.id,
        "$campaign": campaign.id,
        "$variation": variation.id,
        "$campaign_channel": "mobile_push" if channel == PUSH else channel,
        "$message_send_cohort": f"{message.id}:{began_us // 1_000_000}",
        "Campaign Name": campaign.body["name"] or "",
    }


def begin(connection: sqlite3.Connection, mint: Mint, message: Record, plan: Body, *, job_ms: float) -> Record:
    """Have a draft sent as a schedule says. What is due already takes half of `job_ms` until it starts."""
    now = mint.now_us()
    due = int(plan["starts"]) - (_EARLIEST_ZONE_US if plan["strategy"] == LOCAL else 0)
    late = due <= now
    run = mint.ulid()
    changes = {
        "status": SENDING if late else SCHEDULED,
        "phase": "",
        "run": run,
        "reason": "",
        "counts": {},
        "failures": {},
        "schedule": {**plan, "asked": now},
    }
    payload = {"message": message.id, "run": run}
    schedule(connection, mint, START_TASK, payload, since_us=max(due, now), after_ms=job_ms / 2 if late else 0)
    changed = change_record(connection, mint, message, changes)
    campaign_id = owner_of(connection, message, "campaign")
    if find_record(connection, SEND_JOB, campaign_id) is None:
        create_record(connection, mint, SEND_JOB, campaign_id, {})
    summarize(connection, mint, campaign_id)
    return changed


def options_of(message: Record) -> Body:
    """The send options of a message: as its draft has them, with what its schedule says as long as it has one."""
    options: Body = message.body["send_options"]
    plan: Body | None = message.body["schedule"]
    if plan is None:
        return options
    planned = {
        "send_strategy": _OPTION.get(plan["strategy"], plan["strategy"]),
        "send_time": plan["starts"],
        "throttle_unit": plan["throttle_unit"],
    }
    if plan["strategy"] == THROTTLED:
        planned["recipient_percentage"] = plan["throttling_percentage"]
    return {**options, **planned}


def cancel(connection: sqlite3.Connection, mint: Mint, message: Record, *, reason: str = "") -> None:
    """Send a message no further."""
    _stop(connection, mint, message, {"status": CANCELLED, "reason": reason})


def revert(connection: sqlite3.Connection, mint: Mint, message: Record) -> None:
    """Make a message that is not sent yet a draft again."""
    _stop(connection, mint, message, {"status": DRAFT, "schedule": None})


def running(connection: sqlite3.Connection, message_id: str, run: str) -> Record | None:
    """The message of a task; None if it is gone, or was stopped since."""
    message = find_record(connection, MESSAGE, message_id)
    if message is None or message.body["run"] != run or message.body["status"] not in {SCHEDULED, SENDING}:
        return None
    return message


def waves(
    connection: sqlite3.Connection, message: Record, profile_ids: Sequence[str], now_us: int
) -> list[tuple[int, list[str]]]:
    """When which recipients are sent to, in order of time."""
    plan: Body = message.body["schedule"]
    starts = int(plan["starts"])
    match plan["strategy"]:
        case "throttled":
            size = max(1, -(-len(profile_ids) * int(plan["throttling_percentage"]) // 100))
            unit = _UNIT_US[plan["throttle_unit"] or "hour"]
            parts = (profile_ids[first : first + size] for first in range(0, len(profile_ids), size))
            begins = max(starts, now_us)
            return [(begins + index * unit, list(part)) for index, part in enumerate(parts)]
        case "local_timezone":
            zones = _zones(connection, profile_ids)
            times = {one: _local_us(starts, zones.get(one), now_us, tomorrow=plan["tomorrow"]) for one in profile_ids}
        case "smart_send_time":
            times = {one: max(now_us, starts + _share(f"{message.id}:{one}", _HOURS) * _HOUR_US) for one in profile_ids}
        case _:
            return [(now_us, list(profile_ids))]
    grouped: dict[int, list[str]] = {}
    for profile_id, time in times.items():
        grouped.setdefault(time, []).append(profile_id)
    return sorted(grouped.items())


def start_waves(
    connection: sqlite3.Connection, mint: Mint, message: Record, planned: Sequence[tuple[int, Sequence[str]]]
) -> None:
    """Keep the recipients in batches, and have the first batch of each wave sent at its time."""
    run = message.body["run"]
    for wave, (due, profile_ids) in enumerate(planned):
        parts = [profile_ids[first : first + BATCH_SIZE] for first in range(0, len(profile_ids), BATCH_SIZE)]
        for batch, part in enumerate(parts):
            body: Body = {"message": message.id, "profiles": list(part)}
            create_record(connection, mint, BATCH, batch_id(message.id, run, wave, batch), body)
        payload = {"message": message.id, "run": run, "wave": wave, "batch": 0, "batches": len(parts)}
        schedule(connection, mint, SEND_TASK, payload, since_us=due)


def batch_id(message_id: str, run: str, wave: int, batch: int) -> str:
    """The id of the record that keeps a batch."""
    return f"{message_id}.{run}.{wave}.{batch}"


def variation_for(variations: Sequence[Record], message_id: str, profile_id: str) -> Record:
    """The variation that a profile gets: all get about equally many, and each profile the same one every time."""
    return variations[_share(f"{message_id}:{profile_id}", len(variations))]


def _share(text: str, parts: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % parts


def _stop(connection: sqlite3.Connection, mint: Mint, message: Record, changes: Body) -> None:
    forget_batches(connection, message.id)
    change_record(connection, mint, message, {"run": "", "phase": "", **changes})
    summarize(connection, mint, owner_of(connection, message, "campaign"))


def _zones(connection: sqlite3.Connection, profile_ids: Sequence[str]) -> dict[str, str]:
    sql = (
        "SELECT id, json_extract(details, '$.location.timezone') FROM profile "
        "WHERE id IN (SELECT value FROM json_each(?))"
    )
    rows = connection.execute(sql, (json.dumps(list(profile_ids)),))
    return {str(row[0]): str(row[1]) for row in rows if row[1] is not None}


def _local_us(wall_us: int, zone: str | None, now_us: int, *, tomorrow: bool) -> int:
    """When the clock on the wall of a time zone, UTC if it is unknown, shows what UTC's shows at `wall_us`."""
    wall = (EPOCH + timedelta(microseconds=wall_us)).replace(tzinfo=_zone(zone))
    due = (wall - EPOCH) // _MICROSECOND
    if due >= now_us:
        return due
    return due + _DAY_US if tomorrow else now_us


def _zone(name: str | None) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        return UTC


def midnight_us(date: str) -> int:
    """The beginning of a day in UTC."""
    return (datetime.fromisoformat(date).replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
