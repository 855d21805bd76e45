"""The Kafka of tests and benches: what it keeps, what a group does, what it leaves behind.

That one which was killed comes back with all it acknowledged is shown where workers use it, in tests/outbox.
"""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from dreamflow.bench.servers.kafka_installation import KafkaInstallation, kafka_installation
from dreamflow.bench.servers.kafka_process import KafkaProcess, NoKafkaError
from kafka_server import PARTITIONS, QUICK_CLIENT, QUICK_MEMBER

pytestmark = pytest.mark.kafka

# Starts a broker, says the number of its process, and waits to be killed.
OWNER = """\
import sys, time
from pathlib import Path
from dreamflow.bench.servers.kafka_installation import kafka_installation
from dreamflow.bench.servers.kafka_process import KafkaProcess
process = KafkaProcess(kafka_installation(), Path(sys.argv[1]))
process.launch()
print(process.pid, flush=True)
time.sleep(60)
"""


@asynccontextmanager
async def producing(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, **QUICK_CLIENT)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def consuming(bootstrap: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A member of the group that is named as the topic."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=topic, **QUICK_MEMBER)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def send(producer: AIOKafkaProducer, topic: str, values: range) -> None:
    """One record for each number, to partitions in turn."""
    sent = [
        await producer.send(topic, str(value).encode(), key=b"parent", partition=value % PARTITIONS) for value in values
    ]
    await asyncio.gather(*sent)


async def read(consumer: AIOKafkaConsumer, count: int) -> list[int]:
    """So many records, each of which must be in the partition it was sent to."""
    found: list[int] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            for partition, records in (await consumer.getmany(timeout_ms=100)).items():
                values = [int(record.value or b"") for record in records]
                assert {value % PARTITIONS for value in values} == {partition.partition}
                found += values
    return sorted(found)


async def until_shared(*consumers: AIOKafkaConsumer) -> None:
    """Wait until each has an equal share of the partitions."""
    async with asyncio.timeout(20):
        while {len(consumer.assignment()) for consumer in consumers} != {PARTITIONS // len(consumers)}:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_topic_has_the_partitions_that_were_asked_for(kafka: KafkaProcess, kafka_topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap, **QUICK_CLIENT)
    await admin.start()
    try:
        described = await admin.describe_topics([kafka_topic, "never-made"])
    finally:
        await admin.close()
    assert {each["topic"]: len(each["partitions"]) for each in described} == {kafka_topic: PARTITIONS, "never-made": 0}


async def test_records_arrive_once_in_their_partitions(kafka: KafkaProcess, kafka_topic: str) -> None:
    async with producing(kafka.bootstrap) as producer, consuming(kafka.bootstrap, kafka_topic) as consumer:
        await send(producer, kafka_topic, range(300))
        assert await read(consumer, 300) == list(range(300))


async def test_a_group_of_two_shares_and_hands_over(kafka: KafkaProcess, kafka_topic: str) -> None:
    async with consuming(kafka.bootstrap, kafka_topic) as first:
        await until_shared(first)
        async with consuming(kafka.bootstrap, kafka_topic) as second:
            await until_shared(first, second)
            assert first.assignment().isdisjoint(second.assignment())
        await until_shared(first)


async def test_a_group_resumes_where_it_committed(kafka: KafkaProcess, kafka_topic: str) -> None:
    async with producing(kafka.bootstrap) as producer:
        await send(producer, kafka_topic, range(2 * PARTITIONS))
    async with consuming(kafka.bootstrap, kafka_topic) as consumer:
        assert await read(consumer, 2 * PARTITIONS) == list(range(2 * PARTITIONS))
        await consumer.commit({TopicPartition(kafka_topic, number): 1 for number in range(PARTITIONS)})
    async with consuming(kafka.bootstrap, kafka_topic) as consumer:
        assert await read(consumer, PARTITIONS) == list(range(PARTITIONS, 2 * PARTITIONS))


def test_it_does_not_outlive_who_started_it(kafka_to_run: KafkaInstallation, tmp_path: Path) -> None:
    with subprocess.Popen((sys.executable, "-c", OWNER, tmp_path), stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        broker = int(owner.stdout.readline())
        until(lambda: command(broker) == "java")  # before that its folder is made ready
        owner.send_signal(signal.SIGKILL)
    until(lambda: command(broker) is None)


def command(pid: int) -> str | None:
    """What a process runs; one that has ended but was not waited for runs nothing."""
    try:
        head, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except OSError:
        return None
    return None if rest.split()[0] == "Z" else head.partition("(")[2]


def until(is_so: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def test_a_broker_that_cannot_start_says_why(kafka_to_run: KafkaInstallation, tmp_path: Path) -> None:
    broker = KafkaProcess(kafka_to_run, tmp_path, settings={"broker.session.timeout.ms": "soon"})
    with pytest.raises(NoKafkaError, match="soon"):
        broker.start()
    assert not broker.is_running
    with pytest.raises(NoKafkaError, match="not running"):
        broker.kill()
    broker.stop()  # nothing


def test_without_the_jars_there_is_no_kafka(tmp_path: Path) -> None:
    assert kafka_installation(tmp_path) is None
