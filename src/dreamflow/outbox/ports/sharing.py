"""Deliveries shared out through a log of pointers: what its two ends need."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from dreamflow.outbox.model import Pointer


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
