"""What the unsubscribe link in a mail leads to: a page that asks, and what its button does.

Reading the page changes nothing, so that whoever looks at links before the recipient does unsubscribes nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.inspector.layout import Visit, page, profile_link
from klaviyo_emulator.inspector.markup import Html, join, tag
from klaviyo_emulator.state.consents import EMAIL, UNSUBSCRIBED, status_of
from klaviyo_emulator.state.mail import latest_mail_of, unsubscribe_by
from klaviyo_emulator.state.profiles import find_profile

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.control.deck import Deck
    from klaviyo_emulator.state.mail import Mail
    from klaviyo_emulator.state.profiles import Profile

PREFIX = "/unsubscribe"
_SECTION = "/inspector/mail"


async def ask(deck: Deck, visit: Visit) -> bytes | None:
    """The page with the button; None where the link is of no mail that was sent."""

    def work(connection: sqlite3.Connection) -> tuple[Profile, bool] | None:
        found = _find(connection, visit)
        return None if found is None else (found[0], status_of(connection, found[0].seq, EMAIL) == UNSUBSCRIBED)

    found = await deck.context.read(work)
    if found is None:
        return None
    profile, is_unsubscribed = found
    return _told(visit, profile) if is_unsubscribed else _asked(visit, profile, deck.context.account_name)


async def unsubscribe(deck: Deck, visit: Visit) -> bytes | None:
    """Take the recipient at their word, and record it as caused by the mail; None as above."""

    def work(connection: sqlite3.Connection) -> Profile | None:
        found = _find(connection, visit)
        if found is None:
            return None
        profile, mail = found
        unsubscribe_by(connection, deck.context.mint, mail)
        return profile

    profile = await deck.context.write(work)
    if profile is None:
        return None
    await deck.settle()
    return _told(visit, profile)


def _find(connection: sqlite3.Connection, visit: Visit) -> tuple[Profile, Mail] | None:
    """Who a link belongs to, and the mail that it is in. A profile that was merged is who it is now."""
    match visit.path.removeprefix(PREFIX).split("/")[1:]:
        case [profile_id, message_id]:
            profile = find_profile(connection, profile_id)
            mail = None if profile is None else latest_mail_of(connection, profile.seq, message_id)
            return None if profile is None or mail is None else (profile, mail)
        case _:
            return None


def _asked(visit: Visit, profile: Profile, account_name: str) -> bytes:
    form = tag("form", tag("button", "Unsubscribe"), method="post", action=visit.path)
    recipient = profile_link(profile.id, profile.email)
    question = tag("p", "Unsubscribe ", recipient, f" from the e-mail of {account_name}?")
    return _page(visit, "Unsubscribe", join((question, form)))


def _told(visit: Visit, profile: Profile) -> bytes:
    told = tag("p", profile_link(profile.id, profile.email), " is unsubscribed and gets no more marketing e-mail.")
    return _page(visit, "Unsubscribed", told)


def _page(visit: Visit, title: str, content: Html) -> bytes:
    return page(visit, title, tag("h1", title), content, section=_SECTION)
