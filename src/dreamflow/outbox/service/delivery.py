"""The delivery worker: oldest first, one batch at a time, nothing forgotten.

One worker sends everything in journal order, so the order per profile needs no further care. A batch is stored
before it is sent and sent again unchanged after a crash.
"""

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

import structlog

from dreamflow.kit.clock import Clock
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
        """Deliver until `stop` is set; the send under way is finished first.

        Args:
            stop: ends the loop.
            poll_seconds: how soon something new is noticed.
        """
        failures = 0
        while not stop.is_set():
            try:
                busy = await self.deliver_next(stop)
                failures = 0
            except Exception as error:  # noqa: BLE001 - a fault in here must not end delivery, nor bedtime beside it
                _log.error("outbox.worker_failed", **where(error))
                busy, failures = False, failures + 1
            if not busy:
                wait = max(poll_seconds, wait_seconds(failures, None, self._rng.random())) if failures else poll_seconds
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), wait)

    async def drain(self, stop: asyncio.Event | None = None, *, poll_seconds: float = 0.05) -> None:
        """Deliver until nothing is pending, waiting as long as the other side asks, or until `stop` is set."""
        while not (stop and stop.is_set()) and (await self._store.books()).pending:
            if not await self.deliver_next(stop):
                await asyncio.sleep(poll_seconds)

    async def deliver_next(self, stop: asyncio.Event | None = None) -> bool:
        """Try one batch; false when nothing is due. When `stop` is set between two sends, the rest waits."""
        batch = await self._store.claim(self._clock.now())
        if batch is None:
            return False
        self._reach("outbox.claimed")
        permitted = await self._gate.permitted(batch.deliveries)
        remaining = tuple(delivery for delivery in batch.deliveries if delivery.id in permitted)
        held = len(remaining) < len(batch.deliveries)
        if held or not remaining:
            await self._settle(batch, self._withheld(batch, permitted))
        # A bulk request that may have arrived must be repeated whole or not at all; what is left goes singly.
        if batch.lane == "bulk" and remaining and not (held and batch.attempts):
            await self._send_bulk(batch, remaining, stop)
        else:
            await self._send_singly(batch, remaining, stop)
        return True

    async def _send_bulk(self, batch: Batch, remaining: tuple[Delivery, ...], stop: asyncio.Event | None) -> None:
        answer = await self._sink.send_bulk(remaining)
        self._reach("outbox.sent")
        match answer:
            case Accepted():
                await self._settle(batch, {delivery.id: _DELIVERED for delivery in remaining})
            case Rejected(reasons) if reasons:
                # Nothing was processed: the others stay in the batch and go out without the bad ones.
                await self._settle(batch, {id_: Verdict(DeliveryState.DEAD, why) for id_, why in reasons.items()})
            case OneByOne() | Rejected():
                await self._send_singly(batch, remaining, stop)
            case Deferred():
                await self._defer(batch, answer)

    async def _send_singly(self, batch: Batch, remaining: tuple[Delivery, ...], stop: asyncio.Event | None) -> None:
        for at, delivery in enumerate(remaining):
            if stop and stop.is_set():
                return
            # The first was asked about a moment ago; for the others consent may have changed since.
            if at and not await self._gate.permitted((delivery,)):
                await self._settle(batch, {delivery.id: _WITHHELD if batch.lane == "single" else _ENDED_BEFORE})
                continue
            answer = await self._sink.send_one(delivery)
            self._reach("outbox.sent")
            if isinstance(answer, Deferred):
                await self._defer(batch, answer)
                return
            await self._settle(batch, {delivery.id: _verdict(answer, delivery)})

    def _withheld(self, batch: Batch, permitted: frozenset[str]) -> dict[str, Verdict]:
        verdict = _ENDED_BEFORE if batch.attempts else _WITHHELD
        return {delivery.id: verdict for delivery in batch.deliveries if delivery.id not in permitted}

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
