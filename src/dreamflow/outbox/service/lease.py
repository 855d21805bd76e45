"""A worker's lease: the right to send, which ends by itself when the worker no longer renews it."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from dreamflow.kit.clock import Clock
from dreamflow.outbox.errors import LeaseLost
from dreamflow.outbox.ports import LeaseStore

_RENEWALS: Final = 3
"""Times that a lease is renewed within its length: two may fail."""
_ID_BYTES: Final = 12


class Lease:
    """The lease of one worker.

    Args:
        store: where leases are.
        clock: the machine's; the clocks of all workers must agree to within a third of the length.
        seconds: how long after its last sign of life a worker counts as dead.
    """

    def __init__(self, store: LeaseStore, clock: Clock, seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._length = timedelta(seconds=seconds)
        self._renewed: datetime | None = None
        self.worker = _new_id()
        self.partitions: frozenset[int] = frozenset()

    @property
    def is_due(self) -> bool:
        """Whether it is time to renew."""
        return not self._is_younger_than(self._length / _RENEWALS)

    @property
    def is_held(self) -> bool:
        """Whether what is sent now is sent with right: a process that slept for long must look before it leaps."""
        return self._is_younger_than(self._length)

    async def renew(self) -> None:
        """Live on.

        Raises:
            LeaseLost: others have taken over; this worker goes on under another name, holding nothing.
        """
        now = self._clock.now()
        try:
            self.partitions = await self._store.renew(self.worker, now, now + self._length)
        except LeaseLost:
            self._forget()
            raise
        self._renewed = now

    async def take(self, partitions: frozenset[int]) -> None:
        """Hold exactly these, because somebody else has shared them out. Raises LeaseLost as `renew` does."""
        try:
            await self._store.take(self.worker, partitions)
        except LeaseLost:
            self._forget()
            raise
        self.partitions = partitions

    async def leave(self) -> None:
        """Let go of everything."""
        if self._renewed is not None:
            await self._store.leave(self.worker)
            self._forget()

    def _is_younger_than(self, age: timedelta) -> bool:
        # A clock that was put back knows nothing of the age: it is not young.
        return self._renewed is not None and timedelta() <= self._clock.now() - self._renewed < age

    def _forget(self) -> None:
        self.worker = _new_id()
        self.partitions = frozenset()
        self._renewed = None


def _new_id() -> str:
    # Not from the seeded ids of a simulation: two processes with one seed must not be one worker.
    return secrets.token_hex(_ID_BYTES)
