"""Each rule of the guard catches a planted defect, and nothing innocent."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from dreamflow.stories.adapters.writers.offline import OfflineWriter
from dreamflow.stories.model import Draft, Passage, PassageKind
from dreamflow.stories.rules.guard import Rule, check
from dreamflow.stories.rules.pack import Pack
from stories.writer.writer_briefs import brief

TONIGHT = brief(minutes=6, seed=4)


def _with(draft: Draft, at: int, change: Callable[[Passage], Passage]) -> Draft:
    passages = list(draft.passages)
    passages[at] = change(passages[at])
    return replace(draft, passages=tuple(passages))


def _says(draft: Draft, at: int, text: str) -> Draft:
    """Say something more in a passage."""

    def change(passage: Passage) -> Passage:
        return replace(passage, text=f"{passage.text} {text}")

    return _with(draft, at, change)


@pytest.fixture
def draft(writer: OfflineWriter) -> Draft:
    return writer.compose(TONIGHT)


def _rules(draft: Draft, pack: Pack) -> set[Rule]:
    return {finding.rule for finding in check(draft, TONIGHT, pack)}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("See {thing}.", Rule.SLOT),
        ("Two  spaces.", Rule.SPACES),
        ("It was scary.", Rule.BANNED),
        ("FROM THAT DAY on.", Rule.BANNED),
        ("It can kill.", Rule.BANNED),
    ],
)
def test_words_that_may_not_be(draft: Draft, pack: Pack, text: str, rule: Rule) -> None:
    findings = check(_says(draft, 3, text), TONIGHT, pack)

    assert [(finding.rule, finding.passage) for finding in findings] == [(rule, 3)]


@pytest.mark.parametrize("text", ["With skill.", "A loud cloud.", "The sadly-named saddle.", "Warm and aware."])
def test_words_within_words_are_innocent(draft: Draft, pack: Pack, text: str) -> None:
    assert _rules(_says(draft, 3, text), pack) == set()


def test_no_ban_without_words(draft: Draft, pack: Pack) -> None:
    bare = replace(pack, lexicon=replace(pack.lexicon, banned=()))

    assert _rules(_says(draft, 3, "It was scary."), bare) == set()


@pytest.mark.parametrize("text", ["Hush!", "Asleep?"])
def test_the_last_fifth_is_still(draft: Draft, pack: Pack, text: str) -> None:
    last = len(draft.passages) - 2

    assert _rules(_says(draft, last, text), pack) == {Rule.STILLNESS}


def test_a_damaged_name_is_missed(draft: Draft, pack: Pack) -> None:
    def change(passage: Passage) -> Passage:
        return replace(passage, text=passage.text.replace("Bo", "bo"))

    for at in range(len(draft.passages)):
        draft = _with(draft, at, change)

    assert _rules(draft, pack) == {Rule.NAME_MISSING}


@pytest.mark.parametrize(("name", "within"), [("Al", "All is well."), ("Bo", "Bo Li slept."), ("Li", "Bo Li slept.")])
def test_a_name_within_another_word_or_name_does_not_count(
    writer: OfflineWriter, pack: Pack, name: str, within: str
) -> None:
    tonight = brief(children=[("Al", 5), ("Bo Li", 6), ("Bo", 7), ("Li", 8)], seed=4)
    draft = writer.compose(tonight)
    assert check(draft, tonight, pack) == ()

    said = re.compile(rf"(?<!\w)(?<!Bo ){name}(?!\w| Li)")
    for at in range(len(draft.passages)):
        draft = _with(draft, at, lambda passage: replace(passage, text=said.sub("Eva", passage.text)))
    draft = _says(draft, 3, within)

    assert {finding.rule for finding in check(draft, tonight, pack)} == {Rule.NAME_MISSING}


def test_a_name_said_too_often(draft: Draft, pack: Pack) -> None:
    for at in range(1, 9):
        draft = _with(draft, at, lambda passage: replace(passage, storylet="by-hand", text=f"{passage.text} Ada Ada"))

    assert Rule.NAME_OFTEN in _rules(draft, pack)


def test_the_last_fifth_says_the_name_once(draft: Draft, pack: Pack) -> None:
    last = len(draft.passages) - 3
    draft = _with(draft, last, lambda passage: replace(passage, kind=PassageKind.BODY, storylet="x", text="Ada slept."))

    assert _rules(draft, pack) == {Rule.NAME_OFTEN}


def test_length_is_kept(draft: Draft, pack: Pack) -> None:
    shorter = replace(draft, passages=tuple(p for p in draft.passages if "path" not in p.beat and "row" not in p.beat))
    longer = _says(draft, 3, "word " * 80 + "end.")

    assert Rule.LENGTH in _rules(longer, pack)
    assert Rule.LENGTH in _rules(replace(shorter, passages=shorter.passages[:12]), pack)


def test_energy_may_not_rise_late(draft: Draft, pack: Pack) -> None:
    late = len(draft.passages) - 2

    assert _rules(_with(draft, late, lambda p: replace(p, energy=1)), pack) == {Rule.ENERGY}


def test_one_small_bump_is_forgiven_early(draft: Draft, pack: Pack) -> None:
    beats = list(dict.fromkeys(passage.beat for passage in draft.passages))
    third = next(at for at, passage in enumerate(draft.passages) if passage.beat == beats[2])
    level = draft.passages[third].energy
    before = _with(draft, third - 1, lambda p: replace(p, energy=level - 1))

    assert _rules(before, pack) == set()
    assert _rules(_with(before, third - 1, lambda p: replace(p, energy=level - 2)), pack) == {Rule.ENERGY}


def test_resolution_and_breath_have_their_places(draft: Draft, pack: Pack) -> None:
    shape = next(shape for shape in pack.shapes if shape.id == draft.shape)
    unresolved = tuple(p for p in draft.passages if p.beat != shape.resolution)
    breathless = tuple(p for p in draft.passages if p.kind is not PassageKind.BREATH)
    breath_first = (*(p for p in draft.passages if p.kind is PassageKind.BREATH), *breathless)

    assert Rule.RESOLUTION in _rules(replace(draft, passages=unresolved), pack)
    assert Rule.BREATH in _rules(replace(draft, passages=breathless), pack)
    assert {Rule.BREATH, Rule.RESOLUTION} <= _rules(replace(draft, passages=breath_first), pack)


def test_nothing_is_told_twice(draft: Draft, pack: Pack) -> None:
    told = draft.passages[3].storylet

    assert _rules(_with(draft, 4, lambda p: replace(p, kind=PassageKind.BODY, storylet=told)), pack) == {Rule.TWICE}


def test_a_name_may_be_a_banned_word(writer: OfflineWriter, pack: Pack) -> None:
    tonight = brief(children=[("Kill", 5), ("Witch", 6), ("sad", 7)])

    assert check(writer.compose(tonight), tonight, pack) == ()
