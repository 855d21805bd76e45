"""Reading a wish: understood or not, never guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamflow.stories import Theme, ThemeId
from dreamflow.stories.rules.wishes import wished_theme, wishes_calm
from kit.kit_house import examples
from stories.rules.rules_evenings import THEMES


@pytest.mark.parametrize(
    ("wish", "theme"),
    [
        ("something with foxes please", "meadow"),
        ("A FOXES' story", "meadow"),
        ("the stars!", "stars"),
        ("one star", "stars"),
        ("by train", "stars"),
        ("ocean", "ocean"),
        ("a harbour by the sea", "harbour"),  # two of its words beat one
        ("sea", "ocean"),  # as well as the harbour: the first on offer
        ("dragons", None),
        ("", None),
        ("a little quiet the of to", None),  # words every title has say nothing
        ("foxtrot", None),
        ("Mia's bear", None),  # and not the world of somebody else's
        ("1234 🦊", None),
    ],
)
def test_a_wish_names_a_world_by_its_own_words_or_none(wish: str, theme: str | None) -> None:
    assert wished_theme(wish, (*THEMES, Theme(ThemeId("den"), "cosy", "The Badger's Den"))) == theme


def test_with_nothing_on_offer_nothing_is_wished_for() -> None:
    assert wished_theme("ocean", ()) is None


@examples
@given(st.text())
def test_any_text_is_read_without_complaint(text: str) -> None:
    theme = wished_theme(text, THEMES)
    assert theme is None or theme in {each.id for each in THEMES}
    assert wishes_calm(text) in {True, False}


ASKED_BY = [(theme.id, word) for theme in THEMES for word in theme.words]


@examples
@given(st.sampled_from(ASKED_BY), st.text(alphabet=" .,!?\n", max_size=5))
def test_each_word_of_a_world_asks_for_it_alone_or_as_one_of_several(asked: tuple[str, str], around: str) -> None:
    theme, word = asked
    assert wished_theme(f"{around}{word}{around}", THEMES) == theme
    assert wished_theme(f"two {word.upper()}S", THEMES) == theme


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
