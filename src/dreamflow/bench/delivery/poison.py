"""Row `poison`: in each full batch one event that Klaviyo will never take.

The poison is a fact of 1970, as of a machine whose clock had lost its time: every closed form allows it, and Klaviyo
takes no event from before 1990. It refuses the whole batch then, and says which event is to blame.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from dreamflow.bench.delivery.account import account
from dreamflow.bench.delivery.facts import story_told
from dreamflow.bench.delivery.group import Group
from dreamflow.bench.delivery.house import sqlite_house
from dreamflow.bench.delivery.outage import BULK_PATH
from dreamflow.bench.delivery.simulated import loop
from dreamflow.bench.delivery.simulated.house import working
from dreamflow.bench.model import Broken, Measured, Row, at_most
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox import DeliveryState, Limits
from dreamflow.outbox.adapters.sql import append, deliveries
from dreamflow.outbox.rules.cutting import MOST_EVENTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from dreamflow.bench.delivery.account import Account
    from dreamflow.bench.delivery.house import House
    from dreamflow.bench.model import Lab, Outcome
    from dreamflow.outbox import Envelope

POISON = Row(id="poison", unit="extra requests a batch", target=at_most(2), short_target=at_most(2))
LONG_AGO: Final = datetime(1970, 1, 1, 3, tzinfo=UTC)
POINTER: Final = "/attributes/time"
"""How a pointer to what is wrong with the poison ends."""
_APPENDED_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is to do: full batches of so many events."""

    batches: int
    batch: int


FULL = Size(batches=100, batch=MOST_EVENTS)
SHORT = Size(batches=10, batch=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of it.

    Attributes:
        stored: ids of the events at Klaviyo, as often as they are there.
        delivered: ids that the house has as delivered.
        dead: reasons of the dead letters, by id.
        requests: how many were made in all, and how many of them in bulk.
    """

    stored: Sequence[str]
    delivered: frozenset[str]
    dead: Mapping[str, str]
    requests: int
    bulk: int


def measure_poison(lab: Lab, seed: int) -> Iterator[Outcome]:
    """Measure the row."""
    size = SHORT if lab.short else FULL
    lab.say(f"{size.batches} batches of {size.batch:,} with one bad event in each")
    house = sqlite_house(lab.scratch / "poison", size.batches * size.batch, seed)
    told, poison = poisoned(house, size, seed)
    asyncio.run(_append(house, told))
    with account(seed, limits=True) as klaviyo:
        yield judge(loop.run(deliver(house, klaviyo, size, seed)), size, poison)


GROUP = Group(rows=(POISON,), measure=measure_poison)


def poisoned(house: House, size: Size, seed: int) -> tuple[list[Envelope], frozenset[str]]:
    """One fact of each family, one in each full batch from long ago; and the ids of these."""
    draw = random.Random(seed)  # noqa: S311 - to be repeated
    ids = SeededIds(seed)
    told = [story_told(ids, family, number) for number, family in enumerate(house.families)]
    bad = [batch * size.batch + draw.randrange(size.batch) for batch in range(size.batches)]
    for number in bad:
        told[number] = replace(told[number], occurred_at=LONG_AGO)
    return told, frozenset(told[number].id for number in bad)


async def deliver(house: House, klaviyo: Account, size: Size, seed: int) -> Ended:
    """Let everything go that waits, until it has ended."""
    async with working(house.state, klaviyo, seed, Limits(events=size.batch)) as work:
        await work.tally.until(size.batches * size.batch)
        rows = await work.database.read(_ends)
        paths = [path for path, _ in work.line.reached]
    return Ended(
        stored=[one.unique_id for one in klaviyo.accepted() if one.is_stored],
        delivered=frozenset(id_ for id_, state, _ in rows if state == DeliveryState.DELIVERED),
        dead={id_: reason or "" for id_, state, reason in rows if state == DeliveryState.DEAD},
        requests=len(paths),
        bulk=paths.count(BULK_PATH),
    )


def judge(ended: Ended, size: Size, poison: Collection[str]) -> Measured | Broken:
    """What it says of the row."""
    events = size.batches * size.batch
    extra = (ended.requests - size.batches) / size.batches
    pointed = sum(POINTER in reason for reason in ended.dead.values())
    told = (
        f"{len(ended.delivered):,} delivered, {len(ended.dead):,} dead letters, {pointed:,} of them with the pointer; "
        f"{ended.requests:,} requests, {ended.bulk:,} of them in bulk"
    )
    are_right = (
        set(ended.dead) == set(poison)
        and pointed == len(poison)
        and len(ended.delivered) == events - len(poison)
        and sorted(ended.stored) == sorted(ended.delivered)
    )
    if not are_right:
        return Broken(POISON.id, told)
    note = (
        f"{size.batches:,} batches of {size.batch:,} events of as many families, one event in each of the year 1970, "
        f"which the emulator refuses with all of its batch, and a pointer; simulated time, SQLite, the real store, "
        f"worker, client and its pacing, an emulator with its limits on a socket; {told}"
    )
    return Measured(row=POISON.id, value=extra, n=events, note=note)


async def _append(house: House, told: Sequence[Envelope]) -> None:
    async with house.database(durable=False) as database:
        for begin in range(0, len(told), _APPENDED_AT_ONCE):
            some = told[begin : begin + _APPENDED_AT_ONCE]
            await database.write(lambda connection, some=some: append(connection, some))


def _ends(connection: Connection) -> list[tuple[str, str, str | None]]:
    query = select(deliveries.c.id, deliveries.c.state, deliveries.c.reason)
    return [(row.id, row.state, row.reason) for row in connection.execute(query)]
