"""What delivery needs from others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dreamflow.outbox.model import (
    Answer,
    Batch,
    Books,
    Delivery,
    DeliveryState,
    DueJob,
    Lane,
    Letter,
    NewBatch,
    Pointer,
    Requeued,
    Verdict,
    WholeLetter,
)
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


class Observer(Protocol):
    """Told of what happens in delivery, for metrics."""

    def tried(self, lane: Lane, outcome: str) -> None:
        """A request had this outcome: the name of its `Answer`."""
        ...

    def ended(self, lane: Lane, state: DeliveryState, count: int) -> None:
        """So many deliveries ended."""
        ...

    def died(self, reason: str) -> None:
        """One of those that ended is a dead letter, for this reason."""
        ...

    def locked_out(self, *, is_locked: bool) -> None:
        """The other side's door is locked, or open again."""
        ...

    def balanced(self, books: Books) -> None:
        """The books were looked at; `books.balanced` says whether all is where it should be."""
        ...


class DeadLetters(Protocol):
    """What an operator sees and does about deliveries that ended badly."""

    async def letters(self, state: DeliveryState, limit: int, *, dropped: bool = False) -> Sequence[Letter]:
        """The newest in a state, newest first; of the dead ones only those that were dropped, or only the others."""
        ...

    async def letter(self, id_: str) -> WholeLetter:
        """All about one.

        Raises:
            UnknownDelivery: there is none with this id, or none any more.
        """
        ...

    async def dead(self, reason_like: str | None) -> Sequence[str]:
        """Ids of all that are dead and not dropped, oldest first; only those whose reason contains a text, if given."""
        ...

    async def requeue(self, ids: Sequence[str], now: datetime, *, as_new: bool, others_too: bool = False) -> Requeued:
        """Send again what is dead, after all that waits.

        Args:
            ids: which; all of them or none.
            now: for those that end as superseded.
            as_new: may trigger flows. Otherwise an event is only recorded.
            others_too: pass over ids that are not dead, or not any more.

        Raises:
            UnknownDelivery, NotDead: nothing was changed.
        """
        ...

    async def drop(self, ids: Sequence[str], reason: str, now: datetime) -> None:
        """Give up what is dead: it stays dead and counted, without its body. All of them or none.

        Raises:
            UnknownDelivery, NotDead: nothing was changed.
        """
        ...


class SettledStore(Protocol):
    """Deliveries that have ended, and their removal after a time. The books balance at every moment."""

    async def remove_settled(self, before: datetime, limit: int) -> int:
        """Remove some that ended before a moment, and count them among the totals; dead ones only if they were dropped.

        Returns:
            How many: fewer than `limit` when there are no more.
        """
        ...

    async def remove_batches(self, limit: int) -> int:
        """Remove some closed batches in which there is no delivery any more; returns how many."""
        ...


@dataclass(frozen=True, slots=True)
class JobLease:
    """From when to when a job belongs to a worker, by the machine's clock."""

    since: datetime
    until: datetime


class ScheduleStore(Protocol):
    """Due jobs, each run by one worker at a time. Leases are by the machine's clock, due times by the house's."""

    async def keep(self, job: DueJob) -> None:
        """See that a job is there and due no later than it says; what is there already stays otherwise."""
        ...

    async def claim(
        self, worker: str, names: frozenset[str], under_way: frozenset[str], now: datetime, lease: JobLease
    ) -> DueJob | None:
        """The job that has been due for longest and that nobody runs, for this worker alone until the lease ends.

        Args:
            worker: who asks.
            names: of the handlers that it has.
            under_way: ids of jobs that it is running.
            now: of the house's clock.
            lease: from when to when.
        """
        ...

    async def hold(self, worker: str, job: str, until: datetime) -> None:
        """Go on for longer. Raises LeaseLost when another worker has taken over."""
        ...

    async def end(self, worker: str, job: str, again: datetime | None) -> None:
        """The job was done; `again` is when it is due next, if ever. Raises LeaseLost as `hold` does."""
        ...

    async def fail(self, worker: str, job: str, due: datetime, reason: str) -> None:
        """A run failed and is repeated. Raises LeaseLost as `hold` does."""
        ...

    async def release(self, worker: str) -> None:
        """Let go of all that this worker holds; others may run it at once."""
        ...


class Journal(Protocol):
    """The journal, read in order by subscribers, each at its own pace."""

    @property
    def subscribers(self) -> Sequence[str]:
        """Their names."""
        ...

    async def advance(self, subscriber: str) -> bool:
        """Give a subscriber the next entries, and remember that it had them, both or neither.

        Returns:
            Whether there were any; none also when another worker is at it.
        """
        ...


class Intake(Protocol):
    """A consumer group: it shares the partitions out, and says what waits in them. The database stays the truth."""

    @property
    def partitions(self) -> frozenset[int]:
        """What this worker should hold now; it begins and ends with nothing."""
        ...

    def begin(self) -> None:
        """Join the group, in the background; nothing when that was done before."""
        ...

    def arrived(self) -> Sequence[str]:
        """Ids of deliveries that may wait for a batch. Of each profile none is left out before one that is there."""
        ...

    def taken(self, ids: Sequence[str]) -> None:
        """These are in batches by now."""
        ...

    async def aclose(self) -> None:
        """Say what has ended, and leave the group; the partitions go to others at once."""
        ...


class PointedStore(Protocol):
    """What has become of deliveries that were pointed at."""

    async def unfinished(self, ids: Sequence[str]) -> Mapping[str, bool]:
        """Those of them that have not ended; true for one that waits, false for one that is in a batch."""
        ...


class RelayStore(Protocol):
    """What waits and was not published yet. What has been published is remembered by a cursor."""

    async def unpublished(self, limit: int) -> Sequence[Pointer]:
        """The oldest that wait after the cursor, in order of seq; no earlier one can appear any more."""
        ...

    async def published(self, worker: str, last: int) -> None:
        """Everything up to this seq is published. Raises LeaseLost when the relay is somebody else by now."""
        ...

    async def rewind(self, worker: str) -> None:
        """Begin again with the oldest that waits. Raises LeaseLost as `published` does."""
        ...


class Publisher(Protocol):
    """A log of pointers, partitioned as the outbox is."""

    async def is_missing(self) -> bool:
        """Whether there is no log, and so nothing in it of what was published before. Raises BrokerUnavailable."""
        ...

    async def prepare(self) -> None:
        """See that the log is there, and make it if it is not.

        Raises:
            BrokerUnavailable: it does not answer.
            UnusableTopic: it is there, and will never do.
        """
        ...

    async def publish(self, pointers: Sequence[Pointer]) -> None:
        """Append them in this order; of each partition all at once or none. Doing it again only repeats them.

        Raises:
            BrokerUnavailable: perhaps some of it was appended.
        """
        ...

    async def trim(self) -> None:
        """Remove what no worker will read again. Raises BrokerUnavailable."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
