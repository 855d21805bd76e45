"""SIGKILL at random moments: a program that dies again and again, and is started again at once."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Final

from dreamflow.bench.delivery.program import wait_until
from dreamflow.bench.subject import SubjectError

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from dreamflow.bench.delivery.program import Program

_PATIENCE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.02
_WHILE_STARTING: Final = 0.1
"""The share of the kills that do not wait for any work."""
_START_SECONDS: Final = 2.0
_MOST_SECONDS: Final = 0.05
"""At most so long after the chosen request it is killed: requests are counted some 50 times in a second."""


async def kill_again_and_again(
    program: Program, count: Callable[[], int], draw: random.Random, *, times: int, most: int
) -> None:
    """Kill a program at moments that are drawn, and start it again each time.

    The moments are told in work done, not in time, so that a slow machine kills a program in the same places.

    Args:
        program: running; it runs afterwards.
        count: of what it has done; rises as it works. Asked in a thread.
        draw: of the moments.
        times: how often.
        most: at most so much it does before it is killed.

    Raises:
        SubjectError: It ended by itself, or did not work for a minute.
    """
    before = await asyncio.to_thread(count)
    for _ in range(times):
        if draw.random() < _WHILE_STARTING:
            await asyncio.sleep(draw.uniform(0, _START_SECONDS))
        else:
            await asyncio.to_thread(_wait, program, count, before + draw.randint(1, most))
            await asyncio.sleep(draw.uniform(0, _MOST_SECONDS))
        status = await asyncio.to_thread(program.kill)
        if status != -signal.SIGKILL:
            raise SubjectError(f"it ended by itself with status {status}: {program.said()[-300:]}")
        before = await asyncio.to_thread(count)
        program.start()


def _wait(program: Program, count: Callable[[], int], many: int) -> None:
    def look() -> bool:
        return not program.is_running or count() >= many

    wait_until(look, _PATIENCE_SECONDS, "a program that was started again has done its work", _LOOK_SECONDS)
