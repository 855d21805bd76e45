"""Flows that act: profiles enter because of events and groups, and go from action to action.

Each entry and each action is a task of its own, at the instant it is due by the emulator's clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from klaviyo_emulator.background.flow_steps import Visit, perform
from klaviyo_emulator.clock import MICROSECONDS
from klaviyo_emulator.flows.conditions import parse_groups
from klaviyo_emulator.flows.definition import REENTRY_UNITS
from klaviyo_emulator.state.audiences import GROUPS
from klaviyo_emulator.state.consents import suppressions_of
from klaviyo_emulator.state.events import find_event
from klaviyo_emulator.state.flow_filters import Visitor, passes
from klaviyo_emulator.state.flow_runs import (
    FINISHED,
    LEFT,
    RUNNING,
    Passage,
    find_run,
    last_entry,
    note_passage,
    start_run,
)
from klaviyo_emulator.state.flow_segments import EVERY_MS, WATCH_TASK, look, watched_segment
from klaviyo_emulator.state.flow_triggers import CHUNK, TRIGGERED_TASK, is_acting
from klaviyo_emulator.state.flows import ACTION, FLOW, live_flows
from klaviyo_emulator.state.members import JOINED_TASK, is_member
from klaviyo_emulator.state.profiles import find_profile, profile_in_row
from klaviyo_emulator.state.records import find_record
from klaviyo_emulator.state.segments import refresh_segments
from klaviyo_emulator.state.tasks import schedule

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from klaviyo_emulator.background.pump import TaskHandler
    from klaviyo_emulator.routes.context import Context
    from klaviyo_emulator.state.events import Event
    from klaviyo_emulator.state.profiles import Profile
    from klaviyo_emulator.state.records import Record
    from klaviyo_emulator.state.tasks import Task


class Arrival(NamedTuple):
    """A profile at the door of a flow: because of which event, if any, and when, in microseconds since 1970."""

    profile: Profile
    event: Event | None
    at_us: int


STEP_TASK = "flow-step"
"""The task `{"run": row, "action": id}`: a profile comes to an action."""
_LOOKS_BEHIND = 144
"""How many looks at a segment one day has. A clock that jumps further is followed in longer steps at first."""
_OF_KLAVIYO = "SELECT 1 FROM metric WHERE id = ? AND service = 'klaviyo'"


def enter_by_events(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Let profiles enter a flow because of events that were stored."""
    flow = find_record(connection, FLOW, task.payload["flow"])
    if flow is None or not is_acting(flow.body["status"]):
        return
    for seq in task.payload["events"]:
        event = find_event(connection, seq)
        profile = None if event is None else find_profile(connection, event.profile_id)
        if event is not None and profile is not None and not _is_own_doing(connection, flow, event, profile, task):
            _enter(context, connection, flow, Arrival(profile, event, task.due_us))


def enter_by_group(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Let profiles enter every flow that the group triggers which they joined."""
    profile_ids: list[str] = task.payload["profiles"]
    for start in range(CHUNK, len(profile_ids), CHUNK):
        payload = {**task.payload, "profiles": profile_ids[start : start + CHUNK]}
        schedule(connection, context.mint, JOINED_TASK, payload, since_us=task.due_us)
    for flow in live_flows(connection, task.payload["group"]):
        for profile_id in profile_ids[:CHUNK]:
            profile = find_profile(connection, profile_id)
            if profile is not None and last_entry(connection, flow.id, profile.seq) != task.due_us:
                _enter(context, connection, flow, Arrival(profile, None, task.due_us))


def look_at_segment(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """See who became a member of a segment, and look again later as long as a flow waits for it."""
    segment = watched_segment(connection, task.payload["segment"])
    if segment is None:
        return
    look(connection, context.mint.at(task.due_us), segment, silently=task.payload["silently"])
    behind_ms = (context.mint.now_us() - task.due_us) / 1000
    pause_ms = max(EVERY_MS, behind_ms // _LOOKS_BEHIND)
    payload = {**task.payload, "silently": False}
    schedule(connection, context.mint, WATCH_TASK, payload, after_ms=pause_ms, since_us=task.due_us)


def take_step(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Do what an action does to a profile, and send it on."""
    run = find_run(connection, task.payload["run"])
    profile = None if run is None else profile_in_row(connection, run.profile)
    flow = None if run is None else find_record(connection, FLOW, run.flow)
    if run is None or profile is None or flow is None or run.status != RUNNING:
        return
    action_id: str = task.payload["action"]
    action = find_record(connection, ACTION, action_id)
    if action is None:
        note_passage(connection, run.seq, Passage(action_id, task.due_us, "left: the action was deleted"), LEFT)
        return
    mint = context.mint.at(task.due_us)
    visit = Visit(context, connection, mint, flow, run, profile, action.body["definition"])
    reason = _reason_to_leave(visit)
    if reason:
        note_passage(connection, run.seq, Passage(action_id, task.due_us, f"left: {reason}"), LEFT)
        return
    outcome = perform(visit)
    status = FINISHED if outcome.exit is None else RUNNING
    note_passage(connection, run.seq, Passage(action_id, task.due_us, outcome.words), status)
    if outcome.exit is not None:
        _go_to(context, connection, run.seq, outcome.exit, max(task.due_us, outcome.until_us or 0))


def _reason_to_leave(visit: Visit) -> str:
    """Why a profile goes no further, empty if it does: what let it in must still be so."""
    for trigger in visit.flow.body["triggers"]:
        kind: str = trigger["type"]
        if kind in GROUPS and trigger.get("id") and not _is_still_in(visit, trigger["id"]):
            return f"the profile is not in the {kind} any more"
    if not visit.passes(visit.flow.body["profile_filter"]):
        return "the profile does not pass the flow's filter any more"
    return ""


def _is_still_in(visit: Visit, group_id: str) -> bool:
    """Whether a profile is a member of a group, and did not unsubscribe from it."""
    connection, profile = visit.connection, visit.profile.seq
    refresh_segments(connection, visit.mint, [group_id], only=[profile])
    unsubscribed = {one.list_id for one in suppressions_of(connection, profile)}
    return is_member(connection, group_id, profile) and group_id not in unsubscribed


def _enter(context: Context, connection: sqlite3.Connection, flow: Record, arrival: Arrival) -> None:
    """Let a profile in that passes the filters and may come again, if it was here."""
    profile, event, at_us = arrival
    entry: str | None = flow.body["entry_action_id"]
    if entry is None or not _may_enter(connection, flow, profile, at_us):
        return
    visitor = Visitor(
        flow_id=flow.id,
        profile=profile.seq,
        profile_id=profile.id,
        now=at_us // MICROSECONDS,
        entered=at_us // MICROSECONDS,
        event=None if event is None else event.seq,
    )
    wanted = [flow.body["profile_filter"], *(trigger.get("trigger_filter") for trigger in flow.body["triggers"])]
    if all(passes(connection, context.mint.at(at_us), parse_groups(value, ""), visitor) for value in wanted):
        run = start_run(connection, flow.id, profile.seq, visitor.event, at_us)
        _go_to(context, connection, run, entry, at_us)


def _may_enter(connection: sqlite3.Connection, flow: Record, profile: Profile, at_us: int) -> bool:
    """Whether a profile may enter again. Without criteria: for every event, and once for a group."""
    last = last_entry(connection, flow.id, profile.seq)
    if last is None:
        return True
    criteria = flow.body["reentry_criteria"]
    if criteria is None:
        return flow.body["trigger_type"] == "Metric"
    if criteria["unit"] == "alltime":
        return False
    return at_us - last >= criteria["duration"] * REENTRY_UNITS[criteria["unit"]] * MICROSECONDS


def _is_own_doing(connection: sqlite3.Connection, flow: Record, event: Event, profile: Profile, task: Task) -> bool:
    """Whether a flow would go round in circles: it caused the event, or it acted on another such one just now.

    It is asked of events that Klaviyo records itself, such as that a mail was received; else two flows could set each
    other going within one instant without end.
    """
    if connection.execute(_OF_KLAVIYO, (event.metric_id,)).fetchone() is None:
        return False
    last = last_entry(connection, flow.id, profile.seq)
    return event.properties.get("$flow") == flow.id or last == task.due_us


def _go_to(context: Context, connection: sqlite3.Connection, run: int, action_id: str, at_us: int) -> None:
    schedule(connection, context.mint, STEP_TASK, {"run": run, "action": action_id}, since_us=at_us)


HANDLERS: Mapping[str, TaskHandler] = {
    TRIGGERED_TASK: enter_by_events,
    JOINED_TASK: enter_by_group,
    WATCH_TASK: look_at_segment,
    STEP_TASK: take_step,
}
