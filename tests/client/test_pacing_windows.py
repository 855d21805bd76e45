"""A place in one window: how long it is held, and how long those wait who find none."""

import pytest

from aioklaviyo.pacing.headers import Limit
from aioklaviyo.pacing.windows import Window

HELD = 10_001.0
"""Seconds for which a place in a window of 10,000 is held: a server's clock may be a ten-thousandth slower."""


def window(*answered: float) -> Window:
    return Window(Limit(10_000, 2), answered)


def wait(of: Window, now: float, *, room: int = 2, in_flight: int = 0, ahead: int = 0) -> float:
    return of.wait_seconds(now, room=room, in_flight=in_flight, ahead=ahead)


def test_a_place_is_held_for_a_window_after_the_answer_and_a_little_longer() -> None:
    mine = window()
    mine.hold(5.0)
    mine.hold(7.0)
    assert [mine.held(now) for now in (7.0, 10_000.0, 4.9 + HELD, 5.0 + HELD, 6.9 + HELD)] == [2, 2, 2, 1, 1]
    assert mine.held(7.0 + HELD) == 0


def test_a_window_that_is_learnt_later_holds_what_was_answered_before() -> None:
    old = window()
    old.hold(5.0)
    old.hold(7.0)
    assert old.answered() == [5.0, 7.0]
    new = Window(Limit(20_000, 2), old.answered())
    assert [new.held(now) for now in (5.0 + HELD, 4.0 + 2 * HELD, 6.0 + 2 * HELD, 7.0 + 2 * HELD)] == [2, 2, 1, 0]


def test_it_tells_how_many_were_answered_after_a_moment() -> None:
    assert [window(5.0, 7.0, 9.0).answered_since(moment) for moment in (4.0, 5.0, 6.0, 9.0)] == [3, 2, 2, 0]


@pytest.mark.parametrize(
    ("ahead", "expected"), [(0, 0.0), (1, HELD - 1), (2, HELD + 3), (3, HELD), (4, HELD), (5, HELD), (6, 2 * HELD)]
)
def test_those_wait_for_whom_there_is_no_place_until_enough_have_ended(ahead: int, expected: float) -> None:
    # Two places of three are held. The first to come takes the third, the next those that end, the others new ones.
    assert wait(window(4.0, 8.0), 5.0, room=3, ahead=ahead) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("in_flight", "ahead", "expected"),
    [(0, 0, 0.0), (1, 0, 0.0), (2, 0, HELD), (1, 1, HELD), (2, 1, HELD), (2, 2, 2 * HELD), (2, 4, 3 * HELD)],
)
def test_what_is_under_way_is_answered_now_at_the_earliest(in_flight: int, ahead: int, expected: float) -> None:
    assert wait(window(), 5.0, in_flight=in_flight, ahead=ahead) == pytest.approx(expected)


def test_a_place_that_has_just_ended_is_free() -> None:
    assert wait(window(1.0, 2.0), 1.0 + HELD) == 0.0
    assert wait(window(1.0, 2.0), HELD) == pytest.approx(1.0)
