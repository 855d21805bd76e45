"""The demo's three families and their eight weeks, lived through the product's own use cases.

Sarah is on premium and reads nearly every evening. John is on the family plan with two children. Emily is on the
free plan and has been silent for fourteen days. None of them exists.
"""

import random
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from dreamflow.bootstrap import Overrides, Services, services
from dreamflow.families import Family, Purpose
from dreamflow.identity import Caller, Role, demo_account
from dreamflow.kit.clock import ManualClock
from dreamflow.kit.db import Database
from dreamflow.kit.ids import SeededIds
from dreamflow.stories import Outcome, Request
from dreamflow.subscriptions import Tier

ZONE: Final = ZoneInfo("America/New_York")
WEEKS: Final = 8
_DAYS: Final = WEEKS * 7
_HEARD_WHEN_LIKED, _HEARD_OTHERWISE, _ASLEEP_SHARE = 0.92, 0.7, 0.3  # made up, like the families


@dataclass(frozen=True, slots=True)
class DemoFamily:
    """How a demo family lives.

    Attributes:
        key: short name, for the sign-in page.
        about: one sentence for people.
        children: names and ages.
        evening: when the story usually begins, local.
        spread_minutes: standard deviation of that.
        share: of evenings with a story.
        silent_days: evenings without any, up to now.
        liked: theme categories that are usually heard to the end.
    """

    key: str
    about: str
    email: str
    tier: Tier
    children: tuple[tuple[str, int], ...]
    evening: time
    spread_minutes: float
    share: float
    silent_days: int
    liked: tuple[str, ...]


FAMILIES: Final = (
    DemoFamily(
        key="sarah",
        about="Sarah, premium, one child, a story nearly every evening",
        email="sarah@dreamflow.example",
        tier=Tier.PREMIUM,
        children=(("Maya", 5),),
        evening=time(19, 20),
        spread_minutes=12,
        share=0.93,
        silent_days=0,
        liked=("water", "sky"),
    ),
    DemoFamily(
        key="john",
        about="John, family plan, two children who share one story",
        email="john@dreamflow.example",
        tier=Tier.FAMILY,
        children=(("Noah", 7), ("Lily", 4)),
        evening=time(19, 45),
        spread_minutes=25,
        share=0.7,
        silent_days=0,
        liked=("journeys", "forest"),
    ),
    DemoFamily(
        key="emily",
        about="Emily, free plan, one child, silent for fourteen days",
        email="emily@dreamflow.example",
        tier=Tier.FREE,
        children=(("Theo", 3),),
        evening=time(20, 5),
        spread_minutes=40,
        share=0.45,
        silent_days=14,
        liked=("garden",),
    ),
)


async def live(database: Database, tonight: datetime, *, seed: int) -> None:
    """Live eight weeks up to tonight.

    Args:
        database: open, migrated and empty.
        tonight: where the history ends.
        seed: the same seed and evening give the same lives.
    """
    rng = random.Random(seed)  # noqa: S311 - a simulation repeats itself on purpose
    clock = ManualClock(tonight)
    overrides = Overrides(clock=clock, ids=SeededIds(seed), seeds=lambda: rng.getrandbits(62))
    house = services(database, overrides, simulated=True)
    for demo in FAMILIES:
        # Whom a demo token for this address would speak for.
        caller = Caller(demo_account(demo.email), demo.email, Role.PARENT, tonight + timedelta(hours=1))
        await _Life(house, clock, rng, demo).live(caller, tonight)


@dataclass(frozen=True, slots=True)
class _Life:
    """One family's weeks, and what drives them."""

    house: Services
    clock: ManualClock
    rng: random.Random
    demo: DemoFamily

    async def live(self, caller: Caller, tonight: datetime) -> None:
        demo = self.demo
        first_day = tonight.astimezone(ZONE).date() - timedelta(days=_DAYS)
        self.clock.set(datetime.combine(first_day, time(12, 30), ZONE))
        family = await self._sign_up(caller)
        for day in range(_DAYS - demo.silent_days):
            if self.rng.random() < demo.share:
                usual = datetime.combine(first_day + timedelta(days=day), demo.evening, ZONE)
                self.clock.set(usual + timedelta(minutes=self.rng.gauss(0, demo.spread_minutes)))
                await self._evening(family)

    async def _sign_up(self, caller: Caller) -> Family:
        family = await self.house.families.create(caller, time_zone=str(ZONE), channel="demo")
        consents = await self.house.families.consents(family)
        await self.house.subscriptions.start(family.parent, self.demo.tier, ledger_entry=consents[Purpose.SERVICE].id)
        for purpose in Purpose:
            await self.house.families.decide(family, purpose, granted=True, channel="demo")
        for name, age in self.demo.children:
            await self.house.families.add_child(family, name=name, age=age)
        return family

    async def _evening(self, family: Family) -> None:
        story = await self.house.stories.tell(family, Request())
        categories = {theme.id: theme.category for theme in self.house.stories.themes(family)}
        self.clock.advance(timedelta(minutes=story.plan.minutes.value))
        liked = categories[story.plan.theme.value] in self.demo.liked
        await self.house.stories.end(family, story.id, self._outcome(liked=liked))

    def _outcome(self, *, liked: bool) -> Outcome:
        if self.rng.random() > (_HEARD_WHEN_LIKED if liked else _HEARD_OTHERWISE):
            return Outcome.SKIPPED
        return Outcome.ASLEEP if self.rng.random() < _ASLEEP_SHARE else Outcome.COMPLETED
