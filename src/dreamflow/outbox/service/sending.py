"""One batch on its way: consent, the request, and the outcome stored."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import structlog

from dreamflow.kit.clock import Clock
from dreamflow.kit.errors import Unavailable
from dreamflow.kit.failpoints import Reach
from dreamflow.kit.logging import where
from dreamflow.outbox.errors import LeaseLost
from dreamflow.outbox.model import Answer, Batch, Deferred, Delivery, DeliveryState, Lane, Locked, NewBatch, Verdict
from dreamflow.outbox.ports import ConsentGate, DeliveryStore, Observer, Sink
from dreamflow.outbox.rules.outcomes import (
    WITHHELD,
    WITHHELD_PERHAPS_LATE,
    Settle,
    TryAgain,
    lane_of_one,
    next_step,
    withheld,
)
from dreamflow.outbox.rules.timing import house_wait_seconds, wait_seconds
from dreamflow.outbox.service.door import LOCKED_SECONDS, Door
from dreamflow.outbox.service.lease import Lease
from dreamflow.outbox.service.trouble import Trouble

_CHAINS: Final = 8
"""Profiles of a replayed batch that are sent at the same time."""

_log = structlog.get_logger()


class Sender:
    """Sends batches and stores what becomes of them.

    Args:
        store, sink, gate, observer: see `ports`.
        lease: asked before every request.
        clock: for due times.
        rng: for jitter.
        reach: failpoints.
        door: locked and unlocked by what the other side says.
        trouble: told how each try ends.
    """

    def __init__(
        self,
        *,
        store: DeliveryStore,
        sink: Sink,
        gate: ConsentGate,
        lease: Lease,
        clock: Clock,
        rng: random.Random,
        observer: Observer,
        reach: Reach,
        door: Door,
        trouble: Trouble,
    ) -> None:
        self._store = store
        self._sink = sink
        self._gate = gate
        self._lease = lease
        self._clock = clock
        self._rng = rng
        self._observer = observer
        self._reach = reach
        self._door = door
        self._trouble = trouble
        self._unrecorded: set[str] = set()
        """Batches of which a request was begun, and its outcome not stored: it may have had its effect."""

    async def send(self, batch: Batch, stop: asyncio.Event | None) -> None:
        """Try a batch once. When `stop` is set between two requests, the rest waits.

        Raises:
            LeaseLost: it is somebody else's by now.
        """
        self._reach("outbox.claimed")
        self._trouble.begun(batch)
        if batch.id in self._unrecorded:
            batch = replace(batch, is_ambiguous=True)
        rest = await self._permitted(batch)
        if rest is not None:
            await self._try(rest, stop)
        self._unrecorded.discard(batch.id)

    async def _permitted(self, batch: Batch) -> Batch | None:
        """What of a batch may go now, if anything; the others are withheld."""
        permitted = await self._gate.permitted(batch.deliveries)
        remaining = tuple(each for each in batch.deliveries if each.id in permitted)
        if len(remaining) == len(batch.deliveries):
            return batch
        # A bulk request that may have arrived is repeated whole or not at all; what is left of it goes singly.
        is_torn = batch.lane is Lane.EVENTS and batch.is_ambiguous and bool(remaining)
        into = (NewBatch(Lane.REPLAY, tuple(each.id for each in remaining), is_ambiguous=True),) if is_torn else ()
        await self._settle(batch, withheld(batch, permitted), into)
        return None if is_torn or not remaining else replace(batch, deliveries=remaining)

    async def _try(self, batch: Batch, stop: asyncio.Event | None) -> None:
        if batch.lane is Lane.REPLAY:
            await self._replay(batch, stop)
        else:
            await self._store_outcome(batch, await self._ask(batch))

    async def _ask(self, batch: Batch) -> Answer:
        self._look_before_leaping()
        self._unrecorded.add(batch.id)
        try:
            answer = await self._hand_over(batch)
        except Exception as error:  # noqa: BLE001 - a defect that nobody foresaw must not be repeated without a pause
            _log.error("outbox.sink_failed", batch=batch.id, **where(error))
            answer = Deferred(f"failed with {type(error).__name__}")
        self._reach("outbox.sent")
        self._observer.tried(batch.lane, type(answer).__name__)
        return answer

    async def _hand_over(self, batch: Batch) -> Answer:
        match batch.lane:
            case Lane.EVENTS:
                return await self._sink.send_events(batch.deliveries)
            case Lane.PROFILES:
                return await self._sink.send_profiles(batch.deliveries)
            case _:
                [only] = batch.deliveries
                return await self._sink.send_one(only)

    async def _store_outcome(self, batch: Batch, answer: Answer) -> None:
        match next_step(batch, answer):
            case Settle(verdicts, into):
                self._trouble.worked(batch)
                await self._settle(batch, verdicts, into)
            case TryAgain() as again:
                self._trouble.failed(batch, self._clock.now())
                await self._defer(batch, again)
        if not isinstance(answer, Locked):
            self._door.unlock()

    async def _replay(self, batch: Batch, stop: asyncio.Event | None) -> None:
        """One by one, in order for each profile; the first failure ends the try."""
        chains: dict[str, list[Delivery]] = {}
        for each in batch.deliveries:
            chains.setdefault(each.parent, []).append(each)
        waiting = list(reversed(chains.values()))
        again: list[Answer] = []

        async def work() -> None:
            while waiting:
                chain = waiting.pop()
                for each in chain:
                    if again or (stop and stop.is_set()):
                        return
                    answer = await self._replay_one(batch, each)
                    if answer is not None:
                        again.append(answer)

        await _together(work() for _ in range(min(_CHAINS, len(chains))))
        if again:
            # What one of them may have done, and the longest wait that one of them asked for, hold for all.
            is_ambiguous = batch.is_ambiguous or any(isinstance(each, Deferred) and each.is_ambiguous for each in again)
            await self._store_outcome(replace(batch, is_ambiguous=is_ambiguous), max(again, key=_asked_seconds))

    async def _replay_one(self, batch: Batch, delivery: Delivery) -> Answer | None:
        """Nothing when it ended; otherwise the answer that says to try again."""
        # It was asked for all of them a while ago; consent may have changed since.
        if not await self._gate.permitted((delivery,)):
            await self._settle(batch, {delivery.id: WITHHELD_PERHAPS_LATE if batch.is_ambiguous else WITHHELD})
            return None
        alone = Batch(batch.id, lane_of_one(delivery), (delivery,), batch.attempts, batch.is_ambiguous)
        answer = await self._ask(alone)
        step = next_step(alone, answer)
        if isinstance(step, TryAgain):
            return answer
        await self._settle(batch, step.verdicts)
        return None

    async def _settle(self, batch: Batch, verdicts: Mapping[str, Verdict], into: Sequence[NewBatch] = ()) -> None:
        now = self._clock.now()
        await self._insist(lambda: self._store.settle(self._lease.worker, batch, verdicts, now, into))
        for state in DeliveryState:
            count = sum(verdict.state is state for verdict in verdicts.values())
            if count:
                self._observer.ended(batch.lane, state, count)
        for verdict in verdicts.values():
            if verdict.state is DeliveryState.DEAD:
                self._observer.died(verdict.reason or "")
                _log.error("outbox.dead_letter", batch=batch.id, reason=verdict.reason)

    async def _defer(self, batch: Batch, again: TryAgain) -> None:
        asked = LOCKED_SECONDS if again.is_locked else again.after_seconds
        seconds = wait_seconds(batch.attempts + 1, asked, self._rng.random())
        due = self._clock.now() + timedelta(seconds=seconds)
        if again.is_locked:
            self._door.lock(due)
            _log.error("outbox.locked_out", reason=again.reason, wait_seconds=round(seconds, 2))
        else:
            _log.warning("outbox.deferred", batch=batch.id, reason=again.reason, wait_seconds=round(seconds, 2))
        is_ambiguous = again.is_ambiguous or batch.is_ambiguous
        await self._insist(
            lambda: self._store.defer(self._lease.worker, batch, due, again.reason, is_ambiguous=is_ambiguous)
        )

    def forget(self) -> None:
        """Forget batches: they are somebody else's by now."""
        self._unrecorded.clear()

    def _look_before_leaping(self) -> None:
        """A process that slept past its lease must not send: others may be at it.

        Raises:
            LeaseLost: the lease has run out, or nearly.
        """
        if not self._lease.is_held:
            raise LeaseLost("The lease of this worker ran out before it could send.")

    async def _insist(self, store: Callable[[], Awaitable[None]]) -> None:
        """Store an outcome, as long as that is ours to do: what is known must not be forgotten for a short outage."""
        failures = 0
        while True:
            try:
                await store()
            except Unavailable:
                failures += 1
                if not self._lease.is_held:
                    raise
                await asyncio.sleep(house_wait_seconds(failures, self._rng.random()))
            else:
                return


async def _together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all of it.

    Raises:
        LeaseLost: nothing else went wrong.
        ExceptionGroup: what went wrong.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            for work in works:
                tasks.create_task(work)
    except ExceptionGroup as errors:
        if errors.split(LeaseLost)[1] is None:
            raise LeaseLost("The lease of this worker ran out between two requests.") from None
        raise


def _asked_seconds(answer: Answer) -> float:
    """How long a wait an answer asks for."""
    match answer:
        case Locked():
            return LOCKED_SECONDS
        case Deferred(_, seconds):
            return seconds or 0.0
        case _:
            return 0.0
