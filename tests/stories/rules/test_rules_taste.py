"""What a family likes, coarsely, from how its nights went."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamflow.stories import Night, Outcome, ThemeId
from dreamflow.stories.rules.taste import (
    BUCKETS,
    Tally,
    favourite_categories,
    recent,
    stories_bucket,
    tallies,
)
from stories.rules.rules_evenings import THEMES, TONIGHT, histories, night

CATEGORIES = {theme.id: theme.category for theme in THEMES}


def test_a_world_nobody_judged_stands_in_the_middle_and_more_nights_count_more() -> None:
    assert Tally().score == 0.5
    assert Tally(1, 0).score == pytest.approx(2 / 3)
    assert Tally(8, 0).score > Tally(1, 0).score > Tally(1, 1).score == 0.5 > Tally(0, 1).score > Tally(0, 8).score > 0


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_a_score_rises_with_every_finished_night_and_falls_with_every_stopped_one(finished: int, skipped: int) -> None:
    score = Tally(finished, skipped).score
    assert 0 < score < 1
    assert Tally(finished + 1, skipped).score > score > Tally(finished, skipped + 1).score


@pytest.mark.parametrize(("days_ago", "counts"), [(-1, False), (0, True), (27, True), (28, False)])
def test_four_weeks_and_what_was_told_earlier_tonight_count(days_ago: int, counts: bool) -> None:  # noqa: FBT001
    assert (recent([night(days_ago)], TONIGHT) != ()) == counts


@given(histories)
def test_the_recent_nights_keep_their_order(history: tuple[Night, ...]) -> None:
    found = recent(history, TONIGHT)
    assert list(found) == [each for each in history if each.evening > TONIGHT - timedelta(days=28)]


@given(histories)
def test_every_night_with_a_known_end_is_counted_once(history: tuple[Night, ...]) -> None:
    counted = tallies(history)
    known = [each for each in history if each.outcome is not None]
    assert sum(tally.finished + tally.skipped for tally in counted.values()) == len(known)
    assert sum(tally.skipped for tally in counted.values()) == sum(each.outcome is Outcome.SKIPPED for each in known)
    assert set(counted) == {each.theme for each in known}


def test_a_kind_of_story_is_a_favourite_after_three_finished_nights() -> None:
    twice = [night(n, "ocean") for n in (1, 2)]
    assert favourite_categories(twice, CATEGORIES) == ()
    assert favourite_categories([*twice, night(3, "harbour", outcome=Outcome.ASLEEP)], CATEGORIES) == ("sea",)
    assert favourite_categories([*twice, night(3, "ocean", outcome=Outcome.SKIPPED)], CATEGORIES) == ()
    assert favourite_categories([*twice, night(3, "ocean", outcome=None)], CATEGORIES) == ()


def test_the_three_most_liked_kinds_are_favourites_without_telling_their_rank() -> None:
    kinds = {ThemeId(name): name for name in ("airships", "bears", "clouds", "deserts")}
    counts = {"airships": 3, "bears": 4, "clouds": 5, "deserts": 6}
    nights = [night(n, name) for name, count in counts.items() for n in range(count)]
    assert favourite_categories(nights, kinds) == ("bears", "clouds", "deserts")
    assert favourite_categories([*nights, night(9, "airships")], kinds) == ("airships", "clouds", "deserts")
    more = [night(9, "bears"), night(10, "bears")]
    assert favourite_categories([*nights, *more], kinds) == favourite_categories(nights, kinds)


def test_a_world_that_is_no_longer_offered_has_no_kind() -> None:
    assert favourite_categories([night(n, "retired") for n in range(1, 9)], CATEGORIES) == ()


@given(histories, st.dictionaries(st.sampled_from(list(CATEGORIES)), st.sampled_from("abcdef")))
def test_at_most_three_favourites_and_each_once(history: tuple[Night, ...], categories: dict[ThemeId, str]) -> None:
    liked = favourite_categories(history, categories)
    assert len(liked) <= 3
    assert len(set(liked)) == len(liked)
    assert set(liked) <= set(categories.values())


@pytest.mark.parametrize(
    ("count", "bucket"),
    [
        (0, "0"),
        (1, "1-4"),
        (4, "1-4"),
        (5, "5-14"),
        (14, "5-14"),
        (15, "15-28"),
        (28, "15-28"),
        (29, "29+"),
        (400, "29+"),
    ],
)
def test_only_a_coarse_count_leaves(count: int, bucket: str) -> None:
    assert stories_bucket(count) == bucket
    assert bucket in {name for _, name in BUCKETS} | {"29+"}
