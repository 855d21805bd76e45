"""While the other side does not answer, little is asked of it, and what waits is not cut into batches for nothing."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from dreamflow.outbox import Books, Lane, Limits
from dreamflow.outbox.model import Batch, Deferred
from dreamflow.outbox.rules.timing import FIRST_WAIT_SECONDS, LONGEST_HOUSE_WAIT_SECONDS, house_wait_seconds
from dreamflow.outbox.service.delivery import ROOM
from dreamflow.outbox.service.trouble import FAILURES, MANY, PROBE_EVERY, SELDOM, Trouble
from kit.kit_house import EVENING
from outbox.outbox_fakes import Outbox, heard, outbox_at

ROOMS = {Lane.EVENT: 16, Lane.EVENTS: 3, Lane.PROFILE: 8}
CLOSED = {**ROOMS, Lane.EVENTS: 0}
PROBING = {**ROOMS, Lane.EVENTS: 1}
SECOND = timedelta(seconds=1)
WAITING = 120


def batch(number: int) -> Batch:
    return Batch(f"b{number}", Lane.EVENTS, (), 0, is_ambiguous=False)


@pytest.fixture
def trouble() -> Trouble:
    """Events in bulk have just failed so often in a row that nothing new is taken up."""
    trouble = Trouble()
    for count in range(FAILURES):
        assert trouble.fresh(ROOMS, EVENING) == ROOMS, f"{count} failures are no trouble yet"
        trouble.failed(batch(count), EVENING)
    return trouble


def test_a_lane_that_fails_again_and_again_takes_up_nothing_new_and_the_others_do(trouble: Trouble) -> None:
    assert trouble.fresh(ROOMS, EVENING) == CLOSED
    assert trouble.fresh(ROOMS, EVENING + PROBE_EVERY - SECOND) == CLOSED


def test_now_and_then_it_takes_up_one_batch_all_the_same(trouble: Trouble) -> None:
    now = EVENING
    for _ in range(3):
        now += PROBE_EVERY
        assert trouble.fresh(CLOSED, now) == CLOSED, "without room there is no probe, and it does not count as one"
        assert trouble.fresh(ROOMS, now) == PROBING
        assert trouble.fresh(ROOMS, now) == CLOSED, "once"
        trouble.begun(batch(1))
        trouble.failed(batch(1), now + SECOND)
        assert trouble.fresh(ROOMS, now + PROBE_EVERY - SECOND) == CLOSED, "a failed probe puts off none"


def test_with_many_batches_put_off_it_takes_up_one_only_seldom(trouble: Trouble) -> None:
    for number in range(FAILURES, MANY):
        trouble.failed(batch(number), EVENING)
    assert trouble.fresh(ROOMS, EVENING + SELDOM - SECOND) == CLOSED
    assert trouble.fresh(ROOMS, EVENING + SELDOM) == PROBING
    trouble.begun(batch(0))
    assert trouble.fresh(ROOMS, EVENING + SELDOM + PROBE_EVERY) == PROBING, "what is being sent is not put off"


def test_one_answer_opens_it_and_the_count_begins_anew(trouble: Trouble) -> None:
    trouble.worked(batch(0))
    for number in range(FAILURES - 1):
        trouble.failed(batch(number), EVENING)
    assert trouble.fresh(ROOMS, EVENING) == ROOMS


def test_a_clock_that_is_put_back_does_not_close_it_for_longer(trouble: Trouble) -> None:
    assert trouble.fresh(ROOMS, EVENING - timedelta(hours=1)) == PROBING


@pytest.mark.parametrize(("jitter", "failures"), [(0.5, 1), (0.999, 3), (0.999, 9), (0.0, 4)])
def test_what_is_ours_is_tried_again_within_two_seconds(jitter: float, failures: int) -> None:
    seconds = house_wait_seconds(failures, jitter)
    expected = min(FIRST_WAIT_SECONDS * 2 ** (failures - 1) * jitter, LONGEST_HOUSE_WAIT_SECONDS)
    assert seconds == pytest.approx(expected)
    assert seconds <= LONGEST_HOUSE_WAIT_SECONDS == 2.0


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with outbox_at(tmp_path / "house.sqlite") as outbox:
        yield outbox


@pytest.mark.parametrize(("bulk_from", "lane"), [(10, Lane.EVENTS), (WAITING + 1, Lane.EVENT)])
async def test_a_silent_other_side_is_asked_little_however_much_waits_and_then_all_of_it_arrives(
    outbox: Outbox, bulk_from: int, lane: Lane
) -> None:
    worker = outbox.service(limits=Limits(bulk_from=bulk_from, events=5))
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(WAITING)))
    outbox.klaviyo.script(*[Deferred("no answer")] * 5000)

    async def pass_seconds(seconds: int, step: int = 1) -> None:
        for _ in range(0, seconds, step):
            await worker.deliver_next()
            outbox.clock.advance(step * SECOND)

    await worker.deliver_next()
    await worker.deliver_next()
    outbox.clock.advance(SECOND)
    begun = len(await outbox.open_batches())
    assert FAILURES <= begun <= FAILURES + ROOM[lane]
    await pass_seconds(int(PROBE_EVERY.total_seconds()) - 2)
    assert len(await outbox.open_batches()) == begun, "nothing new was taken up"
    tried = len(outbox.klaviyo.requests)
    assert tried > begun, "what was begun goes on"
    await pass_seconds(int(3 * SELDOM.total_seconds()), step=10)
    assert begun < len(await outbox.open_batches()) <= max(begun, MANY) + 5, "one now and then, to see"
    assert {len(ids) for ids in outbox.klaviyo.requests} == {5 if lane is Lane.EVENTS else 1}

    outbox.klaviyo.plays.clear()
    rounds = 0
    while (await outbox.store.books()).pending:
        await pass_seconds(1)
        rounds += 1
    assert rounds < 90, "one answer lets all of it go"
    assert outbox.klaviyo.faults == []
    assert await outbox.store.books() == Books(delivered=WAITING, accepted=WAITING)
