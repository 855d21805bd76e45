"""The delivery worker: oldest first, one batch at a time, nothing forgotten.

One worker sends everything in journal order, so the order per profile needs no further care. A batch is stored
before it is sent and sent again unchanged after a crash.
"""

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta

import structlog

from dreamflow.kit.clock import Clock
from dreamflow.kit.errors import DreamFlowError
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.kit.logging import where
from dreamflow.outbox.model import Batch, Delivery, DeliveryState
from dreamflow.outbox.ports import (
    Accepted,
    Answer,
    ConsentGate,
    Deferred,
    DeliveryStore,
    OneByOne,
    Rejected,
    Sink,
    Verdict,
)
from dreamflow.outbox.rules import wait_seconds

_DELIVERED = Verdict(DeliveryState.DELIVERED)
_WITHHELD = Verdict(DeliveryState.WITHHELD, "consent was withdrawn before it was sent")
_ENDED_BEFORE = Verdict(DeliveryState.WITHHELD, "consent was withdrawn between two tries; it may have arrived")

_log = structlog.get_logger()


class DeliveryService:
    """Sends what is pending.

    Args:
        store: where deliveries wait.
        sink: where they go.
        gate: asked for consent before each send.
        clock: for due times.
        rng: for jitter.
        reach: failpoints; inert in production.
    """

    def __init__(
        self,
        *,
        store: DeliveryStore,
        sink: Sink,
        gate: ConsentGate,
        clock: Clock,
        rng: random.Random,
        reach: Reach = inert,
    ) -> None:
        self._store = store
        self._sink = sink
        self._gate = gate
        self._clock = clock
        self._rng = rng
        self._reach = reach

    async def run(self, stop: asyncio.Event, *, poll_seconds: float = 0.2) -> None:
        """Deliver until `stop` is set; the batch under way is finished first.

        Args:
            stop: ends the loop.
            poll_seconds: how soon something new is noticed.
        """
        while not stop.is_set():
            try:
                busy = await self.deliver_next()
            except DreamFlowError as error:
                _log.warning("outbox.worker_hindered", error=error.code)
                busy = False
            except Exception as error:  # noqa: BLE001 - a fault in here must not end delivery, nor bedtime beside it
                _log.error("outbox.worker_failed", **where(error))
                busy = False
            if not busy:
                try:
                    await asyncio.wait_for(stop.wait(), poll_seconds)
                except TimeoutError:
                    continue

    async def drain(self, *, poll_seconds: float = 0.05) -> None:
        """Deliver until nothing is pending, waiting as long as the other side asks."""
        while (await self._store.books()).pending:
            if not await self.deliver_next():
                await asyncio.sleep(poll_seconds)

    async def deliver_next(self) -> bool:
        """Try one batch; false when nothing is due."""
        batch = await self._store.claim(self._clock.now())
        if batch is None:
            return False
        self._reach("outbox.claimed")
        permitted = await self._gate.permitted(batch.deliveries)
        held = {d.id: _ENDED_BEFORE if batch.attempts else _WITHHELD for d in batch.deliveries if d.id not in permitted}
        remaining = tuple(delivery for delivery in batch.deliveries if delivery.id in permitted)
        # A bulk request that may have arrived must be repeated whole or not at all; what is left goes singly.
        if batch.lane == "bulk" and not (held and batch.attempts):
            await self._send_bulk(batch, remaining, held)
        else:
            await self._send_singly(batch, remaining, held)
        return True

    async def _send_bulk(self, batch: Batch, remaining: tuple[Delivery, ...], held: Mapping[str, Verdict]) -> None:
        if held:
            await self._settle(batch, held)
        if not remaining:
            return
        answer = await self._sink.send_bulk(remaining)
        self._reach("outbox.sent")
        match answer:
            case Accepted():
                await self._settle(batch, {delivery.id: _DELIVERED for delivery in remaining})
            case Rejected(reasons) if reasons:
                # Nothing was processed: the others stay in the batch and go out without the bad ones.
                await self._settle(batch, {id_: Verdict(DeliveryState.DEAD, why) for id_, why in reasons.items()})
            case OneByOne() | Rejected():
                await self._send_singly(batch, remaining, {})
            case Deferred():
                await self._defer(batch, answer)

    async def _send_singly(self, batch: Batch, remaining: tuple[Delivery, ...], held: Mapping[str, Verdict]) -> None:
        verdicts = dict(held)
        for delivery in remaining:
            answer = await self._sink.send_one(delivery)
            self._reach("outbox.sent")
            if isinstance(answer, Deferred):
                if verdicts:
                    await self._settle(batch, verdicts)
                await self._defer(batch, answer)
                return
            verdicts[delivery.id] = _verdict(answer, delivery)
        await self._settle(batch, verdicts)

    async def _settle(self, batch: Batch, verdicts: Mapping[str, Verdict]) -> None:
        await self._store.settle(batch, verdicts, self._clock.now())
        for verdict in verdicts.values():
            if verdict.state is DeliveryState.DEAD:
                _log.error("outbox.dead_letter", batch=batch.id, reason=verdict.reason)

    async def _defer(self, batch: Batch, answer: Deferred) -> None:
        seconds = wait_seconds(batch.attempts + 1, answer.after_seconds, self._rng.random())
        _log.warning("outbox.deferred", batch=batch.id, reason=answer.reason, wait_seconds=round(seconds, 2))
        await self._store.defer(batch, self._clock.now() + timedelta(seconds=seconds), answer.reason)


def _verdict(answer: Answer, delivery: Delivery) -> Verdict:
    if isinstance(answer, Accepted):
        return _DELIVERED
    reason = answer.reasons.get(delivery.id) if isinstance(answer, Rejected) else None
    return Verdict(DeliveryState.DEAD, reason or "refused")
