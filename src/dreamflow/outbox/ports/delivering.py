"""What the delivery worker needs from others."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from dreamflow.outbox.model import Answer, Batch, Books, Delivery, Lane, NewBatch, Verdict
from dreamflow.outbox.rules.cutting import Limits


class Sink(Protocol):
    """The other side's doors."""

    async def send_one(self, delivery: Delivery) -> Answer:
        """Send one delivery; repeating it has no second effect."""
        ...

    async def send_events(self, deliveries: Sequence[Delivery]) -> Answer:
        """Send events in one request, all or nothing. Repeating it may be refused for ever."""
        ...

    async def send_profiles(self, deliveries: Sequence[Delivery]) -> Answer:
        """Import profile updates, at most one of a profile, and wait until that is done. Repeating it is harmless."""
        ...


class ConsentGate(Protocol):
    """Asked again just before something leaves."""

    async def permitted(self, deliveries: Sequence[Delivery]) -> frozenset[str]:
        """The ids of those that cite a consent which still holds."""
        ...


class LeaseStore(Protocol):
    """Who looks after which partitions. A worker that does not renew in time is dead to the others."""

    async def renew(self, worker: str, now: datetime, until: datetime) -> frozenset[int]:
        """Live on until a moment, bury the dead, adopt what they left, and hold a fair share.

        Returns:
            The partitions that are held.

        Raises:
            LeaseLost: the others took this worker for dead; what it held is theirs.
        """
        ...

    async def take(self, worker: str, partitions: frozenset[int]) -> None:
        """Hold exactly these from now on, whoever held them: somebody else has decided that.

        Raises:
            LeaseLost: see `renew`.
        """
        ...

    async def leave(self, worker: str) -> None:
        """Let go of everything; others may go on at once."""
        ...


class DeliveryStore(Protocol):
    """The durable side of delivery. Every change by a worker that has lost its lease is refused with `LeaseLost`."""

    async def claim(
        self,
        worker: str,
        now: datetime,
        *,
        under_way: frozenset[str],
        room: Mapping[Lane, int],
        limits: Limits,
        fresh: Mapping[Lane, int] | None = None,
        arrived: Sequence[str] | None = None,
    ) -> Sequence[Batch]:
        """What the worker should send now: its unfinished batches that are due, then new ones.

        Args:
            worker: who asks.
            now: for due times.
            under_way: ids of batches that it is sending.
            room: how many more of each lane it can send.
            limits: of new batches.
            fresh: how many new ones of each lane may be cut at most. None means as many as there is room for.
            arrived: ids of deliveries; only these are cut into new batches. None means all in its partitions.
        """
        ...

    async def settle(
        self,
        worker: str,
        batch: Batch,
        verdicts: Mapping[str, Verdict],
        now: datetime,
        into: Sequence[NewBatch] = (),
    ) -> None:
        """Record how deliveries ended, and where others go on; the batch ends with its last delivery.

        Doing it twice is the same as doing it once.
        """
        ...

    async def defer(self, worker: str, batch: Batch, due: datetime, reason: str, *, is_ambiguous: bool) -> None:
        """Record a failed try and when to try again."""
        ...

    async def books(self) -> Books:
        """Counts by state."""
        ...
