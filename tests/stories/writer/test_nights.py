"""Night after night: the family's memory keeps tonight from being last night."""

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from databases import opened_sqlite
from dreamflow.identity import ParentId
from dreamflow.outbox.adapters.sql import append
from dreamflow.stories.adapters.sql import SqlStoryStore
from dreamflow.stories.adapters.writers.offline import OfflineWriter
from dreamflow.stories.model import Draft, Memory
from dreamflow.stories.rules.pack import Pack, Role
from stories.stories_house import House, story_house
from stories.writer.writer_briefs import THEMES, brief


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with story_house(opened_sqlite(tmp_path / "house.sqlite")) as opened:
        yield opened


def _told(draft: Draft) -> set[str]:
    return {passage.storylet for passage in draft.passages if passage.kind == "body"}


def _repeats(drafts: Sequence[Draft]) -> int:
    """How many storylets of a night were told the night before, frame and refrain aside."""
    return sum(len(_told(before) & _told(after)) for before, after in pairwise(drafts))


@pytest.mark.parametrize("theme", THEMES)
async def test_twenty_nights_differ(house: House, theme: str) -> None:
    drafts: list[Draft] = []
    for _ in range(20):
        drafts.append((await house.tell(theme=theme, minutes=4)).draft)
        house.wait()

    for at, draft in enumerate(drafts[1:], start=1):
        assert draft.shape != drafts[at - 1].shape
        assert draft.companion != drafts[at - 1].companion
        assert draft.place not in [other.place for other in drafts[max(0, at - 4) : at]]
    assert len({draft.paragraphs for draft in drafts}) == 20
    assert _repeats(drafts) <= 4


@pytest.mark.parametrize("minutes", [4, 9])
async def test_a_beat_seldom_opens_as_it_did_a_week_ago(house: House, pack: Pack, minutes: int) -> None:
    openers = {part.id for part in pack.storylets if part.role is Role.OPENER}
    last: dict[str, int] = {}
    told = again = 0
    for night in range(40):
        house.wait(hour=18 + night % 3)  # the later, the calmer
        story = await house.tell(theme=THEMES[night % len(THEMES)], minutes=minutes)
        for passage in story.draft.passages:
            if passage.storylet in openers:
                told += 1
                again += night - last.get(passage.storylet, -99) <= 7
                last[passage.storylet] = night
    assert told > 200
    assert again <= 0.05 * told


async def test_a_family_remembers_its_own_last_nights_newest_first(house: House) -> None:
    nights = [(await house.tell(minutes=3)).draft for _ in range(3)]
    store = SqlStoryStore(house.database, append)

    memory = await store.memory(house.family.parent, 2)
    assert memory.shapes == (nights[2].shape, nights[1].shape)
    assert memory.places == (nights[2].place, nights[1].place)
    assert memory.companions == (nights[2].companion, nights[1].companion)
    assert set(memory.storylets) == {passage.storylet for draft in nights[1:] for passage in draft.passages}
    assert memory.storylets[0] in {passage.storylet for passage in nights[2].passages}
    assert await store.memory(ParentId("a neighbour"), 2) == Memory()


def test_without_memory_the_same_things_come_back(writer: OfflineWriter) -> None:
    drafts = [writer.compose(brief(seed=1000 + night, minutes=4)) for night in range(20)]

    assert _repeats(drafts) > 15
    assert any(before.shape == after.shape for before, after in pairwise(drafts))


def test_storylets_heard_longest_ago_come_first(writer: OfflineWriter) -> None:
    first = writer.compose(brief(seed=5))
    heard = Memory(storylets=tuple(passage.storylet for passage in first.passages))
    again = writer.compose(brief(seed=5, memory=heard))

    assert first.shape == again.shape
    assert not _told(first) & _told(again)
