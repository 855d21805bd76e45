"""English surface forms: what each slot of a storylet says tonight.

Values of the pack (place, companion, things) also come capitalised under a capitalised slot name; names of
children never do, they are opaque and stay byte-exact.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from dreamflow.stories.rules.pack import Creature, Item, Setting

PRONOUNS: Final[Mapping[str, Mapping[str, str]]] = {
    "he": {"he": "he", "him": "him", "his": "his"},
    "she": {"he": "she", "him": "her", "his": "her"},
    "it": {"he": "it", "him": "it", "his": "its"},
}

NAME_SLOTS: Final = frozenset({"lead", "leads", "sibling", "children", "child"})
"""Slots that a child's name may fill."""

LEAD_SLOTS: Final = frozenset({"lead", "leads", "children"})
"""Slots that say the lead's name."""

PLACE_SENTENCES: Final = ("light", "sound", "hush", "dark")
"""What a setting says in whole sentences."""

PLACE_SLOTS: Final = ("place", "at", "to", *PLACE_SENTENCES)
"""What every setting lends."""

ONCE_SLOTS: Final = frozenset({*PLACE_SENTENCES, "habit", "doze", "quirk", "rest", "owner_habit"})
"""Whole clauses: a story says each at most once."""

SLOT_NEEDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("thing", "a_thing", "things", "quirk", "rest"), "thing"),
    **dict.fromkeys(("owner", "an_owner", "owner_habit", "owner_he", "owner_him", "owner_his"), "owner"),
}
"""Which fact of the story so far a slot leans on: nobody speaks of a thing before it is found."""


_SMALL_IN_TITLES: Final = frozenset({"a", "an", "of", "the", "with"})


def listed(names: Sequence[str]) -> str:
    """Names as a list in a sentence: "Ada", "Ada and Bo", "Ada, Bo and Cy"."""
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def title_case(words: str) -> str:
    """Words for the middle of a title, hyphens kept."""
    return " ".join(word if word in _SMALL_IN_TITLES else word[:1].upper() + word[1:] for word in words.split(" "))


def place_title(place: str) -> str:
    """A place in the middle of a title: "the Mill Pond", "Kite Hill"."""
    article, rest = ("the ", place[4:]) if place.startswith("the ") else ("", place)
    return article + title_case(rest)


def _with_capitals(values: Mapping[str, str]) -> dict[str, str]:
    capitals = {name[:1].upper() + name[1:]: text[:1].upper() + text[1:] for name, text in values.items()}
    return {**values, **capitals}


def pack_values(setting: Setting, pal: Creature, owner: Creature, thing: Item) -> dict[str, str]:
    """Slot values that hold no name."""
    return _with_capitals(
        {
            **setting.slots,
            "pal": f"the {pal.name}",
            "pal_word": pal.name,
            "a_pal": f"{pal.article} {pal.name}",
            "habit": pal.habit,
            "doze": pal.doze,
            **PRONOUNS[pal.pronoun],
            "owner": f"the {owner.name}",
            "an_owner": f"{owner.article} {owner.name}",
            "owner_habit": owner.habit,
            **{f"owner_{slot}": word for slot, word in PRONOUNS[owner.pronoun].items()},
            "thing": f"the {thing.name}",
            "a_thing": f"{thing.article} {thing.name}",
            "things": thing.plural,
            "quirk": thing.quirk,
            "rest": thing.rest,
            "thing_title": title_case(thing.name),
            "pal_title": title_case(pal.name),
            "place_title": place_title(setting.slots["place"]),
        }
    )


def name_values(names: Sequence[str]) -> dict[str, str]:
    """Slot values made of the children's names, the lead first, and what must agree with their number."""
    values = {
        "lead": names[0],
        "leads": f"{names[0]}'s",
        "children": listed(names),
        "were": "was" if len(names) == 1 else "were",
    }
    return values if len(names) == 1 else {**values, "sibling": names[1]}


PACK_SLOTS: Final = frozenset(
    pack_values(
        Setting("", "", dict.fromkeys(PLACE_SLOTS, "x")),
        Creature("", "x", "a", "it", "x", "x"),
        Creature("", "x", "a", "it", "x", "x"),
        Item("", "x", "x", "a", "x", "x"),
    )
)
"""Every slot that the pack itself fills."""
