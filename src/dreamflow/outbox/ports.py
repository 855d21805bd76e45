"""What delivery needs from others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dreamflow.outbox.model import Batch, Books, Delivery, DeliveryState


@dataclass(frozen=True, slots=True)
class Accepted:
    """The other side has it."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing was processed, and the named deliveries can never be: reasons by delivery id."""

    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now; perhaps it had its effect, perhaps not. Try the same bytes again.

    Attributes:
        reason: for people.
        after_seconds: what the other side asked for, if it did.
    """

    reason: str
    after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class OneByOne:
    """The bulk door refuses without saying whom (one event may be there already): single sends are idempotent."""


Answer = Accepted | Rejected | Deferred | OneByOne


class Sink(Protocol):
    """The other side's doors."""

    async def send_one(self, delivery: Delivery) -> Answer:
        """Send one delivery; repeating it has no second effect."""
        ...

    async def send_bulk(self, deliveries: Sequence[Delivery]) -> Answer:
        """Send events in one request, all or nothing."""
        ...


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event as the other side shows it; `at` in UTC."""

    metric: str
    parent: str
    at: datetime | None
    properties: Mapping[str, Any]


class Received(Protocol):
    """Reading back what arrived."""

    async def recent(self, limit: int) -> Sequence[ReceivedEvent]:
        """The newest events, newest first.

        Raises:
            MirrorUnavailable: the other side does not answer.
        """
        ...


class ConsentGate(Protocol):
    """Asked again just before something leaves."""

    async def permitted(self, deliveries: Sequence[Delivery]) -> frozenset[str]:
        """The ids of those that cite a consent which still holds."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one delivery ended."""

    state: DeliveryState
    reason: str | None = None


class DeliveryStore(Protocol):
    """The durable side of delivery."""

    async def claim(self, now: datetime) -> Batch | None:
        """The unfinished batch, or a new one from the oldest pending deliveries; none when nothing is due."""
        ...

    async def settle(self, batch: Batch, verdicts: Mapping[str, Verdict], now: datetime) -> None:
        """Record how deliveries ended; the batch ends with its last open delivery."""
        ...

    async def defer(self, batch: Batch, due: datetime, reason: str) -> None:
        """Record a failed try and when to try again."""
        ...

    async def books(self) -> Books:
        """Counts by state."""
        ...
