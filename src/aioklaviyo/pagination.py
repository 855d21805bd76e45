"""Cursor paging as asynchronous iterators that can be resumed.

Plain iterators rather than generators: there is nothing to close when a loop is left early, and after an error the
same page is asked for again by the next step.
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from typing_extensions import override

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One answer of a listing; ``next_cursor`` is None on the last one and can be passed to ``list(cursor=...)``."""

    items: tuple[T, ...]
    next_cursor: str | None


Fetch: TypeAlias = Callable[[str | None, AbstractSet[str]], Awaitable[Page[T]]]
"""Asks for the page at a cursor; the cursors already used are passed along, so that a circle is noticed."""


class PageIterator(AsyncIterator[Page[T]]):
    """The pages of a listing, one request each."""

    def __init__(self, fetch: Fetch[T], cursor: str | None) -> None:
        self._fetch = fetch
        self._cursor = cursor
        self._used = set[str]() if cursor is None else {cursor}
        self._is_finished = False

    @override
    def __aiter__(self) -> "PageIterator[T]":
        return self

    @override
    async def __anext__(self) -> Page[T]:
        if self._is_finished:
            raise StopAsyncIteration
        page = await self._fetch(self._cursor, self._used)
        self._cursor = page.next_cursor
        if self._cursor is None:
            self._is_finished = True
        else:
            self._used.add(self._cursor)
        return page


class Listing(AsyncIterator[T]):
    """The items of a listing, page after page: ``async for item in klaviyo.profiles.list(): ...``."""

    def __init__(self, fetch: Fetch[T], cursor: str | None) -> None:
        self._start = (fetch, cursor)
        self._pages = PageIterator(fetch, cursor)
        self._items: deque[T] = deque()

    def pages(self) -> PageIterator[T]:
        """The same listing from its beginning, a page at a time."""
        return PageIterator(*self._start)

    @override
    def __aiter__(self) -> "Listing[T]":
        return self

    @override
    async def __anext__(self) -> T:
        while not self._items:
            self._items.extend((await anext(self._pages)).items)
        return self._items.popleft()
