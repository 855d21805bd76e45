"""Tonight's plan: what it takes into account, and that every reason is true."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamflow.stories import Chosen, Fact, Novelty, Outcome, Reason, Wishes
from dreamflow.stories.rules import taste
from dreamflow.stories.rules.adaptive import ARM, Evening, plan
from dreamflow.stories.rules.evening import BANDS, band_of
from stories.rules.rules_evenings import BEN, MIA, THEMES, ZOE, at, evening, evenings, night


def facts(choice: Chosen[Any]) -> dict[str, str]:
    return {reason.fact.name: reason.fact.value for reason in choice.reasons}


def texts(choice: Chosen[Any]) -> str:
    return " ".join(reason.text for reason in choice.reasons)


@given(evenings())
def test_every_field_has_a_reason_bound_to_a_fact_that_says_something(known: Evening) -> None:
    tonight = plan(known)
    for field in fields(tonight):
        choice = getattr(tonight, field.name)
        assert choice.reasons
        assert len(set(choice.reasons)) == len(choice.reasons)
        for reason in choice.reasons:
            assert reason.text.strip()
            assert reason.fact.name.strip()
            assert reason.fact.value.strip()


@given(evenings())
def test_the_parents_wishes_always_win(known: Evening) -> None:
    tonight = plan(known)
    if known.wishes.minutes is not None:
        assert tonight.minutes.value == known.wishes.minutes
        assert set(facts(tonight.minutes)) == {"wish.minutes"}
    if known.wishes.theme is not None:
        assert tonight.theme.value == known.wishes.theme
        assert set(facts(tonight.theme)) == {"wish.theme"}
    assert ("wish.words" in facts(tonight.theme)) == (known.wishes.unclear and known.wishes.theme is None)
    usual = plan(replace(known, wishes=replace(known.wishes, calmer=False)))
    if known.wishes.calmer:
        assert tonight.energy.value[0] == max(1, usual.energy.value[0] - 1)
        assert "wish.calmer" in facts(tonight.energy)


@given(evenings())
def test_a_plan_can_always_be_told(known: Evening) -> None:
    tonight = plan(known)
    assert 3 <= tonight.minutes.value <= 20
    start, end = tonight.energy.value
    assert 5 >= start >= 1 > end == 0
    youngest = min(child.age for child in known.listeners)
    assert tonight.pacing.value == BANDS[band_of(youngest)].words_per_minute
    room = {child.id for child in known.listeners}
    assert {tonight.lead.value, *tonight.companions.value} == room
    assert len(tonight.companions.value) == len(room) - 1
    assert tonight.theme.value in {theme.id for theme in known.themes} | {known.wishes.theme}


@given(evenings())
def test_the_same_evening_gives_the_same_plan_in_whatever_order_the_themes_are_offered(known: Evening) -> None:
    assert plan(known) == plan(replace(known)) == plan(replace(known, themes=known.themes[::-1]))


@given(evenings())
def test_the_worlds_of_the_last_two_nights_have_a_rest(known: Evening) -> None:
    known = replace(known, wishes=Wishes())
    resting = {each.theme for each in taste.recent(known.history, known.date)[:2]}
    offered = {theme.id for theme in known.themes}
    if offered - resting:
        assert plan(known).theme.value not in resting


@given(evenings())
def test_no_reason_claims_what_the_history_denies(known: Evening) -> None:
    tonight = plan(replace(known, wishes=Wishes()))
    theme = tonight.theme.value
    heard = [each for each in taste.recent(known.history, known.date) if each.theme == theme]
    ended = [each for each in heard if each.outcome is not None]
    finished = [each for each in ended if each.outcome is not Outcome.SKIPPED]
    assert ("has not been here" in texts(tonight.theme)) == (not heard)
    assert (tonight.novelty.value is Novelty.FRESH) == (not heard)
    if ended:
        assert facts(tonight.theme)[f"history.theme.{theme}"] == f"{len(finished)} of {len(ended)}"
    if "history.resting" in facts(tonight.theme):
        assert theme not in facts(tonight.theme)["history.resting"].split(", ")
    category = next(each.category for each in known.themes if each.id == theme)
    assert ("klaviyo.favourites" in facts(tonight.theme)) == (category in known.favourites)


@given(evenings(), st.lists(st.text(min_size=1), max_size=3))
def test_hints_of_categories_nobody_offers_change_nothing(known: Evening, unknown: list[str]) -> None:
    strange = tuple(hint for hint in unknown if hint not in {theme.category for theme in THEMES})
    assert plan(replace(known, favourites=known.favourites + strange)) == plan(known)


def test_a_new_family_hears_what_suits_its_youngest_and_the_hour() -> None:
    tonight = plan(evening(listeners=(BEN, ZOE)))
    assert tonight.theme.value == "forest"  # nothing is known, so the alphabet decides
    assert tonight.minutes == Chosen(
        4, (Reason("About 4 minutes suit the youngest listener.", Fact("children.youngest", "age 3")),)
    )
    assert (tonight.energy.value, facts(tonight.energy)) == ((3, 0), {"clock.evening": "19:10"})
    assert (tonight.pacing.value, facts(tonight.pacing)) == (110, {"children.youngest": "age 3"})
    assert tonight.companions.value == (BEN.id,)
    assert tonight.novelty.value is Novelty.FRESH
    assert ARM == "none"


def test_alone_a_child_leads_and_nobody_comes_along() -> None:
    tonight = plan(evening())
    assert (tonight.lead.value, tonight.companions.value) == (MIA.id, ())
    assert texts(tonight.companions) == "Nobody else is listening tonight."


@pytest.mark.parametrize(
    ("lengths", "outcome", "minutes"),
    [
        ([9, 9], Outcome.COMPLETED, 7),  # too few nights to go by
        ([9, 12, 15], Outcome.COMPLETED, 12),
        ([9, 12, 15, 20], Outcome.ASLEEP, 12),
        ([9, 12, 15], None, 7),
    ],
)
def test_what_suited_the_family_counts_more_than_the_age_once_there_is_enough_of_it(
    lengths: list[int], outcome: Outcome | None, minutes: int
) -> None:
    history = [night(n + 1, minutes=length, outcome=outcome) for n, length in enumerate(lengths)]
    assert plan(evening(*history)).minutes.value == minutes


def test_when_short_stories_are_all_heard_out_they_may_grow_by_a_minute_up_to_what_suits_the_age() -> None:
    heard_out = [night(n + 1, minutes=5) for n in range(3)]
    tonight = plan(evening(*heard_out))
    assert tonight.minutes.value == 6
    assert facts(tonight.minutes) == {"history.minutes": "3 nights", "history.skipped": "0 of 3"}
    stopped_once = [*heard_out, night(4, outcome=Outcome.SKIPPED)]
    assert plan(evening(*stopped_once)).minutes.value == 5
    assert plan(evening(*(night(n + 1, minutes=7) for n in range(3)))).minutes.value == 7


def test_late_nights_that_were_cut_short_do_not_set_the_length() -> None:
    late = [replace(night(n + 1, minutes=5), begun=at(21, 0)) for n in range(5)]
    assert facts(plan(evening(*late)).minutes) == {"children.youngest": "age 5"}


@pytest.mark.parametrize(("hour", "minute", "minutes"), [(20, 29, 7), (20, 30, 5), (23, 59, 5), (0, 30, 5), (4, 0, 7)])
def test_a_late_story_is_shorter_and_says_why(hour: int, minute: int, minutes: int) -> None:
    tonight = plan(evening(local=at(hour, minute)))
    assert tonight.minutes.value == minutes
    assert (facts(tonight.minutes).get("clock.evening") == f"{hour:02}:{minute:02}") == (minutes == 5)


@pytest.mark.parametrize(
    ("outcomes", "minutes"),
    [("s", 7), ("ss", 6), ("cccss", 8), ("scccs", 8), ("cccccss", 10)],
    ids=["once", "twice", "twice among five", "twice among five, apart", "too long ago"],
)
def test_after_stories_that_were_stopped_early_the_next_is_shorter(outcomes: str, minutes: int) -> None:
    ends = {"s": Outcome.SKIPPED, "c": Outcome.COMPLETED}
    history = [night(n + 1, minutes=10, outcome=ends[each]) for n, each in enumerate(outcomes)]
    tonight = plan(evening(*history))
    assert tonight.minutes.value == minutes
    assert facts(tonight.minutes).get("history.skipped") == ("2" if outcomes[:5].count("s") == 2 else None)


def test_a_short_late_restless_story_is_still_three_minutes_and_a_long_one_at_most_twenty() -> None:
    restless = [night(n + 1, outcome=Outcome.SKIPPED) for n in range(3)]
    assert plan(evening(*restless, listeners=(ZOE,), local=at(22))).minutes.value == 3
    patient = [night(n + 1, minutes=20) for n in range(5)]
    assert plan(evening(*patient)).minutes.value == 20


@pytest.mark.parametrize(
    ("hour", "minute", "energy"),
    [(4, 0, 4), (17, 0, 4), (18, 29, 4), (18, 30, 3), (19, 59, 3), (20, 0, 2), (20, 59, 2), (21, 0, 1), (3, 59, 1)],
)
def test_the_later_it_is_the_quieter_a_story_begins(hour: int, minute: int, energy: int) -> None:
    assert plan(evening(local=at(hour, minute))).energy.value == (energy, 0)
    calmer = plan(evening(local=at(hour, minute), wishes=Wishes(calmer=True)))
    assert calmer.energy.value == (max(1, energy - 1), 0)


def test_a_world_that_was_heard_to_the_end_is_preferred_to_one_that_was_stopped() -> None:
    rest = [night(1, "forest", outcome=None), night(2, "meadow", outcome=None)]
    liked = [night(n, "stars") for n in (5, 6, 7)]
    disliked = [night(n, each, outcome=Outcome.SKIPPED) for n, each in ((8, "ocean"), (9, "harbour"))]
    tonight = plan(evening(*rest, *liked, *disliked))
    assert tonight.theme.value == "stars"
    assert facts(tonight.theme) == {"history.theme.stars": "3 of 3", "history.resting": "forest, meadow"}
    assert tonight.novelty == Chosen(
        Novelty.FAMILIAR,
        (Reason("A known world with a new evening in it.", Fact("history.theme.stars", "3 nights")),),
    )


def test_falling_asleep_counts_like_hearing_it_to_the_end() -> None:
    rest = (night(1, "forest", outcome=None), night(2, "meadow", outcome=None))
    asleep = plan(evening(*rest, *(night(n, "stars", outcome=Outcome.ASLEEP) for n in (5, 6, 7))))
    heard = plan(evening(*rest, *(night(n, "stars", outcome=Outcome.COMPLETED) for n in (5, 6, 7))))
    assert asleep == heard
    assert asleep.theme.value == "stars"


def test_a_hint_tips_the_balance_between_equals_and_never_outweighs_the_familys_own_nights() -> None:
    assert plan(evening(favourites=("sky",))).theme.value == "stars"
    assert "klaviyo.favourites" in facts(plan(evening(favourites=("sky",))).theme)
    rest = (night(1, "harbour", outcome=None), night(2, "meadow", outcome=None))
    two_finished = [night(n, "ocean") for n in (5, 6)]
    assert plan(evening(*rest, *two_finished, favourites=("sky",))).theme.value == "ocean"


def test_among_equals_the_world_that_was_not_heard_for_longest_comes_next() -> None:
    heard = [night(n + 1, theme.id, outcome=None) for n, theme in enumerate(THEMES)]
    tonight = plan(evening(*heard))
    assert tonight.theme.value == THEMES[-1].id
    assert facts(tonight.theme)["history.theme.stars"] == facts(tonight.novelty)["history.theme.stars"] == "1 night"
    assert "not noted" in texts(tonight.theme)


def test_the_reason_counts_what_ended_in_sleep_as_what_it_was() -> None:
    rest = (night(1, "forest", outcome=None), night(2, "meadow", outcome=None))
    tonight = plan(evening(*rest, night(5, "stars", outcome=Outcome.ASLEEP)))
    assert "Stories in this world that were heard out or ended in sleep: 1 of 1." in texts(tonight.theme)


def test_a_world_heard_five_weeks_ago_is_not_called_a_new_one() -> None:
    tonight = plan(evening(*(night(35, theme.id) for theme in THEMES)))
    assert tonight.novelty.value is Novelty.FRESH
    assert texts(tonight.novelty) == "A world that you have not heard in four weeks."
    assert texts(tonight.theme) == "Your family has not been here in four weeks."
    assert facts(tonight.novelty) == facts(tonight.theme) == {f"history.theme.{tonight.theme.value}": "0 nights"}


def test_what_was_told_earlier_this_evening_has_a_rest_as_well() -> None:
    first = plan(evening()).theme.value
    second = plan(evening(night(0, first, outcome=None))).theme.value
    assert second != first


def test_when_every_world_was_just_heard_one_is_told_again_and_nobody_claims_it_rested() -> None:
    tonight = plan(evening(night(1, "ocean", outcome=None), themes=THEMES[:1]))
    assert tonight.theme.value == "ocean"
    assert "rest" not in texts(tonight.theme)


def test_what_is_older_than_four_weeks_is_forgotten_except_whose_turn_it_was() -> None:
    old = [night(n, "stars", minutes=20, lead=MIA.id) for n in range(29, 40)]
    tonight = plan(evening(*old, listeners=(MIA, BEN)))
    assert tonight.theme.value == plan(evening(listeners=(MIA, BEN))).theme.value
    assert tonight.minutes.value == 7
    assert tonight.lead.value == BEN.id
