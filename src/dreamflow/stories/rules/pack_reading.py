"""From parsed files to a `Pack`, checked for schema only; what the words are worth is `lint`'s question."""

from collections.abc import Iterator, Mapping
from typing import Final

from dreamflow.stories.model import AgeBand, Theme, ThemeId
from dreamflow.stories.rules.entry import Entry, entries
from dreamflow.stories.rules.grammar import ONCE_SLOTS, PLACE_SLOTS, PRONOUNS, SLOT_NEEDS
from dreamflow.stories.rules.pack import (
    SCHEMA_VERSION,
    Beat,
    Creature,
    Item,
    Lexicon,
    Pack,
    PackError,
    Role,
    Setting,
    Shape,
    Storylet,
    index,
)
from dreamflow.stories.rules.template import template

Files = Mapping[str, Mapping[str, object]]
"""Parsed files by name; "pack.toml" is the one that says what the pack is."""

_ANY_NUMBER: Final = (1, 99)


def read_pack(files: Files) -> Pack:
    """Read a pack.

    Raises:
        PackError: a field is missing, misspelt or of the wrong kind; names file, entry and field.
    """
    if "pack.toml" not in files:
        raise PackError("pack.toml: is missing")
    head = Entry("pack.toml", "pack", files["pack.toml"])
    head.known("id", "version", "schema", "language", "licence", "title")
    if head.number("schema") != SCHEMA_VERSION:
        raise head.wrong("schema", f"this program reads schema {SCHEMA_VERSION}")
    head.text("licence")  # nobody reads it here, but no pack is passed on without one
    storylets = tuple(_storylet(entry) for entry in _all(files, "storylet"))
    return Pack(
        id=head.text("id"),
        version=head.number("version"),
        language=head.text("language"),
        themes=tuple(_theme(entry) for entry in _all(files, "theme")),
        settings=tuple(_setting(entry) for entry in _all(files, "place")),
        creatures=tuple(_creature(entry) for entry in _all(files, "companion")),
        items=tuple(_item(entry) for entry in _all(files, "object")),
        shapes=tuple(_shape(entry) for entry in _all(files, "shape")),
        storylets=storylets,
        lexicon=_lexicon(files),
        at=index(storylets),
    )


def _all(files: Files, kind: str) -> Iterator[Entry]:
    for name in sorted(files):
        yield from entries(name, files[name], kind)


def _theme(entry: Entry) -> Theme:
    entry.known("id", "category", "title", "words")
    return Theme(ThemeId(entry.text("id")), entry.text("category"), entry.text("title"), entry.texts("words"))


def _setting(entry: Entry) -> Setting:
    entry.known("id", "theme", "has", *PLACE_SLOTS)
    return Setting(
        id=entry.text("id"),
        theme=entry.text("theme"),
        slots={slot: entry.text(slot) for slot in PLACE_SLOTS},
        has=frozenset(entry.texts("has")),
    )


def _creature(entry: Entry) -> Creature:
    entry.known("id", "name", "article", "pronoun", "habit", "doze")
    pronoun = entry.text("pronoun")
    if pronoun not in PRONOUNS:
        raise entry.wrong("pronoun", "must be he, she or it")
    return Creature(
        id=entry.text("id"),
        name=entry.text("name", entry.text("id")),
        article=entry.text("article", "a"),
        pronoun=pronoun,
        habit=entry.text("habit"),
        doze=entry.text("doze"),
    )


def _item(entry: Entry) -> Item:
    entry.known("id", "name", "plural", "article", "quirk", "rest")
    name = entry.text("name")
    return Item(
        id=entry.text("id"),
        name=name,
        plural=entry.text("plural", f"{name}s"),
        article=entry.text("article", "a"),
        quirk=entry.text("quirk"),
        rest=entry.text("rest"),
    )


def _shape(entry: Entry) -> Shape:
    entry.known("id", "begins", "resolution", "breath", "refrain", "titles", "beat")
    shape = entry.text("id")
    beats = tuple(_beat(shape, beat) for beat in entries(entry.file, entry.values, "beat"))
    ids = [beat.id for beat in beats]
    if not beats or [beat.share for beat in beats] != sorted(beat.share for beat in beats):
        raise entry.wrong("beat", "must have beats whose shares grow")
    match entry.texts("refrain"):
        case (full, shortened, last_words):
            refrain = full, shortened, last_words
        case _:
            raise entry.wrong("refrain", "must be full, shortened, last words")
    resolution, breath = f"{shape}.{entry.text('resolution')}", f"{shape}.{entry.text('breath')}"
    for field, value in (("resolution", resolution), ("breath", breath)):
        if value not in ids[1:]:
            raise entry.wrong(field, "must be a later beat of this shape")
    return Shape(
        id=shape,
        begins=frozenset(entry.texts("begins")),
        beats=beats,
        resolution=resolution,
        breath=breath,
        refrain=refrain,
        titles=tuple(template(title) for title in entry.texts("titles")),
    )


def _beat(shape: str, entry: Entry) -> Beat:
    entry.known("id", "stage", "energy", "share", "optional", "needs", "gives", "takes")
    return Beat(
        id=f"{shape}.{entry.text('id')}",
        stage=entry.text("stage"),
        energy=entry.pair("energy"),
        share=entry.share("share"),
        optional=entry.flag("optional"),
        needs=frozenset(entry.texts("needs")),
        gives=frozenset(entry.texts("gives")),
        takes=frozenset(entry.texts("takes")),
    )


def _storylet(entry: Entry) -> Storylet:
    entry.known(
        "id", "role", "in", "themes", "energy", "band", "children", "needs", "needs_place", "after", "group", "text",
        "lines", "answer",
    )  # fmt: skip
    lines = entry.texts("lines") if "lines" in entry.values else (entry.text("text"),)
    where = entry.texts("in")
    if not where or not lines:
        raise entry.wrong("in" if lines else "lines", "must not be empty")
    templates = tuple(template(line) for line in lines)
    slots = {slot.lower() for line in templates for slot in line.slots}
    return Storylet(
        id=entry.text("id"),
        role=_role(entry),
        where=where,
        themes=frozenset(entry.texts("themes")),
        energy=entry.level("energy"),
        band=_band(entry),
        children=entry.pair("children", _ANY_NUMBER),
        needs=frozenset(entry.texts("needs")) | {SLOT_NEEDS[slot] for slot in slots if slot in SLOT_NEEDS},
        groups=frozenset(entry.texts("group")) | (slots & ONCE_SLOTS),
        lines=templates,
        answer=template(entry.text("answer")) if "answer" in entry.values else None,
        needs_place=frozenset(entry.texts("needs_place")),
        after=frozenset(entry.texts("after")),
    )


def _role(entry: Entry) -> Role:
    try:
        return Role(entry.text("role", Role.FILL))
    except ValueError:
        raise entry.wrong("role", f"must be one of {', '.join(Role)}") from None


def _band(entry: Entry) -> AgeBand:
    try:
        return AgeBand(entry.text("band", AgeBand.TODDLER))
    except ValueError:
        raise entry.wrong("band", f"must be one of {', '.join(AgeBand)}") from None


def _lexicon(files: Files) -> Lexicon:
    entry = Entry("words.toml", "words", files.get("words.toml", {}))
    entry.known("banned", "lively", "calm", "scenery")
    scenery = entry.table("scenery")
    return Lexicon(
        banned=entry.texts("banned"),
        lively=frozenset(entry.texts("lively")),
        calm=frozenset(entry.texts("calm")),
        scenery={kind: frozenset(scenery.texts(kind)) for kind in scenery.values},
    )
