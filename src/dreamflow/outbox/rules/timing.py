"""When: how long to wait before the next try, and how fine a time may be that leaves."""

from datetime import datetime
from typing import Final

FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 60.0
LONGEST_HOUSE_WAIT_SECONDS: Final = 2.0
LONGEST_ASKED_SECONDS: Final = 900.0
"""A longer wait that is asked for is obeyed in parts: an absurd one must not stop delivery for good."""


def wait_seconds(attempts: int, asked: float | None, jitter: float) -> float:
    """How long to wait before the next try.

    Args:
        attempts: failed tries so far, at least 1.
        asked: what the other side asked for, if it did; obeyed as a minimum, up to a quarter of an hour.
        jitter: drawn from [0, 1) by the caller (full jitter).
    """
    ceiling = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(attempts - 1, 30))
    return max(min(asked or 0.0, LONGEST_ASKED_SECONDS), ceiling * jitter)


def house_wait_seconds(failures: int, jitter: float) -> float:
    """How long to wait before something of our own is tried again: it costs nobody anything, and leases run meanwhile.

    Args:
        failures: failed tries so far, at least 1.
        jitter: drawn from [0, 1) by the caller.
    """
    return min(LONGEST_HOUSE_WAIT_SECONDS, wait_seconds(failures, None, jitter))


def leaving_time(moment: datetime) -> datetime:
    """The hour a moment lies in: the finest time that leaves the house."""
    return moment.replace(minute=0, second=0, microsecond=0)
