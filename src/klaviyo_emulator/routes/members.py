"""The profiles in a list or a segment, with since when they are in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import format_instant
from klaviyo_emulator.cursors import CursorError, Position, decode_keyed, encode_keyed
from klaviyo_emulator.jsonapi import Document, identifier
from klaviyo_emulator.routes.context import page_reply
from klaviyo_emulator.routes.profiles import PROFILE
from klaviyo_emulator.routes.resources import Relation, ResourceType, View
from klaviyo_emulator.state.members import JOINED, Member, list_members, profiles_in

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from klaviyo_emulator.routes.context import ApiRequest, Context, Handler, Reply
    from klaviyo_emulator.state.paging import Page
    from klaviyo_emulator.state.records import Subquery


def member_relation() -> Relation:
    """The relation `profiles` of a group."""
    return Relation(name="profiles", target="profile", select=profiles_in)


def members(kind: ResourceType[Any]) -> Handler:
    """Read a page of the profiles in a group."""
    return _listing(kind, lambda view: lambda member: MEMBER.document(view, member))


def member_ids(kind: ResourceType[Any]) -> Handler:
    """Read a page of the ids of the profiles in a group."""
    return _listing(kind, lambda _view: lambda member: identifier("profile", member.profile.id))


def _listing(kind: ResourceType[Any], writer: Callable[[View], Callable[[Member], Document]]) -> Handler:
    async def handle(context: Context, request: ApiRequest) -> Reply:
        start = request.position(_position)

        def work(connection: sqlite3.Connection) -> Reply:
            view = View(connection, context, request)
            group_id: str = kind.identify(kind.get(connection, request.arguments[0]))
            page = _page(view, group_id, start)
            return page_reply(context, request, page, write=writer(view), cursor=_cursor)

        return await context.read(work)

    return handle


def _page(view: View, group_id: str, start: Position | None) -> Page[Member]:
    query = view.query
    descending = query.sort.descending
    return list_members(view.connection, group_id, query.filters, descending=descending, start=start, size=query.size)


def _cursor(member: Member, forward: bool) -> str:  # noqa: FBT001 - as `page_reply` calls it
    return encode_keyed(JOINED, member.joined, str(member.profile.seq), forward=forward)


def _position(text: str) -> Position:
    position = decode_keyed(text, JOINED)
    seq = str(position.tie)
    if not isinstance(position.key, int) or not (seq.isascii() and seq.isdigit()) or int(seq) >= 1 << 63:
        raise CursorError
    return Position(position.key, int(seq), position.forward)


def _attributes(view: View, member: Member) -> Document:
    return {**PROFILE.attributes(view, member.profile), JOINED: format_instant(member.joined)}


def _additional(name: str) -> Callable[[View, Member], Any]:
    write = PROFILE.additional[name]
    return lambda view, member: write(view, member.profile)


def _no_page(_view: View, _start: Position | None, _within: Subquery | None) -> Page[Member]:
    raise NotImplementedError("members are listed by group")


MEMBER: ResourceType[Member] = ResourceType(
    name="profile",
    title="Profile",
    find=lambda _connection, _profile_id: None,
    page=_no_page,
    identify=lambda member: member.profile.id,
    sort_key=lambda member, _sort: member.joined,
    attributes=_attributes,
    additional={name: _additional(name) for name in PROFILE.additional},
    relations=PROFILE.relations,
)
"""How a profile in a group is written. It is never found or listed by itself."""
