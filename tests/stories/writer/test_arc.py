"""Over many stories the text itself calms down: shorter sentences, fewer exclamation marks, calmer words."""

import re

import pytest

from dreamflow.stories.adapters.writers.offline import OfflineWriter
from dreamflow.stories.model import AgeBand
from dreamflow.stories.rules.lint import sentences
from dreamflow.stories.rules.pack import Pack
from stories.writer.writer_briefs import THEMES, brief


def _fifths(paragraphs: tuple[str, ...]) -> tuple[str, str]:
    words = " ".join(paragraphs).split()
    size = len(words) // 5
    return " ".join(words[:size]), " ".join(words[-size:])


def test_stories_calm_down(writer: OfflineWriter, pack: Pack) -> None:
    marks, lengths, calm = [0, 0], [0.0, 0.0], [0, 0]
    for seed in range(100):
        draft = writer.compose(brief(seed=seed, theme=THEMES[seed % 6], minutes=8, children=[("Ada", 8)], pace=125))
        for at, fifth in enumerate(_fifths(draft.paragraphs)):
            marks[at] += fifth.count("!")
            counted = sentences(fifth)
            lengths[at] += sum(counted) / len(counted)
            calm[at] += sum(word in pack.lexicon.calm for word in re.findall(r"\w+", fifth.lower()))

    assert marks[1] == 0 < marks[0]
    assert lengths[1] < lengths[0]
    assert calm[1] > 3 * calm[0]


@pytest.mark.parametrize(
    ("age", "minutes", "most"), [(3, 4, 8), (5, 6, 8), (7, 10, 10), (10, 12, 12), (10, 20, 12), (3, 20, 8)]
)
def test_sentences_suit_the_youngest(writer: OfflineWriter, age: int, minutes: int, most: float) -> None:
    for seed in range(25):
        draft = writer.compose(brief(seed=seed, minutes=minutes, children=[("Ada", age), ("Bo", 12)]))
        counted = [length for text in draft.paragraphs for length in sentences(text)]
        assert sum(counted) / len(counted) <= most


def test_the_youngest_hear_plain_words_only(writer: OfflineWriter, pack: Pack) -> None:
    bands = {part.id: part.band for part in pack.storylets}
    for seed in range(40):
        draft = writer.compose(brief(seed=seed, children=[("Ada", 12), ("Bo", 3)]))
        told = {bands.get(passage.storylet, AgeBand.TODDLER) for passage in draft.passages}
        assert told == {AgeBand.TODDLER}


def test_a_calm_evening_starts_calmer(writer: OfflineWriter) -> None:
    lively = [max(p.energy for p in writer.compose(brief(seed=seed, energy=(5, 0))).passages) for seed in range(20)]
    calm = [max(p.energy for p in writer.compose(brief(seed=seed, energy=(2, 0))).passages) for seed in range(20)]

    assert max(calm) == 2
    assert min(lively) >= 3
