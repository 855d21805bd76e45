"""Sending campaigns: recipients are found when a message is due, and sent to batch by batch."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state.audiences import can_reach, channel_of, count_recipients, recipients
from klaviyo_emulator.state.campaigns import (
    BATCH,
    CAMPAIGN,
    EMAIL,
    ESTIMATION,
    ESTIMATION_JOB,
    NO_RECIPIENTS,
    PUSH,
    SENDING,
    SENT,
    SMART_SENDING,
    SMS,
    VARIATION,
    WHATSAPP,
    details_of,
    owner_of,
    records_of,
    summarize,
    variations_of,
)
from klaviyo_emulator.state.estimations import ESTIMATE_TASK
from klaviyo_emulator.state.mail import Letter, send
from klaviyo_emulator.state.personalization import SENDER_ADDRESS, context_for, message_for
from klaviyo_emulator.state.profiles import find_profile
from klaviyo_emulator.state.records import change_record, create_record, delete_record, find_record
from klaviyo_emulator.state.sending import (
    BATCH_MS,
    FINISH_TASK,
    SEND_TASK,
    START_TASK,
    batch_id,
    cancel,
    origin_of,
    running,
    start_waves,
    variation_for,
    waves,
)
from klaviyo_emulator.state.system_events import record_event
from klaviyo_emulator.state.tasks import schedule
from klaviyo_emulator.state.templates import TEMPLATE, html_of
from klaviyo_emulator.templating import Template, TemplateError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from klaviyo_emulator.background.pump import TaskHandler
    from klaviyo_emulator.routes.context import Context
    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.profiles import Profile
    from klaviyo_emulator.state.records import Record
    from klaviyo_emulator.state.tasks import Task

RECEIVED: Mapping[str, str] = {SMS: "Received SMS", PUSH: "Received Push", WHATSAPP: "Received WhatsApp"}
"""The metric of what arrives in a channel other than e-mail, of which nothing but the event is kept."""
SMART_SENDING_HOURS = 16
"""How long whoever got a message gets no other that minds it."""
_MISCONFIGURED = "Misconfigured"
_MAXIMUM_REASONS = 10
_SINCE = "SELECT 1 FROM mail WHERE profile = ? AND sent > ? AND ({}) LIMIT 1"
_SENT_BEFORE = (
    "SELECT 1 FROM mail WHERE profile = ? AND json_extract(origin, '$.\"$message\"') = ? AND sent >= ? LIMIT 1"
)
_ORIGINS: Mapping[str, str] = {
    "throttle-for-campaigns": "json_extract(origin, '$.\"$campaign\"') IS NOT NULL",
    "throttle-for-flows": "json_extract(origin, '$.\"$flow\"') IS NOT NULL",
    "throttle-for-campaigns-and-flows": "1",
}
_LOG = logging.getLogger("klaviyo_emulator")


class _SkippedError(Exception):
    """A recipient is not sent to; the words say why."""


@dataclass(frozen=True, slots=True)
class _Content:
    """One variation, compiled."""

    channel: str
    origin: dict[str, Any]
    parts: Mapping[str, Template]


def start(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Find the recipients of a message and begin to send to them."""
    message = running(connection, task.payload["message"], task.payload["run"])
    if message is None:
        return
    mint = context.mint.at(task.due_us)
    found = recipients(connection, mint, message)
    if not found:
        cancel(connection, mint, message, reason=NO_RECIPIENTS)
        return
    planned = waves(connection, message, found, task.due_us)
    changes = {"status": SENDING, "phase": SENDING, "waves": len(planned), "began": task.due_us}
    message = change_record(connection, mint, message, changes)
    start_waves(connection, mint, message, planned)
    summarize(connection, mint, owner_of(connection, message, "campaign"))


def send_batch(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Send to one batch of recipients."""
    given = task.payload
    message = running(connection, given["message"], given["run"])
    if message is None:
        return
    mint = context.mint.at(task.due_us)
    key = batch_id(message.id, given["run"], given["wave"], given["batch"])
    batch = find_record(connection, BATCH, key)
    profile_ids: list[str] = [] if batch is None else batch.body["profiles"]
    counts: dict[str, int] = dict(message.body["counts"])
    failures: dict[str, int] = dict(message.body["failures"])
    _Sending(context, connection, mint, message, counts, failures).send_to(profile_ids)
    delete_record(connection, BATCH, key)
    changes: dict[str, Any] = {"counts": counts, "failures": failures}
    if given["batch"] + 1 < given["batches"]:
        following = {**given, "batch": given["batch"] + 1}
        schedule(connection, mint, SEND_TASK, following, since_us=task.due_us, after_ms=BATCH_MS)
    else:
        changes["waves"] = message.body["waves"] - 1
        if not changes["waves"]:
            payload = {"message": message.id, "run": given["run"]}
            after = context.config.job_ms / 2
            schedule(connection, mint, FINISH_TASK, payload, since_us=task.due_us, after_ms=after)
    change_record(connection, mint, message, changes)


def finish(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Say that a message was sent, or why it was sent to nobody."""
    message = running(connection, task.payload["message"], task.payload["run"])
    if message is None:
        return
    mint = context.mint.at(task.due_us)
    counts: dict[str, int] = message.body["counts"]
    if counts.get("sent"):
        change_record(connection, mint, message, {"status": SENT, "phase": ""})
        summarize(connection, mint, owner_of(connection, message, "campaign"))
        return
    reasons = (("failed", _MISCONFIGURED), ("smart_sending", SMART_SENDING))
    reason = next((words for name, words in reasons if counts.get(name)), NO_RECIPIENTS)
    cancel(connection, mint, message, reason=reason)


def estimate(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Count the recipients of a campaign."""
    job = find_record(connection, ESTIMATION_JOB, task.payload["campaign"])
    if job is None or job.body["run"] != task.payload["run"]:
        return
    mint = context.mint.at(task.due_us)
    if task.payload["status"] == "complete":
        body = {"estimated_recipient_count": count_recipients(connection, mint, job.id)}
        estimation = find_record(connection, ESTIMATION, job.id)
        if estimation is None:
            create_record(connection, mint, ESTIMATION, job.id, body)
        else:
            change_record(connection, mint, estimation, body)
    change_record(connection, mint, job, {"status": task.payload["status"]})


@dataclass(frozen=True, slots=True)
class _Sending:
    """A message that is sent to recipients, at the time of the mint."""

    context: Context
    connection: sqlite3.Connection
    mint: Mint
    message: Record
    counts: dict[str, int]
    failures: dict[str, int]
    """Why recipients were not sent to, with how many; the first reasons only."""

    def send_to(self, profile_ids: list[str]) -> None:
        """Send to profiles, and count what became of each."""
        connection, message = self.connection, self.message
        campaign = find_record(connection, CAMPAIGN, owner_of(connection, message, "campaign"))
        if campaign is None:
            return
        variations = records_of(connection, VARIATION, variations_of(message.id))
        contents = {one.id: _compiled(self.context, connection, campaign, message, one) for one in variations}
        channel = channel_of(connection, message)
        for profile_id in profile_ids:
            content = contents[variation_for(variations, message.id, profile_id).id]
            connection.execute("SAVEPOINT recipient")
            try:
                outcome = self._send(profile_id, channel, content)
            except (_SkippedError, TemplateError) as problem:
                connection.execute("ROLLBACK TO recipient")
                outcome = "failed"
                self._note(profile_id, str(problem))
            connection.execute("RELEASE recipient")
            self.counts[outcome] = self.counts.get(outcome, 0) + 1

    def _send(self, profile_id: str, channel: str, content: _Content | str) -> str:
        profile = find_profile(self.connection, profile_id)
        if profile is None or not can_reach(self.connection, self.message, channel, profile.seq):
            return "unreachable"
        if _has_it_already(self.connection, self.message, profile):
            return "unreachable"
        if _was_sent_to_lately(self.connection, self.message, profile, self.mint.now()):
            return "smart_sending"
        if isinstance(content, str):
            raise _SkippedError(content)
        self._deliver(profile, content)
        return "sent"

    def _note(self, profile_id: str, reason: str) -> None:
        if reason not in self.failures:
            _LOG.warning("message %s is not sent to %s: %s", self.message.id, profile_id, reason)
        if reason in self.failures or len(self.failures) < _MAXIMUM_REASONS:
            self.failures[reason] = self.failures.get(reason, 0) + 1

    def _deliver(self, profile: Profile, content: _Content) -> None:
        now = self.mint.clock()
        values = context_for(profile, self.context.account_name)
        about = message_for(self.connection, self.mint, profile, self.message.id)

        def text(name: str, *, html: bool = False) -> str:
            return content.parts[name].render(values, now=now, message=about, html=html)

        if content.channel == EMAIL:
            letter = Letter(
                subject=text("subject"),
                sender=f"{text('label')} <{text('sender')}>",
                html=text("html", html=True),
                text=text("text"),
                origin=content.origin,
            )
            send(self.connection, self.mint, profile, letter, at=self.mint.now())
            return
        properties = {"Message Body": text("body"), **content.origin}
        if content.channel == PUSH:
            properties["Message Title"] = text("title")
        metric = RECEIVED[content.channel]
        record_event(self.connection, self.mint, profile.id, metric, properties, at=self.mint.now())


def _compiled(
    context: Context, connection: sqlite3.Connection, campaign: Record, message: Record, variation: Record
) -> _Content | str:
    """The variation with its templates compiled, or why it cannot be sent."""
    details: dict[str, Any] = details_of(variation.body)
    channel = str(details.get("channel") or EMAIL)
    if channel == EMAIL:
        template = find_record(connection, TEMPLATE, details.get("template_id") or "")
        if template is None:
            return "The message has no template"
        sources = {
            "subject": details.get("subject"),
            "html": html_of(template),
            "text": template.body.get("text"),
            "label": details.get("from_label") or context.account_name,
            "sender": details.get("from_email") or SENDER_ADDRESS,
        }
    else:
        sources = {"title": details.get("title"), "body": details.get("body")}
    try:
        parts = {name: Template(source or "") for name, source in sources.items()}
    except TemplateError as error:
        return str(error)
    origin = origin_of(campaign, message, variation, channel, int(message.body["began"]))
    return _Content(channel, origin, parts)


def _has_it_already(connection: sqlite3.Connection, message: Record, profile: Profile) -> bool:
    """Whether a profile got the mail as another one, which was merged into it since the recipients were found."""
    began = int(message.body["began"]) // 1_000_000
    return connection.execute(_SENT_BEFORE, (profile.seq, message.id, began)).fetchone() is not None


def _was_sent_to_lately(connection: sqlite3.Connection, message: Record, profile: Profile, now: int) -> bool:
    """Whether smart sending keeps a message from a profile."""
    origin = _ORIGINS.get(message.body["send_options"].get("throttling_type") or "")
    if origin is None:
        return False
    since = now - SMART_SENDING_HOURS * 3600
    return connection.execute(_SINCE.format(origin), (profile.seq, since)).fetchone() is not None


HANDLERS: Mapping[str, TaskHandler] = {
    START_TASK: start,
    SEND_TASK: send_batch,
    FINISH_TASK: finish,
    ESTIMATE_TASK: estimate,
}
