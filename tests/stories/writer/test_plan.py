"""How a story is laid out before a word is told."""

from dataclasses import replace
from random import Random

import pytest

from dreamflow.stories.adapters.writers.offline import OfflineWriter
from dreamflow.stories.errors import WritingFailed
from dreamflow.stories.model import AgeBand
from dreamflow.stories.rules import grammar
from dreamflow.stories.rules.pack import Pack, PackError, Role, index
from dreamflow.stories.rules.planner import energies, fresh, lay, plan, target_words
from dreamflow.stories.rules.realiser import realise
from dreamflow.stories.rules.template import template
from stories.writer.writer_briefs import brief


@pytest.mark.parametrize(("minutes", "pace", "words"), [(3, 110, 287), (5, 115, 500), (12, 130, 1356), (20, 130, 2261)])
def test_minutes_become_words(minutes: int, pace: int, words: int) -> None:
    assert target_words(minutes, pace) == words


@pytest.mark.parametrize("energy", [(start, end) for start in range(6) for end in range(start + 1)])
def test_energy_never_rises_after_the_second_beat(pack: Pack, energy: tuple[int, int]) -> None:
    for shape in pack.shapes:
        levels = energies(shape.beats, energy)
        assert list(levels[1:]) == sorted(levels[1:], reverse=True)
        assert levels[-1] == 0


def test_a_short_story_drops_what_it_can(pack: Pack) -> None:
    for shape in pack.shapes:
        short = lay(shape, 280, (4, 0), 4, AgeBand.TODDLER)
        long = lay(shape, 2000, (4, 0), 4, AgeBand.TODDLER)
        assert len(long) == 8
        assert len(short) < 8
        assert [leg.beat.id for leg in short if not leg.beat.optional] == [
            beat.id for beat in shape.beats if not beat.optional
        ]
        assert shape.breath in [leg.beat.id for leg in short]


def test_the_youngest_hear_the_refrain_more_often(pack: Pack) -> None:
    def refrains(band: AgeBand) -> int:
        return sum(leg.refrain is not None for leg in lay(pack.shapes[0], 900, (4, 0), 1, band))

    assert refrains(AgeBand.TODDLER) > refrains(AgeBand.BIG)


def test_fresh_avoids_what_was_recent_as_far_as_it_can(pack: Pack) -> None:
    ids = [shape.id for shape in pack.shapes]

    assert {fresh(pack.shapes, ids[:2], 5, Random(seed)).id for seed in range(20)} == {ids[2]}
    assert fresh(pack.shapes[:1], ids, 5, Random(1)).id == ids[0]
    assert len({fresh(pack.shapes, (), 0, Random(seed)).id for seed in range(20)}) == 3
    assert fresh(pack.shapes[:2], (ids[1], ids[0]), 5, Random(1)).id == ids[0]


def test_an_unknown_theme(writer: OfflineWriter) -> None:
    with pytest.raises(PackError, match="no such theme"):
        writer.compose(brief(theme="volcano"))


async def test_more_minutes_than_there_are_words(writer: OfflineWriter) -> None:
    with pytest.raises(WritingFailed, match="passed the guard"):
        await writer.write(brief(minutes=20, pace=400))


def test_only_what_failed_is_told_anew(pack: Pack) -> None:
    tonight = brief(minutes=10, seed=9)
    outline = plan(tonight, pack)
    last = outline.legs[-1].beat.id
    first, second = realise(outline, tonight, pack), realise(outline, tonight, pack, {last: 1})

    def before(draft: object) -> list[str]:
        return [passage.text for passage in draft.passages if passage.beat != last]  # type: ignore[attr-defined]

    assert before(first) == before(second)
    assert first.paragraphs != second.paragraphs


class _Never:
    """A library whose pack forbids a word that the story cannot avoid in one storylet."""

    def __init__(self, pack: Pack, *banned: str) -> None:
        self._pack = replace(pack, lexicon=replace(pack.lexicon, banned=banned))

    def pack(self, language: str) -> Pack:
        del language
        return self._pack


def test_a_refused_beat_is_told_with_other_words(pack: Pack) -> None:
    for seed in range(12):
        tonight = brief(minutes=8, seed=seed)
        draft = OfflineWriter(_Never(pack, "boot", "bump", "bread", "moon", "gate")).compose(tonight)
        assert "bread" not in " ".join(draft.paragraphs).lower().split()


@pytest.mark.parametrize("role", [Role.OPENER, Role.ACT, Role.BREATH, Role.OPENING, Role.CLOSING])
def test_a_pack_without_something_says_what(pack: Pack, role: Role) -> None:
    storylets = tuple(part for part in pack.storylets if part.role is not role)
    poor = replace(pack, storylets=storylets, at=index(storylets))
    tonight = brief()

    if role is Role.ACT:
        draft = realise(plan(tonight, poor), tonight, poor)
        assert not [passage for passage in draft.passages if passage.storylet.startswith("act-")]
    else:
        with pytest.raises(PackError, match="nothing to tell"):
            realise(plan(tonight, poor), tonight, poor)


def test_lists_of_names() -> None:
    assert grammar.listed(["Ada"]) == "Ada"
    assert grammar.listed(["Ada", "Bo"]) == "Ada and Bo"
    assert grammar.listed(["Ada", "Bo", "Cy", "Di"]) == "Ada, Bo, Cy and Di"
    assert grammar.name_values(["Ada"])["were"] == "was"
    assert grammar.name_values(["Ada", "Bo"])["were"] == "were"
    assert grammar.name_values(["Ada"])["leads"] == "Ada's"


def test_things_in_titles() -> None:
    assert grammar.title_case("bell with a wool tongue") == "Bell with a Wool Tongue"
    assert grammar.title_case("wind-up beetle") == "Wind-up Beetle"


def test_places_in_titles() -> None:
    assert grammar.place_title("the mill pond") == "the Mill Pond"
    assert grammar.place_title("Kite Hill") == "Kite Hill"


def test_a_template_fills_once() -> None:
    cut = template("{lead} saw {pal}.")

    assert cut.slots == ("lead", "pal")
    assert cut.literal == "- saw -."
    assert cut.fill({"lead": "{pal}", "pal": "100 %s"}) == "{pal} saw 100 %s."
