"""The topic as a relay sees it."""

import asyncio
from collections.abc import Sequence

from typing_extensions import override

from dreamflow.outbox.adapters.kafka.library import CALL_SECONDS, Admin, KafkaCluster, Producer, within
from dreamflow.outbox.adapters.kafka.pointers import encoded
from dreamflow.outbox.errors import BrokerUnavailable, UnusableTopic
from dreamflow.outbox.model import Pointer
from dreamflow.outbox.ports import Publisher
from dreamflow.outbox.rules.partitions import PARTITIONS


class KafkaPublisher(Publisher):
    """Publishes pointers to a topic of 64 partitions.

    What is published together is one batch for each partition, and the next is not begun before all of it is
    acknowledged: nothing is in the log before something older of its profile, whatever fails in between.

    Args:
        cluster: where the topic is.
    """

    def __init__(self, cluster: KafkaCluster) -> None:
        self._cluster = cluster
        self._producer: Producer | None = None

    @override
    async def is_missing(self) -> bool:
        async with Admin(self._cluster) as admin:
            return await admin.partitions() is None

    @override
    async def prepare(self) -> None:
        async with Admin(self._cluster) as admin:
            partitions = await admin.partitions()
            if partitions is None:
                await admin.create(PARTITIONS)
                partitions = await admin.partitions()
            if partitions not in {None, PARTITIONS}:
                raise UnusableTopic(
                    f"The topic {self._cluster.topic} has {partitions} partitions, but deliveries lie in {PARTITIONS}. "
                    "Name another one in DREAMFLOW_KAFKA__TOPIC; it is made."
                )

    @override
    async def publish(self, pointers: Sequence[Pointer]) -> None:
        try:
            await within(CALL_SECONDS, self._publish(pointers))
        except BaseException:
            # Whatever it still holds is not waited for: it is published again, by another one.
            await self.aclose()
            raise

    @override
    async def trim(self) -> None:
        async with Admin(self._cluster) as admin:
            await admin.forget_read()

    @override
    async def aclose(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _publish(self, pointers: Sequence[Pointer]) -> None:
        by_partition: dict[int, list[Pointer]] = {}
        for pointer in pointers:
            by_partition.setdefault(pointer.partition, []).append(pointer)
        producer = await self._started()
        sent = [
            await producer.append(partition, [encoded(each) for each in some])
            for partition, some in by_partition.items()
        ]
        await asyncio.gather(*sent)

    async def _started(self) -> Producer:
        if self._producer is None:
            producer = Producer(self._cluster)
            try:
                await producer.start()
            except BrokerUnavailable:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer
