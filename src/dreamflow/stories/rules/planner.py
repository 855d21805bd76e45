"""From a brief to an outline: which shape, where, with whom, how many words each beat may take.

Chance comes from the brief's seed alone, so the same brief and pack give the same outline anywhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol, TypeVar

from dreamflow.stories.model import AgeBand, Brief
from dreamflow.stories.rules.evening import band_of
from dreamflow.stories.rules.pack import Beat, Creature, Item, Pack, PackError, Setting, Shape
from dreamflow.stories.rules.siblings import reading_age

SLOWING: Final = 0.15
"""How much the reading pace has fallen by the last word."""

PAUSES: Final = 0.06
"""The part of the minutes that is silence: turns of the page, the breath between paragraphs."""

SHAPE_WINDOW: Final = 5
PLACE_WINDOW: Final = 4
COMPANION_WINDOW: Final = 1

# What the fixed parts of a story take, in words; only used to see whether an optional beat still fits.
_FRAME: Final = 17
_OPENER: Final = 28
_REFRAIN: Final = 9
_BREATH: Final = 33
_ACT_PER_CHILD: Final = 7
_ACT_LEAST: Final = 14


class _Named(Protocol):
    @property
    def id(self) -> str: ...


N = TypeVar("N", bound=_Named)


@dataclass(frozen=True, slots=True)
class Leg:
    """A beat as it will be told tonight.

    Attributes:
        energy: the liveliest it may be.
        floor: the calmest it should be, so that the next leg is not livelier.
        until: how many words the story has at its end.
        opens: whether its opener is told; only a short story's breath goes without.
        act: which act of helpfulness stands here, if any.
        refrain: 0 full, 1 shortened, 2 last words, None for none.
    """

    beat: Beat
    energy: int
    floor: int
    until: int
    opens: bool
    act: str | None
    refrain: int | None


@dataclass(frozen=True, slots=True)
class Outline:
    """What tonight's story is about and how it is paced.

    Attributes:
        owner: another companion, to whom a lost thing may belong.
        words: how long the whole story should be.
        band: how plain the words must be; the youngest listener decides.
    """

    shape: Shape
    setting: Setting
    pal: Creature
    owner: Creature
    thing: Item
    words: int
    band: AgeBand
    legs: tuple[Leg, ...]


def target_words(minutes: int, words_per_minute: int) -> int:
    """How many words fill the minutes when read aloud.

    Pace falls in a straight line from `words_per_minute` by `SLOWING`, so its mean is
    `words_per_minute x (1 - SLOWING / 2)`; `PAUSES` of the time nobody speaks:

        words = minutes x words_per_minute x (1 - 0.15 / 2) x (1 - 0.06) = minutes x words_per_minute x 0.8695
    """
    return round(minutes * words_per_minute * (1 - SLOWING / 2) * (1 - PAUSES))


def plan(brief: Brief, pack: Pack) -> Outline:
    """Choose what the story is about and lay its beats.

    Raises:
        PackError: the pack has no place in the brief's theme.
    """
    chance = Random(f"{brief.seed}/outline")  # noqa: S311 - a story is replayable, not secret
    memory = brief.memory
    settings = [setting for setting in pack.settings if setting.theme == brief.theme]
    if not settings:
        raise PackError(f"{pack.label}: theme: there is no such theme, or it has no places")
    shape = fresh(pack.shapes, memory.shapes, SHAPE_WINDOW, chance)
    setting = fresh(settings, memory.places, PLACE_WINDOW, chance)
    pal = fresh(pack.creatures, memory.companions, COMPANION_WINDOW, chance)
    owner = chance.choice([creature for creature in pack.creatures if creature.id != pal.id])
    band = band_of(reading_age(brief.listeners))
    words = target_words(brief.minutes, brief.words_per_minute)
    return Outline(
        shape=shape,
        setting=setting,
        pal=pal,
        owner=owner,
        thing=chance.choice(pack.items),
        words=words,
        band=band,
        legs=lay(shape, words, brief.energy, len(brief.listeners), band),
    )


def fresh(options: Sequence[N], recent: Sequence[str], window: int, chance: Random) -> N:
    """Any option that was not among the last `window` nights; fewer nights count where options are few."""
    nights = min(window, len(options) - 1)
    return chance.choice([option for option in options if option.id not in recent[:nights]])


def lay(shape: Shape, words: int, energy: tuple[int, int], children: int, band: AgeBand) -> tuple[Leg, ...]:
    """The beats that fit, each with its energy, its words, its refrain and its act."""
    beats = _kept(shape, words, children)
    at_resolution = [beat.id for beat in beats].index(shape.resolution)
    levels = energies(beats, energy)
    last = len(beats) - 1
    return tuple(
        Leg(
            beat=beat,
            energy=levels[at],
            floor=max(beat.energy[0], levels[min(at + 1, last)]),
            until=words if at == last else round(words * beat.share),
            opens=not (beat.id == shape.breath and beat.optional and not _has_room_after(words, children)),
            act=_act(at, at_resolution, breathes=beat.id == shape.breath, words=words),
            refrain=_refrain(at, at_resolution, last, words, band),
        )
        for at, beat in enumerate(beats)
    )


def energies(beats: Sequence[Beat], energy: tuple[int, int]) -> tuple[int, ...]:
    """The liveliest each beat may be: a straight fall from start to end, kept inside the beat, never rising."""
    start, end = energy
    steps = max(1, len(beats) - 1)
    levels: list[int] = []
    for at, beat in enumerate(beats):
        calmest, liveliest = beat.energy
        level = min(liveliest, max(calmest, math.ceil(start + (end - start) * at / steps)))
        levels.append(min([level, *levels[1:]]))
    return tuple(levels)


def _kept(shape: Shape, words: int, children: int) -> tuple[Beat, ...]:
    """All beats, without the optional ones that a short story has no room for."""
    ids = [beat.id for beat in shape.beats]
    before = shape.beats[: ids.index(shape.resolution)]
    needed = sum(not beat.optional for beat in before)
    room = words * before[-1].share - _FRAME - _REFRAIN - _OPENER * (needed + 0.5) - 2 * _act_words(children)
    kept: list[Beat] = []
    for beat in shape.beats:
        if beat.optional and beat.id != shape.breath:
            if room < _OPENER:
                continue
            room -= _OPENER
        kept.append(beat)
    return tuple(kept)


def _has_room_after(words: int, children: int) -> bool:
    """Whether the breath's beat can afford an opener of its own."""
    fixed = _FRAME + _REFRAIN + _BREATH + _OPENER * 2.5 + _act_words(children)
    return words * 0.42 - fixed >= _OPENER * 0.8


def _act_words(children: int) -> int:
    return max(_ACT_LEAST, _ACT_PER_CHILD * children)


_LONG: Final = 420
"""From here on a story has room for more than one refrain of each kind."""

_TINY: Final = 290
"""Below this the refrain is heard at the start and at the end only."""

_VERY_LONG: Final = 900
"""From here on each child acts in every early beat."""


def _act(at: int, resolution: int, *, breathes: bool, words: int) -> str | None:
    if breathes:
        return "end"
    if at == 0 or (at == 1 and words > _VERY_LONG):
        return "beginning"
    if at == resolution - 1 or (at == resolution - 2 and words > _VERY_LONG):
        return "middle"
    return None


def _refrain(at: int, resolution: int, last: int, words: int, band: AgeBand) -> int | None:
    """Which degradation of the refrain ends a beat; the youngest hear it more often."""
    if at == last:
        return 2
    if at == 0:
        return 0
    if at == resolution:
        return None if words < _TINY else 1
    if words < _LONG or at == resolution - 1:
        return None
    if at < resolution:
        return 0 if at % 2 == 0 or band is AgeBand.TODDLER else None
    young = band in (AgeBand.TODDLER, AgeBand.SMALL)
    return 2 if at == last - 1 else (1 if young else None)
