"""The nightly removal of deliveries that ended long ago, never as a storm."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog

from dreamflow.kit.clock import Clock
from dreamflow.outbox.ports import SettledStore

_AT_ONCE: Final = 500
"""Rows in one transaction: those who write meanwhile wait for no longer than this takes."""
_PAUSE_SECONDS: Final = 0.2

_log = structlog.get_logger()


class Retention:
    """Removes what ended long ago; the journal and the counts stay.

    Args:
        store: where it is.
        keep_days: for how long it is kept.
        clock: the house's.
        sleep: pauses between two transactions.
    """

    def __init__(
        self,
        store: SettledStore,
        keep_days: int,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._keep = timedelta(days=keep_days)
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Remove all there is to remove; whatever was removed when it is cut off stays so."""
        before = self._clock.now() - self._keep
        deliveries = await self._all(lambda: self._store.remove_settled(before, _AT_ONCE))
        batches = await self._all(lambda: self._store.remove_batches(_AT_ONCE))
        _log.info("retention.done", deliveries=deliveries, batches=batches)

    async def _all(self, remove: Callable[[], Awaitable[int]]) -> int:
        total = 0
        while count := await remove():
            total += count
            await self._sleep(_PAUSE_SECONDS)
        return total
