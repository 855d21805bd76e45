"""The relay: pointers to all that waits, in order, again after whatever happened, and nothing but pointers."""

import asyncio
import json
import random
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs
from typing_extensions import override

from dreamflow.bench.servers.kafka_process import KafkaProcess
from dreamflow.kit.clock import ManualClock
from dreamflow.kit.db import DatabaseUnavailable, PostgresDatabase, gather, migrate
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox import Books, Envelope, LeaseLost, Limits
from dreamflow.outbox.adapters.kafka import KafkaCluster, KafkaPublisher
from dreamflow.outbox.adapters.kafka.buffer import Buffer
from dreamflow.outbox.adapters.kafka.library import Admin, Record
from dreamflow.outbox.adapters.kafka.pointers import encoded, id_in
from dreamflow.outbox.adapters.sql import SqlDeadLetters, SqlDeliveries, SqlLeases, append
from dreamflow.outbox.adapters.sql.leasing import RELAY
from dreamflow.outbox.adapters.sql.relaying import SqlPointed, SqlRelay
from dreamflow.outbox.errors import BrokerUnavailable, UnusableTopic
from dreamflow.outbox.model import Pointer, Rejected
from dreamflow.outbox.ports import Publisher
from dreamflow.outbox.rules.partitions import PARTITIONS, partition_of
from dreamflow.outbox.service.delivery import ROOM
from dreamflow.outbox.service.relay import AT_ONCE, RelayService
from kafka_server import create_topic
from kit.kit_house import EVENING, SCRIPTS
from outbox.kafka_world import SESSION_SECONDS, KafkaWorld, until
from outbox.outbox_fakes import Crash, Outbox, carded, heard, outbox_at


class FakeLog(Publisher):
    """A log in memory."""

    def __init__(self) -> None:
        self.pointers: list[Pointer] = []
        self.is_lost = True
        self.is_away = False
        self.prepared = 0
        self.trimmed = 0

    @override
    async def is_missing(self) -> bool:
        self._look()
        return self.is_lost

    @override
    async def prepare(self) -> None:
        self._look()
        self.prepared += 1
        self.is_lost = False

    @override
    async def publish(self, pointers: Sequence[Pointer]) -> None:
        self._look()
        self.pointers += pointers

    @override
    async def trim(self) -> None:
        self._look()
        self.trimmed += 1

    @override
    async def aclose(self) -> None:
        pass

    def lose_everything(self) -> None:
        self.pointers.clear()
        self.is_lost = True

    def _look(self) -> None:
        if self.is_away:
            raise BrokerUnavailable("It is away.")


class Relays:
    """Relays of one outbox and one log, on a clock that moves when told."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.log = FakeLog()
        self.clock = ManualClock(EVENING)
        self.relay = self.another()

    def another(self, *, dies_at: str = "", again: bool = False) -> RelayService:
        def reach(place: str) -> None:
            if place == dies_at:
                raise Crash

        return RelayService(
            store=SqlRelay(self.outbox.database),
            leases=SqlLeases(self.outbox.database, RELAY, partitions=1),
            publisher=self.log,
            rng=random.Random(1),
            wall_clock=self.clock,
            lease_seconds=SESSION_SECONDS,
            again=again,
            reach=reach,
        )

    async def published(self) -> list[str]:
        """Let the relay publish all it has, and say what is in the log."""
        while await self.relay.publish_next():
            pass
        return [pointer.id for pointer in self.log.pointers]


@pytest.fixture
async def relays(tmp_path: Path) -> AsyncIterator[Relays]:
    async with outbox_at(tmp_path / "house.sqlite") as outbox:
        yield Relays(outbox)


async def test_a_log_that_is_made_anew_is_filled_even_if_the_house_fails_just_then(
    relays: Relays, monkeypatch: pytest.MonkeyPatch
) -> None:
    await relays.outbox.append(heard("e1"), heard("e2"))
    assert await relays.published() == ["e1", "e2"]
    relays.log.lose_everything()
    relays.relay = relays.another()
    relays.clock.advance(timedelta(seconds=2 * SESSION_SECONDS))
    with monkeypatch.context() as patch:
        patch.setattr(SqlRelay, "rewind", AsyncMock(side_effect=DatabaseUnavailable("It restarts.")))
        with pytest.raises(DatabaseUnavailable):
            await relays.published()
    assert await relays.published() == ["e1", "e2"]


async def test_what_waits_is_pointed_at_once_and_in_order(relays: Relays) -> None:
    await relays.outbox.append(heard("e1", "ann"), heard("e2", "ben"))
    await relays.outbox.append(carded("e3", "ann"))
    assert await relays.published() == ["e1", "e2", "e3"]
    assert relays.log.pointers == [
        Pointer(1, "e1", "ann", 1, partition_of("ann")),
        Pointer(2, "e2", "ben", 1, partition_of("ben")),
        Pointer(3, "e3", "ann", 2, partition_of("ann")),
    ]
    await relays.outbox.append(heard("e4"))
    assert (await relays.published())[3:] == ["e4"]


async def test_more_than_fits_at_once_goes_in_parts(relays: Relays) -> None:
    count = AT_ONCE + 5
    await relays.outbox.append(*(heard(f"e{n}") for n in range(count)))
    assert await relays.published() == [f"e{n}" for n in range(count)]


async def test_what_has_ended_or_is_in_a_batch_needs_no_pointer(relays: Relays) -> None:
    await relays.outbox.append(heard("e1"))
    await relays.outbox.deliver()
    await relays.outbox.append(heard("e2"))
    await relays.outbox.crash_at("outbox.claimed")
    await relays.outbox.append(heard("e3"))
    assert await relays.published() == ["e3"]
    await relays.outbox.append(heard("e4"))
    assert await relays.published() == ["e3", "e4"]


async def test_a_relay_that_dies_after_publishing_is_repeated_by_the_next(relays: Relays) -> None:
    await relays.outbox.append(heard("e1"), heard("e2"))
    with pytest.raises(Crash):
        await relays.another(dies_at="relay.published").publish_next()
    assert await relays.published() == ["e1", "e2"], "the lease of the dead one still holds"
    relays.clock.advance(timedelta(seconds=SESSION_SECONDS + 1))
    assert await relays.published() == ["e1", "e2", "e1", "e2"]


async def test_a_relay_that_dies_after_moving_its_cursor_is_not_repeated(relays: Relays) -> None:
    await relays.outbox.append(heard("e1"), heard("e2"))
    with pytest.raises(Crash):
        await relays.another(dies_at="relay.moved").publish_next()
    relays.clock.advance(timedelta(seconds=SESSION_SECONDS + 1))
    assert await relays.published() == ["e1", "e2"]


async def test_one_relay_is_active_and_the_other_takes_over_at_once_when_it_leaves(relays: Relays) -> None:
    standing_by = relays.another()
    await relays.outbox.append(heard("e1"))
    assert await relays.published() == ["e1"]
    await relays.outbox.append(heard("e2"))
    assert not await standing_by.publish_next()
    assert (relays.relay.is_active, standing_by.is_active) == (True, False)
    await relays.relay.aclose()
    relays.clock.advance(timedelta(seconds=SESSION_SECONDS / 2))
    assert await standing_by.publish_next()
    assert [pointer.id for pointer in relays.log.pointers] == ["e1", "e2"]


async def test_a_relay_that_slept_past_its_lease_cannot_move_the_cursor(relays: Relays) -> None:
    await relays.outbox.append(heard("e1"))
    asleep = relays.another()
    await asleep.lease.renew()
    relays.clock.advance(timedelta(seconds=SESSION_SECONDS + 1))
    await relays.relay.lease.renew()
    store = SqlRelay(relays.outbox.database)
    with pytest.raises(LeaseLost):
        await store.published(asleep.lease.worker, 1)
    with pytest.raises(LeaseLost):
        await store.rewind(asleep.lease.worker)
    assert await relays.published() == ["e1"]
    with pytest.raises(LeaseLost):
        await asleep.publish_next()
    assert not await asleep.publish_next()


async def test_a_dead_letter_that_is_sent_again_is_pointed_at_again(relays: Relays) -> None:
    await relays.outbox.append(heard("e1"))
    assert await relays.published() == ["e1"]
    await relays.outbox.deliver(Rejected({"e1": "refused with 400"}))
    await SqlDeadLetters(relays.outbox.database).requeue(["e1"], EVENING, as_new=False)
    assert await relays.published() == ["e1", "e1"]
    assert relays.log.pointers[1].number == 1


async def test_a_log_that_had_to_be_made_anew_gets_all_that_waits(relays: Relays) -> None:
    await relays.outbox.append(heard("e1"))
    await relays.outbox.deliver()
    await relays.outbox.append(heard("e2"), heard("e3"))
    assert await relays.published() == ["e2", "e3"]
    relays.log.lose_everything()
    relays.log.is_away = True
    await relays.outbox.append(heard("e4"))
    with pytest.raises(BrokerUnavailable):
        await relays.published()
    relays.log.is_away = False
    relays.relay = relays.another()
    relays.clock.advance(timedelta(seconds=SESSION_SECONDS + 1))
    assert await relays.published() == ["e2", "e3", "e4"]


async def test_an_operator_may_have_all_that_waits_published_again(relays: Relays) -> None:
    await relays.outbox.append(heard("e1"), heard("e2"))
    assert await relays.published() == ["e1", "e2"]
    await relays.relay.aclose()
    relays.relay = relays.another(again=True)
    assert await relays.published() == ["e1", "e2", "e1", "e2"]


async def test_what_was_read_is_removed_once_a_minute(relays: Relays) -> None:
    for _ in range(3):
        await relays.published()
    assert relays.log.trimmed == 1
    relays.clock.advance(timedelta(seconds=61))
    await relays.published()
    assert relays.log.trimmed == 2


async def test_the_database_tells_what_has_ended_what_waits_and_what_is_in_a_batch(relays: Relays) -> None:
    await relays.outbox.append(heard("e1"))
    await relays.outbox.deliver()
    await relays.outbox.append(heard("e2"))
    await relays.outbox.crash_at("outbox.claimed")
    await relays.outbox.append(heard("e3"))
    pointed = SqlPointed(relays.outbox.database)
    assert await pointed.unfinished(["e1", "e2", "e3", "never"]) == {"e2": False, "e3": True}
    assert await pointed.unfinished([]) == {}


def record(partition: int, offset: int, id_: str) -> Record:
    return Record(partition, offset, encoded(Pointer(1, id_, "ann", 7, partition))[1])


def test_a_pointer_holds_random_ids_and_a_number() -> None:
    key, value = encoded(Pointer(12, "e1", "ann", 7, 3))
    assert (key, json.loads(value)) == (b"ann", {"id": "e1", "number": 7})
    assert id_in(value) == "e1"


@pytest.mark.parametrize("value", [b"", b"\xff", b"[]", b"{}", b'{"id": 1}', b"null"])
def test_what_no_relay_has_written_points_at_nothing_and_is_passed_over(value: bytes) -> None:
    assert id_in(value) is None
    buffer = Buffer()
    buffer.add([Record(1, 5, value)])
    assert (buffer.waiting(), buffer.uncommitted()) == ([], {1: 6})


def test_an_offset_is_committed_when_everything_below_it_has_ended() -> None:
    buffer = Buffer()
    buffer.add([record(1, 5, "a"), record(1, 6, "b"), record(1, 8, "c"), record(2, 0, "d")])
    assert buffer.uncommitted() == {}
    buffer.settle(["a", "b", "c", "d"], {"a": False, "c": True, "d": True})
    assert buffer.uncommitted() == {}, "the oldest has not ended"
    assert buffer.settle(["a", "b", "c", "d"], {"c": True, "d": True})
    assert buffer.uncommitted() == {1: 8}
    buffer.committed({1: 8, 9: 9})
    assert buffer.uncommitted() == {}
    buffer.settle(["c", "d"], {})
    assert (buffer.uncommitted(), buffer.count) == ({1: 9, 2: 1}, 0)


def test_what_waits_is_passed_on_once_and_until_it_is_in_a_batch() -> None:
    buffer = Buffer()
    buffer.add([record(1, 0, "a"), record(1, 1, "b"), record(1, 2, "a"), record(1, 3, "c")])
    assert buffer.waiting() == ["a", "b", "c"]
    buffer.taken(["a", "x"])
    assert buffer.waiting() == ["b", "c"]
    # It died, and was sent again before anybody had noticed its end.
    buffer.settle(["a", "b"], {"a": True, "b": False})
    assert buffer.waiting() == ["a", "c"]
    buffer.clear()
    assert (buffer.waiting(), buffer.count, buffer.uncommitted()) == ([], 0, {})


def test_the_oldest_of_each_partition_are_asked_about() -> None:
    buffer = Buffer()
    buffer.add([record(partition, offset, f"{partition}-{offset}") for partition in (1, 2) for offset in range(9)])
    assert buffer.oldest(4) == ["1-0", "1-1", "2-0", "2-1"]
    assert buffer.longer_than(9) == {1, 2}
    assert buffer.longer_than(10) == frozenset()


@pytest.fixture
async def world(tmp_path: Path, kafka: KafkaProcess, kafka_topic: str) -> AsyncIterator[KafkaWorld]:
    async with outbox_at(tmp_path / "house.sqlite") as outbox:
        yield KafkaWorld(
            outbox, KafkaCluster(kafka.bootstrap, kafka_topic, kafka_topic, session_seconds=SESSION_SECONDS)
        )


@pytest.mark.kafka
async def test_pointers_lie_in_their_profiles_partition_in_order_and_say_nothing(world: KafkaWorld) -> None:
    await world.append(500, 40)
    await world.publish()
    records = await world.records(500)
    assert len(records) == 500
    number = {}
    for each in records:
        found = json.loads(each.value)
        assert found.keys() == {"id", "number"}
        parent = found["id"].split("-")[0]
        assert each.partition == partition_of(parent)
        assert found["number"] == number.get(parent, 0) + 1
        number[parent] = found["number"]


@pytest.mark.kafka
async def test_a_missing_topic_is_made_and_one_with_another_number_of_partitions_refused(
    tmp_path: Path, kafka: KafkaProcess, kafka_topic: str
) -> None:
    made = KafkaCluster(kafka.bootstrap, f"{kafka_topic}-made", kafka_topic)
    publisher = KafkaPublisher(made)
    assert await publisher.is_missing()
    await publisher.prepare()
    assert not await publisher.is_missing()
    await publisher.prepare()
    async with Admin(made) as admin:
        assert await admin.partitions() == PARTITIONS
        assert not await admin.create(PARTITIONS)
    narrow = f"{kafka_topic}-narrow"
    await create_topic(kafka.bootstrap, narrow, partitions=12)
    with pytest.raises(UnusableTopic, match=f"{narrow} has 12 partitions, but deliveries lie in 64"):
        await KafkaPublisher(KafkaCluster(kafka.bootstrap, narrow, narrow)).prepare()


@pytest.mark.kafka
async def test_what_all_workers_have_done_with_is_gone_from_the_topic(world: KafkaWorld) -> None:
    await world.append(100, 10)
    await world.publish()
    async with world.working() as (_, intake):
        await world.until_ended()
    assert intake.buffered == 0
    await world.append(1, 1, start=100)
    await world.publish()
    await KafkaPublisher(world.cluster).trim()
    assert [id_in(each.value) for each in await world.records(1)] == ["p0-00100"]


async def test_without_brokers_relay_and_worker_say_so_once_and_stop_when_told(tmp_path: Path) -> None:
    async with outbox_at(tmp_path / "house.sqlite") as outbox:
        world = KafkaWorld(outbox, KafkaCluster("127.0.0.1:9", "t", "g", session_seconds=SESSION_SECONDS))
        await world.append(3, 1)
        with capture_logs() as logs:
            async with world.relaying(), world.working():
                await until(lambda: len(logs) >= 2)
                await asyncio.sleep(1.5)  # several tries
        assert await outbox.store.books() == Books(pending=3, accepted=3)
        assert [line["event"] for line in logs] == ["kafka.away"] * 2


@pytest.mark.postgres
async def test_on_postgresql_nothing_is_passed_over_while_others_are_still_writing(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url)
    others = PostgresDatabase(postgres_url)
    try:
        await database.write(lambda connection: migrate(connection, SCRIPTS))
        relays = Relays(Outbox(database))
        is_held, may_go_on = threading.Event(), threading.Event()

        def slowly(connection: Connection) -> None:
            append(connection, [heard("early", "ann")])

            def hold(_: Connection, __: Sequence[Envelope]) -> None:
                is_held.set()
                may_go_on.wait(10)

            gather(connection, hold, [heard("never")])

        writing = asyncio.create_task(others.write(slowly))
        await asyncio.to_thread(is_held.wait, 10)
        await relays.outbox.append(heard("late", "ben"))
        assert await relays.published() == []
        may_go_on.set()
        await writing
        assert await relays.published() == ["early", "late"]
        pointed = SqlPointed(database)
        assert await pointed.unfinished(["early", "late", "never"]) == {"early": True, "late": True}
        store, leases = SqlDeliveries(database, SeededIds(2)), SqlLeases(database, is_shared_out=True)
        await leases.renew("w", EVENING, EVENING + timedelta(seconds=9))
        await leases.take("w", frozenset(range(PARTITIONS)))
        [batch] = await store.claim(
            "w", EVENING, under_way=frozenset(), room=ROOM, limits=Limits(), arrived=["late", "never"]
        )
        assert [each.id for each in batch.deliveries] == ["late"]
        await SqlRelay(database).rewind(relays.relay.lease.worker)
        assert (await relays.published())[2:] == ["early"]
    finally:
        await others.aclose()
        await database.aclose()
