"""What a call asks of the pace-keeper, and what it gets: the interface between calls and limiters."""

import enum
from collections.abc import Mapping, Sequence
from typing import Protocol

from aioklaviyo.rates import Charge

OVERTAKEN_AT_MOST = 9
"""How many interactive calls go in a row while a background call waits."""


class Priority(enum.IntEnum):
    """How urgent a call is; the lower number goes first."""

    INTERACTIVE = 0
    """Somebody waits for the answer. May use a window's whole burst."""
    BACKGROUND = 1
    """Nobody waits: bulk loads, imports, nightly work. Keeps an even pace, so that room comes free all the time."""


class NoSlotInTime(Exception):
    """The wait for a slot would be longer than the call may take. Nothing was sent, and nothing is held."""

    def __init__(self, wait_seconds: float) -> None:
        super().__init__(wait_seconds)
        self.wait_seconds = wait_seconds
        """How long it would take at least, as far as that is known."""


class Slot(Protocol):
    """One attempt's place in the rate windows. End it once, by either method; a second end does nothing."""

    def settle(self, *, headers: Mapping[str, str] | None, retry_after_seconds: float | None) -> None:
        """Tell how the attempt ended.

        Args:
            headers: Of an answer that was charged: any status but 429.
            retry_after_seconds: What a 429 asked to wait. Such a request was not charged.
                With neither, nobody knows how it ended, and it counts as charged from now on.
        """
        ...

    def give_back(self) -> None:
        """Nothing was sent."""
        ...


class Pacing(Protocol):
    """Decides when an attempt may be sent."""

    async def slot(self, charges: Sequence[Charge], *, priority: Priority, within_seconds: float) -> Slot:
        """Wait for a place in the windows of every charge: all of them, or none.

        Raises:
            NoSlotInTime: At once when the wait that is known already does not fit; later when more came in between.
        """
        ...


class FreeSlot:
    """A place that was never scarce."""

    __slots__ = ()

    def settle(self, *, headers: Mapping[str, str] | None, retry_after_seconds: float | None) -> None:
        """Nothing depends on it."""

    def give_back(self) -> None:
        """Nothing was taken."""


FREE = FreeSlot()


class NoPacing:
    """Every attempt goes at once; what Klaviyo throttles is repeated when ``Retry-After`` says."""

    async def slot(self, charges: Sequence[Charge], *, priority: Priority, within_seconds: float) -> Slot:
        """A place, without waiting."""
        del charges, priority, within_seconds
        return FREE
