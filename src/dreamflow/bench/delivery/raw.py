"""The `raw` rows: how fast the outbox itself is, with nobody at the other side to wait for.

Sixty-four callers write a fact each, and the next one when that is durable; a worker in a process of its own claims
what they wrote and stores the outcome. The rate counts until the last outcome is stored. Beside it facts written five
hundred at a time, without and then with the worker.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from dreamflow.bench.delivery import raw_bare
from dreamflow.bench.delivery.feeding import families_line
from dreamflow.bench.delivery.group import Group, NotHereError
from dreamflow.bench.delivery.house import postgres_house, postgres_server, sqlite_house
from dreamflow.bench.model import Measured, Row, Skipped, at_least
from dreamflow.bench.subject import SubjectError, running

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    from dreamflow.bench.delivery.house import House
    from dreamflow.bench.model import Lab, Outcome

SQLITE: Final = Row(id="raw-sqlite", unit="facts/s", target=at_least(7_000), short_target=at_least(200))
SQLITE_BATCHED: Final = Row(
    id="raw-sqlite-batched", unit="facts/s", target=at_least(20_000), short_target=at_least(1_000)
)
POSTGRES: Final = Row(id="raw-postgres", unit="facts/s", target=at_least(2_500), short_target=at_least(100))
POSTGRES_BATCHED: Final = Row(
    id="raw-postgres-batched", unit="facts/s", target=at_least(7_000), short_target=at_least(500)
)

CALLERS: Final = 64
BATCH: Final = 500
_BATCH_CALLERS: Final = 4
"""Who write in batches, so that one makes the next batch ready while another's is written."""
_HERE: Final = "dreamflow.bench.delivery"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSize:
    """How much there is to do, for one repetition."""

    repetitions: int
    families: int
    sqlite: int
    """Facts, with 64 callers."""
    sqlite_batched: int
    postgres: int
    postgres_batched: int


FULL: Final = RawSize(
    repetitions=3, families=5_000, sqlite=40_000, sqlite_batched=100_000, postgres=20_000, postgres_batched=50_000
)
SHORT: Final = RawSize(
    repetitions=1, families=200, sqlite=1_000, sqlite_batched=2_000, postgres=500, postgres_batched=1_000
)


@dataclass(frozen=True, slots=True)
class Pass:
    """One repetition."""

    stored: float
    """Facts per second until the last was durable."""
    settled: float
    """Facts per second until the last outcome was stored."""
    enqueuing: float
    """Microseconds of a processor for a fact, of the process that writes them."""
    delivering: float
    """The same of the worker."""
    bare: float
    """Rows per second of the rival."""


def measure(lab: Lab, seed: int) -> Iterator[Outcome]:
    """All rows."""
    size = SHORT if lab.short else FULL
    yield from on_sqlite(lab.scratch, size, seed)
    try:
        yield from on_postgres(lab.scratch, size, seed)
    except NotHereError as error:
        yield Skipped(POSTGRES.id, str(error))
        yield Skipped(POSTGRES_BATCHED.id, str(error))


def on_sqlite(scratch: Path, size: RawSize, seed: int) -> Iterator[Measured]:
    """The rows of SQLite; each repetition has a file of its own."""
    numbers = iter(range(10**6))

    def build() -> House:
        return sqlite_house(scratch / f"raw-sqlite-{next(numbers)}", size.families, seed)

    yield _one_by_one(SQLITE, build, size.sqlite, size.repetitions, seed)
    yield _batched(SQLITE_BATCHED, build, size.sqlite_batched, size.repetitions, seed)


def on_postgres(scratch: Path, size: RawSize, seed: int) -> Iterator[Measured]:
    """The rows of PostgreSQL; each repetition has a database of its own. Raises NotHereError where there is none."""
    numbers = iter(range(10**6))
    with postgres_server() as server:

        def build() -> House:
            return postgres_house(server, scratch / f"raw-postgres-{next(numbers)}", size.families, seed)

        yield _one_by_one(POSTGRES, build, size.postgres, size.repetitions, seed)
        yield _batched(POSTGRES_BATCHED, build, size.postgres_batched, size.repetitions, seed)


GROUP: Final = Group(rows=(SQLITE, SQLITE_BATCHED, POSTGRES, POSTGRES_BATCHED), measure=measure)


def _one_by_one(row: Row, build: Callable[[], House], many: int, repetitions: int, seed: int) -> Measured:
    passes = [_together(build(), many, seed) for _ in range(repetitions)]
    rates = [each.settled for each in passes]
    note = (
        f"until every outcome was stored, with a sink that takes everything at once and no question of consent; "
        f"{CALLERS} callers, each its own durable acknowledgement, worker and callers "
        f"in processes of their own; acknowledged at {_middle(passes, 'stored')} facts/s; processor time of a fact "
        f"{_middle(passes, 'enqueuing')} µs to enqueue, {_middle(passes, 'delivering')} µs to deliver; interval: the "
        f"repetitions"
    )
    return _measured(row, rates, many, note=note, bare=[each.bare for each in passes], what="one-row commits")


def _batched(row: Row, build: Callable[[], House], many: int, repetitions: int, seed: int) -> Measured:
    passes = [_one_after_the_other(build(), many, seed) for _ in range(repetitions)]
    rates = [each.stored for each in passes]
    note = (
        f"until every fact was durable, {BATCH} to a write; a worker that starts then has stored every outcome at "
        f"{_middle(passes, 'settled')} facts/s; processor time of a fact {_middle(passes, 'enqueuing')} µs to enqueue, "
        f"{_middle(passes, 'delivering')} µs to deliver; interval: the repetitions"
    )
    return _measured(row, rates, many, note=note, bare=[each.bare for each in passes], what=f"commits of {BATCH}")


def _measured(row: Row, rates: list[float], many: int, *, note: str, bare: list[float], what: str) -> Measured:
    over = f" over {raw_bare.CONNECTIONS} connections" if row in {POSTGRES, POSTGRES_BATCHED} else ""
    return Measured(
        row=row.id,
        value=median(rates),
        n=many,
        interval=(min(rates), max(rates)),
        note=note,
        rival=f"bare rows of 400 bytes, {what}{over}",
        rival_value=median(bare),
    )


def _middle(passes: list[Pass], name: str) -> str:
    return f"{median(getattr(each, name) for each in passes):,.0f}"


def _together(house: House, many: int, seed: int) -> Pass:
    """The worker beside the callers."""
    with _worker(house, many) as worker:
        enqueued = _enqueue(house, many, CALLERS, 1, seed)
        delivered = _document(worker)
    settled = many / (delivered["ended"] - enqueued["began"])
    return _pass(many, enqueued, delivered, settled=settled, bare=_bare(house, many, 1))


def _one_after_the_other(house: House, many: int, seed: int) -> Pass:
    """The callers, and then the worker."""
    enqueued = _enqueue(house, many, _BATCH_CALLERS, BATCH, seed)
    with _worker(house, many) as worker:
        began = time.monotonic()
        delivered = _document(worker)
    return _pass(many, enqueued, delivered, settled=many / (delivered["ended"] - began), bare=_bare(house, many, BATCH))


def _pass(
    many: int, enqueued: Mapping[str, float], delivered: Mapping[str, float], *, settled: float, bare: float
) -> Pass:
    return Pass(
        stored=many / (enqueued["ended"] - enqueued["began"]),
        settled=settled,
        enqueuing=1e6 * enqueued["cpu"] / many,
        delivering=1e6 * delivered["cpu"] / many,
        bare=bare,
    )


def _enqueue(house: House, many: int, callers: int, batch: int, seed: int) -> Mapping[str, float]:
    numbers = {"--facts": many, "--callers": callers, "--batch": batch, "--seed": seed}
    given = [word for name, number in numbers.items() for word in (name, str(number))]
    with running(f"{_HERE}.raw_enqueuing", house.place, *given, listens=True) as process:
        _say(process, families_line(house.families))
        _line(process)  # all facts are made
        _say(process, "go\n")
        return _document(process)


@contextmanager
def _worker(house: House, many: int) -> Generator[subprocess.Popen[str]]:
    """A worker that is about to begin, until the block ends."""
    with running(f"{_HERE}.raw_delivering", house.place, "--facts", str(many)) as process:
        _line(process)
        yield process


def _bare(house: House, many: int, batch: int) -> float:
    if house.url is None:
        return raw_bare.sqlite_rate(house.state / "bare.sqlite", many, batch)
    return raw_bare.postgres_rate(house.url, many, batch)


def _say(process: subprocess.Popen[str], line: str) -> None:
    if process.stdin is None:
        raise SubjectError("a process cannot be talked to")
    process.stdin.write(line)
    process.stdin.flush()


def _document(process: subprocess.Popen[str]) -> dict[str, Any]:
    return json.loads(_line(process))


def _line(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise SubjectError("a process of the bench ended before it had done its work")
    return line
