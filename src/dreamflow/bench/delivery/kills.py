"""The rows `kills-sqlite` and `kills-postgres`: a worker dies at random moments while facts come and requests fail.

Half of the facts meet an account that refuses a bulk request for what is repeated within it, the other half one that
refuses it for what it has ever seen; each half has a house of its own.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import add
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from dreamflow.bench.delivery.account import account, faults
from dreamflow.bench.delivery.facts import facts
from dreamflow.bench.delivery.group import Group, NotHereError
from dreamflow.bench.delivery.house import postgres_house, postgres_server, sqlite_house
from dreamflow.bench.delivery.killing import kill_again_and_again
from dreamflow.bench.delivery.ledger import audit, books
from dreamflow.bench.model import Measured, Row, Skipped, at_most
from dreamflow.bench.subject import SubjectError
from dreamflow.outbox.adapters.sql import append, deliveries
from dreamflow.outbox.adapters.sql.tables import WAITING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from dreamflow.bench.delivery.account import Account, Duplicates
    from dreamflow.bench.delivery.house import House
    from dreamflow.bench.delivery.ledger import Found
    from dreamflow.bench.model import Lab, Outcome
    from dreamflow.kit.db import Database
    from dreamflow.outbox import Books, Envelope

SQLITE: Final = Row(id="kills-sqlite", unit="wrong", target=at_most(0), short_target=at_most(0))
POSTGRES: Final = Row(id="kills-postgres", unit="wrong", target=at_most(0), short_target=at_most(0))

READINGS: Final[tuple[Duplicates, ...]] = ("request", "history")
UPDATES: Final = 0.05
"""The share of the facts that have a profile update."""
_BACKLOG: Final = 8
"""With fewer waiting than this they leave singly; `WORKER__BULK_FROM` is 10."""
_DRAIN_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class KillsSize:
    """How much there is to do, both halves together."""

    events: int
    families: int
    burst: int
    """Facts that come at once, and leave in bulk."""
    trickle: int
    """Facts that come one by one after each burst, and leave singly."""
    kills: int
    least_single: float
    """The share of the events that has to leave singly, for the run to count."""
    least_requests: int
    least_faults: int


FULL: Final = KillsSize(
    events=50_000,
    families=5_000,
    burst=400,
    trickle=115,
    kills=100,
    least_single=0.2,
    least_requests=10_000,
    least_faults=1_000,
)
SHORT: Final = KillsSize(
    events=300, families=100, burst=50, trickle=25, kills=2, least_single=0.1, least_requests=40, least_faults=1
)


@dataclass(frozen=True, slots=True)
class Half:
    """What came of one half."""

    found: Found
    kills: int
    seconds: float
    happened: int
    """Faults."""


def measure(lab: Lab, seed: int) -> Iterator[Outcome]:
    """Both rows."""
    size = SHORT if lab.short else FULL
    yield _row(SQLITE, size, run(lab, size, seed, sqlite_house))
    try:
        with postgres_server() as server:

            def house(state: Path, families: int, seed: int) -> House:
                return postgres_house(server, state, families, seed)

            yield _row(POSTGRES, size, run(lab, size, seed, house))
    except NotHereError as error:
        yield Skipped(POSTGRES.id, str(error))


GROUP: Final = Group(rows=(SQLITE, POSTGRES), measure=measure)


def run(lab: Lab, size: KillsSize, seed: int, build: Callable[[Path, int, int], House]) -> list[Half]:
    """Both halves, at the same time."""

    async def both() -> list[Half]:
        return await asyncio.gather(
            *(_half(house, klaviyo, size, seed + number) for number, (house, klaviyo) in enumerate(scenes))
        )

    with ExitStack() as stack:
        scenes: list[tuple[House, Account]] = []
        for number, reading in enumerate(READINGS):
            klaviyo = account(seed + number, duplicates=reading, faults=faults())
            house = build(
                lab.scratch / f"kills-{build.__name__}-{reading}", size.families // len(READINGS), seed + number
            )
            scenes.append((house, stack.enter_context(klaviyo)))
        halves = asyncio.run(both())
    for (house, _), reading, each in zip(scenes, READINGS, halves, strict=True):
        lab.say(f"kills, {house.name}, {reading}: {each.kills} kills in {each.seconds:.0f} s; {each.found.words()}")
    return halves


async def _half(house: House, klaviyo: Account, size: KillsSize, seed: int) -> Half:
    began = time.monotonic()
    draw = random.Random(seed)  # noqa: S311 - to be repeated
    kills = size.kills // len(READINGS)
    things = facts(size.events // len(READINGS), house.families, seed, updates=UPDATES)
    promised: set[str] = set()
    async with house.database() as database:
        with house.program("worker", klaviyo.url) as worker:
            # Fewer than there are to come: whoever is killed has something to do.
            most = round(2.2 * size.least_requests / size.kills)
            await asyncio.gather(
                _produce(database, things, promised, size),
                kill_again_and_again(worker, klaviyo.arrivals, draw, times=kills, most=most),
            )
            await drained(database, _DRAIN_SECONDS)
            happened = sum((await asyncio.to_thread(klaviyo.end_faults)).values())
            found = await audit(database, klaviyo, promised)
    return Half(found, kills, time.monotonic() - began, happened)


async def _produce(database: Database, things: Iterator[Envelope], promised: set[str], size: KillsSize) -> None:
    """Write facts: many at once, then some one by one, and so on. `promised` gets the ids of those that are stored."""

    async def write(some: Sequence[Envelope]) -> bool:
        if some:
            await database.write(lambda connection: append(connection, some))
            promised.update(each.id for each in some)
        return bool(some)

    while await write(list(islice(things, size.burst))):
        require_balanced(await books(database))
        for one in islice(things, size.trickle):
            while await database.read(_waiting) > _BACKLOG:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(_LOOK_SECONDS / 10)
            await write([one])


def _waiting(connection: Connection) -> int:
    """How many deliveries are in no batch yet, counted as far as matters."""
    some = select(deliveries.c.seq).where(WAITING).limit(_BACKLOG + 1).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def require_balanced(now: Books) -> None:
    """Raise SubjectError if a delivery is in none of the states it can be in, or in two."""
    if not now.balanced:
        raise SubjectError(f"the books do not balance: {now}")


async def drained(database: Database, seconds: float) -> None:
    """Wait until nothing is pending. Raises SubjectError if that takes too long, or if the books do not balance."""
    until = time.monotonic() + seconds
    while True:
        now = await books(database)
        require_balanced(now)
        if not now.pending:
            return
        if time.monotonic() > until:
            raise SubjectError(f"after {seconds:g} s there are still deliveries pending: {now}")
        await asyncio.sleep(_LOOK_SECONDS)


def _row(row: Row, size: KillsSize, halves: Sequence[Half]) -> Outcome:
    found = reduce(add, (each.found for each in halves))
    happened = sum(each.happened for each in halves)
    if found.single_share < size.least_single:
        raise SubjectError(f"{100 * found.single_share:.0f} % of the events left singly: too few for the run to count")
    if found.requests < size.least_requests or happened < size.least_faults:
        raise SubjectError(f"{found.requests:,} requests and {happened:,} faults: too few for the run to count")
    kills, seconds = sum(each.kills for each in halves), max(each.seconds for each in halves)
    note = (
        f"{found.words()}; the worker was killed {kills} times in {seconds:.0f} s, {happened:,} faults; half of the "
        f"facts with each reading of a repeated unique_id, both at once; lease 1 s, bulk requests of 50 events"
    )
    wrong = "; ".join(("", *found.examples))
    return Measured(row=row.id, value=found.wrong, n=found.events, note=note + wrong)
