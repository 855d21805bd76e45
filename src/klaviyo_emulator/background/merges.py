"""Profiles that become part of another, and profiles that are forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.routes.privacy import ERASE_TASK
from klaviyo_emulator.routes.profiles import MERGE_TASK
from klaviyo_emulator.state.merging import erase_profile, merge_profiles
from klaviyo_emulator.state.profiles import find_identified, find_profile
from klaviyo_emulator.state.system_events import record_event

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from klaviyo_emulator.background.pump import TaskHandler
    from klaviyo_emulator.routes.context import Context
    from klaviyo_emulator.state.tasks import Task

MERGED_PROFILE = "Merged Profile"


def merge(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Merge two profiles, unless they are one by now."""
    source = find_profile(connection, task.payload["source"])
    destination = find_profile(connection, task.payload["destination"])
    if source is None or destination is None or source.seq == destination.seq:
        return
    mint = context.mint.at(task.due_us)
    merge_profiles(connection, mint, destination, source)
    record_event(connection, mint, destination.id, MERGED_PROFILE, {"source_profile_id": source.id})


def erase(_context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Forget every profile that an identifier means."""
    if "id" in task.payload:
        profile = find_profile(connection, task.payload["id"])
        found = [] if profile is None else [profile]
    else:
        found = find_identified(connection, task.payload)
    for profile in found:
        erase_profile(connection, profile)


HANDLERS: Mapping[str, TaskHandler] = {MERGE_TASK: merge, ERASE_TASK: erase}
