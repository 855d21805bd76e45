"""The rows of the client's bench, and how much there is to do for each."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING

from dreamflow.bench.client import importing, speed
from dreamflow.bench.client.limits.four import LIMIT_FOUR, limit_four
from dreamflow.bench.client.limits.one import LIMIT_ONE, limit_one
from dreamflow.bench.client.speed import SpeedSize
from dreamflow.bench.client.trouble import rows as trouble
from dreamflow.bench.model import Broken
from dreamflow.bench.subject import SubjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dreamflow.bench.client.trouble.rows import TroubleSize
    from dreamflow.bench.model import Lab, Outcome, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is to do."""

    speed: SpeedSize
    imports: int
    trouble: TroubleSize


FULL = Size(
    speed=SpeedSize(
        repetitions=5,
        throughput=6_000,
        sdk_throughput={1: 40, 16: 600, 64: 1_500, 200: 1_500},
        cpu={0: 4_000, 50: 1_500},
        sdk_cpu=1_000,
        pages={"events": 10, "profiles": 60},
    ),
    imports=15,
    trouble=trouble.FULL,
)
SHORT = Size(
    speed=SpeedSize(
        repetitions=3,
        throughput=4_000,
        sdk_throughput={1: 6, 16: 128, 64: 320, 200: 400},
        cpu={0: 1_200, 50: 320},
        sdk_cpu=256,
        pages={"events": 5, "profiles": 30},
    ),
    imports=9,
    trouble=trouble.SHORT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientBench:
    """`dreamflow bench client`."""

    seed: int = 4
    rows: tuple[Row, ...] = (*speed.ROWS, importing.IMPORT, LIMIT_ONE, LIMIT_FOUR, *trouble.ROWS)
    full: Size = FULL
    short: Size = SHORT

    def measure(self, lab: Lab) -> Iterator[Outcome]:
        """Measure the rows that are wanted, and what is measured along with them."""
        size = self.short if lab.short else self.full
        seed = self.seed
        yield from _or_broken(lab, lambda: speed.throughput(size.speed, seed), speed.THROUGHPUT)
        yield from _or_broken(lab, lambda: speed.cpu(size.speed, seed), speed.CPU_SDK, speed.CPU_BARE)
        yield from _or_broken(lab, lambda: speed.decode(size.speed, seed), speed.DECODE_EVENTS, speed.DECODE_PROFILES)
        yield from _or_broken(lab, lambda: importing.importing(size.imports, lab.scratch), importing.IMPORT)
        yield from _or_broken(lab, lambda: [limit_one(lab, seed)], LIMIT_ONE)
        yield from _or_broken(lab, lambda: [limit_four(lab, seed)], LIMIT_FOUR)
        faults = (trouble.FAULTS, trouble.FAULTS_DOUBLED, trouble.FAULTS_P99)
        yield from _or_broken(lab, lambda: trouble.faults(size.trouble, seed), *faults)
        yield from _or_broken(lab, lambda: trouble.unsafe(size.trouble, seed), trouble.UNSAFE)


def _or_broken(lab: Lab, measure: Callable[[], Iterable[Outcome]], *rows: Row) -> Iterator[Outcome]:
    """What is measured of these rows; those that are not when something goes wrong are broken."""
    if not lab.wants(rows):
        return
    left = {row.id for row in rows}
    try:
        for outcome in measure():
            left.remove(outcome.row)
            yield outcome
    except (SubjectError, OSError, HTTPException) as error:
        yield from (Broken(row.id, str(error)) for row in rows if row.id in left)


BENCH = ClientBench()
