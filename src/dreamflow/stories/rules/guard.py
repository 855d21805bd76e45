"""What a finished text must keep. The guard only finds; it never edits a word.

Names are opaque: they are taken out of the text before any word is looked at, so a child may be called anything.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dreamflow.stories.model import Brief, Draft, PassageKind
from dreamflow.stories.rules.fitting import says_lead
from dreamflow.stories.rules.pack import Pack, Shape
from dreamflow.stories.rules.planner import target_words
from dreamflow.stories.rules.realiser import name_budget

TOLERANCE: Final = 0.08
"""How far the length may be off, as a share of the words that fill the minutes."""

RESOLUTION: Final = (0.55, 0.60)
BREATH: Final = (0.60, 0.75)
LAST_FIFTH: Final = 0.8
BUMP_BEFORE: Final = 0.35

_NAME: Final = "\ue000"
_SPACES: Final = re.compile(r"\s\s|^\s|\s$|[\t\n]")


class Rule(StrEnum):
    """What can be wrong."""

    SLOT = "slot"
    SPACES = "spaces"
    BANNED = "banned"
    NAME_MISSING = "name-missing"
    NAME_OFTEN = "name-often"
    LENGTH = "length"
    ENERGY = "energy"
    STILLNESS = "stillness"
    RESOLUTION = "resolution"
    BREATH = "breath"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule and the passage where it shows."""

    rule: Rule
    passage: int


def check(draft: Draft, brief: Brief, pack: Pack) -> tuple[Finding, ...]:
    """Everything that is wrong with a draft; empty when it may be read to a child.

    Args:
        draft: the finished text.
        brief: whose names it must carry and how long it must be.
        pack: whose shape it follows and whose banned words hold.
    """
    names = tuple(dict.fromkeys(listener.name for listener in brief.listeners))
    opaque = _opaque(names)
    plain = [opaque.sub(_NAME, passage.text) for passage in draft.passages]
    starts = _starts(draft)
    shape = next(shape for shape in pack.shapes if shape.id == draft.shape)
    return (
        *_words(plain, pack.lexicon.banned),
        *_names(draft, set(names) - _heard(draft, opaque), _said(draft, names[0], pack), starts),
        *_length(draft, brief),
        *_energy(draft, shape, starts),
        *_stillness(plain, starts),
        *_marks(draft, shape, starts),
        *_twice(draft),
    )


def _opaque(names: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(name) for name in longest_first)})(?!\w)")


def _starts(draft: Draft) -> tuple[float, ...]:
    """Where each passage begins, as a share of the words."""
    total = max(1, draft.words)
    heard = 0
    starts: list[float] = []
    for passage in draft.passages:
        starts.append(heard / total)
        heard += len(passage.text.split())
    return tuple(starts)


def _words(plain: Sequence[str], banned: Sequence[str]) -> Iterable[Finding]:
    forbidden = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, banned))})(?!\w)", re.IGNORECASE) if banned else None
    for at, text in enumerate(plain):
        if "{" in text or "}" in text:
            yield Finding(Rule.SLOT, at)
        if _SPACES.search(text):
            yield Finding(Rule.SPACES, at)
        if forbidden and forbidden.search(text):
            yield Finding(Rule.BANNED, at)


def _heard(draft: Draft, names: re.Pattern[str]) -> set[str]:
    """The names that are said, as whole words: "All is well" does not say "Al"."""
    return {name for passage in draft.passages for name in names.findall(passage.text)}


def _names(draft: Draft, missing: Iterable[str], said: Sequence[int], starts: Sequence[float]) -> Iterable[Finding]:
    for _ in missing:
        yield Finding(Rule.NAME_MISSING, len(draft.passages) - 1)
    if sum(said) > name_budget(draft.words) + 1:
        yield Finding(Rule.NAME_OFTEN, max(range(len(said)), key=said.__getitem__))
    late = [at for at, start in enumerate(starts) if start >= LAST_FIFTH and said[at]]
    if sum(said[at] for at in late) > 1:
        yield Finding(Rule.NAME_OFTEN, late[0])


def _said(draft: Draft, lead: str, pack: Pack) -> tuple[int, ...]:
    """How often each passage says the lead's name.

    Where the storylet is known its slots are counted: a child may be called "The".
    """
    known = {part.id: part for part in pack.storylets}
    spoken = _opaque((lead,))
    return tuple(
        says_lead(known[passage.storylet])
        if passage.storylet in known
        else 0
        if passage.kind is PassageKind.REFRAIN
        else len(spoken.findall(passage.text))
        for passage in draft.passages
    )


def _length(draft: Draft, brief: Brief) -> Iterable[Finding]:
    target = target_words(brief.minutes, brief.words_per_minute)
    if abs(draft.words - target) > TOLERANCE * target:
        yield Finding(Rule.LENGTH, len(draft.passages) - 1)


def _energy(draft: Draft, shape: Shape, starts: Sequence[float]) -> Iterable[Finding]:
    """From the third beat on nothing is livelier than what came before; one step is forgiven before 35 %."""
    free = {beat.id for beat in shape.beats[:2]}
    bumps = 0
    pairs = zip(draft.passages, draft.passages[1:], strict=False)
    for at, (before, passage) in enumerate(pairs, start=1):
        rise = passage.energy - before.energy
        if passage.beat in free or rise <= 0:
            continue
        bumps += 1
        if rise > 1 or bumps > 1 or starts[at] >= BUMP_BEFORE:
            yield Finding(Rule.ENERGY, at)


def _stillness(plain: Sequence[str], starts: Sequence[float]) -> Iterable[Finding]:
    for at, text in enumerate(plain):
        if starts[at] >= LAST_FIFTH and ("!" in text or "?" in text):
            yield Finding(Rule.STILLNESS, at)


def _marks(draft: Draft, shape: Shape, starts: Sequence[float]) -> Iterable[Finding]:
    """The resolution's middle and the breath's beginning stand where they should."""
    turn = next((at for at, passage in enumerate(draft.passages) if passage.beat == shape.resolution), None)
    if turn is None:
        yield Finding(Rule.RESOLUTION, 0)
    else:
        middle = starts[turn] + len(draft.passages[turn].text.split()) / 2 / draft.words
        if not RESOLUTION[0] <= middle <= RESOLUTION[1]:
            yield Finding(Rule.RESOLUTION, turn)
    breaths = [at for at, passage in enumerate(draft.passages) if passage.kind is PassageKind.BREATH]
    if len(breaths) != 1 or not BREATH[0] <= starts[breaths[0]] <= BREATH[1]:
        yield Finding(Rule.BREATH, breaths[0] if breaths else len(draft.passages) - 1)


def _twice(draft: Draft) -> Iterable[Finding]:
    told: set[str] = set()
    for at, passage in enumerate(draft.passages):
        if passage.kind is not PassageKind.REFRAIN and passage.storylet in told:
            yield Finding(Rule.TWICE, at)
        told.add(passage.storylet)
