"""A writer that is kept busy for as long as a test likes."""

import asyncio
import threading
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

PATIENCE: Final = 20.0


class Gate:
    """A function for the writer that stays inside its transaction until it is let go."""

    def __init__(self, first: Callable[[Connection], object] = lambda _: None) -> None:
        self._first = first
        self._entered = threading.Event()
        self._released = threading.Event()

    def __call__(self, connection: Connection) -> None:
        self._first(connection)
        self._entered.set()
        assert self._released.wait(PATIENCE)

    async def entered(self) -> None:
        assert await asyncio.to_thread(self._entered.wait, PATIENCE)

    def release(self) -> None:
        self._released.set()
