"""The commands themselves on a real Kafka: `dreamflow relay` and two `dreamflow worker`, one shot, one put to sleep."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from rich.console import Console

from dreamflow.bench.delivery.account import account
from dreamflow.bench.delivery.facts import facts
from dreamflow.bench.delivery.house import sqlite_house
from dreamflow.bench.delivery.ledger import audit, books
from dreamflow.bench.servers.kafka_process import KafkaProcess
from dreamflow.bootstrap import CannotOpen
from dreamflow.entrypoints.relay import run
from dreamflow.kit.db import Database
from dreamflow.outbox.adapters.sql import append
from dreamflow.outbox.errors import UnusableTopic
from dreamflow.settings import KafkaSettings, Settings
from kafka_server import create_topic

pytestmark = pytest.mark.kafka
SEED = 11
WAVE = 120
ASLEEP_SECONDS = 2.5
"""Longer than the lease, and than the group waits."""


@asynccontextmanager
async def stopped(pid: int) -> AsyncIterator[None]:
    """The process sleeps while the block runs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def until_ended(database: Database, count: int) -> None:
    """Wait until so many deliveries have ended."""
    async with asyncio.timeout(60):
        while True:
            found = await books(database)
            if found.accepted - found.pending >= count:
                return
            await asyncio.sleep(0.02)


async def test_relay_and_workers_may_die_and_sleep_and_nothing_is_lost_doubled_or_late(
    tmp_path: Path, kafka: KafkaProcess, kafka_topic: str
) -> None:
    house = await asyncio.to_thread(sqlite_house, tmp_path / "house", 20, SEED)
    envelopes = list(facts(3 * WAVE, house.families, SEED))
    settings = {"KAFKA__BOOTSTRAP": kafka.bootstrap, "KAFKA__TOPIC": kafka_topic, "WORKER__BULK_FROM": "15"}
    with ExitStack() as stack:
        klaviyo = stack.enter_context(account(SEED))
        relay = stack.enter_context(house.program("relay", klaviyo.url, **settings, FAILPOINT="relay.published"))
        first, second = (
            stack.enter_context(house.program("worker", klaviyo.url, log=f"worker-{number}", **settings))
            for number in (1, 2)
        )
        async with house.database() as database:
            await database.write(lambda connection: append(connection, envelopes[:WAVE]))
            assert await asyncio.to_thread(relay.wait, 60) == -signal.SIGKILL, "it died before it moved its cursor"
            relay.start(DREAMFLOW_FAILPOINT="")
            await until_leased(database, 32, 32)
            await database.write(lambda connection: append(connection, envelopes[WAVE : 2 * WAVE]))
            await until_ended(database, WAVE + WAVE // 10)
            async with stopped(second.pid):
                await asyncio.sleep(ASLEEP_SECONDS)
            await database.write(lambda connection: append(connection, envelopes[2 * WAVE :]))
            await until_ended(database, 2 * WAVE + WAVE // 10)
            first.kill()
            await until_ended(database, (await books(database)).accepted)
            await until_leased(database, 64)
            assert [await asyncio.to_thread(each.stop) for each in (second, relay)] == [0, 0]
            found = await audit(database, klaviyo, [each.id for each in envelopes])
            # The sleeper may have been about to send: that request arrives late, again, and has no effect.
            assert found.wrong == found.resent, found.words()
            assert found.events == 3 * WAVE
            await nobody_alive_holds_anything(database)


async def until_leased(database: Database, *shares: int) -> None:
    """Wait until so many workers hold so many partitions each, and nobody else is missed."""
    query = (
        "SELECT count(partition) FROM workers LEFT JOIN leases ON owner = workers.id AND leases.pool = 'delivery' "
        "WHERE workers.pool = 'delivery' GROUP BY workers.id"
    )
    async with asyncio.timeout(60):
        while await database.read(lambda c: c.exec_driver_sql(query).scalars().all()) != [*shares]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def nobody_alive_holds_anything(database: Database) -> None:
    tables = "workers UNION ALL SELECT count(owner) FROM leases UNION ALL SELECT count(*) FROM batches WHERE open"
    query = f"SELECT count(*) FROM {tables}"
    assert await database.read(lambda c: c.exec_driver_sql(query).scalars().all()) == [0, 0, 0]


def test_the_relay_refuses_a_topic_of_another_shape_in_one_sentence(tmp_path: Path, kafka: KafkaProcess) -> None:
    topic = "too-narrow"
    asyncio.run(create_topic(kafka.bootstrap, topic, partitions=3))
    settings = Settings(state_dir=tmp_path, kafka=KafkaSettings(bootstrap=kafka.bootstrap, topic=topic))
    with pytest.raises(UnusableTopic) as refused:
        run(settings, Console(quiet=True), again=False)
    assert refused.value.message == (
        f"The topic {topic} has 3 partitions, but deliveries lie in 64. "
        "Name another one in DREAMFLOW_KAFKA__TOPIC; it is made."
    )


def test_the_relay_refuses_to_start_without_kafka(tmp_path: Path) -> None:
    with pytest.raises(CannotOpen, match="Set DREAMFLOW_KAFKA__BOOTSTRAP"):
        run(Settings(state_dir=tmp_path), Console(quiet=True), again=False)
