"""How a collection endpoint becomes a ``Listing``."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar

from aioklaviyo import jsonapi
from aioklaviyo.calls import Caller, QueryValue, read
from aioklaviyo.filters import Filter
from aioklaviyo.jsonapi import Json, MalformedDocumentError, Resource
from aioklaviyo.pagination import Listing, Page

T = TypeVar("T")


def listing(
    caller: Caller,
    path: str,
    parse: Callable[[Resource], T],
    *,
    parameters: Mapping[str, QueryValue],
    where: Filter | None,
    sort: str | None = None,
    page_size: int | None = None,
    cursor: str | None,
    deadline_seconds: float | None,
) -> Listing[T]:
    """A listing that sends nothing until it is iterated; the deadline counts for each page."""

    async def fetch(at: str | None, used: AbstractSet[str]) -> Page[T]:
        asked: dict[str, QueryValue] = {
            **parameters,
            "filter": None if where is None else where.expression,
            "page[size]": page_size,
            "sort": sort,
            "page[cursor]": at,
        }
        reply = await caller.send(read(path, asked), deadline_seconds)

        def page(document: Json) -> Page[T]:
            items = tuple(parse(resource) for resource in jsonapi.collection(document))
            next_cursor = jsonapi.next_cursor(document)
            if next_cursor in used:
                # Following it would never end.
                raise MalformedDocumentError("links.next leads back to a page already read")
            return Page(items, next_cursor)

        return reply.parsed(page)

    return Listing(fetch, cursor)
