"""A real Apache Kafka for tests: one broker for each worker of pytest, one topic for each test."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dreamflow.bench.servers.kafka_installation import KafkaInstallation, kafka_installation
from dreamflow.bench.servers.kafka_process import KafkaCluster, KafkaProcess

PARTITIONS = 64
# With these a group settles within 0.2 seconds, a dead member is missed after one, and a broker's return is seen.
QUICK_CLIENT: dict[str, Any] = {"request_timeout_ms": 2000, "retry_backoff_ms": 50}
QUICK_MEMBER: dict[str, Any] = {
    **QUICK_CLIENT,
    "session_timeout_ms": 1000,
    "heartbeat_interval_ms": 100,
    "fetch_max_wait_ms": 100,
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
}

_numbers = count(1)


async def create_topic(bootstrap: str, name: str, *, partitions: int = PARTITIONS, copies: int = 1) -> None:
    """Make a topic; the client's library reports refusals in its answer only."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **QUICK_CLIENT)
    await admin.start()
    try:
        answer: Any = await admin.create_topics([NewTopic(name, partitions, copies)])
    finally:
        await admin.close()
    assert [each[1] for each in answer.topic_errors] == [0], answer


@pytest.fixture(scope="session")
def kafka_to_run() -> KafkaInstallation:
    """What brokers are made with; a test that asks for it is skipped where it is not installed."""
    installation = kafka_installation()
    if installation is None:
        pytest.skip("needs Java and the jars of Apache Kafka (make test-all installs them)")
    return installation


@pytest.fixture(scope="session")
def kafka(kafka_to_run: KafkaInstallation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaProcess]:
    """A broker that all tests of a worker share: they differ in topics and groups, and leave it alive."""
    process = KafkaProcess(kafka_to_run, tmp_path_factory.mktemp("kafka"))
    process.start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
async def kafka_topic(kafka: KafkaProcess) -> str:
    """A topic of this test's own with 64 partitions and nothing in it; its name serves for a group too."""
    name = f"test-{next(_numbers)}"
    await create_topic(kafka.bootstrap, name)
    return name


@pytest.fixture
def kafka_process(kafka_to_run: KafkaInstallation, tmp_path: Path) -> Iterator[KafkaProcess]:
    """A broker of this test's own, to be stopped, killed and started: the shared one has many logs to mend by then."""
    process = KafkaProcess(kafka_to_run, tmp_path)
    process.start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
def kafka_cluster(kafka_to_run: KafkaInstallation, tmp_path: Path) -> Iterator[KafkaCluster]:
    """Three brokers of this test's own, running; about five seconds of both cores."""
    cluster = KafkaCluster(kafka_to_run, tmp_path, 3)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.kill()  # in good order they would wait for each other
