"""What a story is made of, from the evening's facts to the words.

    facts about tonight ──adaptive──▶ Plan ──▶ Brief ──planner──▶ Outline ──writer──▶ Draft ──▶ Story

A `Plan` says what tonight should be like and why. A `Brief` is all that a writer may know. A `Draft` is
text with a trace: every passage says which beat and which storylet it came from and how calm it is.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Generic, NewType, TypeVar

from dreamflow.families import ChildId
from dreamflow.identity import ParentId

StoryId = NewType("StoryId", str)
ThemeId = NewType("ThemeId", str)

SHORTEST_MINUTES: Final = 3
LONGEST_MINUTES: Final = 20
MOST_LISTENERS: Final = 4
CALMEST: Final = 0
LIVELIEST: Final = 5

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is known, named so that a parent can find it again.

    Attributes:
        name: where it comes from, e.g. "clock.evening", "history.theme.ocean", "klaviyo.favourites".
        value: what it said, e.g. "19:10", "4 of 5 finished".
    """

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a choice was made: one plain sentence, bound to the fact it rests on."""

    text: str
    fact: Fact


@dataclass(frozen=True, slots=True)
class Chosen(Generic[T]):
    """A choice and its reasons; there is always at least one."""

    value: T
    reasons: tuple[Reason, ...]


class Novelty(StrEnum):
    """Whether the family had tonight's world in the last four weeks."""

    FAMILIAR = "familiar"
    FRESH = "fresh"


@dataclass(frozen=True, slots=True)
class Plan:
    """What tonight's story should be like, each field with its reasons.

    Attributes:
        theme: which world the story is set in.
        minutes: how long it takes to read aloud.
        energy: how lively it is at its start and at its end, 5 (lively) to 0 (still).
        pacing: reading speed at the start, in words a minute; it falls towards the end.
        lead: the child whose story it is tonight.
        companions: the other children in it.
        novelty: whether the world is a new one; it follows from the theme, and is shown.
    """

    theme: Chosen[ThemeId]
    minutes: Chosen[int]
    energy: Chosen[tuple[int, int]]
    pacing: Chosen[int]
    lead: Chosen[ChildId]
    companions: Chosen[tuple[ChildId, ...]]
    novelty: Chosen[Novelty]


PLAN_VERSION: Final = 1
"""Counts up when the meaning of a plan's fields changes; it goes out with `Story Generated`."""


class AgeBand(StrEnum):
    """Reading bands of the evening, after `docs/architecture.md`; the youngest listener decides."""

    TODDLER = "2-3"
    SMALL = "4-5"
    MIDDLE = "6-8"
    BIG = "9-12"


@dataclass(frozen=True, slots=True)
class Listener:
    """A child in the room. The name never leaves the house, so it never shows in a repr."""

    id: ChildId
    age: int
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Memory:
    """What the family heard lately, newest first, so that tonight is not last night again.

    Attributes:
        shapes: shape ids, one a night.
        places: place ids, one a night.
        companions: companion ids, one a night.
        storylets: storylet ids, newest first.
    """

    shapes: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()
    storylets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Brief:
    """All that a writer may know.

    Attributes:
        listeners: the children present, the lead first; never empty.
        theme: which world.
        minutes: how long, 3 to 20.
        energy: at the start and at the end, 5 to 0, never rising.
        words_per_minute: reading speed at the start.
        language: pack language, e.g. "en".
        seed: the same brief, pack and seed give the same bytes.
        memory: what was heard lately.
    """

    listeners: tuple[Listener, ...]
    theme: ThemeId
    minutes: int
    energy: tuple[int, int]
    words_per_minute: int
    language: str
    seed: int
    memory: Memory = Memory()


class PassageKind(StrEnum):
    """What a passage does for the evening."""

    FRAME = "frame"
    BODY = "body"
    REFRAIN = "refrain"
    BREATH = "breath"


@dataclass(frozen=True, slots=True)
class Passage:
    """One paragraph and where it came from.

    Attributes:
        text: the finished words.
        kind: what it does.
        beat: id of the beat it belongs to.
        storylet: id of the storylet it was made from.
        energy: 5 to 0, as its author tagged it.
    """

    text: str = field(repr=False)
    kind: PassageKind
    beat: str
    storylet: str
    energy: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A finished text with its trace.

    Attributes:
        title: may hold a child's name, so it never leaves the house.
        passages: in reading order.
        shape, place, companion: ids in the pack, for the family's memory.
        pack: name and version of the content pack, e.g. "en/1".
    """

    title: str = field(repr=False)
    passages: tuple[Passage, ...]
    shape: str
    place: str
    companion: str
    pack: str

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The text, paragraph by paragraph."""
        return tuple(passage.text for passage in self.passages)

    @property
    def words(self) -> int:
        """How many words there are to read aloud."""
        return sum(len(passage.text.split()) for passage in self.passages)


@dataclass(frozen=True, slots=True)
class Theme:
    """A world on offer. The category is what may leave the house; the title is for the family.

    Attributes:
        words: by which a parent may ask for it, lower case; a plural only where it is an odd one.
    """

    id: ThemeId
    category: str
    title: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the parent asked for tonight; it always wins.

    Attributes:
        minutes: 3 to 20, or as the plan sees fit.
        theme: a theme of the pack, or as the plan sees fit.
        calmer: start quieter than usual.
        unclear: there were words, and none of them was understood.
    """

    minutes: int | None = None
    theme: ThemeId | None = None
    calmer: bool = False
    unclear: bool = False


class Outcome(StrEnum):
    """How a night ended. Falling asleep early is a success; it never leaves the house."""

    COMPLETED = "completed"
    SKIPPED = "skipped"
    ASLEEP = "asleep"


@dataclass(frozen=True, slots=True)
class Night:
    """One earlier evening, as far as planning needs it.

    Attributes:
        evening: the date of the evening it belongs to (until 04:00) in the family's zone.
        begun: when the story was asked for, in the family's zone.
        theme, minutes, lead: what was told, how long, whose story it was.
        outcome: how it ended, once it is known.
    """

    evening: date
    begun: datetime
    theme: ThemeId
    minutes: int
    lead: ChildId
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Story:
    """A story that was told, as it is kept.

    Attributes:
        children: all who were present, the lead first.
        evening: the date of the evening it belongs to in the family's zone.
    """

    id: StoryId
    parent: ParentId
    created_at: datetime
    evening: date
    children: tuple[ChildId, ...]
    plan: Plan
    draft: Draft
    seed: int
    arm: str
