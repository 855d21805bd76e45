"""Who looks after whom: profiles lie in partitions, and workers share the partitions."""

from typing import Final
from zlib import crc32

PARTITIONS: Final = 64
"""How many there are; at most so many workers have something to do. Stored with each row: never change it."""


def partition_of(parent: str) -> int:
    """The partition of a profile: the same in every process and for ever."""
    return crc32(parent.encode()) % PARTITIONS


def fair_share(partitions: int, workers: int) -> int:
    """How many partitions a worker may hold, so that all are held and none waits for more than its part."""
    return -(-partitions // max(workers, 1))
