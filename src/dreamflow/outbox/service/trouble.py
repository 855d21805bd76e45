"""What is not taken up while the other side does not answer: what waits anyway need not be tried, too."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from dreamflow.outbox.model import Batch, Lane

FAILURES: Final = 6
"""So many tries of a lane in a row have to fail, before it takes up nothing new."""
PROBE_EVERY: Final = timedelta(seconds=30)
"""How often it takes up one new batch all the same: those that it has may fail for a reason of their own."""
MANY: Final = 8
"""With so many batches put off, it takes up one only seldom: they will tell as well when the other side is back."""
SELDOM: Final = timedelta(minutes=5)


class Trouble:
    """Failures in a row, by lane. What was begun is tried again in any case, when it is due."""

    def __init__(self) -> None:
        self._failures = Counter[Lane]()
        self._probed: dict[Lane, datetime] = {}
        self._put_off: defaultdict[Lane, set[str]] = defaultdict(set)

    def forget(self) -> None:
        """Begin anew: the batches are somebody else's by now."""
        self._failures.clear()
        self._probed.clear()
        self._put_off.clear()

    def begun(self, batch: Batch) -> None:
        """A try of this batch begins."""
        self._put_off[batch.lane].discard(batch.id)

    def failed(self, batch: Batch, now: datetime) -> None:
        """The try has failed; the batch waits for the next."""
        self._put_off[batch.lane].add(batch.id)
        self._failures[batch.lane] += 1
        if self._failures[batch.lane] == FAILURES:
            self._probed[batch.lane] = now

    def worked(self, batch: Batch) -> None:
        """The other side has answered."""
        self._failures[batch.lane] = 0

    def fresh(self, room: Mapping[Lane, int], now: datetime) -> Mapping[Lane, int]:
        """How many new batches of each lane may be taken up, of those there is room for."""
        return {lane: self._fresh(lane, count, now) for lane, count in room.items()}

    def _fresh(self, lane: Lane, room: int, now: datetime) -> int:
        if self._failures[lane] < FAILURES or room <= 0:
            return room
        pause = PROBE_EVERY if len(self._put_off[lane]) < MANY else SELDOM
        # A clock that was put back must not close the lane for as long.
        if timedelta() <= now - self._probed[lane] < pause:
            return 0
        self._probed[lane] = now
        return 1
