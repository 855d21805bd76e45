"""An outbox whose workers are a consumer group of a real Apache Kafka."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from dreamflow.kit.clock import SystemClock
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.kit.ids import RandomIds
from dreamflow.outbox import Books, DeliveryService, Lane, Limits
from dreamflow.outbox.adapters.kafka import KafkaCluster, KafkaIntake, KafkaPublisher
from dreamflow.outbox.adapters.kafka.library import Member, Record
from dreamflow.outbox.adapters.sql import SqlDeliveries, SqlLeases
from dreamflow.outbox.adapters.sql.leasing import RELAY
from dreamflow.outbox.adapters.sql.relaying import SqlPointed, SqlRelay
from dreamflow.outbox.ports import Publisher, Sink
from dreamflow.outbox.service.delivery import ROOM
from dreamflow.outbox.service.relay import RelayService
from outbox.outbox_fakes import Outbox, heard

PATIENCE = 20.0
SESSION_SECONDS = 1.0
POLL_SECONDS = 0.02
SETTLE_SECONDS = 0.1


@dataclass
class KafkaWorld:
    """One database, one topic, one other side; relays and workers come and go."""

    outbox: Outbox
    cluster: KafkaCluster
    clock: SystemClock = field(default_factory=SystemClock)

    def relay(
        self,
        reach: Reach = inert,
        *,
        publisher: Publisher | None = None,
        lease_seconds: float = SESSION_SECONDS,
        again: bool = False,
    ) -> RelayService:
        return RelayService(
            store=SqlRelay(self.outbox.database),
            leases=SqlLeases(self.outbox.database, RELAY, partitions=1),
            publisher=publisher or KafkaPublisher(self.cluster),
            rng=random.Random(5),
            lease_seconds=lease_seconds,
            again=again,
            reach=reach,
        )

    def worker(
        self,
        reach: Reach = inert,
        *,
        sink: Sink | None = None,
        limits: Limits | None = None,
        room: Mapping[Lane, int] = ROOM,
        lease_seconds: float = 10.0,
    ) -> "tuple[DeliveryService, KafkaIntake]":
        database = self.outbox.database
        intake = KafkaIntake(
            self.cluster, SqlPointed(database), random.Random(6), settle_seconds=SETTLE_SECONDS, reach=reach
        )
        service = DeliveryService(
            store=SqlDeliveries(database, RandomIds(), reach=reach),
            leases=SqlLeases(database, is_shared_out=True, reach=reach),
            sink=sink or self.outbox.klaviyo,
            gate=self.outbox.ledger,
            clock=self.clock,
            wall_clock=self.clock,
            rng=random.Random(7),
            lease_seconds=lease_seconds,
            limits=limits,
            room=room,
            intake=intake,
            reach=reach,
        )
        return service, intake

    async def publish(self) -> None:
        """Everything that waits, by a relay that comes and goes."""
        relay = self.relay()
        try:
            async with asyncio.timeout(PATIENCE):
                while await relay.publish_next():
                    pass
        finally:
            await relay.aclose()

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[RelayService]:
        relay = self.relay()
        async with _running(relay.run):
            yield relay

    @asynccontextmanager
    async def working(
        self, reach: Reach = inert, **parts: object
    ) -> AsyncIterator[tuple[DeliveryService, KafkaIntake]]:
        service, intake = self.worker(reach, **parts)  # pyright: ignore[reportArgumentType] - as they are
        async with _running(service.run):
            yield service, intake

    async def records(self, count: int) -> Sequence[Record]:
        """All of the topic, each partition in order; at least so many."""
        assigned = asyncio.Event()
        here = KafkaCluster(self.cluster.bootstrap, self.cluster.topic, "reader", session_seconds=SESSION_SECONDS)

        async def nothing() -> None:
            pass

        member = Member(here, lambda _: assigned.set(), nothing)
        found: list[Record] = []
        try:
            await member.start()
            async with asyncio.timeout(PATIENCE):
                while not assigned.is_set() or len(found) < count:
                    found += await member.fetch(0.1)
                while some := await member.fetch(0.3):
                    found += some
        finally:
            await member.stop()
        return found

    async def append(self, count: int, parents: int, *, start: int = 0) -> None:
        """Events `PARENT-NUMBER`, of the parents in turn."""
        await self.outbox.append(
            *(
                heard(f"p{number % parents}-{number:05}", f"p{number % parents}")
                for number in range(start, start + count)
            )
        )

    async def until_ended(self) -> Books:
        """Wait until nothing is pending."""
        return await self.until_books(lambda books: not books.pending)

    async def until_books(self, is_so: Callable[[Books], bool]) -> Books:
        async with asyncio.timeout(PATIENCE):
            while not is_so(books := await self.outbox.store.books()):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert books.balanced
        return books

    def effects(self) -> Mapping[str, Sequence[str]]:
        """What had an effect, by parent, in the order of arrival."""
        by_parent: dict[str, list[str]] = defaultdict(list)
        for id_, delivery in self.outbox.klaviyo.effects.items():
            by_parent[delivery.parent].append(id_)
        return by_parent

    def check_all_is_well(self, count: int) -> None:
        """Nothing lost, nothing twice, nothing out of order, nobody's promise broken."""
        effects = self.effects()
        assert sum(map(len, effects.values())) == count
        assert all(list(ids) == sorted(ids) for ids in effects.values())
        assert self.outbox.klaviyo.faults == []


async def until(is_so: Callable[[], bool], seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _running(run: Callable[..., Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run(stop, poll_seconds=POLL_SECONDS))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE)
