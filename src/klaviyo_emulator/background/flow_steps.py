"""What the actions of flows do to a profile: one function for each kind that acts here.

What the emulator does not do (text messages, push, code, experiments) is passed by: the run says so by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from klaviyo_emulator.clock import EPOCH, MICROSECONDS, format_instant, whole_seconds
from klaviyo_emulator.flows.actions import BRANCHES, data_of, exit_of
from klaviyo_emulator.flows.conditions import parse_groups
from klaviyo_emulator.flows.times import PROFILE, following, zone_named
from klaviyo_emulator.payload import Object
from klaviyo_emulator.state.consents import can_receive_email
from klaviyo_emulator.state.events import find_event
from klaviyo_emulator.state.flow_filters import Visitor, passes
from klaviyo_emulator.state.lists import LIST, join_list
from klaviyo_emulator.state.mail import Letter, send, send_preview
from klaviyo_emulator.state.members import remove_members
from klaviyo_emulator.state.personalization import SENDER_ADDRESS, context_for, message_for
from klaviyo_emulator.state.posts import enqueue
from klaviyo_emulator.state.profiles import ProfileChange, update_profile
from klaviyo_emulator.state.records import find_record
from klaviyo_emulator.state.templates import TEMPLATE, render_template
from klaviyo_emulator.targets import TargetError, check_target
from klaviyo_emulator.templating import Message, Template, TemplateError

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime, tzinfo

    from klaviyo_emulator.routes.context import Context
    from klaviyo_emulator.state.events import Event
    from klaviyo_emulator.state.flow_runs import Run
    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.profiles import Profile
    from klaviyo_emulator.state.records import Record

SMART_SENDING_SECONDS = 16 * 3600
"""Who got mail within this time gets none of a message that has smart sending on."""
_UNITS: Mapping[str, tuple[timedelta, timedelta]] = {
    "days": (timedelta(days=1), timedelta(hours=1)),
    "hours": (timedelta(hours=1), timedelta(minutes=1)),
    "minutes": (timedelta(minutes=1), timedelta(seconds=1)),
}
"""Of `value` and of `secondary_value`."""
_EXTRA = "$extra"
"""The property of events that templates call `event.extra`."""
_LONGEST = timedelta(days=3650)
_LATEST_MAIL = "SELECT sent FROM mail WHERE profile = ? ORDER BY seq DESC LIMIT 1"
_NO_MESSAGE = "skipped: the action has no message"
_PROPERTY = re.compile(r"""properties\[(['"])(.+)\1\]""", re.DOTALL)
_DETAILS = frozenset({"first_name", "last_name", "organization", "title", "locale", "image"})
"""The properties that are attributes of a profile, and texts whatever an action makes of them."""


class Outcome(NamedTuple):
    """What became of an action: words for the run, the exit that is taken, and until when the profile waits."""

    words: str
    exit: str | None
    until_us: int | None = None


@dataclass
class Visit:
    """A profile at an action. Everything happens at `mint`'s time, which is when it was due."""

    context: Context
    connection: sqlite3.Connection
    mint: Mint
    flow: Record
    run: Run
    profile: Profile
    action: Object

    @property
    def data(self) -> Object:
        """The action's data."""
        return data_of(self.action)

    @property
    def following(self) -> str | None:
        """Where a plain action leads."""
        return exit_of(self.action)

    @property
    def moment(self) -> datetime:
        """Now."""
        return self.mint.clock()

    @cached_property
    def event(self) -> Event | None:
        """What set the flow going, where that was an event."""
        return None if self.run.event is None else find_event(self.connection, self.run.event)

    @cached_property
    def values(self) -> dict[str, Any]:
        """What templates see."""
        values = context_for(self.profile, self.context.account_name)
        if self.event is not None:
            values["event"] = {
                **self.event.properties,
                "extra": self.event.properties.get(_EXTRA) or {},
                "$value": self.event.value,
                "datetime": format_instant(self.event.time),
            }
        return values

    def passes(self, value: object) -> bool:
        """Whether the profile passes a filter; null lets everybody pass."""
        visitor = Visitor(
            flow_id=self.flow.id,
            profile=self.profile.seq,
            profile_id=self.profile.id,
            now=self.mint.now(),
            entered=self.run.entered_us // MICROSECONDS,
            event=self.run.event,
            run=self.run.seq,
        )
        return passes(self.connection, self.mint, parse_groups(value, ""), visitor)

    def write(self, source: object) -> str:
        """A text with its variables filled in. Raises TemplateError."""
        if not source:
            return ""
        return Template(str(source)).render(self.values, now=self.moment, message=self.about(), html=False)

    def about(self, message_id: str = "") -> Message:
        """The recipient's own links and codes."""
        return message_for(self.connection, self.mint, self.profile, message_id)

    def went_on(self, words: str) -> Outcome:
        """The outcome of a plain action."""
        return Outcome(words, self.following)


Performer = Callable[[Visit], Outcome]


def perform(visit: Visit) -> Outcome:
    """Do what the action says, or say why not. Failures of templates and targets are outcomes too."""
    kind: str = visit.action["type"]
    status = visit.data.get("status")
    if status not in {None, "live"}:
        return visit.went_on(f"skipped: {kind} is {status}")
    performer = _PERFORMERS.get(kind)
    if performer is None:
        return visit.went_on(f"skipped: the emulator does not do {kind}")
    try:
        return performer(visit)
    except TemplateError as error:
        return visit.went_on(f"failed: the template cannot be rendered: {error}")
    except TargetError as error:
        return visit.went_on(f"failed: {error}")


def _send_email(visit: Visit) -> Outcome:
    message: Object = visit.data.get("message") or Object()
    obstacle = _obstacle(visit, message)
    if obstacle:
        return visit.went_on(f"skipped: {obstacle}")
    template = find_record(visit.connection, TEMPLATE, str(message.get("template_id")))
    if template is None:
        return visit.went_on("skipped: the message has no template")
    rendered = render_template(template, visit.values, now=visit.moment, message=visit.about(message["id"]))
    now = visit.mint.now()
    letter = Letter(
        subject=visit.write(message.get("subject_line")),
        sender=_sender(visit, message),
        html=rendered.html,
        text=rendered.text or "",
        origin=_origin(visit, message, now),
    )
    mail_id = send(visit.connection, visit.mint, visit.profile, letter, at=now)
    return visit.went_on(f"sent: mail {mail_id}")


def _obstacle(visit: Visit, message: Object) -> str:
    """Why a profile does not get a message; empty if it does."""
    profile = visit.profile
    if not profile.email:
        return "the profile has no e-mail address"
    if not can_receive_email(visit.connection, profile.seq, transactional=bool(message.get("transactional"))):
        return "the profile may not get e-mail"
    if not visit.passes(message.get("additional_filters")):
        return "the profile does not pass the message's filters"
    if message.get("smart_sending_enabled", True):
        row = visit.connection.execute(_LATEST_MAIL, (profile.seq,)).fetchone()
        if row is not None and visit.mint.now() - row[0] < SMART_SENDING_SECONDS:
            return "smart sending: the profile got mail a short time ago"
    return ""


def _origin(visit: Visit, message: Object, now: int) -> dict[str, Any]:
    """The properties that the mail's events carry."""
    origin: dict[str, Any] = {
        "$flow": visit.flow.id,
        "$message": message["id"],
        "Message Name": message.get("name"),
        "$flow_channel": "email",
        "$message_send_cohort": f"{message['id']}:{now}",
    }
    for trigger in visit.flow.body["triggers"]:
        if trigger["type"] == LIST:
            record = find_record(visit.connection, LIST, str(trigger.get("id")))
            if record is not None:
                origin["List"] = record.body["name"]
    return origin


def _sender(visit: Visit, message: Object) -> str:
    label = visit.write(message.get("from_label")) or visit.context.account_name
    address = visit.write(message.get("from_email")) or SENDER_ADDRESS
    return f"{label} <{address}>"


def _send_internal_alert(visit: Visit) -> Outcome:
    message: Object | None = visit.data.get("message")
    if message is None:
        return visit.went_on(_NO_MESSAGE)
    template = find_record(visit.connection, TEMPLATE, str(message.get("template_id")))
    html, text = "", ""
    if template is not None:
        rendered = render_template(template, visit.values, now=visit.moment, message=visit.about(message["id"]))
        html, text = rendered.html, rendered.text or ""
    letter = Letter(
        subject=visit.write(message["subject_line"]),
        sender=_sender(visit, message),
        html=html,
        text=text,
        origin={"$flow": visit.flow.id, "$message": message["id"]},
    )
    for address in message["to_emails"]:
        send_preview(visit.connection, visit.mint, address, letter)
    return visit.went_on(f"sent: an alert to {len(message['to_emails'])}")


def _send_webhook(visit: Visit) -> Outcome:
    message: Object | None = visit.data.get("message")
    if message is None:
        return visit.went_on(_NO_MESSAGE)
    url = visit.write(message["url"])
    check_target(url)
    given: Object = message.get("headers") or Object()
    headers = {name: visit.write(value) for name, value in given.items()}
    if "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = "application/json"
    body = visit.write(message.get("body")).encode("utf-8")
    enqueue(visit.connection, visit.mint, url, headers, body)
    return visit.went_on("sent: a webhook")


def _time_delay(visit: Visit) -> Outcome:
    data = visit.data
    unit, smaller = _UNITS[data["unit"]]
    length = min(data["value"] * unit.total_seconds(), _LONGEST.total_seconds())
    delay = timedelta(seconds=length) + (data.get("secondary_value") or 0) * smaller
    until = visit.moment + delay
    at, days = data.get("delay_until_time"), data.get("delay_until_weekdays")
    return _wait(visit, following(until, _zone(visit), at, days))


def _target_date(visit: Visit) -> Outcome:
    data = visit.data
    return _wait(visit, following(visit.moment, _zone(visit), data.get("target_time"), data.get("target_days")))


def _wait(visit: Visit, until: datetime) -> Outcome:
    until_us = (until - EPOCH) // timedelta(microseconds=1)
    return Outcome(f"waits until {format_instant(whole_seconds(until))}", visit.following, until_us)


def _zone(visit: Visit) -> tzinfo:
    name = visit.data.get("timezone", PROFILE)
    if name == PROFILE:
        location: dict[str, Any] = visit.profile.details.get("location") or {}
        name = location.get("timezone")
    return zone_named(name) or UTC


def _conditional_split(visit: Visit) -> Outcome:
    return _branch(visit, holds=visit.passes(visit.data.get("profile_filter")))


def _trigger_split(visit: Visit) -> Outcome:
    return _branch(visit, holds=visit.passes(visit.data.get("trigger_filter")))


def _action_output_split(visit: Visit) -> Outcome:
    """Code is not run, so that a filter of its output lets nobody pass."""
    return _branch(visit, holds=visit.passes(visit.data.get("action_output_filter")))


def _branch(visit: Visit, *, holds: bool) -> Outcome:
    return Outcome("yes" if holds else "no", exit_of(visit.action, "next_if_true" if holds else "next_if_false"))


def _multi_branch_split(visit: Visit) -> Outcome:
    branches: list[Object] = list(visit.data.get("branches") or ())
    ordered = sorted(branches, key=lambda branch: (bool(branch.get("is_else")), branch.get("order") or 0))
    for branch in ordered:
        if branch.get("is_else") or visit.passes(branch.get("branch_filter")):
            name = branch.get("name") or branch["branch_id"]
            return Outcome(f"branch: {name}", exit_of(branch))
    return Outcome("no branch", None)


def _update_profile(visit: Visit) -> Outcome:
    operations: list[Object] = visit.data.get("profile_operations") or []
    for operation in operations:
        update_profile(visit.connection, visit.mint, visit.profile.id, _change(operation))
    return visit.went_on(f"updated: {len(operations)} properties")


def _change(operation: Object) -> ProfileChange:
    key: str = operation["property_key"]
    quoted = _PROPERTY.fullmatch(key)
    name = quoted[2] if quoted else key
    if operation["operator"] == "delete":
        return ProfileChange(details={name: None}) if key in _DETAILS else ProfileChange(unset=[name])
    value: Any = operation["property_value"]
    if operation["property_type"] == "list":
        if operation.get("property_operation") == "remove":
            return ProfileChange(unappend={name: [value]})
        return ProfileChange(append={name: [value]})
    if key in _DETAILS:
        return ProfileChange(details={key: value if isinstance(value, str) else json.dumps(value)})
    return ProfileChange(details={"properties": {name: value}})


def _list_update(visit: Visit) -> Outcome:
    list_id = visit.data.get("list_id")
    if list_id is None or visit.data.get("on_execution") is None:
        return visit.went_on("skipped: there is nothing to do")
    if visit.data["on_execution"]:
        join_list(visit.connection, visit.mint, list_id, [visit.profile])
        return visit.went_on("added to the list")
    remove_members(visit.connection, list_id, [visit.profile.seq])
    return visit.went_on("removed from the list")


_PERFORMERS: Mapping[str, Performer] = {
    "send-email": _send_email,
    "send-internal-alert": _send_internal_alert,
    "send-webhook": _send_webhook,
    "time-delay": _time_delay,
    "target-date": _target_date,
    "conditional-split": _conditional_split,
    "trigger-split": _trigger_split,
    "action-output-split": _action_output_split,
    BRANCHES: _multi_branch_split,
    "update-profile": _update_profile,
    "list-update": _list_update,
}
