"""Workers as a group of a real Kafka: order, nothing lost, nothing twice, whoever comes, goes, dies or sleeps."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs
from typing_extensions import override

from dreamflow.bench.servers.kafka_process import KafkaCluster as Brokers
from dreamflow.bench.servers.kafka_process import KafkaProcess
from dreamflow.kit.clock import ManualClock
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox import Books, Delivery, Lane, LeaseLost, Limits, Sink
from dreamflow.outbox.adapters.kafka import KafkaCluster
from dreamflow.outbox.adapters.kafka.library import Admin
from dreamflow.outbox.adapters.sql import SqlDeliveries, SqlLeases
from dreamflow.outbox.adapters.sql.tables import cursors, leases
from dreamflow.outbox.model import Answer, DeliveryState, Verdict
from dreamflow.outbox.rules.partitions import PARTITIONS, partition_of
from dreamflow.outbox.service.delivery import ROOM
from kit.kit_house import EVENING
from outbox.kafka_world import POLL_SECONDS, SESSION_SECONDS, KafkaWorld, until
from outbox.outbox_fakes import FakeKlaviyo, Nap, Play, heard, outbox_at

pytestmark = pytest.mark.kafka
ALL = frozenset(range(PARTITIONS))
INTAKE = "dreamflow.outbox.adapters.kafka.intake"


class SlowKlaviyo(Sink):
    """The same other side, a little later."""

    def __init__(self, klaviyo: FakeKlaviyo, seconds: float) -> None:
        self._klaviyo = klaviyo
        self._seconds = seconds

    @override
    async def send_one(self, delivery: Delivery) -> Answer:
        await asyncio.sleep(self._seconds)
        return await self._klaviyo.send_one(delivery)

    @override
    async def send_events(self, deliveries: Sequence[Delivery]) -> Answer:
        await asyncio.sleep(self._seconds)
        return await self._klaviyo.send_events(deliveries)

    @override
    async def send_profiles(self, deliveries: Sequence[Delivery]) -> Answer:
        await asyncio.sleep(self._seconds)
        return await self._klaviyo.send_profiles(deliveries)


@pytest.fixture
async def world(tmp_path: Path, kafka: KafkaProcess, kafka_topic: str) -> AsyncIterator[KafkaWorld]:
    async with outbox_at(tmp_path / "house.sqlite") as outbox:
        yield KafkaWorld(
            outbox, KafkaCluster(kafka.bootstrap, kafka_topic, kafka_topic, session_seconds=SESSION_SECONDS)
        )


async def test_what_waits_but_was_not_pointed_at_is_left_alone(world: KafkaWorld) -> None:
    await world.append(3, 1)
    async with world.working() as (_, intake):
        await until(lambda: intake.partitions == ALL)
        await world.publish()
        await world.append(2, 1, start=3)
        books = await world.until_books(lambda books: books.delivered == 3)
        await asyncio.sleep(0.2)
        assert await world.outbox.store.books() == books == Books(delivered=3, pending=2, accepted=5)
        await world.publish()
        await world.until_ended()
    world.check_all_is_well(5)


async def test_a_rebalance_in_the_middle_loses_nothing_doubles_nothing_and_keeps_the_order(world: KafkaWorld) -> None:
    slow = SlowKlaviyo(world.outbox.klaviyo, 0.05)
    limits = Limits(bulk_from=5, events=20)
    await world.append(300, 60)
    await world.publish()
    async with world.working(sink=slow, limits=limits) as (_, first):
        await world.until_books(lambda books: books.delivered > 50)
        async with world.working(sink=slow, limits=limits) as (_, second):
            await until(lambda: len(second.partitions) == len(first.partitions) == PARTITIONS // 2)
            assert first.partitions | second.partitions == ALL
            assert first.partitions.isdisjoint(second.partitions)
            assert (await world.outbox.store.books()).pending
            await world.append(300, 60, start=300)
            await world.publish()
            await world.until_books(lambda books: books.delivered > 350)
        await world.until_ended()
        assert first.partitions == ALL
    world.check_all_is_well(600)
    again = [id_ for ids in world.outbox.klaviyo.requests for id_ in ids]
    assert len(again) == len(set(again)), "sent a second time, though nothing went wrong"


async def test_pointers_that_come_twice_are_passed_over_and_committed(world: KafkaWorld) -> None:
    await world.append(50, 5)
    await world.publish()
    await world.outbox.database.write(lambda c: c.execute(update(cursors).values(seq=20)))
    await world.publish()
    assert len(await world.records(80)) == 80
    async with world.working() as (_, intake):
        await world.until_ended()
        await until(lambda: intake.buffered == 0)
    world.check_all_is_well(50)
    async with Admin(world.cluster) as admin:
        read = await admin._client.list_consumer_group_offsets(world.cluster.group)
    assert sum(each.offset for each in read.values()) == 80


async def test_a_pointer_is_not_committed_before_its_delivery_has_ended(world: KafkaWorld) -> None:
    await world.append(4, 2)
    await world.publish()
    world.outbox.klaviyo.script(Play.ACCEPT, *[Play.LOCK] * 9)
    async with world.working(room={Lane.EVENT: 1}) as (_, intake):
        await world.until_books(lambda books: books.delivered == 1)
        await until(lambda: len(world.outbox.klaviyo.requests) == 2)
    async with world.working() as (_, intake):
        await until(lambda: intake.partitions == ALL and intake.buffered > 0)
        await asyncio.sleep(0.3)
        assert intake.buffered == 3, "read again, because the first worker did not commit them"


async def test_a_worker_that_ended_and_begins_again_is_a_member_again(world: KafkaWorld) -> None:
    service, _ = world.worker()
    for start in (0, 4):
        await world.append(4, 2, start=start)
        await world.publish()
        stop = asyncio.Event()
        running = asyncio.create_task(service.run(stop, poll_seconds=POLL_SECONDS))
        await world.until_ended()
        stop.set()
        await running
    world.check_all_is_well(8)


async def test_more_than_the_buffer_holds_waits_in_the_log(world: KafkaWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{INTAKE}.MOST_POINTERS", 0)
    monkeypatch.setattr(f"{INTAKE}.LEAST_SHARE", 20)
    world.outbox.klaviyo.nap = nap = Nap(is_early=True)
    await world.append(10, 1)
    await world.publish()
    async with world.working(limits=Limits(bulk_from=5, events=10)) as (_, intake):
        await until(lambda: intake.buffered == 10)
        for number in range(10):
            await world.append(100, 1, start=10 + 100 * number)
            await world.publish()
            if intake.buffered >= 20:
                break
        held = intake.buffered
        await asyncio.sleep(0.3)
        await world.append(100, 1, start=5000)
        await world.publish()
        await asyncio.sleep(0.3)
        assert intake.buffered == held < 1000
        nap.over.set()
        await world.until_ended()
        await until(lambda: intake.buffered == 0)


async def test_a_worker_that_lost_a_partition_without_knowing_cannot_cut_in_it(world: KafkaWorld) -> None:
    """It sleeps, the group takes it for dead and gives its partitions to another; then it wakes up."""
    database, clock = world.outbox.database, ManualClock(EVENING)
    store = SqlDeliveries(database, SeededIds(4))
    sleepy, other = SqlLeases(database, is_shared_out=True), SqlLeases(database, is_shared_out=True)
    until_ = EVENING + timedelta(seconds=15)
    assert await sleepy.renew("sleepy", clock.now(), until_) == frozenset(), "nothing is shared out by itself"
    await sleepy.take("sleepy", ALL)
    await world.outbox.append(heard("e1", "ann"), heard("e2", "ben"))

    async def claim(worker: str, *arrived: str) -> list[list[str]]:
        batches = await store.claim(
            worker, clock.now(), under_way=frozenset(), room=ROOM, limits=Limits(), arrived=arrived
        )
        return [[each.id for each in batch.deliveries] for batch in batches]

    assert await claim("sleepy", "e1") == [["e1"]]
    assert await other.renew("other", clock.now(), until_) == frozenset()
    await other.take("other", ALL)
    await world.outbox.append(heard("e3", "ann"))
    assert await claim("sleepy", "e1", "e2", "e3") == [["e1"]], "its own batch only"
    assert await claim("other", "e1", "e2", "e3") == [["e2"]], "what follows e1 waits for it"
    assert await sleepy.renew("sleepy", clock.now(), until_) == frozenset()

    clock.advance(timedelta(seconds=20))
    later = clock.now() + timedelta(seconds=15)
    assert await other.renew("other", clock.now(), later) == ALL
    assert sorted(await claim("other", "e1", "e2", "e3")) == [["e1"], ["e2"]], "it was buried; its batch is adopted"
    [mine] = [
        batch
        for batch in await store.claim("other", clock.now(), under_way=frozenset(), room=ROOM, limits=Limits())
        if batch.deliveries[0].id == "e1"
    ]
    assert mine.is_ambiguous
    with pytest.raises(LeaseLost):
        await store.settle("sleepy", mine, {"e1": Verdict(DeliveryState.DELIVERED)}, clock.now())
    with pytest.raises(LeaseLost):
        await sleepy.take("sleepy", ALL)
    with pytest.raises(LeaseLost):
        await sleepy.renew("sleepy", clock.now(), later)


async def test_a_partition_that_another_took_by_mistake_comes_back(world: KafkaWorld) -> None:
    async with world.working(lease_seconds=1.0) as (service, intake):
        await until(lambda: service.lease.partitions == ALL)
        stray = SqlLeases(world.outbox.database, is_shared_out=True)
        await stray.renew("stray", world.clock.now(), world.clock.now() + timedelta(seconds=60))
        await stray.take("stray", frozenset({partition_of("p0")}))
        await world.append(1, 1)
        await world.publish()
        await world.until_ended()
        assert intake.partitions == ALL
        holders = select(leases.c.owner).where(leases.c.pool == "delivery").distinct()
        found = await world.outbox.database.read(lambda c: c.execute(holders).scalars().all())
        assert found == [service.lease.worker]


@pytest.fixture
async def fragile(tmp_path: Path, kafka_process: KafkaProcess) -> AsyncIterator[KafkaWorld]:
    """A world whose broker may be killed."""
    async with outbox_at(tmp_path / "house.sqlite") as outbox:
        yield KafkaWorld(outbox, KafkaCluster(kafka_process.bootstrap, "t", "g", session_seconds=SESSION_SECONDS))


async def test_a_broker_that_dies_and_comes_back_with_all_it_had_only_delays(
    fragile: KafkaWorld, kafka_process: KafkaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = fragile
    monkeypatch.setattr(f"{INTAKE}.LOOK_SECONDS", 0.3)
    with capture_logs() as logs:
        async with world.relaying(), world.working():
            await world.append(100, 10)
            await world.until_ended()
            kafka_process.kill()
            await world.append(100, 10, start=100)
            await until(lambda: any(line["event"] == "kafka.away" for line in logs))
            assert (await world.outbox.store.books()).pending == 100
            await asyncio.to_thread(kafka_process.start)
            await world.until_ended()
    world.check_all_is_well(200)
    ours = [line["event"] for line in logs if line["event"].startswith("kafka.")]
    assert ours.count("kafka.away") <= 2, "once from the relay, and once from the worker"
    assert len({each.value for each in await world.records(200)}) == 200, "it lost what it had acknowledged"


async def test_one_of_three_brokers_dies_and_nobody_waits_for_it(tmp_path: Path, kafka_cluster: Brokers) -> None:
    cluster = KafkaCluster(kafka_cluster.bootstrap, "t", "g", session_seconds=SESSION_SECONDS)
    async with outbox_at(tmp_path / "house.sqlite") as outbox:
        world = KafkaWorld(outbox, cluster)
        async with world.relaying(), world.working(), world.working():
            await world.append(100, 30)
            await world.until_books(lambda books: books.delivered > 20)
            kafka_cluster.kill(2)
            await world.append(100, 30, start=100)
            await world.until_ended()
        world.check_all_is_well(200)
