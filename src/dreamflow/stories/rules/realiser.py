"""From an outline to words: which storylet tells which part of which beat.

A beat is its opener, then as many storylets as its words allow, calmest last, then its breath, act and refrain.
Among what fits, the storylets heard longest ago come first; theme, age and energy decide between equals;
chance decides the rest. The last picks of a beat are those that meet its word budget best.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Final

from dreamflow.stories.model import Brief, Draft, Passage, PassageKind
from dreamflow.stories.rules.fitting import Fit, Told, fit
from dreamflow.stories.rules.grammar import name_values, pack_values
from dreamflow.stories.rules.pack import Pack, PackError, Role, Storylet
from dreamflow.stories.rules.planner import Leg, Outline

WORDS_PER_NAME: Final = 60
"""The lead's name is said about once in so many words."""

FIXED_NAMES: Final = 5
"""How often it is said anyway: when the children arrive, in three acts, and good night."""

_OFF: Final = 0.012
"""How far from its place, as a share of the words, the resolution may come without looking for another opener."""

_LOOSER: Final = 12
"""How much of what is remembered counts as equally long ago, for each time a beat was refused."""

_BREATH_SHARE: Final = 0.075
"""A breath longer than this would push what follows it into the last fifth."""

SHORT: Final = 300
"""Below so many words everything that must be told is told briefly."""

_BRIEFLY: Final = 3
"""How many words longer than the shortest the resolution's opener may be in a short story."""

_CHOICE: Final = 4
"""Among how many openers, best first, a beat may look for the one that meets its words."""

_NO_ROLLS: Final[Mapping[str, int]] = MappingProxyType({})
_KINDS: Final = {
    Role.OPENER: PassageKind.BODY,
    Role.FILL: PassageKind.BODY,
    Role.ACT: PassageKind.BODY,
    Role.BREATH: PassageKind.BREATH,
    Role.OPENING: PassageKind.FRAME,
    Role.CLOSING: PassageKind.FRAME,
}


def realise(outline: Outline, brief: Brief, pack: Pack, rolls: Mapping[str, int] = _NO_ROLLS) -> Draft:
    """Tell the outline.

    Args:
        outline: what `planner.plan` laid for this brief.
        brief: for the listeners, the seed and what was heard lately.
        pack: where the storylets come from.
        rolls: by beat id, how often it was told before and refused; another number, another text.

    Raises:
        PackError: a beat has no opener, breath, act or frame for these listeners.
    """
    return _Telling(outline, brief, pack, rolls).draft()


def name_budget(words: int) -> int:
    """How often a story of so many words may say the lead's name."""
    return max(FIXED_NAMES, -(-words // WORDS_PER_NAME))


class _Telling:
    """One story while it is being told."""

    def __init__(self, outline: Outline, brief: Brief, pack: Pack, rolls: Mapping[str, int]) -> None:
        self._outline = outline
        self._pack = pack
        self._seed = brief.seed
        self._rolls = rolls
        self._names = tuple(listener.name for listener in brief.listeners)
        self._theme = str(brief.theme)
        self._frame_turn = zlib.crc32(brief.listeners[0].id.encode())
        values = pack_values(outline.setting, outline.pal, outline.owner, outline.thing)
        self._values = {**values, **name_values(self._names)}
        heard = brief.memory.storylets
        self._heard = {storylet: len(heard) - at for at, storylet in reversed(tuple(enumerate(heard)))}
        self._passages: list[Passage] = []
        self._texts: dict[str, tuple[str, int]] = {}
        self._words = 0
        self._is_short = outline.words < SHORT
        acts = sum(leg.act is not None for leg in outline.legs)
        self._told = Told(max(0, name_budget(outline.words) - acts - 2))
        self._flags: set[str] = set(outline.shape.begins)

    def draft(self) -> Draft:
        """Tell every leg, then sign it."""
        legs = self._outline.legs
        turn = next(at for at, leg in enumerate(legs) if leg.beat.id == self._outline.shape.resolution)
        # The resolution's middle has a fixed place, so its opener is chosen before what comes before it.
        turnings = self._openers(legs[turn], self._chance(legs[turn]), legs[turn].energy)
        longest = min(map(self._length, turnings)) + _BRIEFLY if self._is_short else self._outline.words
        turning = next(part for part in turnings if self._length(part) <= longest)
        turn_starts = legs[turn - 1].until - self._length(turning) // 2
        for at, leg in enumerate(legs):
            # What still has to come keeps its room: a short story is mostly openers.
            if at < turn:
                until = min(leg.until, turn_starts - sum(self._least(other) for other in legs[at + 1 : turn]))
                self._leg(at, leg, until)
            else:
                until = min(leg.until, self._outline.words - sum(self._least(other) for other in legs[at + 1 :]))
                self._leg(at, leg, until, turning if at == turn else None)
        title = self._chance(legs[0]).choice(self._outline.shape.titles)
        return Draft(
            title=title.fill(self._values),
            passages=tuple(self._passages),
            shape=self._outline.shape.id,
            place=self._outline.setting.id,
            companion=self._outline.pal.id,
            pack=self._pack.label,
        )

    def _leg(self, at: int, leg: Leg, until: int, opener: Storylet | None = None) -> None:
        chance = self._chance(leg)
        ceiling = leg.energy if at <= 1 else min(leg.energy, self._running(leg.energy))
        if at == 0:
            self._tell(self._frame(Role.OPENING), leg, ceiling)
        openers = (opener,) if opener else self._openers(leg, chance, ceiling) if leg.opens else ()
        self._flags |= leg.beat.gives
        self._flags -= leg.beat.takes
        breath = self._breath(leg, chance)
        closing = self._frame(Role.CLOSING) if at == len(self._outline.legs) - 1 else None
        fixed = sum(self._length(part) for part in (breath, closing) if part) + self._refrain_words(leg)
        acts = self._ranked(self._pack.at.get((Role.ACT, leg.act), ()), leg, chance) if leg.act else ()
        left = until - self._words - fixed
        opened, fitted = self._fitted(at, leg, chance, (openers, acts), (ceiling, left))
        if opened:
            self._tell(opened, leg, ceiling)
        if breath:
            self._tell(breath, leg, ceiling)
            # The last helpful act comes early in its beat: it says the lead's name, and the last fifth does not.
            self._act(fitted, leg, ceiling)
        for part in sorted(fitted.fills, key=lambda part: -part.energy):
            self._tell(part, leg, ceiling)
        if not breath:
            self._act(fitted, leg, ceiling)
        self._sing(leg)
        if closing:
            self._tell(closing, leg, self._running(ceiling))

    def _least(self, leg: Leg) -> int:
        """The fewest words a leg can do with."""
        pools = [self._pack.told(Role.OPENER, leg.beat) if leg.opens else ()]
        pools.append(self._pack.at.get((Role.ACT, leg.act), ()) if leg.act else ())
        pools.append(self._pack.told(Role.BREATH, leg.beat) if leg.beat.id == self._outline.shape.breath else ())
        pools.append((self._frame(Role.CLOSING),) if leg is self._outline.legs[-1] else ())
        shortest = (min((self._length(part) for part in pool if self._suits(part)), default=0) for pool in pools)
        return sum(shortest) + self._refrain_words(leg)

    def _fitted(
        self,
        at: int,
        leg: Leg,
        chance: Random,
        parts: tuple[Sequence[Storylet], Sequence[Storylet]],
        words: tuple[int, int],
    ) -> tuple[Storylet | None, Fit]:
        """An opener and what follows it; another opener is tried where the first leaves the words too far off."""
        openers, acts = parts
        ceiling, left = words
        ranked = self._ranked(self._pack.told(Role.FILL, leg.beat), leg, chance)
        floor = 0 if at == 0 else leg.floor
        best: tuple[Storylet | None, Fit] | None = None
        for opener in openers or (None,):
            # The second beat may get livelier than its opener; from then on it only gets calmer.
            cap = min(ceiling, opener.energy) if opener and at > 1 else ceiling
            fills = [part for part in ranked if floor <= part.energy <= cap and part.needs <= self._flags]
            fitted = fit(fills, acts, left - (self._length(opener) if opener else 0), self._told, self._length)
            if best is None or fitted.miss < best[1].miss:
                best = opener, fitted
            if best[1].miss <= _OFF * self._outline.words:
                break
        return best or (None, Fit((), None, 0))

    def _act(self, fitted: Fit, leg: Leg, ceiling: int) -> None:
        if fitted.act:
            self._tell(fitted.act, leg, min(ceiling, self._running(ceiling)))

    def _breath(self, leg: Leg, chance: Random) -> Storylet | None:
        if leg.beat.id != self._outline.shape.breath:
            return None
        ranked = self._ranked(self._pack.told(Role.BREATH, leg.beat), leg, chance)
        self._first(ranked, leg.beat.id)
        room = _BREATH_SHARE * self._outline.words
        short = [part for part in ranked if self._length(part) <= room]
        return short[0] if short else min(ranked, key=self._length)

    def _openers(self, leg: Leg, chance: Random, ceiling: int) -> Sequence[Storylet]:
        """Openers of the wanted energy or just below, best first; a short story takes all calmer ones, for the room."""
        ranked = self._ranked(self._pack.told(Role.OPENER, leg.beat), leg, chance)
        calm = [part for part in ranked if part.energy <= ceiling]
        level = max((part.energy for part in calm), default=0)
        fitting = calm if self._is_short else [part for part in calm if part.energy >= max(leg.floor, level - 1)]
        fitting = fitting or ranked
        self._first(fitting, leg.beat.id)
        # What was heard lately serves only where a beat was refused.
        return fitting if self._rolls.get(leg.beat.id) else fitting[: max(_CHOICE, len(fitting) // 2)]

    def _frame(self, role: Role) -> Storylet:
        """The same every night for the same lead: a ritual, not a novelty."""
        fitting = [part for part in self._pack.at.get((role, "frame"), ()) if self._suits(part)]
        self._first(fitting, role)
        return fitting[self._frame_turn % len(fitting)]

    def _first(self, parts: Sequence[Storylet], where: str) -> Storylet:
        if not parts:
            raise PackError(f"{self._pack.label}: {where}: there is nothing to tell for these listeners")
        return parts[0]

    def _running(self, otherwise: int) -> int:
        return self._passages[-1].energy if self._passages else otherwise

    def _chance(self, leg: Leg) -> Random:
        roll = self._rolls.get(leg.beat.id, 0)
        return Random(f"{self._seed}/{leg.beat.id}/{roll}")  # noqa: S311 - a story is replayable, not secret

    def _ranked(self, pool: Iterable[Storylet], leg: Leg, chance: Random) -> list[Storylet]:
        """What may still be told, best first."""
        scored = [
            (self._rank(part, leg, chance.random()), part)
            for part in pool
            if self._suits(part) and self._told.allows(part)
        ]
        return [part for _, part in sorted(scored, key=lambda pair: pair[0])]

    def _rank(self, part: Storylet, leg: Leg, luck: float) -> tuple[int, float]:
        """Never heard before heard, heard long ago before heard lately; then what suits tonight best."""
        suits = (
            1.2 * bool(part.themes)
            + 0.4 * (leg.beat.id in part.where)
            + 0.4 * (part.band is self._outline.band)
            + 0.4 * (part.children[0] > 1)
            + 1.2 * bool(part.after)
        )
        # A beat that was refused looks at memory more loosely each time, or it could only repeat itself.
        looseness = 1 + _LOOSER * self._rolls.get(leg.beat.id, 0)
        return self._heard.get(part.id, 0) // looseness, luck * 2 - suits

    def _suits(self, part: Storylet) -> bool:
        fits_theme = not part.themes or self._theme in part.themes
        fits = fits_theme and part.may_stand_in(self._outline.setting)
        return fits and part.suits(self._outline.band, len(self._names))

    def _told_as(self, part: Storylet) -> tuple[str, int]:
        if part.id not in self._texts:
            text = self._render(part)
            self._texts[part.id] = text, len(text.split())
        return self._texts[part.id]

    def _render(self, part: Storylet) -> str:
        if part.role is not Role.ACT:
            return part.lines[0].fill(self._values)
        lines = part.lines
        told = [lines[at % len(lines)].fill({**self._values, "child": name}) for at, name in enumerate(self._names)]
        if len(told) == 1 and part.answer:
            told.append(part.answer.fill(self._values))
        return " ".join(told)

    def _length(self, part: Storylet) -> int:
        return self._told_as(part)[1]

    def _tell(self, part: Storylet, leg: Leg, ceiling: int) -> None:
        self._told.add(part)
        energy = part.energy if part.role in (Role.OPENER, Role.FILL) else min(part.energy, ceiling)
        self._add(Passage(self._told_as(part)[0], _KINDS[part.role], leg.beat.id, part.id, energy))

    def _refrain_words(self, leg: Leg) -> int:
        return 0 if leg.refrain is None else len(self._outline.shape.refrain[leg.refrain].split())

    def _sing(self, leg: Leg) -> None:
        if leg.refrain is not None:
            shape = self._outline.shape
            name = f"{shape.id}.refrain.{leg.refrain + 1}"
            energy = self._running(leg.energy)
            self._add(Passage(shape.refrain[leg.refrain], PassageKind.REFRAIN, leg.beat.id, name, energy))

    def _add(self, passage: Passage) -> None:
        self._passages.append(passage)
        self._words += len(passage.text.split())
