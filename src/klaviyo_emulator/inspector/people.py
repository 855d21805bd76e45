"""Pages about profiles and what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import quote_plus

from klaviyo_emulator.inspector.flows import run_table
from klaviyo_emulator.inspector.layout import (
    Cell,
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
from klaviyo_emulator.inspector.markup import Html, tag
from klaviyo_emulator.state import inspection
from klaviyo_emulator.state.predictions import find_prediction
from klaviyo_emulator.state.profiles import Profile, find_profile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.control.deck import Deck
    from klaviyo_emulator.state.inspection import CountedGroup, Membership, SeenEvent, SeenMail, SeenRun

_SHOWN = 100
_GIST = 70
_SECTION = "/inspector/profiles"
_GROUPS = "/inspector/groups"
_NAMES = ("first_name", "last_name", "organization", "title", "locale", "image")
_KINDS = {"SUBSCRIBED": "good", "UNSUBSCRIBED": "bad"}
Found = tuple[Profile, "Membership", "list[SeenEvent]", "list[SeenMail]", "list[SeenRun]", "dict[str, object]"]


async def profiles(deck: Deck, visit: Visit, parameters: Mapping[str, str]) -> bytes:
    """The newest profiles, or those that are looked for."""
    wanted = parameters.get("q", "").strip()
    found = await deck.context.read(lambda connection: inspection.profiles(connection, wanted, _SHOWN))
    search = tag(
        "form",
        tag(
            "input",
            type="search",
            name="q",
            value=wanted,
            placeholder="e-mail, phone, external id or id",
            aria_label="Find",
        ),
        tag("button", "Find"),
        action=_SECTION,
    )
    if found:
        rows = [
            (
                profile_link(profile.id, profile.email or profile.phone_number or profile.external_id),
                _full_name(profile),
                tag("code", profile.id),
                instant(profile.created),
                None if profile.last_event is None else instant(profile.last_event),
            )
            for profile in found
        ]
        columns = (
            Column("Profile"),
            Column("Name", wide=True),
            Column("Id", wide=True),
            Column("Created", "time", wide=True),
            Column("Last event", "time"),
        )
        content = table(columns, rows)
    elif wanted:
        content = empty(f"No profile's identifier begins with {wanted!r}.")
    else:
        content = empty("There are no profiles yet. This makes one:", new_profile(visit.base))
    note = f"The newest {_SHOWN}, or those whose identifier begins with what you type."
    visit = Visit(
        visit.base, visit.path, visit.account_id, visit.refreshes, f"q={quote_plus(wanted)}" if wanted else ""
    )
    return page(visit, "Profiles", heading(visit, "Profiles", note), search, content)


async def profile(deck: Deck, visit: Visit, profile_id: str) -> bytes | None:
    """Everything about one profile; None if there is none with this id."""

    def work(connection: sqlite3.Connection) -> Found | None:
        found = find_profile(connection, profile_id)
        if found is None:
            return None
        return (
            found,
            inspection.membership(connection, found.seq),
            inspection.events(connection, _SHOWN, profile=found.seq),
            inspection.latest_mail(connection, _SHOWN, profile=found.seq),
            inspection.latest_runs_of_profile(connection, found.seq, _SHOWN),
            find_prediction(connection, found.seq),
        )

    await deck.refresh_segments()
    result = await deck.context.read(work)
    if result is None:
        return None
    found, groups, events, mails, runs, prediction = result
    name = found.email or found.phone_number or found.external_id or found.id
    parts = [
        heading(visit, name, _full_name(found)),
        facts(_attributes(found)),
        tag("h2", "Properties"),
        as_json(found.details["properties"]) if found.details.get("properties") else empty("None."),
        tag("h2", "Consent"),
        _consent(groups),
        tag("h2", "Lists and segments"),
        _groups(groups),
    ]
    if prediction:
        parts += [tag("h2", "Predictive analytics"), as_json(prediction)]
    if runs:
        parts += [tag("h2", "Flows"), run_table(runs, of_profile=True)]
    if mails:
        parts += [tag("h2", "Mail"), mail_table(mails)]
    parts += [tag("h2", "Events"), event_table(events, of_profile=True) if events else empty("None yet.")]
    return page(visit, name, *parts, section=_SECTION)


async def groups(deck: Deck, visit: Visit, _parameters: Mapping[str, str]) -> bytes:
    """The lists and segments."""
    await deck.refresh_segments()
    found = await deck.context.read(lambda connection: inspection.groups(connection, _SHOWN))
    columns = (
        Column("Name"),
        Column("Kind"),
        Column("Id", wide=True),
        Column("Profiles", "num"),
        Column("Created", "time", wide=True),
    )
    rows = [
        (
            tag("a", each.name or each.id, href=f"{_GROUPS}/{each.id}"),
            each.type,
            tag("code", each.id),
            each.members,
            instant_us(each.created_us),
        )
        for each in found
    ]
    content = table(columns, rows) if rows else empty("There are none yet. This makes a list:", _new_list(visit.base))
    note = f"The newest {_SHOWN}, with how many profiles are in each."
    return page(visit, "Lists and segments", heading(visit, "Lists and segments", note), content)


async def group(deck: Deck, visit: Visit, group_id: str) -> bytes | None:
    """Who is in a list or a segment; None if there is none with this id."""

    def work(connection: sqlite3.Connection) -> tuple[CountedGroup, list[tuple[Profile, int]]] | None:
        found = inspection.find_group(connection, group_id)
        return None if found is None else (found, inspection.latest_members(connection, group_id, _SHOWN))

    await deck.refresh_segments(group_id)
    result = await deck.context.read(work)
    if result is None:
        return None
    found, members = result
    rows = [
        (profile_link(member.id, member.email or member.phone_number), _full_name(member), instant(joined))
        for member, joined in members
    ]
    columns = (Column("Profile"), Column("Name", wide=True), Column("Joined", "time"))
    content = table(columns, rows) if rows else empty("Nobody is in it.")
    noun = "profile" if found.members == 1 else "profiles"
    note = f"A {found.type} with {found.members} {noun}; those who joined last come first."
    return page(visit, found.name, heading(visit, found.name, note), content, section=_GROUPS)


async def events(deck: Deck, visit: Visit, _parameters: Mapping[str, str]) -> bytes:
    """The events that came last."""
    found = await deck.context.read(lambda connection: inspection.events(connection, _SHOWN))
    content = (
        event_table(found) if found else empty("There are no events yet. This records one:", new_event(visit.base))
    )
    note = f"The {_SHOWN} that were stored last, newest first."
    return page(visit, "Events", heading(visit, "Events", note), content)


def event_table(found: Sequence[SeenEvent], *, of_profile: bool = False) -> Html:
    """Events with what was sent with them."""
    columns = [
        Column("Time", "time"),
        Column("Metric"),
        Column("Properties", wide=not of_profile),  # a phone shows them on the page of the profile
        Column("unique_id", wide=True),
    ]
    rows: list[list[Cell]] = [
        [
            instant(event.time),
            event.metric,
            folded(_gist(event.properties), as_json(event.properties)) if event.properties else None,
            tag("code", event.unique_id),
        ]
        for event in found
    ]
    if not of_profile:
        columns.insert(2, Column("Profile"))
        for row, event in zip(rows, found, strict=True):
            row.insert(2, profile_link(event.profile_id, event.email))
    if any(event.value is not None for event in found):
        columns.append(Column("Value", "num", wide=True))
        for row, event in zip(rows, found, strict=True):
            row.append(event.value)
    return table(columns, rows)


def mail_table(found: Sequence[SeenMail]) -> Html:
    """Mail with links to read it."""
    columns = (Column("Sent", "time"), Column("To"), Column("Subject"))
    rows = [
        (
            instant(mail.sent),
            mail.address if mail.profile_id is None else profile_link(mail.profile_id, mail.address),
            tag("a", mail.subject or "(no subject)", href=f"/inspector/mail/{mail.id}"),
        )
        for mail in found
    ]
    return table(columns, rows)


def new_profile(base: str) -> str:
    """A command that makes a profile."""
    body = '{"data":{"type":"profile","attributes":{"email":"kim@example.org","first_name":"Kim"}}}'
    return _curl(f"{base}/api/profiles", body)


def new_event(base: str) -> str:
    """A command that records an event."""
    body = (
        '{"data":{"type":"event","attributes":{"properties":{"plan":"free"},'
        '"metric":{"data":{"type":"metric","attributes":{"name":"Signed Up"}}},'
        '"profile":{"data":{"type":"profile","attributes":{"email":"kim@example.org"}}}}}}'
    )
    return _curl(f"{base}/api/events", body)


def _new_list(base: str) -> str:
    return _curl(f"{base}/api/lists", '{"data":{"type":"list","attributes":{"name":"Newsletter"}}}')


def _curl(url: str, body: str) -> str:
    return (
        f"curl {url} \\\n  -H 'Authorization: Klaviyo-API-Key pk_anything' -H 'revision: 2026-07-15' \\\n"
        f"  -H 'Content-Type: application/vnd.api+json' \\\n  -d '{body}'"
    )


def _full_name(found: Profile) -> str | None:
    return " ".join(str(found.details[name]) for name in ("first_name", "last_name") if found.details.get(name)) or None


def _attributes(found: Profile) -> dict[str, Cell]:
    location = cast("dict[str, object]", found.details.get("location") or {})
    rows: dict[str, Cell] = {
        "id": tag("code", found.id),
        "email": found.email,
        "phone_number": found.phone_number,
        "external_id": found.external_id,
        **{name: found.details.get(name) for name in _NAMES},
        "location": ", ".join(f"{key} {value}" for key, value in location.items() if value is not None),
        "created": instant(found.created),
        "updated": instant(found.updated),
        "last_event_date": None if found.last_event is None else instant(found.last_event),
    }
    return {name: value for name, value in rows.items() if value}


def _consent(groups: Membership) -> Html:
    if not (groups.channels or groups.pending or groups.suppressions):
        return empty("Never asked on any channel, and not suppressed.")
    columns = (Column("Channel"), Column("Status"), Column("Since", "time"), Column("How", wide=True))
    rows: list[Sequence[Cell]] = [
        (each.channel, pill(each.status, _KINDS.get(each.status)), instant(each.consented), each.method)
        for each in groups.channels
    ]
    rows += [
        (channel, pill("waits for confirmation", "warn"), instant(asked), f"list {list_id}" if list_id else None)
        for list_id, channel, asked in groups.pending
    ]
    rows += [
        (
            f"suppressed in list {each.list_id}" if each.list_id else "suppressed",
            pill(each.reason, "warn"),
            instant(each.at),
            None,
        )
        for each in groups.suppressions
    ]
    return table(columns, rows)


def _groups(groups: Membership) -> Html:
    if not groups.groups:
        return empty("In none.")
    columns = (Column("Name"), Column("Kind"), Column("Id", wide=True), Column("Joined", "time"))
    return table(
        columns,
        [
            (
                tag("a", each.name or each.id, href=f"{_GROUPS}/{each.id}"),
                each.type,
                tag("code", each.id),
                instant(each.joined),
            )
            for each in groups.groups
        ],
    )


def _gist(properties: Mapping[str, object]) -> str:
    """The first properties, as far as they fit on a line."""
    whole = ", ".join(f"{name} {value}" for name, value in properties.items())
    return whole if len(whole) <= _GIST else f"{whole[:_GIST]} ..."
