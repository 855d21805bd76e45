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


async def safe_horizon(database: Database, newest: Callable[[Connection], int]) -> int | None:
    """The newest number below which none can appear any more.

    Every number below a visible one was given to a transaction that has ended or is appending right now (see
    `dialect.announce_appending`), so it is enough to see those end. Nobody is held up.

    Args:
        database: where the table is.
        newest: reads the newest visible number.

    Returns:
        None when somebody was appending for too long; look again later.
    """

    def look(connection: Connection) -> tuple[int, frozenset[str]]:
        found = newest(connection)
        return found, appenders(connection)  # in this order

    horizon, appending = await database.read(look)
    for _ in range(_LOOKS):
        if not appending:
            return horizon
        await asyncio.sleep(_PAUSE_SECONDS)
        appending &= await database.read(appenders)
    return None
