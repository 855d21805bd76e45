"""Which lane, and how long to wait."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamflow.outbox import DeliveryKind, leaving_time
from dreamflow.outbox.rules import (
    BULK_FROM,
    BULK_LIMIT,
    FIRST_WAIT_SECONDS,
    LONGEST_ASKED_SECONDS,
    LONGEST_WAIT_SECONDS,
    next_batch,
    wait_seconds,
)

EVENT, PROFILE = DeliveryKind.EVENT, DeliveryKind.PROFILE

backlogs = st.lists(st.sampled_from([EVENT, EVENT, EVENT, PROFILE]), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("backlog", "expected"),
    [
        ([EVENT], ("single", 1)),
        ([PROFILE], ("single", 1)),
        ([EVENT] * (BULK_FROM - 1), ("single", 1)),
        ([EVENT] * BULK_FROM, ("bulk", BULK_FROM)),
        ([EVENT] * BULK_LIMIT, ("bulk", BULK_LIMIT)),
        ([EVENT] * (BULK_LIMIT + 1), ("bulk", BULK_LIMIT)),
        ([EVENT] * BULK_FROM + [PROFILE, EVENT], ("bulk", BULK_FROM)),
        ([EVENT] * (BULK_FROM - 1) + [PROFILE] + [EVENT] * BULK_FROM, ("single", 1)),
        ([PROFILE] + [EVENT] * BULK_FROM, ("single", 1)),
    ],
)
def test_a_deep_backlog_of_events_goes_in_bulk_and_everything_else_goes_singly(
    backlog: Sequence[DeliveryKind], expected: tuple[str, int]
) -> None:
    assert next_batch(backlog) == expected


@given(backlogs)
def test_nothing_overtakes_and_the_bulk_door_gets_events_only(backlog: list[DeliveryKind]) -> None:
    lane, length = next_batch(backlog)
    assert 1 <= length <= min(len(backlog), BULK_LIMIT)
    if lane == "bulk":
        assert set(backlog[:length]) == {EVENT}
        assert length >= BULK_FROM
        # As long as it can be: it ends at a profile, at the limit or with the backlog.
        assert length in {len(backlog), BULK_LIMIT} or backlog[length] is PROFILE
    else:
        assert length == 1


@given(backlogs, backlogs)
def test_what_comes_later_never_makes_the_oldest_wait(backlog: list[DeliveryKind], later: list[DeliveryKind]) -> None:
    assert next_batch([*backlog, *later])[1] >= next_batch(backlog)[1]


jitters = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 10_000), jitters)
def test_a_wait_is_bounded_however_often_it_failed(attempts: int, jitter: float) -> None:
    seconds = wait_seconds(attempts, None, jitter)
    assert 0 <= seconds < LONGEST_WAIT_SECONDS
    assert seconds <= FIRST_WAIT_SECONDS * 2 ** min(attempts - 1, 20)


@given(st.integers(1, 10_000), st.floats(0, 1e6), jitters)
def test_a_wait_that_was_asked_for_is_obeyed_within_reason(attempts: int, asked: float, jitter: float) -> None:
    seconds = wait_seconds(attempts, asked, jitter)
    assert seconds == max(min(asked, LONGEST_ASKED_SECONDS), wait_seconds(attempts, None, jitter))


@given(st.integers(1, 10_000), jitters)
def test_waits_do_not_shrink_with_more_failures(attempts: int, jitter: float) -> None:
    assert wait_seconds(attempts, None, jitter) <= wait_seconds(attempts + 1, None, jitter)


def test_the_first_waits_double_up_to_the_longest() -> None:
    ceilings = [wait_seconds(attempts, None, 1.0) for attempts in range(1, 10)]
    assert ceilings == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3)), timezone(timedelta(hours=14))])))
def test_no_time_finer_than_the_hour_leaves(moment: datetime) -> None:
    leaving = leaving_time(moment)
    assert (leaving.minute, leaving.second, leaving.microsecond) == (0, 0, 0)
    assert timedelta(0) <= moment - leaving < timedelta(hours=1)
    assert leaving_time(leaving) == leaving
