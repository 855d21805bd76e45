"""Subscribers of the journal at work: each reads on at its own pace, and one that fails stops no other."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Final

import structlog

from dreamflow.kit.clock import Clock, SystemClock
from dreamflow.kit.logging import where
from dreamflow.outbox.ports import Journal
from dreamflow.outbox.rules.timing import LONGEST_WAIT_SECONDS, wait_seconds

POLL_SECONDS: Final = 1.0

_log = structlog.get_logger()


class SubscriberService:
    """Gives the subscribers what is new in the journal.

    Args:
        journal: what they read.
        rng: for jitter.
        wall_clock: the machine's, for waits after failures.
    """

    def __init__(self, journal: Journal, rng: random.Random, wall_clock: Clock | None = None) -> None:
        self._journal = journal
        self._rng = rng
        self._wall_clock = wall_clock or SystemClock()
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, datetime] = {}

    async def run(self, stop: asyncio.Event, *, poll_seconds: float = POLL_SECONDS) -> None:
        """Give until `stop` is set.

        Args:
            stop: ends the loop, between two transactions.
            poll_seconds: how soon a new entry is noticed.
        """
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while self._journal.subscribers and not stop.is_set():
                if not await self.advance():
                    await asyncio.wait({stopping}, timeout=poll_seconds)
        finally:
            stopping.cancel()

    async def advance(self) -> bool:
        """Give each of them a few entries; false when there was nothing for anybody."""
        given = [await self._advance(name) for name in self._journal.subscribers]
        return any(given)

    async def _advance(self, name: str) -> bool:
        not_before, now = self._not_before.get(name), self._wall_clock.now()
        # A longer wait is one of a clock that was put back.
        if not_before is not None and timedelta() < not_before - now <= timedelta(seconds=LONGEST_WAIT_SECONDS):
            return False
        try:
            was_given = await self._journal.advance(name)
        except Exception as error:  # noqa: BLE001 - whatever it raises, the others go on
            self._failures[name] = self._failures.get(name, 0) + 1
            seconds = wait_seconds(self._failures[name], None, self._rng.random())
            self._not_before[name] = now + timedelta(seconds=seconds)
            _log.error("subscriber.failed", subscriber=name, wait_seconds=round(seconds, 2), **where(error))
            return False
        self._failures.pop(name, None)
        self._not_before.pop(name, None)
        return was_given
