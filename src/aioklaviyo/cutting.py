"""Cutting a stream of things into batches that Klaviyo takes: so many things and so many bytes at most."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from typing_extensions import override

from aioklaviyo.errors import RequestRejected

T = TypeVar("T")

_THINGS_IN_A_ROW = 100
"""After so many things everybody else has a turn: to write thousands of them takes tenths of a second."""


class Tap(AsyncIterator[T]):
    """The things of a source of either kind, until it ends, breaks or is turned off.

    Whoever cuts the things up notices no difference, so what was taken by then is cut and handed on as ever.
    """

    def __init__(self, source: Iterable[T] | AsyncIterable[T]) -> None:
        self._things = aiter(source) if isinstance(source, AsyncIterable) else iter(source)
        self._is_off = False
        self._taken = 0
        self.broken: Exception | None = None
        """What the source raised."""

    def turn_off(self) -> None:
        """Take nothing more from the source."""
        self._is_off = True

    @override
    def __aiter__(self) -> "Tap[T]":
        return self

    @override
    async def __anext__(self) -> T:
        if not self._is_off:
            self._taken += 1
            if not self._taken % _THINGS_IN_A_ROW:
                await asyncio.sleep(0)
            try:
                if isinstance(self._things, AsyncIterator):
                    return await anext(self._things)
                for thing in self._things:
                    return thing
            except StopAsyncIteration:
                pass
            except Exception as error:  # noqa: BLE001 - raised when what came before it is on its way
                self.broken = error
            self._is_off = True
        raise StopAsyncIteration


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A thing, and the part of a body that it becomes: written once, however often it is sent."""

    thing: T
    body: bytes


@dataclass(slots=True)
class Cut(Generic[T]):
    """What goes together, and what came in between that is not sent at all."""

    entries: list[Entry[T]] = field(default_factory=list[Entry[T]])
    size: int = 0
    refused: list[tuple[T, RequestRejected]] = field(default_factory=list[tuple[T, RequestRejected]])
    duplicates: list[T] = field(default_factory=list[T])

    @property
    def total(self) -> int:
        """How many things are accounted for here."""
        return len(self.entries) + len(self.refused) + len(self.duplicates)


async def cuts(
    source: AsyncIterator[T], write: Callable[[T], bytes | None], *, most: int, most_bytes: int
) -> AsyncGenerator[Cut[T], None]:
    """The things in their order, cut by count and by the bytes of what they become.

    Args:
        source: The things.
        write: The part of a body that a thing becomes; None for one that is not to be sent again. It raises
            ``RequestRejected`` for one that cannot be sent at all.
        most: How many go together.
        most_bytes: How many bytes of parts, and of commas between them, go together.
    """
    cut = Cut[T]()
    async for thing in source:
        try:
            body = write(thing)
        except RequestRejected as error:
            cut.refused.append((thing, error))
        else:
            if body is None:
                cut.duplicates.append(thing)
            else:
                if cut.entries and cut.size + 1 + len(body) > most_bytes:
                    yield cut
                    cut = Cut[T]()
                cut.size += len(body) + bool(cut.entries)
                cut.entries.append(Entry(thing, body))
        if cut.total >= most:
            yield cut
            cut = Cut[T]()
    if cut.total:
        yield cut
