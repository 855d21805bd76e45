"""The row `api-kills`: the API, which delivers too, dies again and again while parents ask it for stories."""

from __future__ import annotations

import asyncio
import random
import signal
from typing import TYPE_CHECKING, Final

from dreamflow.bench.delivery.account import account, faults
from dreamflow.bench.delivery.group import Group
from dreamflow.bench.delivery.house import sqlite_house
from dreamflow.bench.delivery.kills import drained
from dreamflow.bench.delivery.ledger import audit
from dreamflow.bench.delivery.parents import Parents, until_ready
from dreamflow.bench.model import Measured, Row, at_most
from dreamflow.bench.servers.kafka_process import free_seat
from dreamflow.bench.subject import SubjectError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamflow.bench.delivery.account import Account
    from dreamflow.bench.delivery.house import House
    from dreamflow.bench.delivery.ledger import Found
    from dreamflow.bench.delivery.parents import Calls
    from dreamflow.bench.model import Lab, Outcome

ROW: Final = Row(id="api-kills", unit="wrong", target=at_most(0), short_target=at_most(0))

KILLS: Final = 100
SHORT_KILLS: Final = 3
RATE: Final = 30.0
READY_SECONDS: Final = 5.0
"""So soon it must be ready again."""
_FAMILIES: Final = 500
_LONGEST_SECONDS: Final = 1.0
"""At most so long it answers before it is killed."""
_PATIENCE_SECONDS: Final = 60.0
_DRAIN_SECONDS: Final = 300.0


def measure(lab: Lab, seed: int) -> Iterator[Outcome]:
    """The row. A start that took too long counts as wrong."""
    kills = SHORT_KILLS if lab.short else KILLS
    house = sqlite_house(lab.scratch / "api-kills", _FAMILIES, seed)
    with account(seed, faults=faults()) as klaviyo:
        starts, calls, found = asyncio.run(_measure(house, klaviyo, kills, seed))
    slow = sum(seconds > READY_SECONDS for seconds in starts)
    answered = len(calls.stories)
    if not answered:
        raise SubjectError("no story was told")
    note = (
        f"{answered:,} stories acknowledged of {len(calls.calls):,} asked for at {RATE:g}/s while the API was killed "
        f"{kills} times, up to {_LONGEST_SECONDS:g} s after it was ready; ready again after {max(starts):.2g} s at "
        f"most, {sorted(starts)[len(starts) // 2]:.2g} s as a rule, {slow} times after more than {READY_SECONDS:g} s; "
        f"{found.unpromised:,} more were stored, whose answer was lost; SQLite, delivery in the same process; "
        f"{found.words()}"
    )
    wrong = "; ".join(("", *found.examples))
    yield Measured(row=ROW.id, value=found.wrong + slow, n=kills, note=note + wrong)


GROUP: Final = Group(rows=(ROW,), measure=measure)


async def _measure(house: House, klaviyo: Account, kills: int, seed: int) -> tuple[list[float], Calls, Found]:
    draw = random.Random(seed)  # noqa: S311 - to be repeated
    port = free_seat().port
    url = f"http://127.0.0.1:{port}"
    starts: list[float] = []
    with house.program("serve", klaviyo.url, HTTP__PORT=str(port), WORKER__EMBEDDED="true") as api:
        await asyncio.to_thread(until_ready, url, _PATIENCE_SECONDS)
        parents = Parents(url, house.families, RATE)
        try:
            for _ in range(kills):
                await asyncio.sleep(draw.uniform(0, _LONGEST_SECONDS))
                status = await asyncio.to_thread(api.kill)
                if status != -signal.SIGKILL:
                    raise SubjectError(f"the API ended by itself with status {status}: {api.said()[-300:]}")
                api.start()
                starts.append(await asyncio.to_thread(until_ready, url, _PATIENCE_SECONDS))
            await asyncio.sleep(_LONGEST_SECONDS)
            calls = await asyncio.to_thread(parents.end)
        finally:
            parents.kill()
        async with house.database() as database:
            await drained(database, _DRAIN_SECONDS)
            found = await audit(database, klaviyo, calls.stories)
    return starts, calls, found
