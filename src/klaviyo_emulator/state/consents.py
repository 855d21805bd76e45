"""What a profile agreed to, channel by channel, and why it gets no e-mail: the consent state machine.

A channel nobody was asked about has no row: it was never subscribed. From there and back:

    subscribe        -> SUBSCRIBED, or waiting where a confirmation is needed
    confirm          -> SUBSCRIBED, with a double opt-in
    unsubscribe      -> UNSUBSCRIBED, with the suppression UNSUBSCRIBE; of a list the profile is in: that list only
    suppress         -> consent as it was, and a suppression with a reason
    unsuppress       -> consent as it was, and without USER_SUPPRESSED

Subscribing to e-mail lifts the suppressions that somebody chose, and none that a mailbox caused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state.lists import join_list, leave_list
from klaviyo_emulator.state.members import is_member
from klaviyo_emulator.state.profiles import Profile, profile_in_row
from klaviyo_emulator.state.system_events import record_events

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from klaviyo_emulator.state.minting import Mint

EMAIL = "email.marketing"
SMS = "sms.marketing"
PUSH = "mobile_push.marketing"
OPEN_TRACKING = "email.open_tracking"
CLICK_TRACKING = "email.click_tracking"
SMS_TRANSACTIONAL = "sms.transactional"
WHATSAPP = ("whatsapp.marketing", "whatsapp.transactional", "whatsapp.conversational")

SUBSCRIBED = "SUBSCRIBED"
UNSUBSCRIBED = "UNSUBSCRIBED"
NEVER_SUBSCRIBED = "NEVER_SUBSCRIBED"

HARD_BOUNCE = "HARD_BOUNCE"
INVALID_EMAIL = "INVALID_EMAIL"
SPAM_COMPLAINT = "SPAM_COMPLAINT"
UNSUBSCRIBE = "UNSUBSCRIBE"
USER_SUPPRESSED = "USER_SUPPRESSED"
LIFTED_BY_CONSENT = (UNSUBSCRIBE, SPAM_COMPLAINT, USER_SUPPRESSED)
"""The suppressions that end when somebody subscribes."""

ANYWHERE = ""
"""The list id of what holds for the whole account."""
METHOD = "API"
CAN_RECEIVE_EMAIL = (
    "(NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.profile = profile.seq AND suppression.list_id = '') "
    "AND NOT EXISTS (SELECT 1 FROM consent WHERE consent.profile = profile.seq "
    "AND consent.channel = 'email.marketing' AND consent.status = 'UNSUBSCRIBED'))"
)
"""An SQL condition on a row of `profile`: neither unsubscribed nor suppressed. Who was never asked gets e-mail."""

DELIVERABLE_EMAIL = (
    "NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.profile = profile.seq AND suppression.list_id = '' "
    "AND suppression.reason IN ('HARD_BOUNCE', 'INVALID_EMAIL', 'SPAM_COMPLAINT'))"
)
"""The same for a message that goes to who unsubscribed too: no mailbox has refused the profile's mail."""

_CONFIRMED_TWICE = frozenset({EMAIL, SMS})
"""The channels that a double opt-in asks about."""
_OF_LISTS = frozenset({EMAIL, SMS})
"""The channels that somebody can leave for one list only."""
_GIVEN = {EMAIL: "Subscribed to Email Marketing", SMS: "Subscribed to SMS Marketing"}
_WITHDRAWN = {EMAIL: "Unsubscribed from Email Marketing", SMS: "Unsubscribed from SMS Marketing"}
_SUPPRESSED = "Manually Suppressed from Email Marketing"
_UNSUPPRESSED = "Manually Unsuppressed from Email Marketing"


@dataclass(frozen=True, slots=True)
class Consent:
    """What a profile said of one channel. `consented` and `updated` in whole seconds."""

    status: str
    consented: int
    updated: int
    method: str | None
    method_detail: str | None
    custom_method_detail: str | None
    double_optin: bool


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why a profile gets no e-mail, of a list or (`list_id` empty) at all; `at` in whole seconds."""

    list_id: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """How somebody agreed."""

    at: int
    """When it is recorded, in whole seconds."""
    list_id: str = ANYWHERE
    """The list to join."""
    needs_confirmation: bool = False
    historical: bool = False
    """Whether it happened long ago, so that flows do not act on it."""
    custom_method_detail: str | None = None
    consented: Mapping[str, int] = field(default_factory=dict[str, int])
    """When it was agreed, by channel, where that was before `at`."""


def consents_of(connection: sqlite3.Connection, profile: int) -> dict[str, Consent]:
    """What the profile in a row said, by channel."""
    sql = (
        "SELECT channel, status, consented, updated, method, method_detail, custom_method_detail, double_optin "
        "FROM consent WHERE profile = ?"
    )
    rows = connection.execute(sql, (profile,))
    return {row[0]: Consent(*row[1:7], double_optin=bool(row[7])) for row in rows}


def suppressions_of(connection: sqlite3.Connection, profile: int) -> list[Suppression]:
    """Why the profile in a row gets no e-mail, first things first."""
    sql = "SELECT list_id, reason, at FROM suppression WHERE profile = ? ORDER BY at, list_id, reason"
    return [Suppression(*row) for row in connection.execute(sql, (profile,))]


def pending_of(connection: sqlite3.Connection, profile: int) -> list[tuple[str, str]]:
    """List id and channel of every confirmation that is waited for."""
    sql = "SELECT list_id, channel FROM pending_consent WHERE profile = ? ORDER BY asked, list_id, channel"
    return [(str(row[0]), str(row[1])) for row in connection.execute(sql, (profile,))]


def status_of(connection: sqlite3.Connection, profile: int, channel: str) -> str:
    """SUBSCRIBED, UNSUBSCRIBED or NEVER_SUBSCRIBED."""
    sql = "SELECT status FROM consent WHERE profile = ? AND channel = ?"
    row = connection.execute(sql, (profile, channel)).fetchone()
    return NEVER_SUBSCRIBED if row is None else str(row[0])


def can_receive_email(connection: sqlite3.Connection, profile: int, *, transactional: bool = False) -> bool:
    """Whether the profile in a row may be sent e-mail marketing, or e-mail that is no marketing."""
    condition = DELIVERABLE_EMAIL if transactional else CAN_RECEIVE_EMAIL
    sql = f"SELECT 1 FROM profile WHERE seq = ? AND {condition}"  # noqa: S608 - the constants above
    return connection.execute(sql, (profile,)).fetchone() is not None


def subscribe(
    connection: sqlite3.Connection, mint: Mint, profile: Profile, channels: Iterable[str], grant: Grant
) -> None:
    """Record consent, or the wish for it where it needs a confirmation; join the list once one is not waited for.

    Who is subscribed already and in the list is not asked again.
    """
    given: list[str] = []
    for channel in channels:
        if grant.needs_confirmation and _must_confirm(connection, profile, channel, grant.list_id):
            connection.execute(
                "INSERT OR REPLACE INTO pending_consent (profile, list_id, channel, asked, custom_method_detail) "
                "VALUES (?, ?, ?, ?, ?)",
                (profile.seq, grant.list_id, channel, grant.at, grant.custom_method_detail),
            )
        else:
            given.append(channel)
    _give(connection, mint, profile, given, grant, double_optin=False)


def confirm(connection: sqlite3.Connection, mint: Mint, profile_seq: int, list_id: str = ANYWHERE) -> bool:
    """Confirm what a profile was asked, of a list or of the whole account; False when nothing was waited for."""
    sql = "SELECT channel, custom_method_detail FROM pending_consent WHERE profile = ? AND list_id = ? ORDER BY channel"
    waiting = connection.execute(sql, (profile_seq, list_id)).fetchall()
    profile = profile_in_row(connection, profile_seq)
    if not waiting or profile is None:
        return False
    connection.execute("DELETE FROM pending_consent WHERE profile = ? AND list_id = ?", (profile_seq, list_id))
    grant = Grant(at=mint.now(), list_id=list_id, custom_method_detail=waiting[0][1])
    _give(connection, mint, profile, [row[0] for row in waiting], grant, double_optin=True)
    return True


def unsubscribe(
    connection: sqlite3.Connection,
    mint: Mint,
    profile: Profile,
    channels: Collection[str],
    *,
    at: int,
    list_id: str = ANYWHERE,
    method: str = METHOD,
    cause: Mapping[str, Any] | None = None,
) -> None:
    """Withdraw consent: for a list that the profile is in, if one is named, and for everything otherwise.

    `cause` are properties of the event that tells of it, such as the message that somebody unsubscribed by.
    """
    rest = list(channels)
    if list_id and any(channel in _OF_LISTS for channel in rest) and is_member(connection, list_id, profile.seq):
        leave_list(connection, mint, list_id, profile, at=at)
        if EMAIL in rest:
            _suppress(connection, profile.seq, UNSUBSCRIBE, at, list_id)
        _forget_pending(connection, profile.seq, rest, list_id)
        rest = [channel for channel in rest if channel not in _OF_LISTS]
    for channel in rest:
        before = status_of(connection, profile.seq, channel)
        _write(connection, profile.seq, channel, Consent(UNSUBSCRIBED, at, at, method, None, None, double_optin=False))
        if before != UNSUBSCRIBED and channel in _WITHDRAWN:
            properties = {**(cause or {}), "Method": method}
            record_events(connection, mint, _WITHDRAWN[channel], [(profile.id, properties)], at=at)
    if EMAIL in rest:
        _suppress(connection, profile.seq, UNSUBSCRIBE, at)
    _forget_pending(connection, profile.seq, rest)


def suppress(
    connection: sqlite3.Connection,
    mint: Mint,
    profiles: Sequence[Profile],
    *,
    at: int | None = None,
) -> int:
    """Suppress profiles by hand (USER_SUPPRESSED); answers how many were not so before."""
    now = mint.now() if at is None else at
    new = [profile for profile in profiles if _suppress(connection, profile.seq, USER_SUPPRESSED, now)]
    record_events(connection, mint, _SUPPRESSED, ((profile.id, {}) for profile in new), at=now)
    return len(new)


def unsuppress(
    connection: sqlite3.Connection, mint: Mint, profiles: Sequence[Profile], *, at: int | None = None
) -> int:
    """Take USER_SUPPRESSED, and no other suppression, from profiles; answers how many had it."""
    sql = "DELETE FROM suppression WHERE profile = ? AND list_id = '' AND reason = ?"
    freed = [item for item in profiles if connection.execute(sql, (item.seq, USER_SUPPRESSED)).rowcount]
    record_events(connection, mint, _UNSUPPRESSED, ((profile.id, {}) for profile in freed), at=at)
    return len(freed)


def mark_undeliverable(connection: sqlite3.Connection, profile: int, reason: str, at: int) -> None:
    """Suppress a profile for what its mailbox did: HARD_BOUNCE, INVALID_EMAIL or SPAM_COMPLAINT. Records no event."""
    _suppress(connection, profile, reason, at)


def move_consents(connection: sqlite3.Connection, source: int, destination: int) -> None:
    """Give one profile what another said, channel by channel: the later word counts. Suppressions add up."""
    later = (
        "DELETE FROM consent WHERE profile = :to AND EXISTS (SELECT 1 FROM consent AS other WHERE other.profile = "
        ":from AND other.channel = consent.channel AND other.updated > consent.updated)"
    )
    connection.execute(later, {"to": destination, "from": source})
    for table in ("consent", "pending_consent", "suppression"):
        move = f"UPDATE OR IGNORE {table} SET profile = ? WHERE profile = ?"  # noqa: S608 - the names above
        connection.execute(move, (destination, source))
        connection.execute(f"DELETE FROM {table} WHERE profile = ?", (source,))  # noqa: S608 - as above


def forget_list(connection: sqlite3.Connection, list_id: str) -> None:
    """Drop what was said of a list that is about to go."""
    for table in ("pending_consent", "suppression"):
        connection.execute(f"DELETE FROM {table} WHERE list_id = ?", (list_id,))  # noqa: S608 - a table of this module


def _must_confirm(connection: sqlite3.Connection, profile: Profile, channel: str, list_id: str) -> bool:
    if channel not in _CONFIRMED_TWICE:
        return False
    known = status_of(connection, profile.seq, channel) == SUBSCRIBED
    return not (known and (not list_id or is_member(connection, list_id, profile.seq)))


def _give(
    connection: sqlite3.Connection,
    mint: Mint,
    profile: Profile,
    channels: Sequence[str],
    grant: Grant,
    *,
    double_optin: bool,
) -> None:
    properties: dict[str, Any] = {"Method": METHOD}
    if grant.custom_method_detail is not None:
        properties["Custom Method Detail"] = grant.custom_method_detail
    known = consents_of(connection, profile.seq)
    for channel in channels:
        before = known.get(channel)
        is_new = before is None or before.status != SUBSCRIBED
        since = grant.at if before is None or is_new else before.consented
        twice = double_optin or (before is not None and not is_new and before.double_optin)
        _write(
            connection,
            profile.seq,
            channel,
            Consent(
                SUBSCRIBED,
                grant.consented.get(channel, since),
                grant.at,
                METHOD,
                None,
                grant.custom_method_detail,
                double_optin=twice,
            ),
        )
        if is_new and channel in _GIVEN:
            entry = (profile.id, properties)
            record_events(connection, mint, _GIVEN[channel], [entry], at=grant.at, backfill=grant.historical)
    if EMAIL in channels:
        for reason in LIFTED_BY_CONSENT:
            sql = "DELETE FROM suppression WHERE profile = ? AND list_id IN ('', ?) AND reason = ?"
            connection.execute(sql, (profile.seq, grant.list_id, reason))
    _forget_pending(connection, profile.seq, channels, grant.list_id)
    if channels and grant.list_id and not _is_waiting(connection, profile.seq, grant.list_id):
        join_list(connection, mint, grant.list_id, [profile], at=grant.at, historical=grant.historical)


def _is_waiting(connection: sqlite3.Connection, profile: int, list_id: str) -> bool:
    sql = "SELECT 1 FROM pending_consent WHERE profile = ? AND list_id = ?"
    return connection.execute(sql, (profile, list_id)).fetchone() is not None


def _forget_pending(
    connection: sqlite3.Connection, profile: int, channels: Iterable[str], list_id: str | None = None
) -> None:
    """Wait no longer for a confirmation: of a list, or (None) of whatever it was."""
    for channel in channels:
        connection.execute(
            "DELETE FROM pending_consent WHERE profile = ? AND channel = ? AND list_id = coalesce(?, list_id)",
            (profile, channel, list_id),
        )


def _suppress(connection: sqlite3.Connection, profile: int, reason: str, at: int, list_id: str = ANYWHERE) -> bool:
    sql = "INSERT OR IGNORE INTO suppression (profile, list_id, reason, at) VALUES (?, ?, ?, ?)"
    return connection.execute(sql, (profile, list_id, reason, at)).rowcount > 0


def _write(connection: sqlite3.Connection, profile: int, channel: str, consent: Consent) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO consent (profile, channel, status, consented, updated, method, method_detail, "
        "custom_method_detail, double_optin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            profile,
            channel,
            consent.status,
            consent.consented,
            consent.updated,
            consent.method,
            consent.method_detail,
            consent.custom_method_detail,
            int(consent.double_optin),
        ),
    )
