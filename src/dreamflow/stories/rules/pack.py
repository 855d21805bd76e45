"""What a content pack is: story material as data, in one language.

    Pack ─┬─ Theme, Setting (places), Creature (companions), Item (objects)
          ├─ Shape ── Beat x 8 ── refrain, titles
          └─ Storylet: two to four sentences with slots, and when they may be told

A storylet belongs to beats by their id or by their stage ("early", "settle", ...), so that shared storylets
serve every shape. Facts of the story so far are flags: a beat gives and takes them, a beat or a storylet
needs them. Reading a pack from files is `pack_reading`; judging it is `lint`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from dreamflow.kit.errors import DreamFlowError
from dreamflow.stories.model import AgeBand, Theme
from dreamflow.stories.rules.template import Template

SCHEMA_VERSION: Final = 1
"""Which file layout this program reads."""

BAND_ORDER: Final = tuple(AgeBand)
"""From the youngest to the eldest."""


class PackError(DreamFlowError):
    """A content pack cannot be read. The message names file, entry and field."""

    code = "pack-unreadable"


class Role(StrEnum):
    """What a storylet is for."""

    OPENER = "opener"
    FILL = "fill"
    ACT = "act"
    BREATH = "breath"
    OPENING = "opening"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Setting:
    """A place: the slot values it lends to a story, by slot name, and which kinds of scenery it has."""

    id: str
    theme: str
    slots: Mapping[str, str]
    has: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Creature:
    """A companion: a species with a habit, never a villain.

    Attributes:
        article: "a" or "an".
        pronoun: "he", "she" or "it".
        habit, doze: what it does early and late, as predicates in the past tense.
    """

    id: str
    name: str
    article: str
    pronoun: str
    habit: str
    doze: str


@dataclass(frozen=True, slots=True)
class Item:
    """A thing to carry, with a habit of its own.

    Attributes:
        article: "a" or "an".
        quirk, rest: what it does early and late, as predicates in the past tense.
    """

    id: str
    name: str
    plural: str
    article: str
    quirk: str
    rest: str


@dataclass(frozen=True, slots=True)
class Beat:
    """One step of a shape.

    Attributes:
        id: "<shape>.<name>".
        stage: which shared storylets fit.
        energy: the calmest and the liveliest it may be told.
        share: where it ends, as a share of the whole length.
        optional: may be left out of a short story.
        needs, gives, takes: flags before and after its opener.
    """

    id: str
    stage: str
    energy: tuple[int, int]
    share: float
    optional: bool
    needs: frozenset[str]
    gives: frozenset[str]
    takes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Shape:
    """A way for a story to go.

    Attributes:
        begins: flags that hold before the first beat.
        resolution: id of the beat whose opener sets the small thing right.
        breath: id of the beat in which something breathes.
        refrain: full, shortened, last words.
        titles: in title case.
    """

    id: str
    begins: frozenset[str]
    beats: tuple[Beat, ...]
    resolution: str
    breath: str
    refrain: tuple[str, str, str]
    titles: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class Storylet:
    """Two to four sentences, and when they may be told.

    Attributes:
        where: ids or stages of beats.
        themes: empty for every theme.
        energy: 5 to 0; for acts, breaths and frames the liveliest place they may stand in.
        band: the youngest who should hear it.
        children: how many children it needs, at least and at most.
        needs: flags that must hold.
        needs_place: scenery that the place must have.
        after: storylets of which one must have been told, because it is spoken of again here.
        groups: at most one storylet of a group is told in a story, e.g. those that describe the light.
        lines: one template; an act has one line for each child.
        answer: what an act gets back where there is one child only, so that it does not stand abruptly.
    """

    id: str
    role: Role
    where: tuple[str, ...]
    themes: frozenset[str]
    energy: int
    band: AgeBand
    children: tuple[int, int]
    needs: frozenset[str]
    groups: frozenset[str]
    lines: tuple[Template, ...]
    answer: Template | None = None
    needs_place: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()

    @property
    def texts(self) -> tuple[Template, ...]:
        """Its lines, and its answer if it has one."""
        return self.lines if self.answer is None else (*self.lines, self.answer)

    @property
    def slots(self) -> frozenset[str]:
        """Every slot it uses."""
        return frozenset(slot for line in self.texts for slot in line.slots)

    def suits(self, band: AgeBand, children: int) -> bool:
        """Whether it is plain enough for the youngest and fits the number of children."""
        least, most = self.children
        return BAND_ORDER.index(self.band) <= BAND_ORDER.index(band) and least <= children <= most

    def may_stand_in(self, setting: Setting) -> bool:
        """Whether a place has the scenery it speaks of."""
        return self.needs_place <= setting.has


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Word lists that the guard and the linter share; entries are lower case, phrases allowed.

    Attributes:
        banned: never in a story.
        lively: only where the energy is 3 or more.
        calm: expected near the end.
        scenery: by kind, the words that only fit a place that has it.
    """

    banned: tuple[str, ...]
    lively: frozenset[str]
    calm: frozenset[str]
    scenery: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything the offline writer knows in one language."""

    id: str
    version: int
    language: str
    themes: tuple[Theme, ...]
    settings: tuple[Setting, ...]
    creatures: tuple[Creature, ...]
    items: tuple[Item, ...]
    shapes: tuple[Shape, ...]
    storylets: tuple[Storylet, ...]
    lexicon: Lexicon
    at: Mapping[tuple[Role, str], tuple[Storylet, ...]] = field(repr=False)

    @property
    def label(self) -> str:
        """Name and version, e.g. "en/1"."""
        return f"{self.id}/{self.version}"

    def told(self, role: Role, beat: Beat) -> tuple[Storylet, ...]:
        """Storylets of a role for a beat, its own ones first, in the order of the files."""
        return self.at.get((role, beat.id), ()) + self.at.get((role, beat.stage), ())


def index(storylets: tuple[Storylet, ...]) -> dict[tuple[Role, str], tuple[Storylet, ...]]:
    """Storylets by what they are for and where they may stand."""
    found: dict[tuple[Role, str], tuple[Storylet, ...]] = {}
    for storylet in storylets:
        for where in storylet.where:
            key = (storylet.role, where)
            found[key] = (*found.get(key, ()), storylet)
    return found
