"""What Klaviyo is told of a family's taste: as it is when a story is told, whatever it was told before."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from databases import OpenDatabase
from dreamflow.stories import Outcome
from stories.stories_house import House, story_house


@pytest.fixture
async def house(open_database: OpenDatabase) -> AsyncIterator[House]:
    async with story_house(open_database()) as house:
        yield house


async def tastes(house: House) -> list[dict[str, Any]]:
    return [body for name, body in await house.left() if name == "profile" and "stories_28d" in body]


async def test_each_story_brings_the_taste_up_to_date(house: House) -> None:
    for told in range(1, 7):
        await house.tell(minutes=3)
        assert len(await tastes(house)) == told
        house.wait()
    assert [taste["stories_28d"] for taste in await tastes(house)] == ["1-4"] * 4 + ["5-14"] * 2


async def test_after_a_silent_month_the_old_nights_are_no_longer_counted(house: House) -> None:
    for _ in range(5):
        await house.tell(Outcome.COMPLETED, minutes=3, theme="quiet-water")
        house.wait()
    await house.tell(minutes=3)
    house.wait(days=40)
    await house.tell(minutes=3)
    before, after = (await tastes(house))[-2:]
    assert before == {"stories_28d": "5-14", "favourite_theme_categories": ["water"]}
    assert after == {"stories_28d": "1-4", "favourite_theme_categories": []}


async def test_of_a_story_that_ends_weeks_later_nothing_but_its_end_is_told(house: House) -> None:
    old = await house.tell(minutes=3)
    house.wait(days=40)
    before = await house.left()
    await house.stories.end(house.family, old.id, Outcome.COMPLETED)
    assert [name for name, _ in (await house.left())[len(before) :]] == ["Story Completed"]
    await house.tell(minutes=3)
    assert (await tastes(house))[-1]["stories_28d"] == "1-4"


async def test_favourites_come_with_the_next_story_and_go_when_they_are_too_old(house: House) -> None:
    for theme in ("wide-sky", "wide-sky", "wide-sky", "deep-forest"):
        await house.tell(Outcome.COMPLETED, minutes=3, theme=theme)
        house.wait()
    assert [taste["favourite_theme_categories"] for taste in await tastes(house)] == [[], [], [], ["sky"]]
    house.wait(days=25)
    await house.tell(minutes=3)
    assert (await tastes(house))[-1]["favourite_theme_categories"] == []


async def test_a_night_that_ends_asleep_leaves_no_trace(house: House) -> None:
    for _ in range(3):
        story = await house.tell(minutes=3)
        before = await house.left()
        await house.stories.end(house.family, story.id, Outcome.ASLEEP)
        assert await house.left() == before
        house.wait()


async def test_without_consent_no_taste_leaves(house: House) -> None:
    await house.families.decide(house.family, "personal_suggestions", granted=False)
    before = await house.left()
    await house.tell(Outcome.COMPLETED, minutes=3)
    assert await house.left() == before
