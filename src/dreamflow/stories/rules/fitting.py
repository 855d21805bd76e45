"""Which storylets of a beat together meet its words: a small search over few candidates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from dreamflow.stories.rules.grammar import LEAD_SLOTS
from dreamflow.stories.rules.pack import Role, Storylet

FITTING: Final = 90
"""With fewer words left than this, the length of a storylet matters more than its rank."""

CLOSE_ENOUGH: Final = 2
SHORTLIST: Final = 8
ACTS: Final = 4


@dataclass(slots=True)
class Told:
    """What a story has used up so far.

    Attributes:
        ids: storylets that were told.
        groups: groups that are spent.
        names: how often storylets may still say the lead's name.
    """

    names: int
    ids: set[str] = field(default_factory=set[str])
    groups: set[str] = field(default_factory=set[str])

    def copy(self) -> "Told":
        """The same state, to try something on."""
        return Told(self.names, set(self.ids), set(self.groups))

    def allows(self, part: Storylet) -> bool:
        """Whether it is still unheard tonight, leans on nothing untold, and the name budget bears it."""
        if part.id in self.ids or not self.groups.isdisjoint(part.groups):
            return False
        if part.after and self.ids.isdisjoint(part.after):
            return False
        return part.role is not Role.FILL or says_lead(part) <= self.names

    def add(self, part: Storylet) -> None:
        """It is told now."""
        self.ids.add(part.id)
        self.groups |= part.groups
        if part.role is Role.FILL:
            self.names -= says_lead(part)


@dataclass(frozen=True, slots=True)
class Fit:
    """What fills a beat, and by how many words it misses."""

    fills: tuple[Storylet, ...]
    act: Storylet | None
    miss: int


def fit(
    ranked: Sequence[Storylet], acts: Sequence[Storylet], left: int, told: Told, length: Callable[[Storylet], int]
) -> Fit:
    """Fills in the order of their rank while there is room, then those that meet the rest best, with an act.

    Args:
        ranked: fills that may be told here, best first.
        acts: acts that may stand here, best first; one of the first few is taken.
        left: words to meet, act included.
        told: what was told before; it is not changed.
        length: how many words a storylet has tonight.
    """
    told = told.copy()
    act_words = length(acts[0]) if acts else 0
    rest = [part for part in ranked if told.allows(part)]
    chosen: list[Storylet] = []
    while rest and left - act_words > FITTING:
        part = rest[0]
        chosen.append(part)
        told.add(part)
        left -= length(part)
        rest = [other for other in rest if told.allows(other)]
    tail, act, miss = _tail(rest[:SHORTLIST], acts[:ACTS], left, told, length)
    return Fit((*chosen, *tail), act, miss)


def _tail(
    shortlist: Sequence[Storylet],
    acts: Sequence[Storylet],
    left: int,
    told: Told,
    length: Callable[[Storylet], int],
) -> tuple[Sequence[Storylet], Storylet | None, int]:
    """None to three storylets and an act that come closest to the words that are left."""
    spent = [(act, length(act)) for act in acts] or [(None, 0)]
    words = {part.id: length(part) for part in shortlist}
    best: tuple[Sequence[Storylet], Storylet | None, int] = ((), spent[0][0], abs(left - spent[0][1]))
    for size in range(4):
        for parts in combinations(shortlist, size):
            total = sum(words[part.id] for part in parts)
            for act, act_words in spent:
                miss = abs(left - total - act_words)
                if miss < best[2] and _go_together(parts, told):
                    best = (parts, act, miss)
            if best[2] <= CLOSE_ENOUGH:
                return best
    return best


def _go_together(parts: Sequence[Storylet], told: Told) -> bool:
    trial = told.copy()
    for part in parts:
        if not trial.allows(part):
            return False
        trial.add(part)
    return True


def says_lead(part: Storylet) -> int:
    """How often a storylet says the lead's name."""
    if part.role is Role.ACT:
        return 1
    return sum(slot in LEAD_SLOTS for line in part.lines for slot in line.slots)
