"""One quota, moment by moment: who may go, what the others wait for, and what answers and refusals teach."""

import math

import pytest

from aioklaviyo.pacing.foreign import SEEN_SHARE
from aioklaviyo.pacing.gauge import CATCH_UP_SECONDS, SCOUT_SECONDS, Gauge, Ticket, even_window, limits_of
from aioklaviyo.pacing.headers import Limit, Told, Use
from aioklaviyo.pacing.model import Priority
from aioklaviyo.rates import Rate

INTERACTIVE, BACKGROUND = Priority.INTERACTIVE, Priority.BACKGROUND
RATE = Rate(20, 600)
STEP = 0.1
"""Seconds between those of RATE that keep the even pace."""
NO_LIMITS = Told((), None)
DRIFT = 1.0001


def gauge(rate: Rate | None = RATE, *, share: float = 1.0, now: float = 0.0) -> Gauge:
    return Gauge(rate, share=share, now=now)


def call(of: Gauge, now: float, priority: Priority = INTERACTIVE, *, told: Told | None = None) -> None:
    of.settle(of.take(now, priority), now, told)


def told(*limits: Limit, used: int | None = None) -> Told:
    return Told(limits, None if used is None else Use(limits[0], used))


def room(of: Gauge, now: float) -> float:
    """Places in the fullest window, while one request is under way and nothing else counts."""
    ticket = of.take(now, INTERACTIVE)
    fullness = of.fullness(now)
    of.give_back(ticket, now)
    return 1 / fullness


# --- the limits ----------------------------------------------------------------------------------------------------


def test_a_rate_has_a_window_of_a_second_one_of_a_minute_and_perhaps_one_of_a_day() -> None:
    assert limits_of(Rate(3, 60)) == (Limit(1, 3), Limit(60, 60))
    assert limits_of(Rate(3, 60, 900)) == (Limit(1, 3), Limit(60, 60), Limit(86_400, 900))


def test_the_even_pace_follows_the_longest_window_up_to_an_hour() -> None:
    second, minute, hour, longer, day = (Limit(seconds, 9) for seconds in (1, 60, 3_600, 3_601, 86_400))
    assert even_window((second, minute, day)) == minute
    assert even_window((second, minute, hour, longer)) == hour
    assert even_window((day,)) is None


def test_without_known_limits_one_goes_ahead_and_the_others_look_again_soon() -> None:
    of = gauge(None)
    assert of.wait_seconds(0.0, BACKGROUND) == 0
    assert of.wait_seconds(0.0, INTERACTIVE, ahead=1) == SCOUT_SECONDS == 0.02
    ticket = of.take(0.0, INTERACTIVE)
    assert ticket == Ticket(paced=False, window_seconds=0, taken=1, occupied=1)
    assert of.wait_seconds(0.0, INTERACTIVE) == SCOUT_SECONDS
    of.settle(ticket, 0.1, None)
    assert of.wait_seconds(0.1, INTERACTIVE) == 0, "another may go ahead"
    call(of, 0.2, told=NO_LIMITS)
    of.take(0.3, INTERACTIVE)
    assert of.wait_seconds(0.3, INTERACTIVE, ahead=9) == 0, "there are none"
    assert of.fullness(0.3) == 0


def test_a_scout_that_is_refused_keeps_everybody_waiting_and_the_pace_even_for_a_second() -> None:
    of = gauge(None)
    of.take(0.0, INTERACTIVE)
    of.throttle(1.0, 5.0)
    assert of.wait_seconds(2.0, INTERACTIVE) == 4.0
    assert of.wait_seconds(6.0, INTERACTIVE) == 0.0
    assert of.wait_seconds(7.0, INTERACTIVE) == 0.0
    assert of.take(6.9, INTERACTIVE).paced
    assert not of.take(7.0, INTERACTIVE).paced


def test_a_rate_that_is_named_later_is_followed_when_nothing_was_known() -> None:
    of = gauge(None)
    of.know(None)
    of.know(Rate(2, 600))
    of.know(Rate(9, 9))
    assert room(of, 0.0) == pytest.approx(2)


def test_limits_that_answers_tell_replace_the_known_ones_and_keep_what_was_counted() -> None:
    of = gauge(Rate(2, 600))
    call(of, 0.0)
    call(of, 0.0, told=told(Limit(1, 5), Limit(60, 60)))
    assert of.fullness(0.0) == pytest.approx(2 / 5)
    assert of.wait_seconds(0.0, INTERACTIVE, ahead=2) == 0
    assert of.wait_seconds(0.0, INTERACTIVE, ahead=3) == pytest.approx(DRIFT)
    assert of.wait_seconds(0.0, BACKGROUND, paced_ahead=3) == pytest.approx(3.0), "an even pace over the new minute"


@pytest.mark.parametrize(
    ("longest", "stays"), [(60, True), (3_600, True), (7_200, True), (86_399, True), (86_400, False), (90_000, False)]
)
def test_a_days_quota_stays_where_answers_speak_of_shorter_windows_only(longest: int, stays: bool) -> None:  # noqa: FBT001
    of = gauge(Rate(9, 99, 3))
    limits = (Limit(1, 50), Limit(longest, 50))
    call(of, 0.0, told=told(*limits))
    call(of, 0.0, told=told(*limits))
    assert of.fullness(0.0) == pytest.approx(2 / 3 if stays else 2 / 50)


def test_what_a_days_quota_counted_stays_counted_when_the_others_change() -> None:
    of = gauge(Rate(9, 99, 3))
    call(of, 0.0)
    assert of.wait_seconds(200.0, INTERACTIVE) == 0, "the minute has forgotten it"
    call(of, 200.0, told=told(Limit(1, 50), Limit(60, 50)))
    assert of.fullness(200.0) == pytest.approx(2 / 3)


def test_an_hours_quota_is_forgotten_where_answers_speak_of_others() -> None:
    of = gauge(None)
    call(of, 0.0, told=told(Limit(1, 9), Limit(3_600, 2)))
    call(of, 0.0, told=told(Limit(1, 9), Limit(60, 9)))
    assert of.fullness(0.0) == pytest.approx(2 / 9)


def test_an_answer_that_tells_no_limits_changes_none() -> None:
    of = gauge(Rate(2, 600))
    call(of, 0.0, told=NO_LIMITS)
    assert of.fullness(0.0) == 1 / 2


def test_of_each_limit_a_share_is_used_and_one_at_least() -> None:
    assert room(gauge(share=0.26), 0.0) == pytest.approx(5)
    assert room(gauge(Rate(3, 60), share=0.26), 0.0) == pytest.approx(1)
    assert gauge(share=0.5).wait_seconds(0.0, BACKGROUND, paced_ahead=1) == pytest.approx(2 * STEP)


# --- places --------------------------------------------------------------------------------------------------------


def test_what_is_under_way_counts_in_every_window_and_so_does_what_was_answered() -> None:
    of = gauge(Rate(3, 4))
    first, second, third = (of.take(0.0, INTERACTIVE) for _ in range(3))
    assert of.wait_seconds(0.0, INTERACTIVE) == pytest.approx(DRIFT)
    assert of.fullness(0.0) == 1
    of.settle(first, 0.5, None)
    of.settle(second, 0.5, None)
    of.give_back(third, 0.5)
    assert of.fullness(0.5) == pytest.approx(2 / 3)
    assert [of.wait_seconds(0.5, INTERACTIVE, ahead=ahead) for ahead in (0, 1)] == pytest.approx([0, DRIFT])
    assert of.fullness(2.0) == pytest.approx(2 / 4), "only the minute remembers"
    assert [of.wait_seconds(2.0, INTERACTIVE, ahead=ahead) for ahead in (0, 1, 2)] == pytest.approx(
        [0, 0, 0.5 + 60 * DRIFT - 2]
    )


def test_a_ticket_remembers_how_many_could_count_when_it_was_sent() -> None:
    of = gauge()
    assert of.take(0.9, INTERACTIVE) == Ticket(paced=False, window_seconds=0, taken=1, occupied=1)
    call(of, 1.0)
    # From here on, everything in the second before was counted.
    assert of.take(1.0, INTERACTIVE) == Ticket(paced=False, window_seconds=1, taken=3, occupied=3)
    assert of.take(2.5, BACKGROUND) == Ticket(paced=True, window_seconds=1, taken=4, occupied=3)


def test_what_was_sent_in_the_first_window_may_have_met_what_nobody_counted() -> None:
    of = gauge(now=5.0)
    assert [of.take(now, INTERACTIVE).window_seconds for now in (5.9, 6.0)] == [0, 1]


def test_it_may_be_forgotten_after_two_of_its_longest_windows_without_use() -> None:
    of = gauge()
    assert not of.is_idle(120.0)
    assert of.is_idle(120.1)
    ticket = of.take(200.0, INTERACTIVE)
    assert not of.is_idle(1_000.0)
    of.settle(ticket, 300.0, None)
    assert not of.is_idle(420.0)
    assert of.is_idle(420.1)
    of.give_back(of.take(500.0, INTERACTIVE), 500.0)
    assert not of.is_idle(620.0)
    of.take(630.0, INTERACTIVE)
    of.throttle(630.0, 900.0)
    assert not of.is_idle(1_530.0)
    assert of.is_idle(1_530.1)


def test_a_days_quota_is_remembered_for_two_days() -> None:
    of = gauge(Rate(9, 99, 3))
    assert not of.is_idle(172_800.0)
    assert of.is_idle(172_800.1)


def test_without_limits_it_may_be_forgotten_as_soon_as_nothing_is_under_way() -> None:
    of = gauge(None)
    call(of, 5.0)
    assert not of.is_idle(5.0)
    assert of.is_idle(5.1)


# --- the even pace -------------------------------------------------------------------------------------------------


def test_those_who_do_not_hurry_go_step_by_step_and_the_others_at_once() -> None:
    of = gauge()
    assert of.wait_seconds(0.0, BACKGROUND) == 0
    assert of.wait_seconds(0.0, BACKGROUND, ahead=3, paced_ahead=2) == pytest.approx(2 * STEP)
    call(of, 0.0, BACKGROUND)
    assert of.wait_seconds(0.0, BACKGROUND) == pytest.approx(STEP)
    assert of.wait_seconds(0.0, BACKGROUND, paced_ahead=2) == pytest.approx(3 * STEP)
    assert of.wait_seconds(0.04, BACKGROUND) == pytest.approx(STEP - 0.04)
    assert of.wait_seconds(0.0, INTERACTIVE) == 0


def test_a_full_window_keeps_those_who_do_not_hurry_waiting_too() -> None:
    of = gauge(Rate(2, 600))
    for _ in range(2):
        call(of, 0.0)
    assert of.wait_seconds(0.0, BACKGROUND) == pytest.approx(DRIFT)


def test_a_pace_that_lags_catches_up_half_a_second_and_no_more() -> None:
    of = gauge()
    call(of, 100.0, BACKGROUND)
    assert CATCH_UP_SECONDS == 0.5
    went = 0
    while of.wait_seconds(100.0, BACKGROUND) <= 1e-9:
        call(of, 100.0, BACKGROUND)
        went += 1
    assert went == 5
    assert of.wait_seconds(100.0, BACKGROUND) == pytest.approx(STEP)


def test_who_hurries_takes_the_place_of_one_that_keeps_the_pace_but_of_nine_at_most() -> None:
    of = gauge(Rate(50, 600))
    call(of, 0.0)
    assert of.wait_seconds(0.0, BACKGROUND) == 0, "nobody keeps the pace yet"
    call(of, 0.0, BACKGROUND)
    waits: list[float] = []
    for _ in range(12):
        waits.append(of.wait_seconds(0.0, BACKGROUND))
        call(of, 0.0)
    assert waits == pytest.approx([STEP * min(steps, 10) for steps in range(1, 13)])


def test_what_was_not_sent_gives_its_step_back_where_it_took_one() -> None:
    of = gauge()
    kept = of.take(0.0, BACKGROUND)
    of.give_back(kept, 0.0)
    assert of.wait_seconds(0.0, BACKGROUND) == pytest.approx(0)
    assert of.fullness(0.0) == 0
    of.take(0.0, BACKGROUND)
    of.give_back(of.take(0.0, INTERACTIVE), 0.0)
    assert of.wait_seconds(0.0, BACKGROUND) == pytest.approx(2 * STEP), "who hurries took none of his own"


def test_without_a_window_up_to_an_hour_there_is_no_pace_to_keep() -> None:
    of = gauge(None)
    call(of, 0.0, BACKGROUND, told=told(Limit(7_200, 5)))
    call(of, 0.0, BACKGROUND)
    assert of.wait_seconds(0.0, BACKGROUND, paced_ahead=2) == 0


# --- refusals ------------------------------------------------------------------------------------------------------


def test_after_a_429_everybody_waits_and_then_they_go_one_by_one_for_a_second() -> None:
    of = gauge()
    of.take(0.0, INTERACTIVE)
    of.throttle(0.0, 0.8)
    assert of.fullness(0.0) == 0, "it was not charged"
    assert [of.wait_seconds(0.5, priority) for priority in Priority] == pytest.approx([0.3, 0.3])
    assert of.wait_seconds(0.8, INTERACTIVE) == 0
    assert of.take(0.8, INTERACTIVE).paced
    assert of.wait_seconds(0.8, INTERACTIVE) == pytest.approx(STEP)
    for _ in range(15):
        of.take(0.8, INTERACTIVE)
    assert of.wait_seconds(0.8, INTERACTIVE) == pytest.approx(1.0), "a second later they need not"
    assert not of.take(1.8, INTERACTIVE).paced


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    of = gauge()
    for _ in range(2):
        of.take(0.0, INTERACTIVE)
    for seconds in (0.9, 0.2):
        of.throttle(0.0, seconds)
    assert of.wait_seconds(0.0, INTERACTIVE) == pytest.approx(0.9)
    assert of.wait_seconds(0.0, BACKGROUND) == pytest.approx(0.9)


def test_no_pause_is_longer_than_a_day() -> None:
    of = gauge()
    of.take(0.0, INTERACTIVE)
    of.throttle(10.0, 1e9)
    assert of.wait_seconds(10.0, INTERACTIVE) == 86_400


def test_a_pause_leaves_the_pace_where_that_is_later() -> None:
    of = gauge()
    for _ in range(9):
        of.take(0.0, BACKGROUND)
    of.throttle(0.0, 0.2)
    assert of.wait_seconds(0.0, BACKGROUND) == pytest.approx(9 * STEP)


# --- who else uses it ----------------------------------------------------------------------------------------------

SECOND, MINUTE = Limit(1, 100), Limit(60, 1_000)


def reckoned(foreign: float) -> float:
    """A rate of somebody else, from one glimpse of so many requests: spread over a twentieth of two minutes."""
    return foreign / (0.05 * 120) / SEEN_SHARE


def others_room(per_second: float) -> int:
    """What is left of SECOND."""
    return 100 - math.ceil(per_second + 2 * math.sqrt(per_second))


@pytest.mark.parametrize(("used", "foreign"), [(4, 0), (5, 1), (44, 40)])
def test_what_an_answer_counts_beyond_ours_is_somebody_elses(used: int, foreign: int) -> None:
    of = gauge(Rate(100, 1_000))
    call(of, 10.0)
    first = of.take(10.0, INTERACTIVE)
    second = of.take(10.0, INTERACTIVE)
    of.settle(second, 10.1, None)
    third = of.take(10.1, INTERACTIVE)
    of.settle(third, 10.1, None)
    # Four are ours: one that was answered, this one, and two that were sent after it.
    of.settle(first, 10.2, told(SECOND, MINUTE, used=used))
    assert room(of, 100.0) == pytest.approx(others_room(reckoned(foreign)) if foreign else 100)


def test_what_was_used_before_everything_was_counted_is_not_taken_for_somebody_elses() -> None:
    of = gauge(Rate(100, 1_000))
    call(of, 0.9, told=told(SECOND, MINUTE, used=50))
    assert room(of, 100.0) == pytest.approx(100)
    call(of, 100.0, told=Told((SECOND, MINUTE), Use(MINUTE, 50)))
    assert room(of, 200.0) == pytest.approx(100), "it speaks of another window"
    call(of, 200.0, told=told(SECOND, MINUTE, used=50))
    assert room(of, 300.0) < 100


@pytest.mark.parametrize(
    ("now", "seconds", "learns"),
    [
        (100.0, 30.0, True),
        (100.0, 60.0, True),
        (100.0, 2.0, True),
        (100.0, 1.0, False),  # the second was full, which is soon over
        (100.0, 61.0, False),  # longer than any window
        (30.5, 30.0, True),
        (30.4, 30.0, False),  # the window had opened before we counted
    ],
)
def test_a_pause_that_ends_with_a_long_window_tells_what_was_not_ours_in_it(
    now: float,
    seconds: float,
    learns: bool,  # noqa: FBT001
) -> None:
    of = gauge(Rate(100, 600))
    for _ in range(560):
        call(of, now - 0.1)
    of.take(now, INTERACTIVE)
    of.throttle(now, seconds)
    left = 40 / 60 * 0.5 ** (60 * DRIFT / 1_200)
    assert room(of, now + 60 * DRIFT) == pytest.approx(others_room(left) if learns else 100)


def test_what_was_ours_before_the_window_opened_does_not_count_in_it() -> None:
    of = gauge(Rate(100, 600))
    for moment in (69.4, 69.4, 69.6):
        call(of, moment)
    of.take(100.0, INTERACTIVE)
    of.throttle(100.0, 30.0)
    assert of._foreign.per_second(100.0) == pytest.approx(599 / 60)


def test_one_request_that_was_not_ours_is_somebody_elses() -> None:
    of = gauge(Rate(100, 60))
    for _ in range(59):
        call(of, 90.0)
    of.take(100.0, INTERACTIVE)
    of.throttle(100.0, 30.0)
    assert of._foreign.per_second(100.0) == pytest.approx(1 / 60)


def test_a_window_that_we_filled_alone_tells_of_nobody() -> None:
    of = gauge(Rate(100, 60))
    for _ in range(60):
        call(of, 90.0)
    of.take(100.0, INTERACTIVE)
    of.throttle(100.0, 30.0)
    assert room(of, 200.0) == pytest.approx(60)


def test_a_pause_within_a_longer_one_teaches_nothing() -> None:
    of = gauge(Rate(100, 600))
    for seconds in (61.0, 30.0):
        of.take(100.0, INTERACTIVE)
        of.throttle(100.0, seconds)
    assert room(of, 200.0) == pytest.approx(100)
