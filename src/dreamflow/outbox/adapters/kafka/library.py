# aiokafka has no type stubs: what is not known of it stays in this module.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The few things that are asked of aiokafka, each with a deadline: some of its calls wait for ever for a lost broker.

Whatever goes wrong arrives as `BrokerUnavailable`; its cause tells more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import KafkaError
from typing_extensions import override

from dreamflow.outbox.errors import BrokerUnavailable

T = TypeVar("T")

CALL_SECONDS: Final = 10.0
"""So long a call may take."""
CLOSE_SECONDS: Final = 2.0
"""So long a good-bye may take."""
_UNKNOWN_TOPIC: Final = 3
_EXISTS: Final = 36
_BATCH_BYTES: Final = 900_000
"""Of the 1 MB that a broker takes by default. Pointers of one partition that are published together are one batch."""
_FETCH_BYTES: Final = 65_536
"""From one partition at a time; pointers are small, and there may be 64 partitions."""
_HEARTBEAT_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.05
_KEPT: Final[Mapping[str, str]] = {
    # What waits must not be forgotten because it waits for long; the relay removes what was read.
    "retention.ms": "-1",
    "cleanup.policy": "delete",
}


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """Where pointers go through.

    Attributes:
        bootstrap: HOST:PORT of some brokers, with commas between.
        topic: carries the pointers.
        group: of the workers.
        replication: copies of a topic that has to be made; by default as many as there are brokers, up to three.
        session_seconds: how long after its last sign of life the group takes a worker for dead. The brokers have a
            least (6 by default).
    """

    bootstrap: str
    topic: str
    group: str
    replication: int | None = None
    session_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class Record:
    """A record as a worker reads it."""

    partition: int
    offset: int
    value: bytes


async def within(seconds: float, call: Awaitable[T]) -> T:
    """Wait for something of the library's, for so long.

    Raises:
        BrokerUnavailable: it took longer, or was refused.
    """
    try:
        async with asyncio.timeout(seconds):
            return await call
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerUnavailable(f"Kafka did not do what it was asked for: {type(error).__name__}.") from error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # A consumer that is stopped without a broker cancels itself.
        raise BrokerUnavailable("Kafka went away in the middle of a call.") from None


class Admin:
    """Looking after the topic.

    Args:
        cluster: where it is.
    """

    def __init__(self, cluster: KafkaCluster) -> None:
        _silence()
        self._cluster = cluster
        self._client = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap, request_timeout_ms=_ms(CALL_SECONDS))

    async def __aenter__(self) -> Self:
        try:
            await within(CALL_SECONDS, self._client.start())
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(BrokerUnavailable):
            await within(CLOSE_SECONDS, self._client.close())

    async def partitions(self) -> int | None:
        """How many the topic has; none if it does not exist."""
        [topic] = await within(CALL_SECONDS, self._client.describe_topics([self._cluster.topic]))
        if topic["error_code"] == _UNKNOWN_TOPIC:
            return None
        if topic["error_code"]:
            raise BrokerUnavailable(f"Kafka cannot tell of the topic: error {topic['error_code']}.")
        return len(topic["partitions"])

    async def create(self, partitions: int) -> bool:
        """Make the topic; false if somebody else has made it in the meantime."""
        copies = self._cluster.replication
        if copies is None:
            brokers = await within(CALL_SECONDS, self._client.describe_cluster())
            copies = min(3, len(brokers["brokers"]))
        enough = {"min.insync.replicas": str(copies // 2 + 1)}
        topic = NewTopic(self._cluster.topic, partitions, copies, topic_configs={**_KEPT, **enough})
        answer: Any = await within(CALL_SECONDS, self._client.create_topics([topic]))
        code = answer.topic_errors[0][1]
        if code not in {0, _EXISTS}:
            raise BrokerUnavailable(f"Kafka did not make the topic: error {code}.")
        await within(CALL_SECONDS, self._until_known())
        return code == 0

    async def _until_known(self) -> None:
        """A topic that was just made is not known to every broker at once."""
        while await self.partitions() is None:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(_PAUSE_SECONDS)

    async def forget_read(self) -> None:
        """Remove what all workers have read and will not read again."""
        read = await within(CALL_SECONDS, self._client.list_consumer_group_offsets(self._cluster.group))
        before = {
            place: RecordsToDelete(before_offset=found.offset)
            for place, found in read.items()
            if place.topic == self._cluster.topic and found.offset > 0
        }
        if before:
            await within(CALL_SECONDS, self._client.delete_records(before))


class Producer:
    """Appending to the topic, by one that the brokers know: what it repeats by itself is there once and in order.

    Args:
        cluster: where to.
    """

    def __init__(self, cluster: KafkaCluster) -> None:
        _silence()
        self._topic = cluster.topic
        self._producer = AIOKafkaProducer(
            bootstrap_servers=cluster.bootstrap,
            acks="all",
            enable_idempotence=True,
            max_batch_size=_BATCH_BYTES,
            max_request_size=_BATCH_BYTES,
            request_timeout_ms=_ms(CALL_SECONDS),
        )

    async def start(self) -> None:
        """Find the brokers."""
        await within(CALL_SECONDS, self._producer.start())

    async def append(self, partition: int, records: Sequence[tuple[bytes, bytes]]) -> "asyncio.Future[Any]":
        """Hand over keys and values as one batch: all of it is appended, or nothing; the future ends when it is."""
        batch = self._producer.create_batch()
        for key, value in records:
            if batch.append(timestamp=None, key=key, value=value) is None:
                raise BrokerUnavailable("What is to be published at once does not fit into one batch.")
        batch.close()
        return await within(CALL_SECONDS, self._producer.send_batch(batch, self._topic, partition=partition))

    async def stop(self) -> None:
        """Close, whatever state it is in; nothing of it goes on."""
        try:
            await within(CLOSE_SECONDS, self._producer.stop())
        except BrokerUnavailable:
            # It waits for what cannot be sent.
            with suppress(BrokerUnavailable):
                await within(CLOSE_SECONDS, self._producer._sender.close())  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - there is no other way
            with suppress(BrokerUnavailable):
                await within(CLOSE_SECONDS, self._producer.client.close())


class Member(ConsumerRebalanceListener):
    """A member of the workers' group. It reads from where the group has got to, and commits only what it is told to.

    Args:
        cluster: where from.
        on_assigned: told which partitions are its own now; all of them, each time.
        on_revoked: awaited before they are shared out anew.
    """

    def __init__(
        self,
        cluster: KafkaCluster,
        on_assigned: Callable[[frozenset[int]], None],
        on_revoked: Callable[[], Awaitable[None]],
    ) -> None:
        _silence()
        self._topic = cluster.topic
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        session = cluster.session_seconds
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=cluster.bootstrap,
            group_id=cluster.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=_ms(session),
            heartbeat_interval_ms=_ms(min(_HEARTBEAT_SECONDS, session / 5)),
            # Joining waits for the others, who are given a session's time to come back.
            request_timeout_ms=_ms(max(CALL_SECONDS, 2 * session)),
            max_partition_fetch_bytes=_FETCH_BYTES,
        )

    async def start(self) -> None:
        """Find the brokers and begin to join."""
        await within(CALL_SECONDS, self._consumer.start())
        self._consumer.subscribe([self._topic], listener=self)

    async def fetch(self, seconds: float) -> Sequence[Record]:
        """What has come, in order of the offsets of each partition; waits so long for the first."""
        found = await within(CALL_SECONDS + seconds, self._consumer.getmany(timeout_ms=_ms(seconds)))
        return [
            Record(place.partition, each.offset, each.value or b"") for place, some in found.items() for each in some
        ]

    def pause_only(self, partitions: frozenset[int]) -> None:
        """Fetch nothing from these of its partitions for now, and from all others."""
        assigned = self._consumer.assignment()
        wanted = {place for place in assigned if place.partition in partitions}
        paused = self._consumer.paused() & assigned
        self._consumer.pause(*(wanted - paused))
        self._consumer.resume(*(paused - wanted))

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Store where to go on: by partition the offset of the next record. Refused when they are not its own."""
        places = {TopicPartition(self._topic, partition): offset for partition, offset in offsets.items()}
        await within(CALL_SECONDS, self._consumer.commit(places))

    async def look(self) -> None:
        """See whether a broker answers."""
        await within(CALL_SECONDS, self._consumer.topics())

    async def stop(self) -> None:
        """Leave the group, whatever state it is in; nothing of it goes on."""
        try:
            await within(CLOSE_SECONDS, self._consumer.stop())
        except BrokerUnavailable:
            with suppress(BrokerUnavailable):
                await within(CLOSE_SECONDS, self._consumer._client.close())  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - there is no other way

    @override
    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] - it is awaited
        self, revoked: Sequence[TopicPartition]
    ) -> None:
        await self._on_revoked()

    @override
    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride] - it is awaited
        self, assigned: Sequence[TopicPartition]
    ) -> None:
        self._on_assigned(frozenset(place.partition for place in assigned))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _silence() -> None:
    # It tells of every try to reach a broker that is away; we say so once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
