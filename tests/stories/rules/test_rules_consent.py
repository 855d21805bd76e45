"""What Klaviyo says of a family shapes a plan only with the parent's consent."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from dreamflow.families import Family, FamilyService
from dreamflow.families.adapters.sql import SqlFamilyStore
from dreamflow.identity import Account, Caller, ParentId, Role
from dreamflow.kit.clock import ManualClock
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox.adapters.sql import append
from dreamflow.profiles import ProfileService, ProfileSource
from dreamflow.stories import Brief, Content, Draft, StoryService, Theme, Writer
from dreamflow.stories.adapters.sql import SqlStoryStore
from kit.kit_house import EVENING, opened
from stories.rules.rules_evenings import THEMES


class Mirror(ProfileSource):
    """Says that the family likes the sky, and something nobody offers."""

    @override
    async def properties(self, parent: ParentId, *, within_seconds: float) -> Mapping[str, Any]:
        return {"favourite_theme_categories": ["dinosaurs", "sky"]}


class Shelf(Content):
    @override
    def languages(self) -> tuple[str, ...]:
        return ("en",)

    @override
    def themes(self, language: str) -> tuple[Theme, ...]:
        return THEMES


class Mute(Writer):
    @override
    async def write(self, brief: Brief) -> Draft:
        raise NotImplementedError


class House:
    def __init__(self, families: FamilyService, stories: StoryService, family: Family) -> None:
        self.families = families
        self.stories = stories
        self.family = family


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path / "house.sqlite") as database:
        clock, ids = ManualClock(EVENING), SeededIds(3)
        families = FamilyService(SqlFamilyStore(database, append), clock, ids)
        stories = StoryService(
            store=SqlStoryStore(database, append),
            families=families,
            profiles=ProfileService(Mirror(), budget_seconds=20),
            writer=Mute(),
            content=Shelf(),
            clock=clock,
            ids=ids,
            seeds=lambda: 1,
        )
        caller = Caller(Account("https://issuer.example", "ann"), None, Role.PARENT, EVENING + timedelta(hours=1))
        family = await families.create(caller, time_zone="Europe/London")
        await families.add_child(family, name="Mia", age=5)
        yield House(families, stories, family)


async def test_without_consent_a_hint_shapes_nothing_and_with_it_it_does(house: House) -> None:
    without = (await house.stories.tonight(house.family)).plan.theme
    await house.families.decide(house.family, "personal_suggestions", granted=True)
    with_consent = (await house.stories.tonight(house.family)).plan.theme
    await house.families.decide(house.family, "personal_suggestions", granted=False)
    withdrawn = (await house.stories.tonight(house.family)).plan.theme
    assert without == withdrawn
    assert "klaviyo" not in str(without)
    assert with_consent.value == "stars"
    assert [reason.fact.value for reason in with_consent.reasons if reason.fact.name == "klaviyo.favourites"] == ["sky"]


async def test_a_hint_nobody_offers_is_ignored(house: House) -> None:
    await house.families.decide(house.family, "personal_suggestions", granted=True)
    assert "dinosaurs" not in str((await house.stories.tonight(house.family)).plan)
