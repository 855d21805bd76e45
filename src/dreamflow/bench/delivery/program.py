"""A program under test: started, killed at any moment, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from dreamflow.bench.servers.leash import Leash
from dreamflow.bench.subject import PATIENCE_SECONDS, SubjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

_POLL_SECONDS = 0.005
_SHOWN_LINES = 3


class Program:
    """`python -m` with these arguments, again and again. What it says goes to a file, one run after the other.

    As a context manager it starts with the block and is killed at its end. It does not outlive this process.

    Args:
        arguments: a module and what it is told, e.g. `("dreamflow", "worker")`.
        environment: all of its environment.
        log: where its standard error output goes.
    """

    def __init__(self, *arguments: str, environment: Mapping[str, str], log: Path) -> None:
        self._command = (sys.executable, "-m", *arguments)
        self._environment = dict(environment)
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: Leash | None = None
        self._began_at = 0
        """Where in the log this run begins."""

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill it."""
        self.kill()

    @property
    def pid(self) -> int:
        """Its number; it was started."""
        return self._started().pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None and not _has_ended(self._process.pid)

    def start(self, **more: str) -> None:
        """Start it, with more in its environment for this run. The former run must have ended."""
        with self.log.open("ab") as log:
            self._began_at = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - of ours
                self._command,
                env={**self._environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self._leash = Leash(self._process.pid)

    def kill(self) -> int:
        """End it with SIGKILL, and answer how it ended: -9, or its status if it had ended before."""
        if self._process is None:
            return 0
        self._let_go()
        self._process.kill()
        return self._process.wait(PATIENCE_SECONDS)

    def stop(self) -> int:
        """End it with SIGTERM, and answer its status. Raises SubjectError if it does not end."""
        self._started().send_signal(signal.SIGTERM)
        return self.wait(PATIENCE_SECONDS)

    def wait(self, seconds: float) -> int:
        """Wait for its end, and answer its status. Raises SubjectError if it does not come."""
        process = self._started()
        # Not `process.wait`: whoever waits collects it, and then its number may be another's while the leash holds.
        wait_until(lambda: _has_ended(process.pid), seconds, f"{self._command[2:]} has ended")
        self._let_go()
        return process.wait(PATIENCE_SECONDS)

    def said(self) -> str:
        """What this run has said so far."""
        with suppress(OSError), self.log.open("rb") as log:
            log.seek(self._began_at)
            return log.read().decode(errors="replace")
        return ""

    def until_said(self, words: str, seconds: float = PATIENCE_SECONDS) -> str:
        """Wait until this run says something, and answer the line. Raises SubjectError if it does not."""
        found: list[str] = []

        def look() -> bool:
            # The last line may not be whole yet.
            found[:] = [line for line in self.said().splitlines(keepends=True) if words in line and line[-1] == "\n"]
            return bool(found) or not self.is_running

        wait_until(look, seconds, f"{self._command[2:]} said {words!r}")
        if not found:
            last = " | ".join(self.said().splitlines()[-_SHOWN_LINES:])
            raise SubjectError(f"{self._command[2:]} ended before it said {words!r}; it said: {last}")
        return found[0].strip()

    def _let_go(self) -> None:
        if self._leash is not None:
            self._leash.release()
            self._leash = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise SubjectError(f"{self._command[2:]} was not started")
        return self._process


def _has_ended(pid: int) -> bool:
    """Whether a child has ended; it is not collected, so that its number stays its own."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def wait_until(holds: Callable[[], bool], seconds: float, what: str, every: float = _POLL_SECONDS) -> float:
    """Wait until something holds, and answer how many seconds that took. Raises SubjectError if it takes too long."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise SubjectError(f"it did not come to this within {seconds:g} s: {what}")
        time.sleep(every)
    return time.monotonic() - began
