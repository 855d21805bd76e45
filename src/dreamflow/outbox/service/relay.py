"""The relay: what waits in the outbox is published to a log, from which workers take it.

One relay is active, others stand by: the lease of the only partition of their pool decides. Its cursor moves after the
log has acknowledged, in a transaction that asks for the lease. A relay that dies in between, or wakes up after another
has taken over, only repeats pointers.
"""

import asyncio
import random
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from dreamflow.kit.clock import Clock, SystemClock
from dreamflow.kit.errors import Unavailable
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.kit.logging import where
from dreamflow.outbox.errors import BrokerUnavailable, LeaseLost, UnusableTopic
from dreamflow.outbox.ports import LeaseStore, Publisher, RelayStore
from dreamflow.outbox.rules.timing import wait_seconds
from dreamflow.outbox.service.lease import Lease

AT_ONCE: Final = 2_000
"""Pointers that are published together; all of them may be of one partition, and must fit into one batch."""
LEASE_SECONDS: Final = 15.0
TRIM_SECONDS: Final = 60.0
"""How often the log is rid of what was read."""
_LONGEST_WAIT_SECONDS: Final = 5.0

_log = structlog.get_logger()


class RelayService:
    """Publishes what waits.

    Args:
        store: what waits, and the cursor.
        leases: of a pool with one partition.
        publisher: the log.
        rng: for jitter.
        wall_clock: the machine's.
        lease_seconds: how long after its last sign of life another relay takes over.
        again: begin with the oldest that waits, though it was published before.
        reach: failpoints.
    """

    def __init__(
        self,
        *,
        store: RelayStore,
        leases: LeaseStore,
        publisher: Publisher,
        rng: random.Random,
        wall_clock: Clock | None = None,
        lease_seconds: float = LEASE_SECONDS,
        again: bool = False,
        reach: Reach = inert,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._rng = rng
        self._clock = wall_clock or SystemClock()
        self.lease = Lease(leases, self._clock, lease_seconds)
        self._again = again
        self._reach = reach
        self._is_prepared = False
        self._is_away = False
        self._trim_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether this is the relay that publishes; others stand by."""
        return bool(self.lease.partitions)

    async def run(self, stop: asyncio.Event, *, poll_seconds: float = 0.2) -> None:
        """Publish until `stop` is set.

        Args:
            stop: ends the loop.
            poll_seconds: how soon something new is noticed.

        Raises:
            UnusableTopic: the log will never do.
        """
        failures = 0
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                try:
                    is_busy = await self.publish_next()
                    failures = 0
                except UnusableTopic:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                    self._note(error)
                    is_busy, failures = False, failures + 1
                wait = 0.0 if is_busy else poll_seconds
                if failures:
                    backoff = wait_seconds(failures, None, self._rng.random())
                    wait = max(poll_seconds, min(backoff, _LONGEST_WAIT_SECONDS))
                await asyncio.wait({stopping}, timeout=wait)
        finally:
            stopping.cancel()
            await self.aclose()

    async def publish_next(self) -> bool:
        """Publish some of what waits; false when there is nothing, or another relay is active.

        Raises:
            BrokerUnavailable: the log does not answer.
            LeaseLost: another relay is active by now.
            UnusableTopic: the log will never do.
        """
        if self.lease.is_due:
            await self.lease.renew()
        if not self.is_active:
            return False
        await self._prepare()
        pointers = await self._store.unpublished(AT_ONCE)
        if pointers:
            await self._publisher.publish(pointers)
            self._reach("relay.published")
            await self._store.published(self.lease.worker, pointers[-1].seq)
            self._reach("relay.moved")
        self._note_back()
        await self._trim()
        return bool(pointers)

    async def aclose(self) -> None:
        """Let go of the log and of the lease."""
        await self._publisher.aclose()
        with suppress(Unavailable):  # then it runs out by itself
            await self.lease.leave()

    async def _prepare(self) -> None:
        if not self._is_prepared:
            if self._again or await self._publisher.is_missing():
                # What was published before is not in a new log. First this: once the log is there, nothing tells.
                await self._store.rewind(self.lease.worker)
                self._again = False
            await self._publisher.prepare()
            self._is_prepared = True

    async def _trim(self) -> None:
        now = self._clock.now()
        if self._trim_at is None or now >= self._trim_at:
            self._trim_at = now + timedelta(seconds=TRIM_SECONDS)
            with suppress(BrokerUnavailable):  # not urgent
                await self._publisher.trim()

    def _note(self, error: Exception) -> None:
        match error:
            case BrokerUnavailable():
                self._is_prepared = False  # perhaps the topic is gone
                if not self._is_away:
                    _log.warning("kafka.away", reason=error.message)
                self._is_away = True
            case LeaseLost():
                _log.warning("relay.lease_lost")
            case _:
                _log.error("relay.failed", **where(error))

    def _note_back(self) -> None:
        if self._is_away:
            self._is_away = False
            _log.info("kafka.back")
