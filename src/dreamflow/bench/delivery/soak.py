"""The `soak` rows: half an hour of delivery with faults, and the worker is as big at the end as after its warm-up."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, median
from typing import TYPE_CHECKING, Final

from dreamflow.bench.delivery.account import account, faults
from dreamflow.bench.delivery.group import Group
from dreamflow.bench.delivery.house import sqlite_house
from dreamflow.bench.delivery.kills import drained
from dreamflow.bench.delivery.ledger import audit
from dreamflow.bench.delivery.producers import Producers
from dreamflow.bench.delivery.program import Program
from dreamflow.bench.delivery.soak_worker import WORD
from dreamflow.bench.model import Measured, Row, at_most
from dreamflow.bench.subject import SubjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dreamflow.bench.delivery.account import Account
    from dreamflow.bench.delivery.house import House
    from dreamflow.bench.delivery.ledger import Found
    from dreamflow.bench.model import Lab, Outcome

MEMORY: Final = Row(id="soak-memory", unit="MB/min", target=at_most(1), short_target=at_most(100))
FILES: Final = Row(id="soak-files", unit="more", target=at_most(2), short_target=at_most(10))
TASKS: Final = Row(id="soak-tasks", unit="more", target=at_most(2), short_target=at_most(20))

_CALLERS: Final = 8
_DRAIN_SECONDS: Final = 120.0
_MB: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakSize:
    """How much there is to do."""

    seconds: float
    """Warm-up and all."""
    warm_up_seconds: float
    warm_up_rate: float
    """Facts in a second meanwhile: more, so that what is kept on purpose, such as pages of the database, is full."""
    every_seconds: float
    """How often it is looked at the worker."""
    rate: float
    """Facts in a second afterwards."""
    families: int


FULL: Final = SoakSize(seconds=1800, warm_up_seconds=300, warm_up_rate=150, every_seconds=5, rate=60, families=1_000)
SHORT: Final = SoakSize(seconds=8, warm_up_seconds=3, warm_up_rate=80, every_seconds=0.25, rate=40, families=100)


@dataclass(frozen=True, slots=True)
class Look:
    """A process from outside."""

    minutes: float
    """Since the first look."""
    megabytes: float
    """Of memory that is really there."""
    files: int
    """File descriptors."""


def measure(lab: Lab, seed: int) -> Iterator[Outcome]:
    """All rows."""
    size = SHORT if lab.short else FULL
    house = sqlite_house(lab.scratch / "soak", size.families, seed)
    with account(seed, faults=faults()) as klaviyo:
        looks, tasks, found = _run(house, klaviyo, size, seed)
    if found.wrong:
        raise SubjectError(f"{found.words()}; {'; '.join(found.examples)}")
    slope = linear_regression([look.minutes for look in looks], [look.megabytes for look in looks]).slope
    about = (
        f"{size.seconds:g} s with faults in 12 % of the requests, the first {size.warm_up_seconds:g} s, with "
        f"{size.warm_up_rate:g} facts/s, left out; then {size.rate:g} facts/s on SQLite, the worker and those who "
        f"write in processes of their own; {found.words()}"
    )
    sizes = [look.megabytes for look in looks]
    memory = (
        f"least squares over {len(looks)} looks; from {sizes[0]:.1f} to {sizes[-1]:.1f} MB, at most {max(sizes):.1f}"
    )
    yield Measured(row=MEMORY.id, value=slope, n=len(looks), note=f"{memory}; {about}")
    yield _growth(FILES, [look.files for look in looks], "file descriptors", about)
    yield _growth(TASKS, tasks, "asyncio tasks that have not ended", about)


GROUP: Final = Group(rows=(MEMORY, FILES, TASKS), measure=measure)


def _growth(row: Row, counts: Sequence[int], what: str, about: str) -> Measured:
    """By what there was at the quietest look: what is never given back is there, too; what is busy comes and goes."""
    third = max(1, len(counts) // 3)
    first, last = counts[:third], counts[-third:]
    note = (
        f"{what}, fewest in the last third less fewest in the first: {min(last)} and {min(first)}; medians "
        f"{median(last):g} and {median(first):g}, at most {max(counts)}"
    )
    return Measured(row=row.id, value=min(last) - min(first), n=len(counts), note=f"{note}; {about}")


def _run(house: House, klaviyo: Account, size: SoakSize, seed: int) -> tuple[list[Look], list[int], Found]:
    """Looks at the worker after its warm-up, its tasks then, and what became of all facts."""
    module, every = "dreamflow.bench.delivery.soak_worker", str(size.every_seconds)
    worker = Program(
        module, every, "worker", environment=house.environment(klaviyo.url), log=house.state / "soaked.log"
    )
    with worker:
        worker.until_said("Klaviyo account")
        with Producers(house, size.warm_up_rate, callers=_CALLERS, seed=seed) as producers:
            time.sleep(size.warm_up_seconds)
            before = producers.end()
        with Producers(house, size.rate, callers=_CALLERS, seed=seed + 1) as producers:
            told = len(_tasks(worker))
            looks = _looks(worker, size)
            tasks = _tasks(worker)[told:]
            after = producers.end()
        if not tasks:
            raise SubjectError("the worker did not say how many tasks it has")
        found = asyncio.run(_check(house, klaviyo, before.acknowledged | after.acknowledged))
    return looks, tasks, found


def _looks(worker: Program, size: SoakSize) -> list[Look]:
    found: list[Look] = []
    began = time.monotonic()
    while (passed := time.monotonic() - began) < size.seconds - size.warm_up_seconds:
        if not worker.is_running:
            raise SubjectError(f"the worker ended by itself: {worker.said()[-300:]}")
        found.append(_look(worker.pid, passed / 60))
        time.sleep(size.every_seconds)
    return found


def _look(pid: int, minutes: float) -> Look:
    process = Path(f"/proc/{pid}")
    resident = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmRSS:"))
    kilobytes = int(resident.split()[1])
    return Look(minutes, kilobytes * 1024 / _MB, len(list((process / "fd").iterdir())))


def _tasks(worker: Program) -> list[int]:
    """Every count that this run has said."""
    lines = worker.said().splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith(f"{WORD} ")]


async def _check(house: House, klaviyo: Account, promised: set[str]) -> Found:
    async with house.database() as database:
        await drained(database, _DRAIN_SECONDS)
        return await audit(database, klaviyo, promised)
