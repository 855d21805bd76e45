"""No limits at all: for a server that has none."""

from collections.abc import Mapping, Sequence

from aioklaviyo.pacing.model import Slot
from aioklaviyo.pacing.priority import Priority
from aioklaviyo.rates import Charge


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
