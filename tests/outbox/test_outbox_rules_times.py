"""The moments that rules of delivery choose: the quiet hour, the next audit, the next try of what is ours."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from dreamflow.outbox.rules.recurring import next_audit, next_night
from dreamflow.outbox.rules.timing import house_wait_seconds

QUIET = datetime(2026, 3, 29, 3, 30, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("now", "night"),
    [
        (QUIET.replace(hour=0, minute=0), QUIET),
        (QUIET - INSTANT, QUIET),
        (QUIET, QUIET + timedelta(days=1)),
        (QUIET + INSTANT, QUIET + timedelta(days=1)),
        (QUIET.replace(hour=23), QUIET + timedelta(days=1)),
        (QUIET.replace(day=31, hour=4), QUIET.replace(month=4, day=1)),
    ],
)
def test_the_next_night_is_the_next_half_past_three(now: datetime, night: datetime) -> None:
    assert next_night(now) == night


@pytest.mark.parametrize("hours", [-11, 2, 14])
def test_a_night_is_the_same_moment_wherever_the_clock_hangs(hours: int) -> None:
    there = timezone(timedelta(hours=hours))
    assert next_night(QUIET.astimezone(there) - INSTANT) == QUIET
    assert next_night(QUIET.astimezone(there)) == QUIET + timedelta(days=1)


def test_an_audit_comes_a_minute_after_the_one_before() -> None:
    assert next_audit(QUIET) == QUIET + timedelta(minutes=1)


def test_what_is_ours_is_tried_again_after_two_seconds_at_most() -> None:
    assert [house_wait_seconds(failures, 1.0) for failures in (1, 2, 3, 4, 9)] == [0.5, 1.0, 2.0, 2.0, 2.0]
    assert house_wait_seconds(9, 0.0) == 0.0
