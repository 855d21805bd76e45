"""Reading a wish: understood or not, never guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamflow.stories import Theme, ThemeId
from dreamflow.stories.adapters.packs import PackLibrary
from dreamflow.stories.rules.wishes import wished_theme, wishes_calm
from stories.rules.rules_evenings import THEMES

PACKS = PackLibrary()


@pytest.mark.parametrize(
    ("wish", "theme"),
    [
        ("something with foxes please", "meadow"),
        ("A FOXES' story", "meadow"),
        ("the stars!", "stars"),
        ("one star", "stars"),
        ("by train", "stars"),
        ("ocean", "ocean"),
        ("a ship on the sea", "harbour"),  # two of its words beat one
        ("sea", "ocean"),  # as well as the harbour: the first on offer
        ("dragons", None),
        ("", None),
        ("a little train of thought, quiet and deep", "stars"),
        ("little, quiet and deep", None),  # a title is a name: its words ask for nothing
        ("foxtrot", None),
        ("Mia's bear", None),  # and not the world of somebody else's
        ("1234 🦊", None),
    ],
)
def test_a_wish_names_a_world_by_its_own_words_or_none(wish: str, theme: str | None) -> None:
    assert wished_theme(wish, (*THEMES, Theme(ThemeId("den"), "cosy", "The Badger's Den"))) == theme


def test_with_nothing_on_offer_nothing_is_wished_for() -> None:
    assert wished_theme("ocean", ()) is None


@given(st.text())
def test_any_text_is_read_without_complaint(text: str) -> None:
    theme = wished_theme(text, THEMES)
    assert theme is None or theme in {each.id for each in THEMES}
    assert not wishes_calm(f"not {text}")


ASKED_BY = [(theme.id, word) for theme in THEMES for word in theme.words]


@given(st.sampled_from(ASKED_BY), st.text(alphabet=" .,!?\n", max_size=5))
def test_each_word_of_a_world_asks_for_it_alone_or_as_one_of_several(asked: tuple[str, str], around: str) -> None:
    theme, word = asked
    assert wished_theme(f"{around}{word}{around}", THEMES) == theme
    assert wished_theme(f"two {word.upper()}S", THEMES) == theme


@pytest.mark.parametrize(
    ("wish", "theme"),
    [
        ("two foxes", "deep-forest"),
        ("about buses", "slow-journeys"),
        ("Beaches!", "quiet-water"),
        ("in the cities", "little-town"),
        ("autumn leaves", "deep-forest"),
        ("horses", None),
        ("slow down", None),
        ("a long journey", "slow-journeys"),
    ],
)
def test_the_worlds_of_the_pack_are_asked_for_in_the_plural_too(wish: str, theme: str | None) -> None:
    assert wished_theme(wish, PACKS.themes("en")) == theme


@pytest.mark.parametrize(
    "wish",
    [
        "no trains tonight",
        "not the sea again",
        "Nothing about owls please",
        "Anything but the forest",
        "a quiet one without foxes",
        "She doesn't like owls",
        "I don\u2019t want the sea",
        "dont tell of trains",
        "not too quiet",
        "calm down, not slow",
    ],
)
def test_a_wish_that_says_no_is_not_guessed_at(wish: str) -> None:
    assert wished_theme(wish, THEMES) is None
    assert wished_theme(wish, PACKS.themes("en")) is None
    assert not wishes_calm(wish)


@pytest.mark.parametrize("wish", ["a boat on the north sea", "a knot in the sea grass", "the button in the sea"])
def test_a_no_within_a_word_says_nothing(wish: str) -> None:
    assert wished_theme(wish, THEMES) is not None


@pytest.mark.parametrize(
    ("wish", "is_calm"),
    [
        ("something calmer tonight", True),
        ("She is TIRED.", True),
        ("quiet, please", True),
        ("a wild ride", False),
        ("calmness", False),
        ("", False),
    ],
)
def test_a_wish_for_calm_is_heard(wish: str, is_calm: bool) -> None:  # noqa: FBT001
    assert wishes_calm(wish) == is_calm
