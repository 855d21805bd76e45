"""Named places in the code where a test may make the process die; inert unless armed by a setting."""

import os
import signal
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

PLACES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "stories.written": "a story is written, and nothing of it is stored",
        "stories.committed": "a story is stored, and not told yet",
        "lease.buried": "within the transaction that frees what the dead held",
        "lease.adopted": "within the transaction that takes over what the dead were sending",
        "lease.renewed": "a lease is renewed",
        "outbox.cutting": "within the transaction that cuts batches",
        "outbox.cut": "batches are stored, and not sent yet",
        "outbox.claimed": "a batch is about to be sent",
        "outbox.sent": "a request was answered, and nothing of it is stored",
        "outbox.settling": "within the transaction that stores an outcome",
        "outbox.settled": "an outcome is stored",
        "outbox.deferred": "a failed try is stored",
        "kafka.assigned": "a worker holds the partitions that its consumer group gives it",
        "kafka.ended": "deliveries have ended, and the offsets of their pointers are not committed yet",
        "kafka.committed": "offsets are committed",
        "relay.published": "pointers are in Kafka, and that is not stored yet",
        "relay.moved": "that pointers are in Kafka is stored",
        "retention.deleted": "within the transaction that removes what ended long ago",
        "schedule.ran": "a job of the schedule was done, and that is not stored yet",
        "subscriber.handled": "within the transaction that gives journal entries to a subscriber",
    }
)
"""All of them by name, and when each is reached."""

Reach = Callable[[str], None]
"""Called with the name of the place that was reached."""


def inert(_: str) -> None:
    """Nothing happens here: production."""


def armed(place: str) -> Reach:
    """Die at a place; an empty name arms nothing."""
    return kill_at(place) if place else inert


def kill_at(place: str) -> Reach:
    """Die without warning when `place` is reached, as under SIGKILL; nothing is flushed or closed."""

    def reach(name: str) -> None:
        if name == place:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach
