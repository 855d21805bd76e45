"""While the other side does not answer, little is asked of it, and what waits is not cut into batches for nothing."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from dreamflow.outbox import Books, Lane, Limits
from dreamflow.outbox.model import Deferred
from dreamflow.outbox.rules.timing import FIRST_WAIT_SECONDS, LONGEST_HOUSE_WAIT_SECONDS, house_wait_seconds
from dreamflow.outbox.service.delivery import ROOM
from dreamflow.outbox.service.trouble import FAILURES, PROBE_EVERY, Trouble
from kit.kit_house import EVENING
from outbox.outbox_fakes import Outbox, heard, outbox_at

LANES = (Lane.EVENT, Lane.EVENTS, Lane.PROFILE)
ALL = frozenset(LANES)
OTHERS = ALL - {Lane.EVENTS}
SECOND = timedelta(seconds=1)
WAITING = 120


@pytest.fixture
def trouble() -> Trouble:
    """Events in bulk have just failed so often in a row that nothing new is taken up."""
    trouble = Trouble()
    for count in range(FAILURES):
        assert trouble.free(LANES, EVENING) == ALL, f"{count} failures are no trouble yet"
        trouble.failed(Lane.EVENTS, EVENING)
    return trouble


def test_a_lane_that_fails_again_and_again_takes_up_nothing_new_and_the_others_do(trouble: Trouble) -> None:
    assert trouble.free(LANES, EVENING) == OTHERS
    assert trouble.free(LANES, EVENING + PROBE_EVERY - SECOND) == OTHERS


def test_now_and_then_it_takes_up_something_all_the_same(trouble: Trouble) -> None:
    now = EVENING
    for _ in range(3):
        now += PROBE_EVERY
        assert trouble.free(LANES, now) == ALL
        assert trouble.free(LANES, now) == OTHERS, "once"
        trouble.failed(Lane.EVENTS, now + SECOND)
        assert trouble.free(LANES, now + PROBE_EVERY - SECOND) == OTHERS, "a failed probe puts off none"


def test_one_answer_opens_it_and_the_count_begins_anew(trouble: Trouble) -> None:
    trouble.worked(Lane.EVENTS)
    for _ in range(FAILURES - 1):
        trouble.failed(Lane.EVENTS, EVENING)
    assert trouble.free(LANES, EVENING) == ALL


def test_a_clock_that_is_put_back_does_not_close_it_for_longer(trouble: Trouble) -> None:
    assert trouble.free(LANES, EVENING - timedelta(hours=1)) == ALL


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

    async def pass_seconds(seconds: int) -> None:
        for _ in range(seconds):
            await worker.deliver_next()
            outbox.clock.advance(SECOND)

    await worker.deliver_next()
    await worker.deliver_next()
    outbox.clock.advance(SECOND)
    begun = len(await outbox.open_batches())
    assert FAILURES <= begun <= FAILURES + ROOM[lane]
    await pass_seconds(int(PROBE_EVERY.total_seconds()) - 2)
    assert len(await outbox.open_batches()) == begun, "nothing new was taken up"
    tried = len(outbox.klaviyo.requests)
    assert tried > begun, "what was begun goes on"
    await pass_seconds(70)
    assert begun < len(await outbox.open_batches()) <= begun + 3 * ROOM[lane], "a few, to see"
    assert {len(ids) for ids in outbox.klaviyo.requests} == {5 if lane is Lane.EVENTS else 1}

    outbox.klaviyo.plays.clear()
    rounds = 0
    while (await outbox.store.books()).pending:
        await pass_seconds(1)
        rounds += 1
    assert rounds < 90, "one answer lets all of it go"
    assert outbox.klaviyo.faults == []
    assert await outbox.store.books() == Books(delivered=WAITING, accepted=WAITING)
