"""Delivery decisions, pure: which lane, and how long to wait."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from dreamflow.outbox.model import DeliveryKind, Lane

BULK_FROM: Final = 10
"""A backlog of at least this many events goes out in bulk; fewer are fresh and go one by one."""

BULK_LIMIT: Final = 1000
"""Events in one bulk request, as Klaviyo allows."""

FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 60.0
LONGEST_ASKED_SECONDS: Final = 900.0
"""A longer wait that is asked for is obeyed in parts: an absurd one must not stop delivery for good."""


def next_batch(backlog: Sequence[DeliveryKind]) -> tuple[Lane, int]:
    """Choose the lane and length of the next batch from the oldest pending deliveries.

    A bulk request takes events only, so a profile update ends the run before it: nothing overtakes anything.

    Args:
        backlog: kinds of the oldest pending deliveries, oldest first, not empty.

    Returns:
        The lane, and how many deliveries from the front.
    """
    run = 0
    while run < min(len(backlog), BULK_LIMIT) and backlog[run] is DeliveryKind.EVENT:
        run += 1
    return ("bulk", run) if run >= BULK_FROM else ("single", 1)


def wait_seconds(attempts: int, asked: float | None, jitter: float) -> float:
    """How long to wait before the next try.

    Args:
        attempts: failed tries so far, at least 1.
        asked: what the other side asked for, if it did; obeyed as a minimum, up to a quarter of an hour.
        jitter: drawn from [0, 1) by the caller (full jitter).
    """
    ceiling = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(attempts - 1, 30))
    return max(min(asked or 0.0, LONGEST_ASKED_SECONDS), ceiling * jitter)


def leaving_time(moment: datetime) -> datetime:
    """The hour a moment lies in: the finest time that leaves the house."""
    return moment.replace(minute=0, second=0, microsecond=0)
