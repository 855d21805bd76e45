"""Who waits for a slot, and in which order they go. Pure state; the futures are only carried.

Calls that are charged alike form a lane. Within a lane and a priority, the first come go first. Between lanes and
priorities, interactive calls go before background ones, the longest waiting first; but while background calls wait for
a quota, every tenth of its slots goes to them, without regard to their even pace. So the n-th background call in line
for a quota goes after 10 n of its slots at most.
"""

import asyncio
import heapq
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from aioklaviyo.pacing.model import OVERTAKEN_AT_MOST, Priority, Slot

_SMALL = 100


@dataclass(frozen=True, slots=True, eq=False)
class Waiter:
    """A call in the queue."""

    number: int
    lane: tuple[str, ...]
    """The keys it is charged to."""
    priority: Priority
    ends_at: float
    """When it waits no longer."""
    slot: asyncio.Future[Slot] = field(repr=False)


class Queue:
    """The waiting calls."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[tuple[str, ...], Priority], OrderedDict[int, Waiter]] = {}
        self._waiting: Counter[tuple[str, Priority]] = Counter()
        self._overtaken: Counter[str] = Counter()
        self._ends: list[tuple[float, int, Waiter]] = []
        self._joined = 0
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def waiting(self, key: str, priority: Priority) -> int:
        """How many calls of a priority wait for a quota."""
        return self._waiting[key, priority]

    def join(self, lane: tuple[str, ...], priority: Priority, ends_at: float, slot: asyncio.Future[Slot]) -> Waiter:
        """Come last."""
        self._joined += 1
        waiter = Waiter(self._joined, lane, priority, ends_at, slot)
        self._lanes.setdefault((lane, priority), OrderedDict())[waiter.number] = waiter
        for key in lane:
            self._waiting[key, priority] += 1
        if len(self._ends) > 2 * self._count + _SMALL:
            # Those that went long before their time was out must not be remembered until then.
            self._ends = [end for end in self._ends if self._is_waiting(end[2])]
            heapq.heapify(self._ends)
        heapq.heappush(self._ends, (ends_at, waiter.number, waiter))
        self._count += 1
        return waiter

    def leave(self, waiter: Waiter) -> bool:
        """Wait no longer; whether it had been waiting."""
        calls = self._lanes.get((waiter.lane, waiter.priority))
        if calls is None or calls.pop(waiter.number, None) is None:
            return False
        self._count -= 1
        if not calls:
            del self._lanes[waiter.lane, waiter.priority]
        for key in waiter.lane:
            self._waiting[key, waiter.priority] -= 1
            if not self._waiting[key, waiter.priority]:
                del self._waiting[key, waiter.priority]
                if waiter.priority is Priority.BACKGROUND:
                    del self._overtaken[key]
        return True

    def go(self, waiter: Waiter) -> None:
        """Its turn has come."""
        self.leave(waiter)
        for key in waiter.lane:
            if waiter.priority is Priority.BACKGROUND:
                self._overtaken[key] = 0
            elif self._waiting[key, Priority.BACKGROUND]:
                self._overtaken[key] += 1

    def heads(self) -> list[Waiter]:
        """The first of each lane and priority, in the order in which they should go."""
        return sorted((next(iter(calls.values())) for calls in self._lanes.values()), key=self._order)

    def clear(self) -> list[Waiter]:
        """Take out everybody."""
        waiters = [waiter for calls in self._lanes.values() for waiter in calls.values()]
        for waiter in waiters:
            self.leave(waiter)
        return waiters

    def first(self, lane: tuple[str, ...], priority: Priority, count: int) -> list[Waiter]:
        """The first of a lane and priority."""
        return list(islice(self._lanes.get((lane, priority), OrderedDict[int, Waiter]()).values(), count))

    def late(self, now: float) -> Iterator[Waiter]:
        """Take out those whose time has run out."""
        while self._ends and (self._ends[0][0] <= now or not self._is_waiting(self._ends[0][2])):
            waiter = heapq.heappop(self._ends)[2]
            if self.leave(waiter):
                yield waiter

    def next_end(self) -> float:
        """When the time of the next one runs out; it must not be empty."""
        return self._ends[0][0]

    def _is_waiting(self, waiter: Waiter) -> bool:
        return waiter.number in self._lanes.get((waiter.lane, waiter.priority), ())

    def is_due(self, waiter: Waiter) -> bool:
        """Whether it was overtaken often enough."""
        return waiter.priority is Priority.BACKGROUND and any(
            self._overtaken[key] >= OVERTAKEN_AT_MOST for key in waiter.lane
        )

    def _order(self, waiter: Waiter) -> tuple[int, int]:
        return (-1 if self.is_due(waiter) else int(waiter.priority), waiter.number)
