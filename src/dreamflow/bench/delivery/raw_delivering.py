"""A worker whose other side takes everything at once: a program of its own.

`python -m dreamflow.bench.delivery.raw_delivering DATABASE --facts N` (the file of SQLite, or a URL of PostgreSQL)
prints `ready` and delivers until so many deliveries have ended. Then it prints one line of JSON: when the last outcome
was stored, by the machine's monotonic clock, and the seconds of processor time it took.

The store, the leases, the cutting and the storing of outcomes are those of every worker. Nothing is sent, and nobody is
asked for consent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from typing import TYPE_CHECKING

from typing_extensions import override

from dreamflow.bench.delivery.feeding import opened
from dreamflow.kit.clock import SystemClock
from dreamflow.kit.ids import RandomIds
from dreamflow.outbox import ConsentGate, DeliveryService, Sink
from dreamflow.outbox.adapters.sql import SqlDeliveries, SqlLeases
from dreamflow.outbox.model import Accepted
from dreamflow.outbox.ports import Unobserved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamflow.outbox import Delivery, DeliveryState, Lane
    from dreamflow.outbox.model import Answer

_POLL_SECONDS = 0.02
_ACCEPTED = Accepted()


class NullSink(Sink):
    """Takes everything at once."""

    @override
    async def send_one(self, delivery: Delivery) -> Answer:
        return _ACCEPTED

    @override
    async def send_events(self, deliveries: Sequence[Delivery]) -> Answer:
        return _ACCEPTED

    @override
    async def send_profiles(self, deliveries: Sequence[Delivery]) -> Answer:
        return _ACCEPTED


class OpenGate(ConsentGate):
    """Lets everything go."""

    @override
    async def permitted(self, deliveries: Sequence[Delivery]) -> frozenset[str]:
        return frozenset(each.id for each in deliveries)


class Count(Unobserved):
    """Sets an event when so many have ended."""

    def __init__(self, many: int, stop: asyncio.Event) -> None:
        self._left = many
        self._stop = stop
        self.ended_at = 0.0

    @override
    def ended(self, lane: Lane, state: DeliveryState, count: int) -> None:
        self._left -= count
        if self._left <= 0 and not self._stop.is_set():
            self.ended_at = time.monotonic()
            self._stop.set()


async def _run(place: str, many: int) -> None:
    stop = asyncio.Event()
    count = Count(many, stop)
    async with opened(place) as database:
        worker = DeliveryService(
            store=SqlDeliveries(database, RandomIds()),
            leases=SqlLeases(database),
            sink=NullSink(),
            gate=OpenGate(),
            clock=SystemClock(),
            rng=random.Random(1),  # noqa: S311 - of waits that do not happen
            observer=count,
        )
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        cpu = time.process_time()
        await worker.run(stop, poll_seconds=_POLL_SECONDS)
    sys.stdout.write(json.dumps({"ended": count.ended_at, "cpu": time.process_time() - cpu}) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Deliver once."""
    parser = argparse.ArgumentParser(prog="python -m dreamflow.bench.delivery.raw_delivering")
    parser.add_argument("database")
    parser.add_argument("--facts", type=int, required=True)
    given = parser.parse_args(arguments)
    asyncio.run(_run(given.database, given.facts))


if __name__ == "__main__":
    main()
