"""What a route is given and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from klaviyo_emulator.cursors import CursorError
from klaviyo_emulator.errors import invalid_parameter
from klaviyo_emulator.query import CURSOR, Pairs, Query, with_cursor

if TYPE_CHECKING:
    from klaviyo_emulator.config import EmulatorConfig
    from klaviyo_emulator.jsonapi import Document, Linker
    from klaviyo_emulator.state.database import Database, Work
    from klaviyo_emulator.state.minting import Mint

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of an emulator that routes use."""

    config: EmulatorConfig
    database: Database
    mint: Mint
    linker: Linker

    async def read(self, work: Work[Result]) -> Result:
        """Wait for work that only reads."""
        return await asyncio.wrap_future(self.database.read(work))

    async def write(self, work: Work[Result]) -> Result:
        """Wait until the changes of `work` are durable."""
        return await asyncio.wrap_future(self.database.write(work))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """A request that passed every check which does not depend on its resource."""

    path: str
    arguments: tuple[str, ...]
    pairs: Pairs
    query: Query
    document: object = None
    size: int = 0
    """Bytes of the body, after decompression."""

    def self_link(self, linker: Linker) -> str:
        """The request's own link."""
        return linker.request(self.path, self.pairs)

    def page_link(self, linker: Linker, cursor: str) -> str:
        """The link of another page of the same listing."""
        return linker.request(self.path, with_cursor(self.pairs, cursor))

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


Handler = Callable[[Context, ApiRequest], Awaitable[Reply]]
Routes = Mapping[str, Handler]
"""Handlers by the id of their operation."""
