"""Consent that was accepted in bulk: subscribing, unsubscribing, suppressing, unsuppressing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klaviyo_emulator.routes.subscriptions import SUBSCRIBE_TASK, UNSUBSCRIBE_TASK
from klaviyo_emulator.routes.suppressions import SUPPRESSION_JOB, UNSUPPRESSION_JOB
from klaviyo_emulator.state.consents import Grant, subscribe, suppress, unsubscribe, unsuppress
from klaviyo_emulator.state.lists import LIST
from klaviyo_emulator.state.members import member_rows
from klaviyo_emulator.state.profile_jobs import COMPLETE
from klaviyo_emulator.state.profiles import (
    DuplicateProfileError,
    ProfileChange,
    UnknownProfileError,
    find_identified,
    find_profile,
    profile_in_row,
    upsert_profile,
)
from klaviyo_emulator.state.push_tokens import register_token, remove_token
from klaviyo_emulator.state.records import change_record, find_record
from klaviyo_emulator.state.segments import refresh_segments

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from klaviyo_emulator.background.pump import TaskHandler
    from klaviyo_emulator.routes.context import Context
    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.profiles import Profile
    from klaviyo_emulator.state.tasks import Task

_DOUBLE = "double_opt_in"
_OF_EMAIL = "email."
_OF_PHONE = ("sms.", "whatsapp.")
_Entry = dict[str, Any]


def subscribe_profiles(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Subscribe whom a request named."""
    payload, mint = task.payload, context.mint.at(task.due_us)
    opt_in: str = context.config.opt_in_process
    if payload["list"]:
        record = find_record(connection, LIST, payload["list"])
        if record is None:
            return
        opt_in = record.body["opt_in_process"]
    historical: bool = payload["historical"]
    needs_reason = context.config.behaviour == "live" and not payload["list"] and not historical
    for entry in payload["profiles"]:
        if needs_reason and entry["id"] is None and not find_identified(connection, entry["identifiers"]):
            continue
        for profile, channels in _addressed(connection, mint, entry):
            grant = Grant(
                at=mint.now(),
                list_id=payload["list"],
                needs_confirmation=opt_in == _DOUBLE and not historical,
                historical=historical,
                custom_method_detail=payload["custom_source"],
                consented={name: moment for name, moment in channels.items() if moment is not None},
            )
            subscribe(connection, mint, profile, channels, grant)
            for token in entry["tokens"] if _has_push(channels) else ():
                register_token(connection, mint, profile.id, token)


def unsubscribe_profiles(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Unsubscribe whom a request named; who is unknown is made, to be remembered as unsubscribed."""
    mint = context.mint.at(task.due_us)
    for entry in task.payload["profiles"]:
        for profile, channels in _addressed(connection, mint, entry):
            unsubscribe(connection, mint, profile, channels, at=mint.now(), list_id=task.payload["list"])
            for token in entry["tokens"] if _has_push(channels) else ():
                remove_token(connection, profile.id, token["token"])


def suppress_profiles(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Suppress addresses, of which unknown ones get a profile, or all of a group."""
    mint = context.mint.at(task.due_us)
    profiles = _of_group(connection, mint, task)
    for email in task.payload["emails"] or ():
        profile, _ = upsert_profile(connection, mint, ProfileChange(identifiers={"email": email}))
        profiles.append(profile)
    _complete(connection, mint, task, suppress(connection, mint, profiles), len(profiles))


def unsuppress_profiles(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Take back what was suppressed by hand. Unknown addresses are skipped."""
    mint = context.mint.at(task.due_us)
    profiles = _of_group(connection, mint, task)
    emails: list[str] = task.payload["emails"] or []
    known = {profile.seq: profile for email in emails for profile in find_identified(connection, {"email": email})}
    profiles += known.values()
    changed = unsuppress(connection, mint, profiles)
    _complete(connection, mint, task, changed, len(profiles) + len(emails) - len(known))


def _of_group(connection: sqlite3.Connection, mint: Mint, task: Task) -> list[Profile]:
    """Who is in the job's list or segment at present; nobody where it names none."""
    group: str | None = task.payload["group"]
    if group is None:
        return []
    refresh_segments(connection, mint, [group])
    rows = member_rows(connection, group)
    return [profile for profile in (profile_in_row(connection, row) for row in rows) if profile is not None]


def _complete(connection: sqlite3.Connection, mint: Mint, task: Task, changed: int, total: int) -> None:
    job = find_record(connection, task.kind, task.payload["id"])
    if job is not None:
        changes = {
            "status": COMPLETE,
            "total": total,
            "completed": changed,
            "skipped": total - changed,
            "completed_us": task.due_us,
        }
        change_record(connection, mint, job, changes)


def _addressed(
    connection: sqlite3.Connection, mint: Mint, entry: _Entry
) -> list[tuple[Profile, dict[str, int | None]]]:
    """Who is meant by an entry, and for which channels: one profile, unless its two identifiers have one each."""
    identifiers: dict[str, str] = entry["identifiers"]
    channels: dict[str, int | None] = entry["channels"]
    try:
        profile, _ = upsert_profile(connection, mint, ProfileChange(id=entry["id"], identifiers=identifiers))
    except UnknownProfileError:
        return []
    except DuplicateProfileError:
        return _divided(connection, entry)
    return [(profile, _reachable(profile, channels))]


def _divided(connection: sqlite3.Connection, entry: _Entry) -> list[tuple[Profile, dict[str, int | None]]]:
    channels: dict[str, int | None] = entry["channels"]
    phone = {name: moment for name, moment in channels.items() if name.startswith(_OF_PHONE)}
    rest = {name: moment for name, moment in channels.items() if name not in phone}
    meant: list[tuple[Profile, dict[str, int | None]]] = []
    for name, wanted in (("email", rest), ("phone_number", phone)):
        found = find_identified(connection, {name: entry["identifiers"].get(name)})
        named = None if entry["id"] is None else find_profile(connection, entry["id"])
        owner = found[0] if found else named
        if owner is not None and wanted:
            meant.append((owner, _reachable(owner, wanted)))
    return meant


def _reachable(profile: Profile, channels: Mapping[str, int | None]) -> dict[str, int | None]:
    """The channels whose address the profile has."""
    return {
        name: moment
        for name, moment in channels.items()
        if not (name.startswith(_OF_EMAIL) and profile.email is None)
        and not (name.startswith(_OF_PHONE) and profile.phone_number is None)
    }


def _has_push(channels: Mapping[str, int | None]) -> bool:
    return any(name.startswith("mobile_push.") for name in channels)


HANDLERS: Mapping[str, TaskHandler] = {
    SUBSCRIBE_TASK: subscribe_profiles,
    UNSUBSCRIBE_TASK: unsubscribe_profiles,
    SUPPRESSION_JOB: suppress_profiles,
    UNSUPPRESSION_JOB: unsuppress_profiles,
}
