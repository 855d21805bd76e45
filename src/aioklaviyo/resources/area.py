"""What the areas of the API have in common: how a call becomes a model, a listing, or nothing."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar

from aioklaviyo import jsonapi
from aioklaviyo.calls import Caller
from aioklaviyo.filters import Filter
from aioklaviyo.jsonapi import Json, MalformedDocumentError, Resource
from aioklaviyo.operations import Call, Operation, Query, QueryValue
from aioklaviyo.pagination import Listing, Page

T = TypeVar("T")

_NO_QUERY: Mapping[str, QueryValue] = {}


class Area:
    """One attribute of ``Klaviyo``."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def _one(self, call: Call, parse: Callable[[Resource], T], deadline_seconds: float | None) -> T:
        """The one resource that is answered."""
        return (await self._caller.send(call, deadline_seconds)).one(parse)

    async def _related(self, call: Call, parse: Callable[[Resource], T], deadline_seconds: float | None) -> T | None:
        """The resource of a to-one relationship; None where there is none."""
        reply = await self._caller.send(call, deadline_seconds)
        return reply.parsed(lambda document: None if _is_empty(document) else parse(jsonapi.single(document)))

    async def _related_id(self, call: Call, deadline_seconds: float | None) -> str | None:
        """The id of a to-one relationship; None where there is none."""
        return await self._related(call, _id_of, deadline_seconds)

    async def _done(self, call: Call, deadline_seconds: float | None) -> None:
        """Nothing is answered that anybody needs."""
        await self._caller.send(call, deadline_seconds)

    def _list(
        self,
        operation: Operation,
        *ids: str,
        parse: Callable[[Resource], T],
        query: Query = _NO_QUERY,
        where: Filter | None = None,
        sort: str | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[T]:
        """A listing that sends nothing until it is iterated; the deadline counts for each page."""

        async def fetch(at: str | None, used: AbstractSet[str]) -> Page[T]:
            asked: dict[str, QueryValue] = {
                **query,
                "filter": None if where is None else where.expression,
                "page[size]": page_size,
                "sort": sort,
                "page[cursor]": at,
            }
            reply = await self._caller.send(operation.call(*ids, query=asked), deadline_seconds)

            def page(document: Json) -> Page[T]:
                items = tuple(parse(resource) for resource in jsonapi.collection(document))
                next_cursor = jsonapi.next_cursor(document)
                if next_cursor in used:
                    # Following it would never end.
                    raise MalformedDocumentError("links.next leads back to a page already read")
                return Page(items, next_cursor)

            return reply.parsed(page)

        return Listing(fetch, cursor)

    def _list_ids(
        self,
        operation: Operation,
        *ids: str,
        where: Filter | None = None,
        sort: str | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[str]:
        """The same, of a relationship's ids."""
        return self._list(
            operation,
            *ids,
            parse=_id_of,
            where=where,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )


def _id_of(resource: Resource) -> str:
    return resource.id


def _is_empty(document: Json) -> bool:
    return isinstance(document, dict) and "data" in document and document["data"] is None


def identified(resource_type: str, identifiers: Iterable[str]) -> list[Json]:
    """Resource identifiers, as the ``data`` of a to-many relationship.

    Raises:
        TypeError: One text instead of several: to a type checker it is a sequence of texts, its letters.
    """
    if isinstance(identifiers, str):
        raise TypeError(f"ids of type {resource_type} must be a list, not one text")
    return [{"type": resource_type, "id": identifier} for identifier in identifiers]
