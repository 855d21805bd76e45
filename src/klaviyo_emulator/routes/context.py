"""What a route is given and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from klaviyo_emulator import bodies
from klaviyo_emulator.cursors import CursorError
from klaviyo_emulator.errors import invalid, invalid_parameter
from klaviyo_emulator.jsonapi import Document, Linker, collection
from klaviyo_emulator.query import CURSOR, Pairs, Query, with_cursor
from klaviyo_emulator.state.acceptance import record_acceptance
from klaviyo_emulator.state.new_events import Stored

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.config import EmulatorConfig
    from klaviyo_emulator.operations import Operation
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.state.database import Database, Work
    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.paging import Page

Result = TypeVar("Result")
Row = TypeVar("Row")


@dataclass(slots=True)
class Changes:
    """How often the state was changed, and at which count and second segments were last brought up to date."""

    count: int = 0
    refreshed: dict[str, tuple[int, int]] = field(default_factory=dict[str, "tuple[int, int]"])
    """By the segment's id; empty for all of them."""


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of an emulator that routes use."""

    config: EmulatorConfig
    database: Database
    mint: Mint
    linker: Linker
    types: Types = field(default_factory=dict[str, Any])
    """Every resource type by its name; one that is different since a revision also as `name@revision`."""
    changes: Changes = field(default_factory=Changes)
    request: ApiRequest | None = None
    """The request whose changes are noted as accepted; None to note none."""

    @property
    def account_name(self) -> str:
        """The account's own name, or the configured one."""
        return self.mint.account_name or self.config.account_name

    async def read(self, work: Work[Result]) -> Result:
        """Wait for work that only reads."""
        return await asyncio.wrap_future(self.database.read(work))

    async def write(self, work: Work[Result]) -> Result:
        """Wait until the changes of `work` are durable."""
        self.changes.count += 1
        request = self.request
        if request is None:
            return await asyncio.wrap_future(self.database.write(work))

        def noted(connection: sqlite3.Connection) -> Result:
            result = work(connection)
            summary = accepted(result, request.arguments)
            record_acceptance(connection, self.mint, request.operation.id, summary)
            return result

        return await asyncio.wrap_future(self.database.write(noted))

    async def write_quietly(self, work: Work[Result]) -> Result:
        """The same for what nobody asked for and nobody will notice, such as bringing segments up to date."""
        return await asyncio.wrap_future(self.database.write(work))

    def noting(self, request: ApiRequest) -> Context:
        """The context of a request whose changes are to be noted as accepted."""
        return replace(self, request=request)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """A request that passed every check which does not depend on its resource."""

    operation: Operation
    revision: str
    """`2026-07-15` or `2026-10-15`, without a suffix."""
    path: str
    arguments: tuple[str, ...]
    pairs: Pairs
    query: Query
    document: object = None
    size: int = 0
    """Bytes of the body, after decompression."""

    def resource(self) -> Object:
        """The body's `data`, checked against what the operation takes. Raises a 400 refusal that names the member.

        Where the path has an id and `data` too, they must be the same.
        """
        data: Object = bodies.check(self.operation.id, self.revision, self.document)
        if self.arguments and "id" in data and data["id"] != self.arguments[0]:
            raise invalid(f"'id' must be '{self.arguments[0]}', as in the path.", "/data/id")
        return data

    def identifiers(self) -> list[str]:
        """The ids in the body of a relationship, checked likewise, each once and in order."""
        data: list[Object] = bodies.check(self.operation.id, self.revision, self.document)
        return list(dict.fromkeys(str(item["id"]) for item in data))

    def self_link(self, linker: Linker) -> str:
        """The request's own link."""
        return linker.request(self.path, self.pairs)

    def page_link(self, linker: Linker, cursor: str) -> str:
        """The link of another page of the same listing."""
        return linker.request(self.path, with_cursor(self.pairs, cursor))

    def included(self, resources: Iterable[Document] = ()) -> list[Document] | None:
        """What the answer has in `included`: None, which leaves it out, where no `include` was sent."""
        return None if self.query.include is None else list(resources)

    def position(self, decode: Callable[[str], Result]) -> Result | None:
        """The decoded cursor, None for the first page. Raises a 400 refusal for what is no cursor of the listing."""
        if not self.query.cursor:
            return None
        try:
            return decode(self.query.cursor)
        except CursorError:
            raise invalid_parameter("Invalid page cursor.", CURSOR) from None


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and, unless the body is empty, a document."""

    status: int
    document: Document | None = None


def accepted(result: object, arguments: Sequence[str]) -> Document:
    """What the acceptance log says of a change.

    Of events each one's profile id, metric, unique id, and whether it was stored or dropped; of anything else the id
    of what was changed, from what `work` answered or, if that does not say, from the path.
    """
    first: object = result
    if isinstance(result, list | tuple) and result:
        parts = cast("Sequence[object]", result)
        if isinstance(parts[0], Stored):
            return {"events": [_accepted_event(cast("Stored", stored)) for stored in parts]}
        first = parts[0]
    if isinstance(first, Reply):
        first = cast("Document", (first.document or {}).get("data") or {})
    found: object = cast("Document", first).get("id") if isinstance(first, dict) else getattr(first, "id", None)
    if isinstance(found, str):
        return {"id": found}
    return {"id": arguments[0]} if arguments else {}


def _accepted_event(stored: Stored) -> list[str]:
    unique_id = stored.event.unique_id
    return [
        stored.profile.id,
        stored.event.metric,
        str(stored.time) if unique_id is None else unique_id,
        "dropped" if stored.seq is None else "stored",
    ]


def page_reply(
    context: Context,
    request: ApiRequest,
    page: Page[Row],
    *,
    write: Callable[[Row], Document],
    cursor: Callable[[Row, bool], str],
    included: Iterable[Document] = (),
) -> Reply:
    """A page of resources. `cursor` makes that of the page after (True) or before (False) a row."""

    def link(row: Row, *, forward: bool) -> str:
        return request.page_link(context.linker, cursor(row, forward))

    return Reply(
        200,
        collection(
            [write(row) for row in page.rows],
            request.self_link(context.linker),
            following=link(page.rows[-1], forward=True) if page.has_next and page.rows else None,
            preceding=link(page.rows[0], forward=False) if page.has_previous and page.rows else None,
            included=request.included(included),
        ),
    )


Handler = Callable[[Context, ApiRequest], Awaitable[Reply]]
Routes = Mapping[str, Handler]
"""Handlers by the id of their operation."""
Types = Mapping[str, Any]
"""Descriptions of resource types (see `resources.ResourceType`, which builds on this module) by name."""
