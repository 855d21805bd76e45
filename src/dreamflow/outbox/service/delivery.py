"""The delivery worker: rounds of claiming and sending, under a lease.

Each round takes what is due or newly cut, as much as the lanes have room for, and sends it; what is being sent does
not hold up the next round. Order is kept by the store's barrier, not by the worker: a profile is in one batch at a
time.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog

from dreamflow.kit.clock import Clock, SystemClock
from dreamflow.kit.errors import Unavailable
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.kit.logging import where
from dreamflow.outbox.errors import LeaseLost
from dreamflow.outbox.model import Batch, Lane
from dreamflow.outbox.ports import ConsentGate, DeliveryStore, Intake, LeaseStore, Observer, Sink, Unobserved
from dreamflow.outbox.rules.cutting import Limits
from dreamflow.outbox.rules.timing import house_wait_seconds
from dreamflow.outbox.service.door import Door
from dreamflow.outbox.service.lease import Lease
from dreamflow.outbox.service.sending import Sender
from dreamflow.outbox.service.trouble import Trouble

ROOM: Final[Mapping[Lane, int]] = {
    Lane.EVENT: 16,
    Lane.EVENTS: 3,
    Lane.PROFILE: 8,
    Lane.PROFILES: 1,
    Lane.REPLAY: 2,
}
"""Batches of each lane that one worker sends at the same time. Klaviyo's pace is kept by the client, not here."""

LEASE_SECONDS: Final = 15.0
LAST_SENDS_SECONDS: Final = 5.0
"""How long what is being sent may take to end when the worker stops."""

_log = structlog.get_logger()


class DeliveryService:
    """Sends what is pending.

    Args:
        store: where deliveries wait.
        leases: who looks after what.
        sink: where they go.
        gate: asked for consent before each send.
        clock: for due times.
        rng: for jitter.
        wall_clock: for leases: the machine's, whatever the house's is.
        lease_seconds: how long after its last sign of life this worker counts as dead.
        limits: when deliveries go together, and how many.
        room: batches of each lane that may be under way.
        observer: told what happens.
        intake: shares the partitions out and says what may be sent; without it the leases do, and all may.
        reach: failpoints; inert in production.
    """

    def __init__(
        self,
        *,
        store: DeliveryStore,
        leases: LeaseStore,
        sink: Sink,
        gate: ConsentGate,
        clock: Clock,
        rng: random.Random,
        wall_clock: Clock | None = None,
        lease_seconds: float = LEASE_SECONDS,
        limits: Limits | None = None,
        room: Mapping[Lane, int] = ROOM,
        observer: Observer | None = None,
        intake: Intake | None = None,
        reach: Reach = inert,
    ) -> None:
        self._store = store
        self._clock = clock
        self._rng = rng
        self._limits = limits or Limits()
        self._room = room
        self._intake = intake
        self._reach = reach
        self.lease = Lease(leases, wall_clock or SystemClock(), lease_seconds)
        observer = observer or Unobserved()
        self._door = Door(observer)
        self._trouble = Trouble()
        self._sender = Sender(
            store=store,
            sink=sink,
            gate=gate,
            lease=self.lease,
            clock=clock,
            rng=rng,
            observer=observer,
            reach=reach,
            door=self._door,
            trouble=self._trouble,
        )
        self._sending: dict[asyncio.Task[None], Batch] = {}

    async def run(self, stop: asyncio.Event, *, poll_seconds: float = 0.2) -> None:
        """Deliver until `stop` is set; then what is being sent may end, and the lease is given back.

        Args:
            stop: ends the loop.
            poll_seconds: how soon something new is noticed.
        """
        failures = 0
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                try:
                    is_busy = await self._round(stop)
                    failures = 0
                except Exception as error:  # noqa: BLE001 - a fault in here must not end delivery, nor bedtime beside it
                    _log.error("outbox.worker_failed", **where(error))
                    is_busy, failures = False, failures + 1
                wait = 0.0 if is_busy else poll_seconds
                if failures:
                    wait = max(poll_seconds, house_wait_seconds(failures, self._rng.random()))
                await asyncio.wait({stopping, *self._sending}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            await self.aclose()

    async def drain(self, stop: asyncio.Event | None = None, *, poll_seconds: float = 0.05) -> None:
        """Deliver until nothing is pending, waiting as long as the other side asks, or until `stop` is set."""
        while not (stop and stop.is_set()) and (await self._store.books()).pending:
            if not await self.deliver_next(stop):
                await asyncio.sleep(poll_seconds)

    async def deliver_next(self, stop: asyncio.Event | None = None) -> bool:
        """One round, and wait for its end; false when nothing is due.

        Raises:
            ExceptionGroup: what went wrong in the sending of batches.
        """
        batches = await self._claim()
        async with asyncio.TaskGroup() as tasks:
            for batch in batches:
                tasks.create_task(self._sender.send(batch, stop))
        return bool(batches)

    async def aclose(self) -> None:
        """Let what is being sent end, within reason, and give back the lease."""
        if self._sending:
            # What is cut off after this goes out again from another worker; its id makes the repeat harmless.
            _, late = await asyncio.wait(self._sending, timeout=LAST_SENDS_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)
        self._sending.clear()
        if self._intake is not None:
            await self._intake.aclose()
        with suppress(Unavailable):  # then it runs out by itself
            await self.lease.leave()

    async def _round(self, stop: asyncio.Event) -> bool:
        """Start what can be sent; false when that is nothing."""
        self._collect()
        batches = await self._claim()
        for batch in batches:
            self._sending[asyncio.create_task(self._sender.send(batch, stop))] = batch
        return bool(batches)

    def _collect(self) -> None:
        """Forget what has ended; what failed is in the store and comes again.

        Raises:
            Exception: the first that a sending raised, so that the next round waits a little.
        """
        ended = [task for task in self._sending if task.done()]
        errors = [error for task in ended if not task.cancelled() and (error := task.exception()) is not None]
        for task in ended:
            del self._sending[task]
        for error in errors:
            if not isinstance(error, LeaseLost):
                raise error

    async def _claim(self) -> Sequence[Batch]:
        if self.lease.is_due:
            await self._renew()
        arrived = None if self._intake is None else await self._arrived(self._intake)
        now = self._clock.now()
        if self._door.stays_shut(now, is_knocking=bool(self._sending)):
            return ()
        taken = Counter(batch.lane for batch in self._sending.values())
        room = {lane: count - taken[lane] for lane, count in self._room.items()}
        batches = await self._store.claim(
            self.lease.worker,
            now,
            under_way=frozenset(batch.id for batch in self._sending.values()),
            room=room,
            fresh=self._trouble.fresh(room, now),
            limits=self._limits,
            arrived=arrived,
        )
        if self._intake is not None:
            self._intake.taken([each.id for batch in batches for each in batch.deliveries])
        # Those who are not admitted are stored, and come with a later round.
        return self._door.admit(batches)

    async def _arrived(self, intake: Intake) -> Sequence[str]:
        """Hold what the group gives this worker, and see what waits there."""
        intake.begin()
        if intake.partitions != self.lease.partitions:
            try:
                await self.lease.take(intake.partitions)
            except LeaseLost:
                await self._begin_again()
                return ()
            if self.lease.partitions:
                self._reach("kafka.assigned")
        return intake.arrived()

    async def _renew(self) -> None:
        try:
            await self.lease.renew()
        except LeaseLost:
            await self._begin_again()

    async def _begin_again(self) -> None:
        """Others took over what this worker had; it goes on as a new one."""
        _log.warning("outbox.lease_lost")
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        self._sending.clear()
        self._sender.forget()
        self._trouble.forget()
        await self.lease.renew()
