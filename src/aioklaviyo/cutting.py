"""Cutting a stream of things into batches that Klaviyo takes: so many things and so many bytes at most."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def each(source: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    """The things of a source of either kind."""
    if isinstance(source, AsyncIterable):
        async for thing in source:
            yield thing
    else:
        for thing in source:
            yield thing


async def batches(
    source: Iterable[T] | AsyncIterable[T], *, most: int, most_bytes: int, size_of: Callable[[T], int]
) -> AsyncIterator[list[T]]:
    """The things in their order, in lists of at most ``most`` that are together at most ``most_bytes`` long.

    One thing that is too large by itself comes alone: whoever sends it hears why it cannot be sent.
    """
    batch: list[T] = []
    size = 0
    async for thing in each(source):
        weight = size_of(thing)
        if batch and (len(batch) >= most or size + weight > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(thing)
        size += weight
    if batch:
        yield batch
