"""What is not taken up while the other side does not answer: what waits anyway need not be tried, too."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from dreamflow.outbox.model import Lane

FAILURES: Final = 6
"""So many tries of a lane in a row have to fail, before it takes up nothing new."""
PROBE_EVERY: Final = timedelta(seconds=30)
"""How often it takes up something new all the same: what it has may fail for a reason of its own."""


class Trouble:
    """Failures in a row, by lane. What was begun is tried again in any case, when it is due."""

    def __init__(self) -> None:
        self._failures = Counter[Lane]()
        self._probed: dict[Lane, datetime] = {}

    def failed(self, lane: Lane, now: datetime) -> None:
        """A try of this lane has failed."""
        self._failures[lane] += 1
        if self._failures[lane] == FAILURES:
            self._probed[lane] = now

    def worked(self, lane: Lane) -> None:
        """The other side has answered."""
        self._failures[lane] = 0

    def free(self, lanes: Iterable[Lane], now: datetime) -> frozenset[Lane]:
        """The lanes that may take up something new."""
        return frozenset(lane for lane in lanes if self._is_free(lane, now))

    def _is_free(self, lane: Lane, now: datetime) -> bool:
        if self._failures[lane] < FAILURES:
            return True
        # A clock that was put back must not close the lane for as long.
        if timedelta() <= now - self._probed[lane] < PROBE_EVERY:
            return False
        self._probed[lane] = now
        return True
