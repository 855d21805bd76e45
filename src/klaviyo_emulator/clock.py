"""Time: the injectable clock, and the few forms in which Klaviyo writes an instant.

Instants travel through the package as whole seconds since 1970 (UTC). Only `system_clock` looks at the real time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

Clock = Callable[[], datetime]
"""Answers the present as an aware datetime."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECONDS = 1_000_000
"""How many make a second."""
_LAST = datetime(9000, 1, 1, tzinfo=UTC)
_DATETIME = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
_LONGEST = 64
"""Characters; no instant is as long."""
_SECONDS_OF_A_DAY = 86_400
_LONG_FRACTION = re.compile(r"(\.\d{6})\d+")


def system_clock() -> datetime:
    """The machine's own time, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the only place that may look


class AdjustableClock:
    """A clock that can be put forward and back, and stopped, while another one runs behind it.

    Callable from any thread.
    """

    def __init__(self, behind: Clock) -> None:
        self._behind = behind
        self._offset = timedelta()
        self._stopped_at: datetime | None = None

    def __call__(self) -> datetime:
        """The present."""
        stopped_at = self._stopped_at
        return self._behind() + self._offset if stopped_at is None else stopped_at

    @property
    def is_stopped(self) -> bool:
        """Whether it stands still."""
        return self._stopped_at is not None

    @property
    def is_followed(self) -> bool:
        """Whether it says what the clock behind it says."""
        return self._stopped_at is None and not self._offset

    def put(self, moment: datetime, *, stopped: bool) -> None:
        """Say that it is `moment` now; `stopped` lets it stand there. Raises ValueError outside the years it knows."""
        if not EPOCH <= moment < _LAST:
            raise ValueError(f"the clock knows the time from {EPOCH:%Y-%m-%d} until {_LAST:%Y-%m-%d}")
        self._offset = moment - self._behind()
        self._stopped_at = moment if stopped else None

    def advance(self, by: timedelta) -> None:
        """Put it forward, or back; it goes on running, or standing. Raises ValueError as `put` does."""
        try:
            moment = self() + by
        except OverflowError:
            moment = _LAST
        self.put(moment, stopped=self.is_stopped)

    def follow(self) -> None:
        """Say again what the clock behind it says."""
        self._offset = timedelta()
        self._stopped_at = None


def seconds(moment: datetime) -> float:
    """Seconds since 1970 of an aware datetime."""
    return (moment - EPOCH).total_seconds()


def whole_seconds(moment: datetime) -> int:
    """Seconds since 1970, truncated downwards."""
    elapsed = moment - EPOCH
    return elapsed.days * _SECONDS_OF_A_DAY + elapsed.seconds


def parse_instant(text: str) -> datetime | None:
    """An ISO 8601 instant, None for any other text. Without an offset it is UTC, without a time midnight.

    An instant before the year 1 or after 9999 in UTC, which nothing could write down, is none.
    """
    return _parsed(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)  # the events of a request are often of the same seconds or hours
def _parsed(text: str) -> datetime | None:
    if not _DATETIME.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat((_LONG_FRACTION.sub(r"\1", text) if "." in text else text).upper())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment


def format_instant(epoch_seconds: int) -> str:
    """`2026-09-04T13:39:33+00:00`, the form of profiles, metrics and events."""
    return (EPOCH + timedelta(seconds=epoch_seconds)).isoformat()


def format_seconds(epoch_microseconds: int) -> str:
    """The same form for an instant that is kept in microseconds."""
    return format_instant(epoch_microseconds // MICROSECONDS)


def format_micros(epoch_microseconds: int) -> str:
    """`2026-09-04T13:40:19.268993+00:00`, the form of webhooks, catalogues and their jobs."""
    return (EPOCH + timedelta(microseconds=epoch_microseconds)).isoformat(timespec="microseconds")
