"""What is thought of those who use the same quota: how much, for how long, and what is left to them."""

import math

import pytest

from aioklaviyo.pacing.foreign import DISTRUST, HALF_LIFE, MARGIN, NOBODY, SEEN_SHARE, SMALLEST_OWN_SHARE, Foreign, room

MEMORY = 60.0
FIRST = DISTRUST * MEMORY
"""Seconds that one glimpse is spread over beside its own."""


@pytest.mark.parametrize(
    ("limit", "seconds", "per_second", "left"),
    [
        (100, 10, 0.0, 100),
        (100, 10, 0.9, 85),  # nine, and twice the root of nine beside them
        (100, 10, 0.001, 99),
        (100, 10, 50.0, 10),  # never less than a tenth
        (15, 1, 50.0, 2),
        (5, 1, 50.0, 1),
        (1, 1, 50.0, 1),
    ],
)
def test_somebody_else_is_left_what_he_uses_and_a_margin(
    limit: int, seconds: float, per_second: float, left: int
) -> None:
    assert (MARGIN, SMALLEST_OWN_SHARE) == (2.0, 0.1)
    assert room(limit, seconds, per_second) == left


def test_as_long_as_nothing_was_seen_there_is_nobody() -> None:
    assert Foreign(MEMORY).per_second(5.0) == 0.0


def test_a_glimpse_is_not_taken_for_the_whole() -> None:
    other = Foreign(MEMORY)
    other.observe(100.0, window_seconds=1, used=10, own=4)
    assert other.per_second(100.0) == pytest.approx(6 / FIRST / SEEN_SHARE)


def test_within_one_window_the_highest_excess_counts_once() -> None:
    other = Foreign(MEMORY)
    for now, used, own in [(100.0, 5, 3), (100.5, 10, 4), (100.9, 12, 8)]:
        other.observe(now, window_seconds=1, used=used, own=own)
    assert other.per_second(101.0) == pytest.approx(6 / FIRST / SEEN_SHARE)


def test_what_was_seen_in_several_windows_adds_up_and_fades() -> None:
    other = Foreign(MEMORY)
    for now, used in [(100.0, 6), (101.0, 2), (131.0, 3)]:
        other.observe(now, window_seconds=1, used=used, own=0)
    excess = (6 * math.exp(-1 / MEMORY) + 2) * math.exp(-30 / MEMORY) + 3
    seconds = (math.exp(-1 / MEMORY) + 1) * math.exp(-30 / MEMORY)
    assert other.per_second(131.0) == pytest.approx(excess / (seconds + FIRST) / SEEN_SHARE)


def test_windows_in_which_all_was_ours_show_nobody() -> None:
    other = Foreign(MEMORY)
    for now in range(100):
        other.observe(float(now), window_seconds=1, used=3, own=now % 5 + 3)
    assert other.per_second(100.0) == 0.0


def test_windows_with_less_in_them_than_may_be_ours_do_not_hide_somebody_in_others() -> None:
    other = Foreign(MEMORY)
    for now, used, own in [(100.0, 3, 5), (101.0, 6, 0), (102.0, 1, 4)]:
        other.observe(now, window_seconds=1, used=used, own=own)
    once, twice = math.exp(-1 / MEMORY), math.exp(-2 / MEMORY)
    assert other.per_second(102.0) == pytest.approx(6 * once / (once + twice + FIRST) / SEEN_SHARE)


def test_a_steady_user_is_reckoned_with_at_about_his_rate() -> None:
    other = Foreign(MEMORY)
    for now in range(600):
        other.observe(float(now), window_seconds=1, used=5, own=2)
    assert other.per_second(600.0) == pytest.approx(3 / SEEN_SHARE, rel=0.06)


def test_what_a_429_taught_is_exact_and_half_of_it_is_forgotten_after_ten_memories() -> None:
    other = Foreign(MEMORY)
    other.met(1_000.0, per_second=4.0)
    assert other.per_second(1_000.0) == 4.0
    assert HALF_LIFE * MEMORY == 600
    assert [other.per_second(1_000.0 + 600 * lives) for lives in (1, 2)] == pytest.approx([2.0, 1.0])


def test_the_higher_of_two_429s_is_believed_after_what_was_forgotten() -> None:
    other = Foreign(MEMORY)
    other.met(1_000.0, per_second=4.0)
    other.met(1_600.0, per_second=1.9)
    assert other.per_second(1_600.0) == pytest.approx(2.0)
    other.met(1_600.0, per_second=2.0)
    assert other.per_second(2_200.0) == pytest.approx(1.0)
    other.met(2_200.0, per_second=3.0)
    assert other.per_second(2_200.0) == 3.0


def test_the_more_of_what_was_seen_and_what_a_429_taught_is_reckoned_with() -> None:
    other = Foreign(MEMORY)
    other.observe(100.0, window_seconds=1, used=6, own=0)
    seen = 6 / FIRST / SEEN_SHARE
    other.met(100.0, per_second=seen / 2)
    assert other.per_second(100.0) == pytest.approx(seen)
    other.met(100.0, per_second=seen * 2)
    assert other.per_second(100.0) == pytest.approx(seen * 2)


def test_fewer_than_one_in_two_memories_are_none() -> None:
    other = Foreign(MEMORY)
    other.met(0.0, per_second=NOBODY / MEMORY)
    assert other.per_second(0.0) == NOBODY / MEMORY == 0.5 / 60
    assert other.per_second(1.0) == 0.0


def test_a_longer_memory_spreads_what_was_seen() -> None:
    other = Foreign(MEMORY)
    other.observe(100.0, window_seconds=1, used=6, own=0)
    other.remember(2 * MEMORY)
    assert other.per_second(100.0) == pytest.approx(6 / (2 * FIRST) / SEEN_SHARE)
