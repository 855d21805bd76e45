"""Cutting a stream of things into batches that Klaviyo takes: so many things and so many bytes at most."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from aioklaviyo.errors import RequestRejected

T = TypeVar("T")


async def each(source: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    """The things of a source of either kind."""
    if isinstance(source, AsyncIterable):
        async for thing in source:
            yield thing
    else:
        for thing in source:
            yield thing


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
    source: Iterable[T] | AsyncIterable[T], write: Callable[[T], bytes | None], *, most: int, most_bytes: int
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
    async for thing in each(source):
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
