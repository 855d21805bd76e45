"""What suits an hour and an age before anything else is known."""

from datetime import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamflow.stories.model import AgeBand
from dreamflow.stories.rules.evening import BANDS, band_of, is_late, start_energy


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (0, AgeBand.TODDLER),
        (3, AgeBand.TODDLER),
        (4, AgeBand.SMALL),
        (5, AgeBand.SMALL),
        (6, AgeBand.MIDDLE),
        (8, AgeBand.MIDDLE),
        (9, AgeBand.BIG),
        (16, AgeBand.BIG),
    ],
)
def test_every_age_has_a_reading_band(age: int, band: AgeBand) -> None:
    assert band_of(age) is band


def test_older_children_hear_longer_stories_read_faster() -> None:
    assert set(BANDS) == set(AgeBand)
    for younger, older in pairwise(AgeBand):
        assert BANDS[younger].minutes < BANDS[older].minutes
        assert BANDS[younger].words_per_minute < BANDS[older].words_per_minute


def since_four(moment: time) -> int:
    return ((moment.hour - 4) % 24) * 60 + moment.minute


@given(st.times(), st.times())
def test_from_four_in_the_morning_on_the_energy_only_falls_and_late_stays_late(one: time, other: time) -> None:
    earlier, later = sorted([one, other], key=since_four)
    assert 1 <= start_energy(later) <= start_energy(earlier) <= 4
    assert is_late(later) or not is_late(earlier)


@pytest.mark.parametrize(
    ("moment", "late"),
    [(time(20, 29), False), (time(20, 30), True), (time(0), True), (time(3, 59), True), (time(4), False)],
)
def test_late_is_from_half_past_eight_until_four(moment: time, late: bool) -> None:  # noqa: FBT001
    assert is_late(moment) == late
