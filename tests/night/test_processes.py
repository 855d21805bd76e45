"""Several processes on one database: nothing is lost, nothing happens twice, and nobody hears of a deadlock.

Each opens the database for itself, so that none knows what the others have under way.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import count, pairwise

import pytest
from sqlalchemy import func, select, text

from databases import OpenDatabase, opened_postgres
from dreamflow.bootstrap import Overrides, Services, services
from dreamflow.families import Family, FamilyExists, Purpose
from dreamflow.families.errors import FamilyFull
from dreamflow.families.rules import MOST_CHILDREN
from dreamflow.identity import Account, Caller, Role
from dreamflow.kit.clock import ManualClock
from dreamflow.kit.db import Database
from dreamflow.kit.idempotency import RequestKey, fingerprint
from dreamflow.outbox.adapters.sql import deliveries, journal
from dreamflow.stories import Outcome, Request, Story
from dreamflow.stories.adapters.sql import stories
from dreamflow.subscriptions import Tier
from dreamflow.subscriptions.errors import SubscriptionExists
from world import TONIGHT

PROCESSES = 3


class Processes:
    """The use cases as they are in several processes."""

    def __init__(self, databases: list[Database]) -> None:
        self.databases = databases
        clock, seeds = ManualClock(TONIGHT), count(1)
        self.each: list[Services] = [
            services(database, Overrides(clock=clock, seeds=lambda: next(seeds))) for database in databases
        ]

    def __getitem__(self, number: int) -> Services:
        """Any number is one of them."""
        return self.each[number % len(self.each)]

    async def family(self, name: str = "ann", number: int = 0) -> Family:
        return await self[number].families.create(caller(name), time_zone="Europe/London")


@pytest.fixture
async def processes(open_database: OpenDatabase) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(open_database()) for _ in range(PROCESSES)]
        yield Processes(databases)


def caller(name: str) -> Caller:
    return Caller(Account("https://issuer.example", name), f"{name}@example.org", Role.PARENT, TONIGHT)


async def numbers(database: Database, parent: str) -> list[int]:
    """Of all that leaves about a family, in the order of acceptance."""
    query = select(deliveries.c.number).where(deliveries.c.parent == parent).order_by(deliveries.c.number)
    return list(await database.read(lambda connection: connection.execute(query).scalars().all()))


async def test_changes_of_one_family_from_all_sides_are_all_there(processes: Processes) -> None:
    family = await processes.family()
    purposes = [purpose for purpose in Purpose if purpose is not Purpose.SERVICE]
    zones = ["Asia/Tokyo", "America/Lima"]
    await asyncio.gather(
        *(processes[n].families.add_child(family, name=f"Child {n}", age=5) for n in range(20)),
        *(processes[n].families.decide(family, purpose, granted=True) for n in range(3) for purpose in purposes),
        *(processes[n].families.move(caller("ann"), time_zone=zones[n % 2]) for n in range(10)),
        *(processes[n].families.move(caller("ann"), locale=("fr", "de")[n % 2]) for n in range(10)),
    )
    service = processes[0].families
    assert {child.name for child in await service.children(family)} == {f"Child {n}" for n in range(20)}
    ledger = (await service._store.ledger([family.parent]))[family.parent]
    assert Counter(entry.purpose for entry in ledger) == Counter(Purpose), "a consent was noted twice"
    query = select(journal.c.facts).where(journal.c.parent == family.parent).order_by(journal.c.seq)
    facts = await processes.databases[0].read(lambda connection: connection.execute(query).scalars().all())
    homes = [fact for fact in facts if "time_zone" in fact]
    # Each move changed one field and took nothing back of what another process had changed meanwhile.
    assert all(sum(one[name] != other[name] for name in one) == 1 for one, other in pairwise(homes))
    now = await service.get(caller("ann").account)
    assert {"time_zone": now.time_zone, "locale": now.locale} == homes[-1]
    left = await numbers(processes.databases[0], family.parent)
    assert left == list(range(1, len(left) + 1))


async def test_there_is_room_for_a_bounded_number_of_children_whoever_adds_them(processes: Processes) -> None:
    family = await processes.family()
    for number in range(MOST_CHILDREN - 5):
        await processes[0].families.add_child(family, name=f"Child {number}", age=5)
    results = await asyncio.gather(
        *(processes[n].families.add_child(family, name=f"Late {n}", age=5) for n in range(15)), return_exceptions=True
    )
    assert sum(isinstance(result, FamilyFull) for result in results) == 10
    assert len(await processes[0].families.children(family)) == MOST_CHILDREN


async def test_of_many_sign_ups_of_one_account_one_makes_a_family(processes: Processes) -> None:
    for name in ("ann", "ben", "cleo"):
        results = await asyncio.gather(*(processes.family(name, n) for n in range(9)), return_exceptions=True)
        [made] = [result for result in results if isinstance(result, Family)]
        assert sum(isinstance(result, FamilyExists) for result in results) == 8
        assert await processes[1].families.get(caller(name).account) == made


async def test_of_many_plans_of_one_family_one_begins(processes: Processes) -> None:
    family = await processes.family()
    results = await asyncio.gather(
        *(processes[n].subscriptions.start(family.parent, Tier.FREE, ledger_entry="l") for n in range(9)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, SubscriptionExists) for result in results) == 8


async def test_one_key_is_one_story_whichever_process_is_asked(processes: Processes) -> None:
    family = await processes.family()
    await processes[0].families.add_child(family, name="Ada", age=4)
    for number in range(3):
        key = RequestKey(f"{family.parent}/stories", f"k-{number}", fingerprint({}), TONIGHT)
        told: list[Story] = await asyncio.gather(
            *(processes[n].stories.tell(family, Request(minutes=3), key) for n in range(6))
        )
        assert len({story.id for story in told}) == 1
        assert all(story == told[0] for story in told)
    query = select(func.count()).select_from(stories)
    assert await processes.databases[0].read(lambda connection: connection.execute(query).scalar_one()) == 3


async def test_a_night_ends_once(processes: Processes) -> None:
    family = await processes.family()
    await processes[0].families.add_child(family, name="Ada", age=4)
    story = await processes[0].stories.tell(family, Request(minutes=3))
    outcomes = (Outcome.COMPLETED, Outcome.SKIPPED, Outcome.ASLEEP)
    await asyncio.gather(*(processes[n].stories.end(family, story.id, outcomes[n % 3]) for n in range(9)))
    ended = await processes[0].stories.outcome(family, story)
    query = select(journal.c.facts).where(journal.c.type == "stories.story_ended")
    facts = await processes.databases[0].read(lambda connection: connection.execute(query).scalars().all())
    assert [fact["outcome"] for fact in facts] == [ended]


@pytest.mark.postgres
async def test_processes_that_change_the_same_families_all_the_time_never_deadlock(
    migrated_postgres_url: str,
) -> None:
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(opened_postgres(migrated_postgres_url)) for _ in range(2)]
        processes = Processes(databases)
        homes = [await processes.family(f"parent {n}") for n in range(8)]
        purposes = [purpose for purpose in Purpose if purpose is not Purpose.SERVICE]

        async def call(number: int) -> None:
            for step in range(6):
                family = homes[(number * 7 + step * 3) % len(homes)]
                mine = processes[number]
                if step % 2:
                    await mine.families.decide(family, purposes[number % len(purposes)], granted=step % 4 == 1)
                else:
                    await mine.families.add_child(family, name=f"{number}-{step}", age=4)

        await asyncio.gather(*(call(number) for number in range(24)))
        for home in homes:
            left = await numbers(databases[0], home.parent)
            assert left == list(range(1, len(left) + 1))
    async with opened_postgres(migrated_postgres_url) as database:
        query = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert await database.read(lambda connection: connection.execute(query).scalar_one()) == 0
