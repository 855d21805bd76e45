"""A Redis of one's own: a process on loopback that keeps nothing."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.02


class NoRedisError(Exception):
    """It does not start."""


def redis_program() -> str | None:
    """Where the server's program is, if it is installed."""
    return shutil.which("redis-server")


class RedisProcess:
    """A Redis on a free port, from `start` to `stop`."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        listening = ("--port", str(self._port), "--bind", "127.0.0.1")
        self._command = (program, *listening, "--save", "", "--appendonly", "no", "--dir", str(folder))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, with nothing in it, and wait until it listens.

        Raises:
            NoRedisError: It does not.
        """
        self.process = process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
        ends_at = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                if process.poll() is not None or time.monotonic() > ends_at:
                    self.stop()
                    raise NoRedisError("redis-server did not start") from None
                time.sleep(_POLL_SECONDS)
            else:
                return

    def stop(self) -> None:
        """End it at once; what it held is lost."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
