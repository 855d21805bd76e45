"""The line before a quota: who is first in it, who gives up, and what is remembered of those who went."""

import asyncio
import random
from collections.abc import Iterator

import pytest

from aioklaviyo.pacing.model import OVERTAKEN_AT_MOST, Priority, Slot
from aioklaviyo.pacing.queue import Queue, Waiter

INTERACTIVE, BACKGROUND = Priority.INTERACTIVE, Priority.BACKGROUND
FOREVER = 1e9


class Line(Queue):
    """A queue whose futures come from a loop that never runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop

    def come(self, *lane: str, priority: Priority = INTERACTIVE, ends_at: float = FOREVER) -> Waiter:
        slot: asyncio.Future[Slot] = self._loop.create_future()
        return self.join(lane, priority, ends_at, slot)

    def overtake(self, times: int, *lane: str) -> None:
        for _ in range(times):
            self.go(self.come(*lane))


@pytest.fixture
def line() -> Iterator[Line]:
    loop = asyncio.new_event_loop()
    yield Line(loop)
    loop.close()


def test_a_queue_is_empty_until_somebody_joins_and_again_when_he_left(line: Line) -> None:
    assert not line
    assert line.heads() == []
    one = line.come("a")
    assert line
    assert line.leave(one)
    assert not line
    assert not line.leave(one), "he had left already"


def test_the_first_of_each_lane_go_in_the_order_in_which_they_came_and_the_urgent_before_the_others(line: Line) -> None:
    patient = line.come("a", priority=BACKGROUND)
    second = line.come("b")
    line.come("b")
    third = line.come("a")
    late = line.come("b", priority=BACKGROUND)
    assert line.heads() == [second, third, patient, late]


def test_those_in_line_are_counted_by_quota_and_priority(line: Line) -> None:
    both = line.come("a", "b")
    line.come("a")
    line.come("a", priority=BACKGROUND)
    assert [line.waiting(key, INTERACTIVE) for key in "abc"] == [2, 1, 0]
    assert [line.waiting(key, BACKGROUND) for key in "abc"] == [1, 0, 0]
    line.leave(both)
    assert [line.waiting(key, INTERACTIVE) for key in "abc"] == [1, 0, 0]


def test_who_is_overtaken_nine_times_is_due_and_goes_first(line: Line) -> None:
    patient = line.come("a", priority=BACKGROUND)
    line.overtake(OVERTAKEN_AT_MOST - 1, "a")
    urgent = line.come("a")
    assert not line.is_due(patient)
    assert line.heads() == [urgent, patient]
    line.overtake(1, "a")
    assert OVERTAKEN_AT_MOST == 9
    assert line.is_due(patient)
    assert not line.is_due(urgent)
    assert line.heads() == [patient, urgent]


def test_when_one_of_those_overtaken_has_gone_the_count_begins_anew(line: Line) -> None:
    first, second = (line.come("a", priority=BACKGROUND) for _ in range(2))
    line.overtake(OVERTAKEN_AT_MOST, "a")
    line.go(first)
    assert not line.is_due(second)
    line.overtake(OVERTAKEN_AT_MOST - 1, "a")
    assert not line.is_due(second)
    line.overtake(1, "a")
    assert line.is_due(second)


def test_nobody_is_overtaken_where_nobody_waits(line: Line) -> None:
    line.overtake(OVERTAKEN_AT_MOST, "a")
    only = line.come("a", priority=BACKGROUND)
    assert not line.is_due(only)
    line.overtake(OVERTAKEN_AT_MOST, "b")
    assert not line.is_due(only)
    line.overtake(OVERTAKEN_AT_MOST, "a")
    line.leave(only)
    assert not line.is_due(line.come("a", priority=BACKGROUND)), "another was overtaken, not this one"


def test_the_urgent_who_leave_do_not_make_those_wait_longer_whom_others_overtook(line: Line) -> None:
    patient = line.come("a", priority=BACKGROUND)
    line.overtake(OVERTAKEN_AT_MOST, "a")
    line.leave(line.come("a"))
    assert line.is_due(patient)


def test_one_quota_that_it_was_overtaken_in_is_enough(line: Line) -> None:
    patient = line.come("a", "b", priority=BACKGROUND)
    line.overtake(OVERTAKEN_AT_MOST, "b")
    assert line.is_due(patient)


def test_those_whose_time_is_out_are_taken_out_once(line: Line) -> None:
    soon, later = line.come("a", ends_at=5.0), line.come("a", ends_at=7.0)
    gone = line.come("a", ends_at=4.0)
    last = line.come("a", ends_at=9.0)
    line.leave(gone)
    assert list(line.late(4.9)) == []
    assert line.next_end() == 5.0
    assert list(line.late(5.0)) == [soon]
    assert line.next_end() == 7.0
    assert list(line.late(8.0)) == [later]
    assert list(line.late(8.0)) == []
    assert line.heads() == [last]


def test_everybody_can_be_sent_home(line: Line) -> None:
    everybody = [line.come("a"), line.come("a"), line.come("b", priority=BACKGROUND)]
    assert sorted(line.clear(), key=lambda each: each.number) == everybody
    assert not line
    assert line.waiting("a", INTERACTIVE) == 0
    assert line.clear() == []


def test_the_first_few_of_a_lane_can_be_asked_for(line: Line) -> None:
    mine = [line.come("a") for _ in range(3)]
    line.come("a", priority=BACKGROUND)
    assert line.first(("a",), INTERACTIVE, 2) == mine[:2]
    assert line.first(("b",), INTERACTIVE, 2) == []


def test_of_those_who_went_before_their_time_was_out_not_many_more_are_remembered_than_wait(line: Line) -> None:
    for _ in range(200):
        line.come("a")
    lengths: list[int] = []
    for _ in range(1_000):
        line.overtake(1, "b")
        lengths.append(len(line._ends))
    # All are looked through when so many more have gone, not each time: 200 wait.
    assert max(lengths) == 2 * 200 + 100 + 1
    assert sorted(set(lengths)) == list(range(201, 502))


def test_the_next_to_give_up_is_known_also_when_many_went_before_their_time_was_out(line: Line) -> None:
    rng = random.Random(5)
    waiters = [line.come("a", ends_at=rng.random()) for _ in range(400)]
    for waiter in waiters[::2] + waiters[1::4]:
        line.leave(waiter)
    stay = [*waiters[3::4], line.come("a", ends_at=1.0)]
    ends: list[float] = []
    for now in range(1_001):
        ends += [waiter.ends_at for waiter in line.late(now / 1_000)]
        assert not line or line.next_end() > now / 1_000
    assert ends == sorted(waiter.ends_at for waiter in stay)


def test_of_quotas_that_nobody_waits_for_nothing_is_remembered(line: Line) -> None:
    for number in range(9):
        line.overtake(1, f"k{number}")
        line.leave(line.come(f"k{number}", priority=BACKGROUND))
    assert not line._waiting
    assert not line._overtaken
    assert not line._lanes
