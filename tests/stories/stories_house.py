"""A family that hears stories: real writer, real pack, real database; the test moves the clock."""

import json
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select

from dreamflow.families import Family, FamilyService
from dreamflow.families.adapters.sql import SqlFamilyStore
from dreamflow.identity import Account, Caller, Role
from dreamflow.kit.clock import ManualClock
from dreamflow.kit.db import Database
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox.adapters.sql import append, deliveries
from dreamflow.profiles import ProfileService
from dreamflow.stories import Outcome, Request, Story, StoryService
from dreamflow.stories.adapters.packs import PackLibrary
from dreamflow.stories.adapters.sql import SqlStoryStore
from dreamflow.stories.adapters.writers.offline import OfflineWriter
from kit.kit_house import EVENING

PACKS = PackLibrary()  # they do not change: read once for all houses


@dataclass
class House:
    """The family, its services and its evenings."""

    database: Database
    clock: ManualClock
    families: FamilyService
    stories: StoryService
    family: Family

    async def tell(self, outcome: Outcome | None = None, **request: Any) -> Story:
        """A story, and how it ended if that is noted."""
        story = await self.stories.tell(self.family, Request(**request))
        if outcome is not None:
            await self.stories.end(self.family, story.id, outcome)
        return story

    def wait(self, days: int = 1, hour: int = 19) -> None:
        """Until an evening some days later."""
        zone = self.family.zone
        day = self.clock.now().astimezone(zone).date() + timedelta(days=days)
        self.clock.set(datetime.combine(day, time(hour, 10), zone))

    async def left(self) -> list[tuple[str, dict[str, Any]]]:
        """What was written to leave the house, oldest first: names and bodies."""
        query = select(deliveries.c.name, deliveries.c.body).order_by(deliveries.c.seq)
        rows = await self.database.read(lambda connection: connection.execute(query).all())
        return [(row.name, json.loads(row.body)) for row in rows]


@asynccontextmanager
async def story_house(opened: AbstractAsyncContextManager[Database]) -> AsyncGenerator[House]:
    """Two children in London, and the consent that lets their family's taste leave."""
    async with opened as database:
        clock, ids, seeds = ManualClock(EVENING), SeededIds(3), count(1000)
        families = FamilyService(SqlFamilyStore(database, append), clock, ids)
        stories = StoryService(
            store=SqlStoryStore(database, append),
            families=families,
            profiles=ProfileService(None, budget_seconds=20),
            writer=OfflineWriter(PACKS),
            content=PACKS,
            clock=clock,
            ids=ids,
            seeds=lambda: next(seeds),
        )
        caller = Caller(Account("https://issuer.example", "ann"), None, Role.PARENT, EVENING + timedelta(hours=1))
        family = await families.create(caller, time_zone="Europe/London")
        for name, age in (("Ada", 4), ("Bo", 7)):
            await families.add_child(family, name=name, age=age)
        await families.decide(family, "personal_suggestions", granted=True)
        yield House(database, clock, families, stories, family)
