"""E-mail that was sent to nobody: kept to be read, and on request opened, clicked and refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state.consents import EMAIL, HARD_BOUNCE, SPAM_COMPLAINT, mark_undeliverable, unsubscribe
from klaviyo_emulator.state.profiles import find_profile
from klaviyo_emulator.state.system_events import record_event

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.profiles import Profile

RECEIVED = "Received Email"
OPENED = "Opened Email"
CLICKED = "Clicked Email"
BOUNCED = "Bounced Email"
COMPLAINED = "Marked Email as Spam"
BY_PAGE = "PREFERENCE_PAGE"
"""The method of a consent that was withdrawn by the link in a mail."""

_SELECT = (
    "SELECT mail.id, mail.seq, mail.sent, profile.id, mail.address, mail.subject, mail.sender, mail.html, mail.text, "
    "mail.origin FROM mail LEFT JOIN profile ON profile.seq = mail.profile"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a mail says. `origin` are the properties that its events carry, such as `$message` and `Campaign Name`."""

    subject: str
    sender: str
    html: str
    text: str
    origin: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it is kept; `sent` in whole seconds."""

    id: str
    seq: int
    sent: int
    profile_id: str | None
    """None for a preview, which goes to an address and not to a profile."""
    address: str
    subject: str
    sender: str
    html: str
    text: str
    origin: Mapping[str, Any]


def send(connection: sqlite3.Connection, mint: Mint, profile: Profile, letter: Letter, *, at: int) -> str:
    """Keep a mail to a profile with an address, and record that it was received; answers the mail's id.

    Whether the profile may get mail at all is the caller's to ask.
    """
    mail_id = _keep(connection, mint, (profile.seq, profile.email or ""), letter, at)
    record_event(connection, mint, profile.id, RECEIVED, _properties(profile.email or "", letter), at=at)
    return mail_id


def send_preview(connection: sqlite3.Connection, mint: Mint, address: str, letter: Letter) -> str:
    """Keep a mail to an address that need not be anybody's. No event tells of it."""
    return _keep(connection, mint, (None, address), letter, mint.now())


def find_mail(connection: sqlite3.Connection, mail_id: str) -> Mail | None:
    """The mail with this id."""
    row = connection.execute(f"{_SELECT} WHERE mail.id = ?", (mail_id,)).fetchone()
    return None if row is None else _mail(row)


def list_mail(
    connection: sqlite3.Connection, *, after: int = 0, address: str | None = None, limit: int = 100
) -> list[Mail]:
    """Mail in the order it was sent, from beyond a row number on, optionally to one address."""
    sql = f"{_SELECT} WHERE mail.seq > ? AND (? IS NULL OR mail.address = ? COLLATE NOCASE) ORDER BY mail.seq LIMIT ?"
    return [_mail(row) for row in connection.execute(sql, (after, address, address, limit))]


def latest_mail_of(connection: sqlite3.Connection, profile: int, message_id: str) -> Mail | None:
    """The last mail that a message of a campaign or a flow was to the profile in a row."""
    sql = (
        f"{_SELECT} WHERE mail.profile = ? AND json_extract(mail.origin, '$.\"$message\"') = ? "
        "ORDER BY mail.seq DESC LIMIT 1"
    )
    row = connection.execute(sql, (profile, message_id)).fetchone()
    return None if row is None else _mail(row)


def open_mail(connection: sqlite3.Connection, mint: Mint, mail: Mail) -> None:
    """Record that a mail was opened, now. A preview has nobody who opens it."""
    if mail.profile_id is not None:
        record_event(connection, mint, mail.profile_id, OPENED, _event_properties(mail))


def click_mail(connection: sqlite3.Connection, mint: Mint, mail: Mail, url: str) -> None:
    """Record that a link of a mail was clicked, now. A preview has nobody who clicks."""
    if mail.profile_id is not None:
        record_event(connection, mint, mail.profile_id, CLICKED, {**_event_properties(mail), "URL": url})


def bounce_mail(connection: sqlite3.Connection, mint: Mint, mail: Mail) -> None:
    """Record that a mail came back, now: its address does not exist and gets no more."""
    profile = _recipient(connection, mail)
    if profile is not None:
        properties = {**_event_properties(mail), "Bounce Type": "Hard"}
        record_event(connection, mint, profile.id, BOUNCED, properties)
        mark_undeliverable(connection, profile.seq, HARD_BOUNCE, mint.now())


def complain_about(connection: sqlite3.Connection, mint: Mint, mail: Mail) -> None:
    """Record that a mail was marked as spam, now; its recipient gets no more."""
    profile = _recipient(connection, mail)
    if profile is not None:
        record_event(connection, mint, profile.id, COMPLAINED, _event_properties(mail))
        mark_undeliverable(connection, profile.seq, SPAM_COMPLAINT, mint.now())


def unsubscribe_by(connection: sqlite3.Connection, mint: Mint, mail: Mail) -> None:
    """Withdraw the recipient's consent to e-mail marketing, now, as by the link in a mail."""
    profile = _recipient(connection, mail)
    if profile is not None:
        cause = _event_properties(mail)
        unsubscribe(connection, mint, profile, (EMAIL,), at=mint.now(), method=BY_PAGE, cause=cause)


def _recipient(connection: sqlite3.Connection, mail: Mail) -> Profile | None:
    """Who got a mail; None for a preview."""
    return None if mail.profile_id is None else find_profile(connection, mail.profile_id)


def _keep(
    connection: sqlite3.Connection, mint: Mint, recipient: tuple[int | None, str], letter: Letter, at: int
) -> str:
    mail_id = mint.ulid()
    origin = json.dumps(dict(letter.origin), separators=(",", ":"))
    connection.execute(
        "INSERT INTO mail (id, sent, profile, address, subject, sender, html, text, origin) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (mail_id, at, *recipient, letter.subject, letter.sender, letter.html, letter.text, origin),
    )
    return mail_id


def _properties(address: str, letter: Letter) -> dict[str, Any]:
    return {"Subject": letter.subject, "Email Domain": address.rpartition("@")[2], **letter.origin}


def _event_properties(mail: Mail) -> dict[str, Any]:
    return {"Subject": mail.subject, "Email Domain": mail.address.rpartition("@")[2], **mail.origin}


def _mail(row: Sequence[Any]) -> Mail:
    return Mail(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], json.loads(row[9]))
