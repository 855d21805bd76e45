"""How far a table may be read in order: numbers are given out in one order and become visible in another."""

import asyncio
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from dreamflow.kit.db import Database
from dreamflow.outbox.adapters.sql.dialect import appenders

_LOOKS: Final = 10
_PAUSE_SECONDS: Final = 0.002
"""How often, and how far apart, it is looked whether those who are appending have ended."""


class Horizon:
    """The newest number of a table below which none can appear any more.

    Every number below a visible one was given to a transaction that has ended or is appending right now (see
    `dialect.announce_appending`), so it is enough to see those end. Nobody is held up.

    Args:
        database: where the table is.
        newest: reads the newest visible number.
    """

    def __init__(self, database: Database, newest: Callable[[Connection], int]) -> None:
        self._database = database
        self._newest = newest
        self._next: int | None = None
        self._appending: frozenset[str] = frozenset()
        self._one_at_a_time = asyncio.Lock()
        self.seq = 0
        """As far as it was seen."""

    async def move(self) -> None:
        """Look how far it is by now. Whom it waits for in vain it goes on waiting for at the next call."""
        async with self._one_at_a_time:
            if self._next is None:
                self._next, self._appending = await self._database.read(self._look)
            for _ in range(_LOOKS):
                if not self._appending:
                    self.seq, self._next = max(self.seq, self._next), None
                    return
                await asyncio.sleep(_PAUSE_SECONDS)
                still = await self._database.read(appenders)
                self._appending &= still

    def _look(self, connection: Connection) -> tuple[int, frozenset[str]]:
        found = self._newest(connection)
        return found, appenders(connection)  # in this order
