"""A clock that ran hours ahead and is put right: what was written by it must not hold anything up for hours."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from dreamflow.kit.clock import ManualClock
from dreamflow.outbox import DeliveryService, LeaseLost
from dreamflow.outbox.service.delivery import LEASE_SECONDS
from outbox.outbox_fakes import Outbox, Play, heard, outbox_at

BACK = timedelta(hours=6)
STEP = timedelta(seconds=5)
PATIENCE = timedelta(minutes=15)


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with outbox_at(tmp_path / "house.sqlite") as outbox:
        yield outbox


async def until_sent(outbox: Outbox, worker: DeliveryService, *clocks: ManualClock) -> timedelta:
    """How long it took until something was sent."""
    for step in range(PATIENCE // STEP):
        if await worker.deliver_next():
            return step * STEP
        for clock in clocks or (outbox.clock,):
            clock.advance(STEP)
    pytest.fail(f"nothing was sent within {PATIENCE}")


def put_back(clock: ManualClock) -> None:
    clock.set(clock.now() - BACK)


async def test_a_worker_that_died_in_the_future_is_buried(outbox: Outbox) -> None:
    await outbox.worker.deliver_next()
    put_back(outbox.clock)
    await outbox.append(heard("e1"))
    assert await until_sent(outbox, outbox.service()) <= timedelta(seconds=LEASE_SECONDS) + STEP


async def test_a_worker_whose_clock_is_ahead_is_left_alone_while_it_gives_signs_of_life(outbox: Outbox) -> None:
    ahead = ManualClock(outbox.clock.now() + timedelta(hours=1))
    other, own = outbox.service(wall_clock=ahead), outbox.service()
    for _ in range(10):
        await other.lease.renew()
        with suppress(LeaseLost):  # the other one takes it for dead; `dreamflow doctor` compares the clocks
            await own.lease.renew()
        outbox.clock.advance(STEP)
        ahead.advance(STEP)
    assert other.lease.worker in await outbox.holdings()


async def test_a_worker_whose_own_clock_is_put_back_gives_a_sign_of_life_at_once(outbox: Outbox) -> None:
    own = ManualClock(outbox.clock.now())
    slow, other = outbox.service(wall_clock=own), outbox.service()
    await slow.lease.renew()
    put_back(own)
    assert slow.lease.is_due
    assert not slow.lease.is_held, "nobody knows how old it is"
    outbox.clock.advance(timedelta(seconds=20))
    await other.lease.renew()
    await other.aclose()
    await outbox.append(heard("e1"))
    assert await until_sent(outbox, slow, own, outbox.clock) <= 2 * STEP


async def test_a_batch_that_waits_for_the_future_is_tried_now(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    outbox.klaviyo.script(Play.DEFER)
    await outbox.worker.deliver_next()
    put_back(outbox.clock)
    assert await until_sent(outbox, outbox.worker) == timedelta()


async def test_a_door_that_was_locked_in_the_future_is_tried_now(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    outbox.klaviyo.script(Play.LOCK)
    await outbox.worker.deliver_next()
    put_back(outbox.clock)
    assert await until_sent(outbox, outbox.worker) == timedelta()
