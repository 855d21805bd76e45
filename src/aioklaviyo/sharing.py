"""Single flight: equal reads that are under way at the same time cost one request.

A read joins a flight only if no write of this client has ended since the flight began: who reads after a write never
gets an answer from before it. Each caller keeps a deadline and a cancellation of its own; the flight goes on while
anybody waits for it.
"""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from aioklaviyo.errors import KlaviyoError

T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0


class Flights(Generic[T]):
    """The reads of one client that are under way."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}
        self._writes = 0

    def wrote(self) -> None:
        """A write has ended, whatever came of it: what is under way is not joined any more."""
        self._writes += 1

    def is_under_way(self, key: Hashable) -> bool:
        """Whether ``join`` would wait for another's read."""
        return self._under_way((self._writes, key)) is not None

    async def join(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """The result of ``read``, or of an equal one that is under way.

        Raises:
            KlaviyoError: What the read raises; each waiter gets a copy of its own.
        """
        place = (self._writes, key)
        flight = self._under_way(place)
        leads = flight is None
        if flight is None:
            flight = self._flights[place] = _Flight(asyncio.ensure_future(_run(read)))
            flight.task.add_done_callback(lambda task: self._landed(place, task))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        except KlaviyoError as error:
            if leads:
                raise
            # An exception holds the stack it went through; two tasks must not write to the same one.
            raise copy.copy(error) from None
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                # Nobody wants it any more. Its connection is given back before its last caller goes on.
                flight.task.cancel()
                await asyncio.wait([flight.task])

    def _under_way(self, place: tuple[int, Hashable]) -> _Flight[T] | None:
        flight = self._flights.get(place)
        # One that has just ended, or that everybody has left, is still here for a turn of the loop.
        return None if flight is None or flight.task.done() or not flight.waiting else flight

    def _landed(self, place: tuple[int, Hashable], task: asyncio.Task[T]) -> None:
        flight = self._flights.get(place)
        if flight is not None and flight.task is task:
            del self._flights[place]
        if not task.cancelled():
            # Looked at, so that an error nobody waited for is not reported as forgotten.
            task.exception()


async def _run(read: Callable[[], Awaitable[T]]) -> T:
    return await read()
