"""An event loop whose time stands still while something real is under way, and jumps when everybody sleeps."""

from __future__ import annotations

import asyncio
import selectors
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar, cast

from typing_extensions import override

from dreamflow.kit.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

T = TypeVar("T")

START: Final = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
"""What clocks show when simulated time begins."""


class StuckError(Exception):
    """Everybody waits, nobody for a moment to come, and nothing real is under way."""


class SimulatedLoop(asyncio.SelectorEventLoop):
    """`loop.time()` and `asyncio.sleep` are simulated; sockets and threads are real, within `standing`."""

    def __init__(self) -> None:
        self._now = 0.0
        self.under_way = 0
        self.is_over = False
        """Whether nothing is simulated any more: what is left is to close."""
        super().__init__(_Selector(self))

    @override
    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.under_way or self._loop.is_over:
            # A thread wakes the loop through a socket, too.
            return super().select(timeout if self._loop.is_over else None)
        if timeout is None:
            raise StuckError("nothing is scheduled, and nothing is under way")
        self._loop.jump(timeout)
        return []


@contextmanager
def standing() -> Generator[None]:
    """Time stands still in this block, which waits for something real. Only in a simulated loop."""
    loop = cast("SimulatedLoop", asyncio.get_running_loop())
    loop.under_way += 1
    try:
        yield
    finally:
        loop.under_way -= 1


class SimulatedClock(Clock):
    """Shows the simulated time of a loop; callable from its own thread and from others."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    @override
    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time())


def run(main: Coroutine[object, object, T]) -> T:
    """Run something to its end in simulated time.

    Raises:
        StuckError: it waits for something that cannot come.
    """
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        loop = cast("SimulatedLoop", runner.get_loop())
        try:
            return runner.run(main)
        finally:
            loop.is_over = True
