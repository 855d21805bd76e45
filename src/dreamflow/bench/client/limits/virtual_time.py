"""An event loop whose time passes only while everybody sleeps, and then at once: hours of timers in seconds."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class StuckError(Exception):
    """Everybody waits, and nobody for a moment to come."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """`loop.time()` is virtual, and so is `asyncio.sleep` in it. No sockets and no threads."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jump(self))

    @override
    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


class _Jump(selectors.SelectSelector):
    """Lets time pass instead of waiting for sockets."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StuckError("nothing is scheduled")
        self._loop.jump(timeout)
        return []


def run(main: Coroutine[object, object, T]) -> T:
    """Run something to its end in virtual time.

    Raises:
        StuckError: It waits for something that cannot come.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
