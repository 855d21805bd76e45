"""A fair turn for everyone in the room."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamflow.families import ChildId
from dreamflow.stories import Listener, Night
from dreamflow.stories.rules.siblings import lead, reading_age
from stories.rules.rules_evenings import BEN, MIA, ZOE, children, histories, night


def led(*names: str) -> tuple[Night, ...]:
    """Whose story it was, newest first."""
    return tuple(night(number + 1, lead=ChildId(name)) for number, name in enumerate(names))


def test_a_child_alone_always_leads() -> None:
    choice = lead([MIA], led("mia", "mia"))
    assert choice.value == MIA
    assert choice.reasons[0].fact.value == "1"


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ((), ZOE),  # nobody led yet: the youngest
        (("zoe",), MIA),
        (("mia", "zoe"), BEN),
        (("ben", "mia", "zoe"), ZOE),  # equal turns: whose is longest ago
        (("zoe", "ben", "mia"), MIA),
        (("zoe", "zoe", "ben"), MIA),
        (("ben", "zoe", "mia", "mia"), ZOE),  # fewest turns before longest ago
        (("gone", "gone", "zoe"), MIA),  # children who are not here do not count
    ],
)
def test_who_led_least_leads_then_whose_turn_is_longest_ago_then_the_youngest(
    turns: tuple[str, ...], expected: Listener
) -> None:
    assert lead([MIA, BEN, ZOE], led(*turns)).value == expected


def test_twins_take_turns_too() -> None:
    twins = [Listener(ChildId("a"), 5, "Ada"), Listener(ChildId("b"), 5, "Bo")]
    assert lead(twins, ()).value.id == "a"
    assert lead(twins, led("a")).value.id == "b"


@given(children.filter(lambda each: len(each) > 1))
def test_over_twenty_nights_each_childs_share_is_fair_to_within_one_story(listeners: tuple[Listener, ...]) -> None:
    history: tuple[Night, ...] = ()
    for number in range(20):
        history = (night(20 - number, lead=lead(listeners, history).value.id), *history)
        turns = Counter(each.lead for each in history)
        fair = len(history) / len(listeners)
        assert all(abs(turns[child.id] - fair) <= 1 for child in listeners)


@given(children, histories, st.randoms(use_true_random=False))
def test_the_order_in_which_the_children_are_named_does_not_matter(
    listeners: tuple[Listener, ...], history: tuple[Night, ...], rng: object
) -> None:
    shuffled = list(listeners)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert lead(shuffled, history) == lead(listeners, history)


@given(children, histories)
def test_the_reason_is_true_nobody_here_led_fewer(listeners: tuple[Listener, ...], history: tuple[Night, ...]) -> None:
    choice = lead(listeners, history)
    turns = Counter(each.lead for each in history)
    assert all(turns[choice.value.id] <= turns[child.id] for child in listeners)
    [reason] = choice.reasons
    if len(listeners) > 1:
        assert reason.fact.value == f"{turns[choice.value.id]} of {len(history)}"
    assert choice.value.name not in str(choice.reasons)


@pytest.mark.parametrize(("listeners", "age"), [((BEN,), 8), ((BEN, ZOE, MIA), 3), ((MIA, BEN), 5)])
def test_the_words_are_chosen_for_the_youngest(listeners: tuple[Listener, ...], age: int) -> None:
    assert reading_age(listeners) == age
