"""For tests: an emulator on a free port of this machine, for as long as a `with` block lasts."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.emulator import Emulator
from klaviyo_emulator.server import Server, bind, url_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from klaviyo_emulator.config import EmulatorConfig


@dataclass(frozen=True, slots=True)
class RunningEmulator:
    """A served emulator."""

    url: str
    emulator: Emulator


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
