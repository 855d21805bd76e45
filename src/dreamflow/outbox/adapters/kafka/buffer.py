"""Pointers that were read and not committed: what waits in each partition, and from where the group would go on."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from dreamflow.outbox.adapters.kafka.library import Record
from dreamflow.outbox.adapters.kafka.pointers import id_in


@dataclass(slots=True)
class _Queue:
    """One partition.

    Attributes:
        committed: the offset from which the group would go on.
        next: the offset after the last that was read.
        pointers: offset and delivery of each, oldest first.
    """

    committed: int
    next: int
    pointers: deque[tuple[int, str]] = field(default_factory=deque[tuple[int, str]])

    @property
    def begins(self) -> int:
        """The offset below which all has ended."""
        return self.pointers[0][0] if self.pointers else self.next


class Buffer:
    """Of the partitions that this worker has."""

    def __init__(self) -> None:
        self._queues: dict[int, _Queue] = {}
        self._in_batches: set[str] = set()

    @property
    def count(self) -> int:
        """Pointers in it."""
        return sum(len(queue.pointers) for queue in self._queues.values())

    def add(self, records: Iterable[Record]) -> None:
        """Put what was read at the end; in order of the offsets of each partition."""
        for record in records:
            queue = self._queues.setdefault(record.partition, _Queue(record.offset, record.offset))
            queue.next = record.offset + 1
            id_ = id_in(record.value)
            if id_ is not None:
                queue.pointers.append((record.offset, id_))

    def clear(self) -> None:
        """Forget all of it: it will be read again, here or elsewhere."""
        self._queues.clear()
        self._in_batches.clear()

    def longer_than(self, most: int) -> frozenset[int]:
        """Partitions with so many pointers or more."""
        return frozenset(partition for partition, queue in self._queues.items() if len(queue.pointers) >= most)

    def waiting(self) -> Sequence[str]:
        """Deliveries that are in no batch as far as is known; of each partition the older ones first."""
        found = (id_ for queue in self._queues.values() for _, id_ in queue.pointers)
        return list(dict.fromkeys(id_ for id_ in found if id_ not in self._in_batches))

    def taken(self, ids: Iterable[str]) -> None:
        """These are in batches."""
        self._in_batches.update(ids)

    def oldest(self, most: int) -> Sequence[str]:
        """The deliveries at the beginnings of the partitions, about so many in all."""
        each = max(1, most // max(1, len(self._queues)))
        return [id_ for queue in self._queues.values() for _, id_ in islice(queue.pointers, each)]

    def settle(self, asked: Sequence[str], unfinished: Mapping[str, bool]) -> bool:
        """Take over what the database says.

        Args:
            asked: whom it was asked about.
            unfinished: those of them that have not ended: true for what waits, false for what is in a batch.

        Returns:
            Whether a pointer is gone because of that.
        """
        ended = set(asked) - unfinished.keys()
        self._in_batches.difference_update(asked)
        self._in_batches.update(id_ for id_, waits in unfinished.items() if not waits)
        before = self.count
        for queue in self._queues.values():
            while queue.pointers and queue.pointers[0][1] in ended:
                queue.pointers.popleft()
        return self.count < before

    def uncommitted(self) -> Mapping[int, int]:
        """By partition the offset below which all has ended, where that was not committed."""
        return {partition: queue.begins for partition, queue in self._queues.items() if queue.begins != queue.committed}

    def committed(self, offsets: Mapping[int, int]) -> None:
        """These are stored."""
        for partition, offset in offsets.items():
            if partition in self._queues:
                self._queues[partition].committed = offset
