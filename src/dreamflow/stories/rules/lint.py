"""What is wrong with a content pack beyond its schema: deep checks for authors, never run when a story is told."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Final

from dreamflow.stories.model import AgeBand
from dreamflow.stories.rules.grammar import (
    NAME_SLOTS,
    PACK_SLOTS,
    PLACE_SENTENCES,
    PLACE_SLOTS,
    name_values,
    pack_values,
)
from dreamflow.stories.rules.pack import Beat, Creature, Item, Pack, Role, Shape, Storylet

LIVELY_FROM: Final = 3
"""Lively words belong to storylets of this energy or more."""

LEAST_OWN: Final = 9
"""A beat has at least so many storylets of its own."""

LEAST: Final = {Role.OPENER: 7, Role.BREATH: 2, Role.ACT: 6}
"""Wherever a story is set there are at least so many to choose from."""

LEAST_PLACES: Final = 3
ACTS: Final = ("beginning", "middle", "end")

SENTENCE: Final = {
    AgeBand.TODDLER: (8.0, 15),
    AgeBand.SMALL: (13.0, 20),
    AgeBand.MIDDLE: (22.0, 30),
    AgeBand.BIG: (28.0, 40),
}
"""By the youngest who should hear it: mean and longest sentence of one storylet, in words.

A whole story stays well below, because most of its storylets are plain enough for everyone.
"""

_SENTENCE_END: Final = re.compile(r"[.!?]+[\"”]?(?:\s|$)")
_LEANING: Final = re.compile(r"\s*(?:It|They)\b")
_ARTICLE: Final = re.compile(
    r"(?<![\w'])(?:(?:a) (?=[aeiou])(?!one\b|use|uni|ewe)|(?:an) (?![aeiouh]))\w*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    Attributes:
        rule: kebab-case, stable.
        where: id of the entry.
        detail: one sentence.
    """

    rule: str
    where: str
    detail: str


def lint(pack: Pack) -> list[Problem]:
    """Everything an author should mend, in the order of the pack; empty for a pack that may ship."""
    checks: Sequence[Callable[[Pack], Iterable[Problem]]] = (
        _ids, _slots, _joins, _places, _scenery, _reachable, _facts, _articles, _energies, _banned, _sentences,
        _starved, _optional, _callbacks,
    )  # fmt: skip
    return [*_missing(pack)] or [problem for check in checks for problem in check(pack)]


def sentences(text: str) -> list[int]:
    """How many words each sentence has."""
    return [len(part.split()) for part in _SENTENCE_END.split(text) if part.split()]


def _missing(pack: Pack) -> Iterator[Problem]:
    """What no story can do without, nor any other check."""
    kinds: Sequence[tuple[str, Sized, int]] = (
        ("theme", pack.themes, 1),
        ("place", pack.settings, 1),
        ("companion", pack.creatures, 2),  # one to walk with, and one whose thing was found
        ("object", pack.items, 1),
        ("shape", pack.shapes, 1),
    )
    for kind, entries, least in kinds:
        if len(entries) < least:
            yield Problem("missing", kind, f"there must be at least {least}")


def _ids(pack: Pack) -> Iterator[Problem]:
    kinds = (pack.themes, pack.settings, pack.creatures, pack.items, pack.shapes, pack.storylets)
    for kind in kinds:
        for name, count in Counter(str(entry.id) for entry in kind).items():
            if count > 1:
                yield Problem("duplicate-id", name, f"is used {count} times")


def _slots(pack: Pack) -> Iterator[Problem]:
    known = PACK_SLOTS | NAME_SLOTS | {"were"}
    for part in pack.storylets:
        for slot in sorted(part.slots):
            if slot not in known:
                yield Problem("unknown-slot", part.id, f"{{{slot}}} has no value")
        if part.answer and (part.role is not Role.ACT or not NAME_SLOTS.isdisjoint(part.answer.slots)):
            yield Problem("unknown-slot", part.id, "an answer belongs to an act and says no name")
        if "child" in part.slots and part.role is not Role.ACT:
            yield Problem("unknown-slot", part.id, "{child} belongs to acts")
        if "sibling" in part.slots and part.children[0] <= 1:
            yield Problem("unknown-slot", part.id, "{sibling} needs two children")
    for shape in pack.shapes:
        for title in shape.titles:
            if not set(title.slots) <= PACK_SLOTS:
                yield Problem("unknown-slot", shape.id, "a title has a slot without a value")


def _joins(pack: Pack) -> Iterator[Problem]:
    """A place's sentence may be about anything, so "It" or "They" after it would mean something else in each place."""
    for part in pack.storylets:
        for line in part.texts:
            for slot, after in zip(line.slots, line.parts[2::2], strict=True):
                if slot in PLACE_SENTENCES and _LEANING.match(after):
                    yield Problem("join", part.id, f"goes on after {{{slot}}} with a word that leans on it")


def _places(pack: Pack) -> Iterator[Problem]:
    themes = {str(theme.id) for theme in pack.themes}
    for theme in sorted(themes):
        if sum(setting.theme == theme for setting in pack.settings) < LEAST_PLACES:
            yield Problem("few-places", theme, f"has fewer than {LEAST_PLACES} places")
    for setting in pack.settings:
        if setting.theme not in themes:
            yield Problem("unknown-theme", setting.id, "is in no theme of this pack")
    for part in pack.storylets:
        if not part.themes <= themes:
            yield Problem("unknown-theme", part.id, "is for no theme of this pack")


def _scenery(pack: Pack) -> Iterator[Problem]:
    """Out of doors a storylet speaks only of what is there wherever it may be told."""
    kinds = pack.lexicon.scenery
    says = {kind: _any_of(words) for kind, words in kinds.items()}
    for setting in pack.settings:
        if not setting.has <= set(kinds):
            yield Problem("unknown-scenery", setting.id, "has what words.toml does not name")
    for part in pack.storylets:
        if not part.needs_place <= set(kinds):
            yield Problem("unknown-scenery", part.id, "needs what words.toml does not name")
        where = [setting for setting in pack.settings if not part.themes or setting.theme in part.themes]
        if not any(part.may_stand_in(setting) for setting in where):
            yield Problem("unreachable", part.id, "no place has all that it needs")
        text = " ".join(line.literal for line in part.texts).lower() if _outdoors(pack, part) else ""
        for kind, words in says.items():
            everywhere = all(kind in setting.has for setting in where)
            if words.search(text) and kind not in part.needs_place and not everywhere:
                yield Problem("scenery", part.id, f"says {words.findall(text)[0]!r}, which needs {kind}")


def _outdoors(pack: Pack, part: Storylet) -> bool:
    """Whether it may be told before everyone is in."""
    if part.role is Role.ACT:
        return "end" not in part.where
    return any("out" in _flags(shape, beat)[1] for shape, beat in _stands(pack, part))


def _stands(pack: Pack, part: Storylet) -> list[tuple[Shape, Beat]]:
    return [
        (shape, beat)
        for shape in pack.shapes
        for beat in shape.beats
        if beat.id in part.where or beat.stage in part.where
    ]


def _flags(shape: Shape, beat: Beat) -> tuple[frozenset[str], frozenset[str]]:
    """What holds before a beat and after its opener."""
    flags = shape.begins
    for other in shape.beats[: shape.beats.index(beat)]:
        flags = (flags | other.gives) - other.takes
    return flags, (flags | beat.gives) - beat.takes


def _reachable(pack: Pack) -> Iterator[Problem]:
    for part in pack.storylets:
        if part.role in (Role.OPENING, Role.CLOSING):
            continue
        if part.role is Role.ACT:
            if not set(part.where) <= set(ACTS):
                yield Problem("unreachable", part.id, "is in no act")
            continue
        stands = _stands(pack, part)
        if not any(_may_stand(part, shape, beat) for shape, beat in stands):
            yield Problem("unreachable", part.id, "no beat may tell it: see its place, energy and needs")


def _may_stand(part: Storylet, shape: Shape, beat: Beat) -> bool:
    before, after = _flags(shape, beat)
    calmest, liveliest = beat.energy
    facts = before | beat.gives if part.role is Role.OPENER else after
    fits = part.role is Role.BREATH or calmest <= part.energy <= liveliest
    return fits and part.needs <= facts


def _facts(pack: Pack) -> Iterator[Problem]:
    """Openers are told whatever the facts are, so theirs must hold; so must those that a beat needs."""
    for shape in pack.shapes:
        for beat in shape.beats:
            before, _ = _flags(shape, beat)
            if not beat.needs <= before:
                yield Problem("missing-fact", beat.id, "needs what nothing before it gives")
            for part in (*pack.told(Role.OPENER, beat), *pack.told(Role.BREATH, beat)):
                if not part.needs <= before | beat.gives:
                    yield Problem("missing-fact", part.id, f"leans on what does not hold in {beat.id}")


def _texts(pack: Pack) -> Iterator[tuple[str, str]]:
    """Every text a child may hear, by entry, filled with the first of everything."""
    values = {**_sample(pack), "child": "Ada"}
    for part in pack.storylets:
        for line in part.texts:
            yield part.id, line.fill({**dict.fromkeys(line.slots, "-"), **values})
    for setting in pack.settings:
        for slot in PLACE_SLOTS:
            yield setting.id, setting.slots[slot]
    for entry in pack.creatures:
        yield entry.id, f"{entry.article} {entry.name} {entry.habit}. {entry.doze}."
    for entry in pack.items:
        yield entry.id, f"{entry.article} {entry.name} {entry.quirk}. {entry.rest}."
    for shape in pack.shapes:
        for line in shape.refrain:
            yield shape.id, line
        for title in shape.titles:
            yield shape.id, title.fill({**dict.fromkeys(title.slots, "-"), **values})


def _sample(pack: Pack) -> dict[str, str]:
    creatures: Sequence[Creature] = pack.creatures
    items: Sequence[Item] = pack.items
    values = pack_values(pack.settings[0], creatures[0], creatures[-1], items[0])
    return {**values, **name_values(("Ada", "Bo"))}


def _articles(pack: Pack) -> Iterator[Problem]:
    for name, text in _texts(pack):
        found = _ARTICLE.search(text)
        if found:
            yield Problem("article", name, f"reads {found.group(0)!r}")
        if "  " in text or text != text.strip():
            yield Problem("spaces", name, "has a space too many")


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Any of these words or phrases, on word boundaries; nothing, if there are none."""
    choices = "|".join(map(re.escape, sorted(words)))
    return re.compile(rf"(?<!\w)(?:{choices})(?!\w)" if choices else r"(?!)")


def _energies(pack: Pack) -> Iterator[Problem]:
    lively, calm = _any_of(pack.lexicon.lively), _any_of(pack.lexicon.calm)
    for part in pack.storylets:
        if part.role not in (Role.OPENER, Role.FILL):
            continue
        text = " ".join(line.literal for line in part.lines).lower()
        word = lively.search(text)
        if word and part.energy < LIVELY_FROM:
            yield Problem("too-lively", part.id, f"says {word.group()!r} at energy {part.energy}")
        if part.energy > LIVELY_FROM and not (word or "!" in text):
            yield Problem("too-calm", part.id, f"nothing in it is as lively as energy {part.energy}")
        if part.energy == 0 and not calm.search(text):
            yield Problem("not-still", part.id, "has no calm word")
        if part.energy <= 1 and ("!" in text or "?" in text):
            yield Problem("not-still", part.id, "exclaims or asks")


def _banned(pack: Pack) -> Iterator[Problem]:
    banned = _any_of(pack.lexicon.banned)
    for name, text in _texts(pack):
        word = banned.search(text.lower())
        if word:
            yield Problem("banned", name, f"says {word.group()!r}")


def _sentences(pack: Pack) -> Iterator[Problem]:
    values = {**_sample(pack), "child": "Ada"}
    for part in pack.storylets:
        mean, longest = SENTENCE[part.band]
        for line in part.texts:
            lengths = sentences(line.fill({**dict.fromkeys(line.slots, "-"), **values}))
            if sum(lengths) > mean * len(lengths) + 5 or max(lengths) > longest:
                yield Problem("long-sentence", part.id, f"too long for ages {part.band}: {lengths}")


def _callbacks(pack: Pack) -> Iterator[Problem]:
    """What is spoken of again was told before, in the same shape."""
    stands = {
        part.id: [(shape.id, shape.beats.index(beat)) for shape, beat in _stands(pack, part)] for part in pack.storylets
    }
    for part in pack.storylets:
        for before in sorted(part.after):
            pairs = ((here, there) for here in stands[part.id] for there in stands.get(before, ()))
            if part.role is not Role.FILL or not any(h[0] == t[0] and t[1] < h[1] for h, t in pairs):
                yield Problem("callback", part.id, f"{before} is never told before it")


def _starved(pack: Pack) -> Iterator[Problem]:
    for shape in pack.shapes:
        for beat in shape.beats:
            own = [part for part in pack.storylets if beat.id in part.where and part.role is not Role.BREATH]
            if len(own) < LEAST_OWN:
                yield Problem("starved", beat.id, f"has {len(own)} storylets of its own")
            if _fewest(pack, pack.told(Role.OPENER, beat)) < LEAST[Role.OPENER]:
                yield Problem("starved", beat.id, "has too few openers")
            if beat.id == shape.breath and _fewest(pack, pack.told(Role.BREATH, beat)) < LEAST[Role.BREATH]:
                yield Problem("starved", beat.id, "has too few breaths")
    for act in ACTS:
        if _fewest(pack, pack.at.get((Role.ACT, act), ())) < LEAST[Role.ACT]:
            yield Problem("starved", act, "has too few acts")
    for role in (Role.OPENING, Role.CLOSING):
        if not pack.at.get((role, "frame"), ()):
            yield Problem("starved", role, "there is no frame")


def _fewest(pack: Pack, parts: Sequence[Storylet]) -> int:
    """How many of them may be told in the place where fewest may."""
    return min(sum(part.may_stand_in(setting) for part in parts) for setting in pack.settings)


def _optional(pack: Pack) -> Iterator[Problem]:
    for shape in pack.shapes:
        for beat in shape.beats:
            if beat.optional and (beat.gives or beat.takes):
                yield Problem("optional-fact", beat.id, "may be left out, so it may not give or take a fact")
