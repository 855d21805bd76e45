"""How a collection endpoint becomes a ``Listing``."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar

from aioklaviyo import jsonapi
from aioklaviyo.calls import Caller, read
from aioklaviyo.jsonapi import Json, MalformedDocumentError, QueryValue, Resource
from aioklaviyo.pagination import Listing, Page

T = TypeVar("T")


def listing(
    caller: Caller,
    path: str,
    parse: Callable[[Resource], T],
    *,
    cursor: str | None,
    deadline_seconds: float | None,
    parameters: Mapping[str, QueryValue],
) -> Listing[T]:
    """A listing that sends nothing until it is iterated; the deadline counts for each page."""

    async def fetch(at: str | None, used: AbstractSet[str]) -> Page[T]:
        call = read(path, {**parameters, "page[cursor]": at})
        reply = await caller.send(call, deadline_seconds)

        def page(document: Json) -> Page[T]:
            items = tuple(parse(resource) for resource in jsonapi.collection(document))
            next_cursor = jsonapi.next_cursor(document)
            if next_cursor in used:
                # Following it would never end.
                raise MalformedDocumentError("links.next leads back to a page already read")
            return Page(items, next_cursor)

        return reply.parsed(page)

    return Listing(fetch, cursor)
