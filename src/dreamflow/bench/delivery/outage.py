"""Row `outage`: Klaviyo is down for half an hour while facts keep coming, and then is back."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dreamflow.bench.delivery import ledger
from dreamflow.bench.delivery.account import account
from dreamflow.bench.delivery.facts import story_told
from dreamflow.bench.delivery.group import Group
from dreamflow.bench.delivery.house import sqlite_house
from dreamflow.bench.delivery.simulated import loop
from dreamflow.bench.delivery.simulated.house import working
from dreamflow.bench.delivery.simulated.line import Trouble
from dreamflow.bench.model import Broken, Measured, Row, at_least
from dreamflow.bench.subject import SubjectError
from dreamflow.kit.errors import Unavailable
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox import Limits
from dreamflow.outbox.adapters.sql import append

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from dreamflow.bench.delivery.account import Account, Arrived
    from dreamflow.bench.delivery.house import House
    from dreamflow.bench.delivery.ledger import Found
    from dreamflow.bench.model import Lab, Outcome
    from dreamflow.kit.db import Database
    from dreamflow.outbox import Envelope

OUTAGE = Row(id="outage", unit="% of the limit", target=at_least(95), short_target=at_least(95))
THROTTLED_AT_MOST: Final = 1 / 1_000
"""Answers 429, of all requests."""
BULK_A_MINUTE: Final = 150
"""Bulk requests that Klaviyo takes."""
BULK_PATH: Final = "/api/event-bulk-create-jobs"
_CALM_SECONDS: Final = 10.0
"""Before it begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is to do."""

    down_seconds: int
    per_second: int
    """Facts, for as long as there is a backlog."""
    families: int
    batch: int
    """Events in a bulk request, at most."""
    window_seconds: float = 60.0
    """In how long windows it is counted what has arrived."""


FULL = Size(down_seconds=1_800, per_second=50, families=10_000, batch=100)
SHORT = Size(down_seconds=75, per_second=20, families=1_000, batch=10)


@dataclass(frozen=True, slots=True)
class Drained:
    """How a backlog went.

    Attributes:
        percent: events in whole windows, of what the limit allows in them.
        windows: how many whole windows it took.
        resumed_seconds: from the return to the first event.
        seconds: from the return to the last event of the backlog.
    """

    percent: float
    windows: int
    resumed_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """An outage that is over.

    Attributes:
        found: what became of the facts.
        failing: facts of which their callers were told that they were not taken.
        requests, throttled: tries of calls, and answers 429.
        seconds: of simulated time, for all of it.
        cpu_seconds: that this process took for it: callers, worker and client.
    """

    found: Found
    drained: Drained
    failing: int
    requests: int
    throttled: int
    seconds: float
    cpu_seconds: float


def measure_outage(lab: Lab, seed: int) -> Iterator[Outcome]:
    """Measure the row."""
    size = SHORT if lab.short else FULL
    lab.say(f"Klaviyo is down for {size.down_seconds / 60:g} simulated minutes")
    house = sqlite_house(lab.scratch / "outage", size.families, seed)
    with account(seed, limits=True) as klaviyo:
        yield judge(loop.run(pass_through(house, klaviyo, size, seed)), size)


GROUP = Group(rows=(OUTAGE,), measure=measure_outage)


async def pass_through(house: House, klaviyo: Account, size: Size, seed: int) -> Passed:
    """Let it happen: some calm, the outage in all its forms, the return, until everything has arrived."""
    now = asyncio.get_running_loop().time
    began = time.process_time()
    async with working(house.state, klaviyo, seed, Limits(events=size.batch)) as work:
        callers = Callers(work.database, house, size, seed)
        calling = asyncio.ensure_future(callers.call())
        await asyncio.sleep(_CALM_SECONDS)
        for trouble in Trouble:
            await work.line.goes_down(trouble)
            await asyncio.sleep(size.down_seconds / len(Trouble))
        await work.line.comes_back()
        back_at = now()
        backlog = set(callers.promised)
        await work.tally.until(len(backlog))
        callers.are_done = True
        await calling
        await work.tally.until(len(callers.promised))
        cpu_seconds = time.process_time() - began
        arrived = work.line.as_arrived(klaviyo.arrived())
        found = ledger.check(
            await ledger.entries(work.database),
            await ledger.books(work.database),
            accepted=list(klaviyo.accepted()),
            arrived=arrived,
            properties={},
            promised=callers.promised,
        )
        return Passed(
            found=found,
            drained=drained(arrived, backlog, loop.START.timestamp() + back_at, size),
            failing=callers.failing,
            requests=work.line.requests,
            throttled=work.line.throttled,
            seconds=now(),
            cpu_seconds=cpu_seconds,
        )


class Callers:
    """Those whose evenings go on meanwhile."""

    def __init__(self, database: Database, house: House, size: Size, seed: int) -> None:
        self.promised: list[str] = []
        """Ids of the facts that were acknowledged."""
        self.failing = 0
        self.are_done = False
        self._database = database
        self._families = house.families
        self._per_second = size.per_second
        self._ids = SeededIds(seed)
        self._draw = random.Random(seed)  # noqa: S311 - to be repeated
        self._number = 0

    async def call(self) -> None:
        """As many of them in each second, until they are done."""
        while not self.are_done:
            await asyncio.gather(*(self._call(self._next()) for _ in range(self._per_second)))
            await asyncio.sleep(1)

    def _next(self) -> Envelope:
        family = self._families[self._draw.randrange(len(self._families))]
        self._number += 1
        return story_told(self._ids, family, self._number)

    async def _call(self, fact: Envelope) -> None:
        try:
            await self._database.write(lambda connection: append(connection, [fact]))
        except Unavailable:
            self.failing += 1
        else:
            self.promised.append(fact.id)


def drained(arrived: Sequence[Arrived], backlog: Collection[str], back_at: float, size: Size) -> Drained:
    """How fast a backlog went in bulk, in whole windows from the first request that was taken after the return.

    Args:
        arrived: everything that came.
        backlog: ids of what was there at the return; some of it may have been delivered long before.
        back_at: when that was, on the clock of `arrived`.
        size: what fits in one request, and how long a window is.
    """
    taken = [one for one in arrived if one.at >= back_at and one.is_accepted]
    bulk = [one for one in taken if one.path == BULK_PATH]
    of_backlog = [one.at for one in taken if not set(one.carries).isdisjoint(backlog)]
    if not bulk or not of_backlog:
        raise SubjectError("nothing of the backlog has arrived")
    first, last = bulk[0].at, of_backlog[-1]
    windows = int((last - first) // size.window_seconds)
    if not windows:
        raise SubjectError("the backlog was gone before a window was over")
    seconds = windows * size.window_seconds
    events = sum(len(one.carries) for one in bulk if one.at < first + seconds)
    return Drained(
        percent=100 * events / (seconds / 60 * BULK_A_MINUTE * size.batch),
        windows=windows,
        resumed_seconds=first - back_at,
        seconds=last - back_at,
    )


def judge(passed: Passed, size: Size) -> Measured | Broken:
    """What an outage says of the row."""
    found, drained = passed.found, passed.drained
    told = (
        f"{found.words()}; {passed.failing:,} facts not taken from their callers; "
        f"429: {passed.throttled:,} of {passed.requests:,} requests"
    )
    books = found.books
    is_whole = not (found.wrong or found.unpromised or passed.failing or books.dead or books.pending) and books.balanced
    is_polite = passed.throttled <= THROTTLED_AT_MOST * passed.requests
    keeps_up = passed.cpu_seconds <= passed.seconds  # else the work would not fit in the time that is simulated
    if not (is_whole and is_polite and keeps_up):
        return Broken(OUTAGE.id, f"{told}; {passed.cpu_seconds:.0f} s of CPU for {passed.seconds:,.0f} s")
    note = (
        f"down for {size.down_seconds / 60:g} min ({', '.join(trouble.value for trouble in Trouble)}; a third of the "
        f"time each) while {size.per_second} facts come each second, and for as long as there is a backlog; bulk "
        f"requests of {size.batch} events; {drained.windows} whole windows of {size.window_seconds:g} s from the first "
        f"accepted request, {drained.resumed_seconds:.0f} s after the return; the backlog was gone "
        f"{drained.seconds:.0f} s after it; simulated time, SQLite, the real store, worker, client and its pacing, an "
        f"emulator with its limits on a socket, answers after 30 to 250 ms; {passed.cpu_seconds:.0f} s of CPU for "
        f"{passed.seconds:,.0f} s; {told}"
    )
    return Measured(row=OUTAGE.id, value=drained.percent, n=found.events, note=note)
