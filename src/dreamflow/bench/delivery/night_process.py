"""The worker of row `night`, in a process of its own, whose memory is what it needs and nothing else.

`python -m dreamflow.bench.delivery.night_process --state FOLDER --url URL --count N --seed S` delivers what waits in
the folder's database to an emulator, in simulated time, and prints what it took as one line of JSON (see `Night`).
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from dreamflow.bench.delivery.account import Account
from dreamflow.bench.delivery.ledger import books
from dreamflow.bench.delivery.simulated import loop
from dreamflow.bench.delivery.simulated.house import working

if TYPE_CHECKING:
    from collections.abc import Sequence

_STATUS: Final = Path("/proc/self/status")
_PEAK: Final = "VmHWM:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A night's work.

    Attributes:
        seconds: of simulated time, from the first request to the last stored outcome.
        delivered, left: events; `left` are all others.
        requests, throttled: tries of calls, and answers 429.
        cpu_seconds: of the process, for all of it.
        memory_mb: the most that was resident.
    """

    seconds: float
    delivered: int
    left: int
    requests: int
    throttled: int
    cpu_seconds: float
    memory_mb: float


async def deliver(state: Path, account: Account, count: int, seed: int) -> Night:
    """Deliver so many events; only in a simulated loop."""
    began = time.process_time()
    async with working(state, account, seed) as work:
        await work.tally.until(count)
        cpu_seconds = time.process_time() - began
        found = await books(work.database)
        return Night(
            seconds=work.tally.ended_at - work.line.reached[0][1],
            delivered=found.delivered,
            left=found.accepted - found.delivered,
            requests=work.line.requests,
            throttled=work.line.throttled,
            cpu_seconds=cpu_seconds,
            memory_mb=peak_mb(),
        )


def peak_mb() -> float:
    """The most memory of this process that was resident, in MB."""
    if _STATUS.exists():
        # Of this program only: what the system counts otherwise begins with what the parent had when it forked.
        [line] = [line for line in _STATUS.read_text().splitlines() if line.startswith(_PEAK)]
        return int(line.split()[1]) * 1024 / 1e6
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6


def main(arguments: Sequence[str] | None = None) -> None:
    """Deliver, and say what it took."""
    parser = argparse.ArgumentParser(prog="python -m dreamflow.bench.delivery.night_process")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    night = loop.run(deliver(given.state, Account(given.url, 0), given.count, given.seed))
    sys.stdout.write(json.dumps(asdict(night)) + "\n")


if __name__ == "__main__":
    main()
