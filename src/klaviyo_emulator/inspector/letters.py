"""Pages about mail, and about the webhooks that the emulator sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.inspector import unsubscribing
from klaviyo_emulator.inspector.layout import (
    Column,
    Visit,
    as_json,
    empty,
    facts,
    folded,
    heading,
    instant,
    instant_us,
    page,
    pill,
    profile_link,
    table,
)
from klaviyo_emulator.inspector.markup import join, tag
from klaviyo_emulator.inspector.people import mail_table
from klaviyo_emulator.state import inspection
from klaviyo_emulator.state.mail import Mail, find_mail
from klaviyo_emulator.state.personalization import reachable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.control.deck import Deck
    from klaviyo_emulator.inspector.markup import Html
    from klaviyo_emulator.state.inspection import SeenPost, SeenWebhook

_SHOWN = 100
_SECTION = "/inspector/mail"


async def mails(deck: Deck, visit: Visit, _parameters: Mapping[str, str]) -> bytes:
    """The mail that was sent last."""
    found = await deck.context.read(lambda connection: inspection.latest_mail(connection, _SHOWN))
    content = (
        mail_table(found)
        if found
        else empty("No mail was sent yet. It is sent by campaigns and by flows that are live, and reaches nobody.")
    )
    note = f"The last {_SHOWN}, newest first. Nothing leaves this machine: what is sent stays here to be read."
    return page(visit, "Mail", heading(visit, "Mail", note), content)


async def mail(deck: Deck, visit: Visit, mail_id: str) -> bytes | None:
    """One mail; None if there is none with this id."""
    found = await _find(deck, mail_id)
    if found is None:
        return None
    rows = {
        "from": found.sender,
        "to": found.address if found.profile_id is None else profile_link(found.profile_id, found.address),
        "sent": instant(found.sent),
        **{name: str(value) for name, value in found.origin.items()},
    }
    body: Html = (
        tag(
            "div",
            tag("iframe", src=f"{_SECTION}/{found.id}/body", sandbox="", title="The mail"),
            class_="panel",
        )
        if found.html
        else empty("It has no HTML.")
    )
    told = (
        f"curl -X POST {visit.base}/__emulator__/outbox/{found.id}/open -H 'Content-Type: application/json'\n"
        f"curl {visit.base}/__emulator__/outbox/{found.id}/click -H 'Content-Type: application/json' \\\n"
        '  -d \'{"url":"https://example.org/"}\''
    )
    message = found.origin.get("$message")
    link = None if message is None else f"{unsubscribing.PREFIX}/{found.profile_id}/{message}"
    parts = (
        heading(visit, found.subject or "(no subject)"),
        facts(rows),
        tag("h2", "As HTML"),
        body,
        tag("h2", "As text"),
        tag("pre", reachable(found.text, visit.base) or "(none)"),
        *(
            (
                tag("h2", "Open it, click it"),
                tag("p", "These record Opened Email and Clicked Email for its profile."),
                tag("pre", told),
                tag("p", tag("a", "Unsubscribe, as by its link", href=link)) if link else None,
            )
            if found.profile_id is not None
            else (tag("p", "It went to an address and to no profile: a preview, or an alert of a flow.", class_="dim"),)
        ),
    )
    return page(visit, found.subject or "Mail", *parts, section=_SECTION)


async def body_of(deck: Deck, mail_id: str) -> bytes | None:
    """The HTML of a mail, as it was sent; to be shown without any right."""
    found = await _find(deck, mail_id)
    return None if found is None else found.html.encode("utf-8", "replace")


async def webhooks(deck: Deck, visit: Visit, _parameters: Mapping[str, str]) -> bytes:
    """The webhooks, and the emulator's own last requests."""

    def work(connection: sqlite3.Connection) -> tuple[list[SeenWebhook], list[SeenPost]]:
        return inspection.webhooks(connection, _SHOWN), inspection.latest_posts(connection, _SHOWN)

    found, posts = await deck.context.read(work)
    parts = (
        heading(visit, "Webhooks", f"What goes out: to webhooks and from flows, the last {_SHOWN}, newest first."),
        tag("h2", "Webhooks"),
        _webhook_table(found) if found else empty("There are no webhooks. POST /api/webhooks makes one."),
        tag("h2", "Requests"),
        _post_table(posts) if posts else empty("No webhook was called yet, and no flow has sent a request."),
    )
    return page(visit, "Webhooks", *parts)


def _webhook_table(found: Sequence[SeenWebhook]) -> Html:
    columns = (Column("Name"), Column("To"), Column("Topics"), Column("Status", "short"), Column("Id", wide=True))
    rows = [
        (
            webhook.name,
            webhook.url,
            folded(f"{len(webhook.topics)}", join(tag("div", topic) for topic in webhook.topics)),
            pill("enabled", "good") if webhook.enabled else pill("disabled"),
            tag("code", webhook.id),
        )
        for webhook in found
    ]
    return table(columns, rows)


def _post_table(found: Sequence[SeenPost]) -> Html:
    columns = (
        Column("Made", "time"),
        Column("To"),
        Column("From", wide=True),
        Column("Attempts", "num"),
        Column("Outcome"),
        Column("What was sent"),
    )
    rows = [
        (
            instant_us(post.created_us),
            post.url,
            tag("code", post.webhook) if post.webhook else "a flow",
            post.attempts,
            pill("waiting") if post.due_us is not None else pill(post.outcome or "done"),
            folded("headers and body", join((as_json(post.headers), tag("pre", post.body)))),
        )
        for post in found
    ]
    return table(columns, rows)


async def _find(deck: Deck, mail_id: str) -> Mail | None:
    return await deck.context.read(lambda connection: find_mail(connection, mail_id))
