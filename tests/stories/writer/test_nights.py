"""Night after night: memory keeps tonight from being last night."""

from itertools import pairwise

import pytest

from dreamflow.stories.adapters.writers.offline import OfflineWriter
from dreamflow.stories.model import Draft, Memory
from dreamflow.stories.rules.pack import Pack, Role
from stories.writer.writer_briefs import THEMES, brief, remember


def _nights(writer: OfflineWriter, *, remembers: bool, theme: str, nights: int = 20) -> list[Draft]:
    memory = Memory()
    drafts: list[Draft] = []
    for night in range(nights):
        draft = writer.compose(brief(seed=1000 + night, theme=theme, minutes=4, memory=memory))
        memory = remember(memory, draft) if remembers else memory
        drafts.append(draft)
    return drafts


def _repeats(drafts: list[Draft]) -> int:
    """How many storylets of a night were told the night before, frame and refrain aside."""

    def told(draft: Draft) -> set[str]:
        return {passage.storylet for passage in draft.passages if passage.kind == "body"}

    return sum(len(told(before) & told(after)) for before, after in pairwise(drafts))


@pytest.mark.parametrize("theme", THEMES)
def test_twenty_nights_differ(writer: OfflineWriter, theme: str) -> None:
    drafts = _nights(writer, remembers=True, theme=theme)

    for at, draft in enumerate(drafts[1:], start=1):
        assert draft.shape != drafts[at - 1].shape
        assert draft.companion != drafts[at - 1].companion
        assert draft.place not in [other.place for other in drafts[max(0, at - 4) : at]]
    assert len({draft.paragraphs for draft in drafts}) == 20
    assert _repeats(drafts) <= 4


@pytest.mark.parametrize("minutes", [4, 9])
def test_a_beat_seldom_opens_as_it_did_a_week_ago(writer: OfflineWriter, pack: Pack, minutes: int) -> None:
    openers = {part.id for part in pack.storylets if part.role is Role.OPENER}
    memory = Memory()
    last: dict[str, int] = {}
    told = again = 0
    for night in range(40):
        theme = THEMES[night % len(THEMES)]
        start = 2 + night % 3
        draft = writer.compose(brief(seed=night, theme=theme, minutes=minutes, energy=(start, 0), memory=memory))
        memory = remember(memory, draft)
        for passage in draft.passages:
            if passage.storylet in openers:
                told += 1
                again += night - last.get(passage.storylet, -99) <= 7
                last[passage.storylet] = night
    assert told > 200
    assert again <= 0.05 * told


def test_without_memory_the_same_things_come_back(writer: OfflineWriter) -> None:
    drafts = _nights(writer, remembers=False, theme="deep-forest")

    assert _repeats(drafts) > 15
    assert any(before.shape == after.shape for before, after in pairwise(drafts))


def test_storylets_heard_longest_ago_come_first(writer: OfflineWriter) -> None:
    first = writer.compose(brief(seed=5))
    again = writer.compose(brief(seed=5, memory=Memory(storylets=remember(Memory(), first).storylets)))

    told = {passage.storylet for passage in first.passages if passage.kind == "body"}
    retold = {passage.storylet for passage in again.passages if passage.kind == "body"}
    assert first.shape == again.shape
    assert not told & retold
