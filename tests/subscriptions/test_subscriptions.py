"""Which plan a family is on."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Column, Table, select

from databases import OpenDatabase
from dreamflow.identity import ParentId
from dreamflow.kit.clock import ManualClock
from dreamflow.kit.db import Database
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox.adapters.sql import append, deliveries, journal
from dreamflow.subscriptions import Subscription, SubscriptionService, Tier
from dreamflow.subscriptions.adapters.sql import SqlSubscriptionStore, subscriptions
from dreamflow.subscriptions.errors import SubscriptionExists
from kit.kit_house import EVENING

ANN = ParentId("ann")


@pytest.fixture
async def database(open_database: OpenDatabase) -> AsyncIterator[Database]:
    async with open_database() as database:
        yield database


def plans_of(database: Database, *, simulated: bool = False) -> SubscriptionService:
    store = SqlSubscriptionStore(database, append)
    return SubscriptionService(store, ManualClock(EVENING), SeededIds(5), simulated=simulated)


async def rows(database: Database) -> list[Any]:
    return await every(database, deliveries, deliveries.c.seq)


async def every(database: Database, table: Table, *order: Column[Any]) -> list[Any]:
    query = select(table).order_by(*order)
    return list(await database.read(lambda connection: connection.execute(query).all()))


@pytest.mark.parametrize("tier", Tier)
async def test_a_chosen_plan_is_kept_for_that_family(database: Database, tier: Tier) -> None:
    assert await plans_of(database).start(ANN, tier, ledger_entry="l-1") == Subscription(ANN, tier, EVENING)
    assert await every(database, subscriptions) == [(ANN, tier, EVENING)]


async def test_a_second_plan_is_refused_and_changes_nothing(database: Database) -> None:
    plans = plans_of(database)
    results = await asyncio.gather(
        *(plans.start(ANN, tier, ledger_entry="l-1") for tier in Tier), return_exceptions=True
    )
    assert sum(isinstance(result, SubscriptionExists) for result in results) == len(Tier) - 1
    assert await every(database, subscriptions) == [(ANN, Tier.FREE, EVENING)]
    assert len(await every(database, journal)) == 1
    assert len(await rows(database)) == 2


async def test_what_leaves_is_the_tier_and_the_hour_under_the_cited_consent(database: Database) -> None:
    await plans_of(database).start(ANN, Tier.FAMILY, ledger_entry="l-1")
    sent = [
        (row.name, {k: v for k, v in json.loads(row.body).items() if k not in {"schema", "seq"}})
        for row in await rows(database)
    ]
    assert sent == [
        ("profile", {"plan_tier": "family"}),
        ("Subscription Created", {"tier": "family", "effective_at": "2026-03-10T19:00:00Z"}),
    ]
    assert {(row.purpose, row.ledger_entry, row.backfill) for row in await rows(database)} == {
        ("service", "l-1", False)
    }
    [fact] = await every(database, journal)
    assert (fact.type, fact.facts, fact.occurred_at) == (
        "subscriptions.subscription_created",
        {"tier": "family"},
        EVENING,
    )


async def test_made_up_plans_are_sent_as_backfill(database: Database) -> None:
    await plans_of(database, simulated=True).start(ANN, Tier.PREMIUM, ledger_entry="l-1")
    assert all(row.backfill for row in await rows(database))
