"""What holds for any story at all."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from dreamflow.stories.adapters.packs import PackLibrary
from dreamflow.stories.adapters.writers.offline import OfflineWriter
from dreamflow.stories.model import Brief, Draft, PassageKind
from dreamflow.stories.rules.guard import check
from dreamflow.stories.rules.pack import Role
from dreamflow.stories.rules.planner import target_words
from stories.writer.writer_briefs import NAMES, THEMES, brief, briefs

_WRITER = OfflineWriter(PackLibrary())
_PACK = PackLibrary().pack("en")


def _digest(draft: Draft) -> str:
    return hashlib.sha256(repr([draft.title, *draft.paragraphs, draft.shape, draft.place]).encode()).hexdigest()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(briefs())
def test_any_brief_becomes_a_story_that_keeps_every_promise(tonight: Brief) -> None:
    draft = _WRITER.compose(tonight)

    assert check(draft, tonight, _PACK) == ()
    target = target_words(tonight.minutes, tonight.words_per_minute)
    assert abs(draft.words - target) <= 0.08 * target
    text = "\n".join(draft.paragraphs)
    assert all(listener.name in text for listener in tonight.listeners)
    body = [passage.storylet for passage in draft.passages if passage.kind is not PassageKind.REFRAIN]
    assert len(body) == len(set(body))
    beats = list(dict.fromkeys(passage.beat for passage in draft.passages))
    later = [passage.energy for passage in draft.passages if passage.beat in beats[2:]]
    assert later == sorted(later, reverse=True)
    assert _WRITER.compose(tonight) == draft


@settings(max_examples=60, deadline=None)
@given(briefs())
def test_each_child_helps_in_beginning_middle_and_end(tonight: Brief) -> None:
    draft = _WRITER.compose(tonight)
    acts = [(at, passage) for at, passage in enumerate(draft.passages) if passage.storylet.startswith("act-")]
    starts = [sum(len(text.split()) for text in draft.paragraphs[:at]) / draft.words for at, _ in acts]

    assert starts[0] < 0.35
    assert any(0.3 < start < 0.6 for start in starts)
    assert 0.6 < starts[-1] < 0.8
    for _, act in acts:
        assert all(listener.name in act.text for listener in tonight.listeners)


def test_a_story_speaks_of_what_its_place_has(writer: OfflineWriter) -> None:
    storylets = {part.id: part for part in _PACK.storylets}
    settings = {setting.id: setting for setting in _PACK.settings}
    for seed in range(60):
        draft = writer.compose(brief(seed=seed, theme=THEMES[seed % 6], minutes=3 + seed % 18))
        told = [storylets[passage.storylet] for passage in draft.passages if passage.storylet in storylets]
        assert all(part.may_stand_in(settings[draft.place]) for part in told)


def test_what_is_spoken_of_again_was_told_before(writer: OfflineWriter) -> None:
    after = {part.id: part.after for part in _PACK.storylets if part.after}
    recalled = 0
    for seed in range(120):
        draft = writer.compose(brief(seed=seed, children=[("Ada", 10)], minutes=14))
        told = [passage.storylet for passage in draft.passages]
        for at, name in enumerate(told):
            if name in after:
                recalled += 1
                assert not after[name].isdisjoint(told[:at])
    assert recalled > 5


def test_one_child_is_answered_and_two_are_not(writer: OfflineWriter) -> None:
    answers = {part.id: part.answer for part in _PACK.storylets if part.role is Role.ACT}
    for seed in range(10):
        for children in ([("Ada", 4)], [("Ada", 4), ("Bo", 6)]):
            draft = writer.compose(brief(seed=seed, children=children, minutes=4))
            acts = [passage for passage in draft.passages if passage.storylet in answers]
            assert len(acts) == 3
            for act in acts:
                answer = answers[act.storylet]
                assert answer is not None
                answered = act.text.endswith(answer.parts[-1])
                assert answered if len(children) == 1 else act.text.count(".") == 2


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_stays_byte_exact(writer: OfflineWriter, name: str) -> None:
    draft = await writer.write(brief(children=[(name, 6), ("Bo", 8)]))

    assert draft.paragraphs[-1].endswith(f"{name} and Bo.")


def test_another_process_writes_the_same_bytes(writer: OfflineWriter) -> None:
    here = [_digest(writer.compose(brief(seed=seed, minutes=3 + seed % 18))) for seed in range(12)]
    code = (
        "from stories.writer.test_every_story import _digest, _WRITER\n"
        "from stories.writer.writer_briefs import brief\n"
        "print([_digest(_WRITER.compose(brief(seed=seed, minutes=3 + seed % 18))) for seed in range(12)])"
    )
    for hashseed in ("1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": hashseed}
        there = subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[2],
            env=environment,
            capture_output=True,
            check=True,
        )
        assert there.stdout.decode().strip() == repr(here)


def test_another_seed_is_another_story(writer: OfflineWriter) -> None:
    texts = {writer.compose(brief(seed=seed)).paragraphs for seed in range(30)}

    assert len(texts) == 30


def test_the_frame_is_the_same_every_night(writer: OfflineWriter) -> None:
    ends = {writer.compose(brief(seed=seed)).paragraphs[-1] for seed in range(20)}

    assert len(ends) == 1


def test_every_storylet_is_told_some_night(writer: OfflineWriter) -> None:
    untold = {part.id for part in _PACK.storylets if part.role not in ("opening", "closing")}
    chance = Random(7)
    for seed in range(600):
        tonight = brief(
            children=chance.choice(([("Ada", 9), ("Bo", 10)], [("Ada", 3)])),
            theme=str(chance.choice(_PACK.themes).id),
            minutes=chance.choice((4, 12, 18)),
            energy=(chance.choice((2, 5)), 0),
            seed=seed,
        )
        untold -= {passage.storylet for passage in writer.compose(tonight).passages}
        if not untold:
            break

    assert sorted(untold) == []
