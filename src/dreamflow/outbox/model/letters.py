"""Deliveries as an operator sees them, and what became of dead ones that were sent again."""

from dataclasses import dataclass
from datetime import datetime

from dreamflow.outbox.model.deliveries import Delivery, DeliveryState, Lane


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery as an operator sees it in a list: never what it says.

    Attributes:
        name: metric name, or "profile".
        reason: why it ended so; of a dropped one, why it was dropped.
        since: when it ended; of one that waits, the hour of what it tells.
    """

    id: str
    parent: str
    name: str
    state: DeliveryState
    reason: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as an operator sees it.

    Attributes:
        attempts: failed tries.
        is_ambiguous: see `Batch`.
        is_open: whether a member of it has not ended.
    """

    id: str
    lane: Lane
    attempts: int
    is_ambiguous: bool
    is_open: bool
    due: datetime | None
    last_reason: str | None


@dataclass(frozen=True, slots=True)
class WholeLetter:
    """All that is known of a delivery, on the operator's own machine.

    Attributes:
        delivery: what would be sent or was; a dropped one has no body any more.
        fact: id of the journal entry that caused it.
        number: counts what leaves about its parent, from 1.
        ended_at: none while it waits.
        batch: the one it is in or was in last.
        dropped: why an operator gave it up, if one did.
    """

    delivery: Delivery
    fact: str
    number: int
    state: DeliveryState
    reason: str | None
    ended_at: datetime | None
    batch: BatchState | None
    dropped: str | None


@dataclass(frozen=True, slots=True)
class Requeued:
    """What became of dead letters that were asked to be sent again.

    Attributes:
        waiting: go again.
        superseded: profile updates of which newer ones say all.
    """

    waiting: int = 0
    superseded: int = 0
