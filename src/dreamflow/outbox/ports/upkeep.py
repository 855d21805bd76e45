"""What is done beside delivery: retention, due jobs, and the journal's subscribers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dreamflow.outbox.model import DueJob


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
