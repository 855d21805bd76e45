"""The rows `callers` and `callers-p99`: what parents notice while the worker dies again and again and requests fail.

The API is a process of its own. Parents ask it for 30 stories in a second, open loop: first in calm, with nothing
failing, then while the worker that delivers these very stories is killed and its requests fail. Of what the API itself
asks Klaviyo, hints for a story, nothing fails so far; when that fails too, a story waits as long as it may for hints,
which is a setting and no matter of delivery. The note says how long that is.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dreamflow.bench.delivery.account import DELIVERING, account, faults
from dreamflow.bench.delivery.group import Group
from dreamflow.bench.delivery.house import sqlite_house
from dreamflow.bench.delivery.killing import kill_again_and_again
from dreamflow.bench.delivery.kills import drained
from dreamflow.bench.delivery.ledger import audit
from dreamflow.bench.delivery.parents import Calls, Parents, until_ready
from dreamflow.bench.model import Measured, Row, at_most
from dreamflow.bench.subject import SubjectError
from dreamflow.kit.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamflow.bench.delivery.account import Account
    from dreamflow.bench.delivery.house import House
    from dreamflow.bench.delivery.ledger import Found
    from dreamflow.bench.model import Lab, Outcome

FAILING: Final = Row(id="callers", unit="% failing", target=at_most(0.3), short_target=at_most(0.3))
P99: Final = Row(id="callers-p99", unit="x calm", target=at_most(5), short_target=at_most(10))

RATE: Final = 30.0
"""Stories in a second."""
_FAMILIES: Final = 1000
_WARM_UP_SECONDS: Final = 2.0
_START_SECONDS: Final = 30.0
_DRAIN_SECONDS: Final = 300.0
_FOR_EVER: Final = float("inf")
_REQUESTS: Final = 150
"""At most so many a worker sends before it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallersSize:
    """How much there is to do."""

    calm_seconds: float
    kills: int
    hints_seconds: float
    """How long hints fail too, at the end."""


FULL: Final = CallersSize(calm_seconds=60, kills=30, hints_seconds=30)
SHORT: Final = CallersSize(calm_seconds=3, kills=1, hints_seconds=2)


def measure(lab: Lab, seed: int) -> Iterator[Outcome]:
    """Both rows."""
    size = SHORT if lab.short else FULL
    house = sqlite_house(lab.scratch / "callers", _FAMILIES, seed)
    with account(seed) as klaviyo:
        (calm, trouble, hints), found = asyncio.run(_measure(house, klaviyo, size, seed))
    if found.wrong:
        raise SubjectError(f"{found.words()}; {'; '.join(found.examples)}")
    note = (
        f"{len(trouble.calls):,} stories at {RATE:g}/s, from when each was due, in {size.kills} kills of the worker "
        f"and faults in 12 % of its requests; SQLite; calm: {len(calm.calls):,} stories, failing "
        f"{100 * calm.failing_share:.2g} %"
    )
    seconds = f"{trouble.words()}; calm: {calm.words()}; when hints fail too: {hints.words()}"
    n = len(trouble.calls)
    yield Measured(row=FAILING.id, value=100 * trouble.failing_share, n=n, note=f"{note}; {found.words()}")
    yield Measured(row=P99.id, value=trouble.seconds(0.99) / calm.seconds(0.99), n=n, note=f"{seconds}; {note}")


GROUP: Final = Group(rows=(FAILING, P99), measure=measure)


async def _measure(
    house: House, klaviyo: Account, size: CallersSize, seed: int
) -> tuple[tuple[Calls, Calls, Calls], Found]:
    """What came of the calls in calm, in trouble, and when hints failed too."""
    with house.program("serve", klaviyo.url) as api, house.program("worker", klaviyo.url) as worker:
        url = (await asyncio.to_thread(api.until_said, "Dream Flow is open at")).split()[-1]
        await asyncio.to_thread(until_ready, url, _START_SECONDS)
        await asyncio.to_thread(worker.until_said, "Klaviyo account")
        parents = Parents(url, house.families, RATE)
        try:
            await asyncio.sleep(_WARM_UP_SECONDS)
            began = _now()
            await asyncio.sleep(size.calm_seconds)
            ended = _now()
            await asyncio.to_thread(klaviyo.begin_faults, faults(operations=DELIVERING))
            draw = random.Random(seed)  # noqa: S311 - to be repeated
            await kill_again_and_again(worker, klaviyo.arrivals, draw, times=size.kills, most=_REQUESTS)
            over = _now()
            await asyncio.to_thread(klaviyo.begin_faults, faults())
            await asyncio.sleep(size.hints_seconds)
            calls = await asyncio.to_thread(parents.end)
        finally:
            parents.kill()
        async with house.database() as database:
            await drained(database, _DRAIN_SECONDS)
            found = await audit(database, klaviyo, calls.stories)
    return (calls.between(began, ended), calls.between(ended, over), calls.between(over, _FOR_EVER)), found


def _now() -> float:
    return SystemClock().now().timestamp()
