"""A program of ours that says how many asyncio tasks it has: itself in a process of its own.

`python -m dreamflow.bench.delivery.soak_worker SECONDS worker` is `dreamflow worker`, and every so many seconds a line
`tasks N` on standard error. From outside, a process shows its memory and its files, but not its tasks.
"""

from __future__ import annotations

import asyncio
import runpy
import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from contextvars import Context

T = TypeVar("T")

WORD: Final = "tasks"


async def _tell(seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        sys.stderr.write(f"{WORD} {len(asyncio.all_tasks()) - 1}\n")  # without this one
        sys.stderr.flush()


async def _told(main: Coroutine[Any, Any, T], seconds: float) -> T:
    """Run a program's main coroutine, and tell meanwhile."""
    telling = asyncio.create_task(_tell(seconds))
    try:
        return await main
    finally:
        telling.cancel()


def main(arguments: Sequence[str]) -> None:
    """Be the program."""
    seconds, *command = arguments
    run = asyncio.Runner.run

    def run_and_tell(self: asyncio.Runner, coro: Coroutine[Any, Any, T], *, context: Context | None = None) -> T:
        return run(self, _told(coro, float(seconds)), context=context)

    asyncio.Runner.run = run_and_tell
    sys.argv = ["dreamflow", *command]
    runpy.run_module("dreamflow", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
