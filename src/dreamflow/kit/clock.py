"""Time as something that is passed in.

Services never ask the machine what time it is: they ask a `Clock`, so that a night can be replayed,
a test can live three weeks in a second and the demo can always start at story time.
"""

from datetime import UTC, datetime, timedelta
from typing import Protocol

from typing_extensions import override


class Clock(Protocol):
    """Where "now" comes from."""

    def now(self) -> datetime:
        """The current moment, aware, in UTC."""
        ...


class SystemClock(Clock):
    """The machine's clock."""

    @override
    def now(self) -> datetime:
        return datetime.now(UTC)


class OffsetClock(Clock):
    """Runs at the pace of another clock, but starts at a chosen moment.

    The demo uses it: whatever the hour, the evening begins at ten past seven.
    """

    def __init__(self, base: Clock, start: datetime) -> None:
        self._base = base
        self._offset = start - base.now()

    @override
    def now(self) -> datetime:
        return self._base.now() + self._offset


class ManualClock(Clock):
    """Stands still until it is told to move: for seeded history and for tests."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    @override
    def now(self) -> datetime:
        return self._now

    def set(self, moment: datetime) -> None:
        """Jump to a moment, forwards or backwards."""
        self._now = moment.astimezone(UTC)

    def advance(self, step: timedelta) -> None:
        """Move forwards by a step."""
        self._now += step
