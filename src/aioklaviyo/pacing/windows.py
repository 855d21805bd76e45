"""Places in rate windows whose phase nobody knows. Pure state: the present is passed in.

Klaviyo counts in fixed windows and does not say when they begin. A place is *held* from the moment a request is sent
until one window length after its answer came. The server counted the request somewhere between those two moments, so
if more than ``limit`` requests ever fell in one of its windows, the last of them would have been sent while ``limit``
others were still held here: it would not have been sent. That holds for every phase and every delay, and gives
``limit / (length + round trip)`` requests per second.
"""

from collections import deque
from collections.abc import Iterable

from aioklaviyo.pacing.headers import Limit

DRIFT = 1e-4
"""By how much the server's clock may go slower than ours: two quartz clocks differ by less than 100 millionths."""


class Window:
    """The requests that may still count in one window, of those that have been answered."""

    __slots__ = ("_ends", "_hold_seconds", "limit")

    def __init__(self, limit: Limit, answered: Iterable[float] = ()) -> None:
        self.limit = limit
        self._hold_seconds = limit.seconds * (1 + DRIFT)
        self._ends = deque(moment + self._hold_seconds for moment in answered)

    def held(self, now: float) -> int:
        """How many answered requests still count."""
        ends = self._ends
        while ends and ends[0] <= now:
            ends.popleft()
        return len(ends)

    def hold(self, now: float) -> None:
        """A request was answered."""
        self._ends.append(now + self._hold_seconds)

    def answered(self) -> list[float]:
        """When those were answered that have not been forgotten, oldest first."""
        return [end - self._hold_seconds for end in self._ends]

    def answered_since(self, moment: float) -> int:
        """How many were answered after a moment not longer ago than the window is long."""
        end = moment + self._hold_seconds
        return sum(1 for held_until in self._ends if held_until > end)

    def wait_seconds(self, now: float, *, room: int, in_flight: int, ahead: int) -> float:
        """For how long there is no place, at least.

        Args:
            now: The present.
            room: How many places there are in all; may be fewer than the limit.
            in_flight: Requests without an answer yet. Each counts for a whole window from its answer on.
            ahead: How many others take a place first.
        """
        held = self.held(now)
        missing = held + in_flight + ahead + 1 - room
        if missing <= 0:
            return 0.0
        if missing <= held:
            return self._ends[missing - 1] - now
        # What is in flight now, or goes later, is answered now at the earliest, and then held for a window.
        return self._hold_seconds * (1 + (missing - held - 1) // room)
