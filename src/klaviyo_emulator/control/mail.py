"""The outbox: mail that was sent to nobody, to be read, opened and clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import format_instant
from klaviyo_emulator.control.asking import Ask, ControlError, text
from klaviyo_emulator.state.mail import Mail, click_mail, find_mail, list_mail, open_mail

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.control.deck import Deck

_LONGEST_URL = 2_000


async def list_outbox(deck: Deck, ask: Ask) -> dict[str, Any]:
    """A page of mail, to one address if `to` is given."""
    after, limit = ask.page()
    address = ask.parameters.get("to")
    await deck.catch_up()
    found = await deck.context.read(
        lambda connection: list_mail(connection, after=after, address=address, limit=limit + 1)
    )
    page = found[:limit]
    return {"mail": [_summary(mail) for mail in page], "next": page[-1].seq if len(found) > limit else None}


async def get_mail(deck: Deck, ask: Ask) -> dict[str, Any]:
    """One mail as it was written."""
    await deck.catch_up()
    mail = await deck.context.read(lambda connection: _find(connection, ask))
    return {**_summary(mail), "html": mail.html, "text": mail.text}


async def open_one(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Record `Opened Email`."""

    def work(connection: sqlite3.Connection) -> Mail:
        mail = _find(connection, ask)
        open_mail(connection, deck.context.mint, mail)
        return mail

    mail = await deck.context.write(work)
    await deck.settle()
    return {"opened": mail.id}


async def click_one(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Record `Clicked Email`."""
    url = text(ask.members("url"), "url")
    if not url.startswith(("https://", "http://")) or len(url) > _LONGEST_URL:
        raise ControlError(400, "url must be an http or https URL.")

    def work(connection: sqlite3.Connection) -> Mail:
        mail = _find(connection, ask)
        click_mail(connection, deck.context.mint, mail, url)
        return mail

    mail = await deck.context.write(work)
    await deck.settle()
    return {"clicked": mail.id, "url": url}


def _find(connection: sqlite3.Connection, ask: Ask) -> Mail:
    mail = find_mail(connection, ask.arguments[0])
    if mail is None:
        raise ControlError(404, "There is no such mail; GET /__emulator__/outbox lists what was sent.")
    return mail


def _summary(mail: Mail) -> dict[str, Any]:
    return {
        "seq": mail.seq,
        "id": mail.id,
        "sent": format_instant(mail.sent),
        "profile_id": mail.profile_id,
        "to": mail.address,
        "from": mail.sender,
        "subject": mail.subject,
        "origin": dict(mail.origin),
    }
