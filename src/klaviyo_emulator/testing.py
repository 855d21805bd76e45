"""For tests: an emulator on a free port of this machine, for as long as a `with` block lasts.

For pytest there is a fixture (see `pytest_plugin`): `pytest_plugins = ["klaviyo_emulator.testing"]` in `conftest.py`.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from klaviyo_emulator.emulator import Emulator
from klaviyo_emulator.server import Server, bind, url_of

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

    from klaviyo_emulator.clock import AdjustableClock
    from klaviyo_emulator.config import EmulatorConfig


pytest_plugins = ["klaviyo_emulator.pytest_plugin"]
"""Read by pytest, where this module is loaded as a plugin."""


@dataclass(frozen=True, slots=True)
class RunningEmulator:
    """A served emulator."""

    url: str
    emulator: Emulator

    @property
    def clock(self) -> AdjustableClock:
        """Its clock, which can be put and stopped. What is due by then happens before the next request."""
        return self.emulator.instruments.clock

    def set(self, moment: datetime) -> None:
        """Stop the clock at a moment, and wait until what is due by then has happened."""
        self.clock.put(moment, stopped=True)
        self.settle()

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Put the clock forward, and wait until what is due by then has happened."""
        self.clock.advance(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))
        self.settle()

    def settle(self) -> None:
        """Wait until everything that is due has happened, webhooks and all.

        It blocks. Where the event loop that it is called from has to answer the webhooks, await `emulator.settle()`.
        """
        with ThreadPoolExecutor(1) as aside:
            aside.submit(asyncio.run, self.emulator.settle()).result()


@contextmanager
def running_emulator(config: EmulatorConfig | None = None) -> Generator[RunningEmulator]:
    """Serve an emulator on loopback from a thread of its own; it is ready when the block begins, gone when it ends."""
    ready = threading.Event()
    with Emulator(config) as emulator:
        listening = bind("127.0.0.1", 0)
        url = url_of(listening)
        server = Server(emulator, ready.set)

        def serve() -> None:
            try:
                server.run(sockets=[listening])
            finally:
                listening.close()
                ready.set()

        thread = threading.Thread(target=serve, name="klaviyo-emulator")
        thread.start()
        ready.wait()
        try:
            yield RunningEmulator(url, emulator)
        finally:
            server.stop()
            thread.join()
