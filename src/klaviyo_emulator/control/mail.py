"""The outbox: mail that was sent to nobody, to be read, opened, clicked and refused."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import format_instant
from klaviyo_emulator.control.asking import Ask, ControlError, text
from klaviyo_emulator.state.mail import (
    Mail,
    bounce_mail,
    click_mail,
    complain_about,
    find_mail,
    list_mail,
    open_mail,
    unsubscribe_by,
)
from klaviyo_emulator.state.personalization import reachable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from klaviyo_emulator.control.deck import Deck
    from klaviyo_emulator.state.minting import Mint

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
    """One mail as it was written, with an unsubscribe link that leads here."""
    await deck.catch_up()
    mail = await deck.context.read(lambda connection: _find(connection, ask))
    return {**_summary(mail), "html": reachable(mail.html, ask.base), "text": reachable(mail.text, ask.base)}


async def open_one(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Record `Opened Email`."""
    ask.nothing()
    return {"opened": await _happens(deck, ask, open_mail)}


async def click_one(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Record `Clicked Email`."""
    url = text(ask.members("url"), "url")
    if not url.startswith(("https://", "http://")) or len(url) > _LONGEST_URL:
        raise ControlError(400, f"url must be an http or https URL of at most {_LONGEST_URL} characters.")
    return {"clicked": await _happens(deck, ask, partial(click_mail, url=url)), "url": url}


async def bounce_one(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Record `Bounced Email`, and suppress its profile."""
    ask.nothing()
    return {"bounced": await _happens(deck, ask, bounce_mail)}


async def complain_one(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Record `Marked Email as Spam`, and suppress its profile."""
    ask.nothing()
    return {"complained": await _happens(deck, ask, complain_about)}


async def unsubscribe_one(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Record `Unsubscribed from Email Marketing`, with what it says of the mail."""
    ask.nothing()
    return {"unsubscribed": await _happens(deck, ask, unsubscribe_by)}


async def _happens(deck: Deck, ask: Ask, record: Callable[[sqlite3.Connection, Mint, Mail], None]) -> str:
    """Let something happen to a mail; answers its id."""

    def work(connection: sqlite3.Connection) -> Mail:
        mail = _find_received(connection, ask)
        record(connection, deck.context.mint, mail)
        return mail

    mail = await deck.context.write(work)
    await deck.settle()
    return mail.id


def _find(connection: sqlite3.Connection, ask: Ask) -> Mail:
    mail = find_mail(connection, ask.arguments[0])
    if mail is None:
        raise ControlError(404, "There is no such mail; GET /__emulator__/outbox lists what was sent.")
    return mail


def _find_received(connection: sqlite3.Connection, ask: Ask) -> Mail:
    mail = _find(connection, ask)
    if mail.profile_id is None:
        raise ControlError(
            409, "This mail went to an address and to no profile, so that there is nobody to record it of."
        )
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
