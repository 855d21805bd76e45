"""The pace of several processes in virtual time, through the script of a real Redis that is told the time."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aioklaviyo.pacing.model import NoSlotInTime, Priority, Slot
from aioklaviyo.pacing.redis import RedisPacing
from aioklaviyo.rates import XL, Charge, L, M, Rate
from client import virtual_redis
from client.pacing_world import FOREVER, FixedWindows, Traffic, until
from client.virtual_redis import VirtualRedis
from dreamflow.bench.client.limits import virtual_time

pytestmark = pytest.mark.redis

INTERACTIVE, BACKGROUND = Priority.INTERACTIVE, Priority.BACKGROUND
UNKNOWN = {"headers": None, "retry_after_seconds": None}

Play = Callable[..., None]


@pytest.fixture
def play(redis_url: str) -> Play:
    """Run a story in virtual time: a server, and as many limiters as there are processes."""

    def run(story: Callable[..., Awaitable[None]], *, processes: int = 1) -> None:
        async def told() -> None:
            server = VirtualRedis(redis_url)
            pacings = [virtual_redis.paced(server) for _number in range(processes)]
            await story(server, *pacings)
            for pacing in pacings:
                await pacing.aclose()

        virtual_time.run(told())

    return run


def now() -> float:
    return asyncio.get_running_loop().time()


async def take(
    pacing: RedisPacing, rate: Rate | None = M, priority: Priority = INTERACTIVE, within: float = 20, key: str = "k"
) -> Slot:
    return await pacing.slot([Charge(key, rate)], priority=priority, within_seconds=within)


async def timed(pacing: RedisPacing, *arguments: Any, **more: Any) -> float:
    """How long a slot took to come; it is settled at once."""
    began = now()
    (await take(pacing, *arguments, **more)).settle(**UNKNOWN)
    return now() - began


async def settled(pacing: RedisPacing) -> None:
    """Wait until Redis knows the rest."""
    assert pacing._teller is not None
    await pacing._teller


async def ended(*tasks: asyncio.Future[Any]) -> None:
    """Cancel these, and see them end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# --- the limits of all together ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_four_limiters_together_keep_every_window_and_use_nearly_all_of_it(play: Play, seed: int) -> None:
    rng = random.Random(seed)
    limits = {1: rng.randrange(3, 10), 6: rng.randrange(12, 40)}
    server = FixedWindows(limits, {1: rng.random(), 6: 6 * rng.random()})
    traffic: list[Traffic] = []

    async def story(_: VirtualRedis, *pacings: RedisPacing) -> None:
        traffic.extend(Traffic(pacing, server, (Charge("k", None),), rng, (0, 0.1)) for pacing in pacings)
        priorities = (INTERACTIVE, BACKGROUND, BACKGROUND, INTERACTIVE)
        saturated = (
            one.saturate(60, tasks=4, priority=priority) for one, priority in zip(traffic, priorities, strict=True)
        )
        await until(36, *saturated)

    play(story, processes=4)
    assert server.refused["ours"] == 0
    assert server.accepted["ours"] >= 0.9 * min(limits[6] * 6, limits[1] * 36)
    people, bulk = (sum(len(traffic[number].waits) for number in pair) for pair in ((0, 3), (1, 2)))
    assert people > 2 * bulk > 0


def test_background_calls_of_all_processes_keep_one_even_pace(play: Play) -> None:
    went: list[float] = []

    async def call(pacing: RedisPacing) -> None:
        (await take(pacing, Rate(100, 1200), BACKGROUND)).settle(**UNKNOWN)
        went.append(now())

    async def story(_: VirtualRedis, *pacings: RedisPacing) -> None:
        await asyncio.gather(*(call(pacing) for pacing in pacings for _number in range(7)))

    play(story, processes=3)
    # Steps of 50 ms, each of which whoever asks may find some milliseconds late; that is caught up with.
    assert went == pytest.approx([0.05 * number for number in range(21)], abs=0.05)


def test_interactive_calls_use_the_burst_at_once_in_one_round_trip_for_many(play: Play) -> None:
    async def story(server: VirtualRedis, pacing: RedisPacing) -> None:
        assert max(await asyncio.gather(*(timed(pacing, XL) for _number in range(300)))) < 0.1
        await settled(pacing)
        assert server.round_trips < 300 / 10

    play(story)


def test_an_interactive_call_of_another_process_goes_before_background_calls(play: Play) -> None:
    async def story(_: VirtualRedis, bulk: RedisPacing, person: RedisPacing) -> None:
        traffic = Traffic(
            bulk, FixedWindows({1: 5}, tells=False), (Charge("k", Rate(5, 300)),), random.Random(1), (0, 0)
        )
        loading = asyncio.ensure_future(traffic.saturate(60, tasks=30))
        await asyncio.sleep(0.5)
        waits = [await timed(person, Rate(5, 300)) for _number in range(20)]
        await ended(loading)
        assert max(waits) < 0.8
        assert sum(waits) / len(waits) < 0.3

    play(story, processes=2)


def test_background_calls_get_a_tenth_of_the_slots_under_a_flood_from_another_process(play: Play) -> None:
    async def story(_: VirtualRedis, crowd: RedisPacing, bulk: RedisPacing) -> None:
        server = FixedWindows({1: 20}, tells=False)
        charges = (Charge("k", Rate(20, 1200)),)
        flood, load = (Traffic(pacing, server, charges, random.Random(1), (0, 0)) for pacing in (crowd, bulk))
        await until(10, flood.saturate(60, tasks=20, priority=INTERACTIVE), load.saturate(60, tasks=2))
        assert len(flood.waits) / 12 < len(load.waits) < len(flood.waits) / 6

    play(story, processes=2)


def test_places_that_nobody_told_the_end_of_come_free(play: Play) -> None:
    async def story(_: VirtualRedis, killed: RedisPacing, other: RedisPacing) -> None:
        for _number in range(3):
            await take(killed, Rate(3, 60), within=5)
        # Their time has run out after five seconds; a burst window later they cannot count any more.
        assert await timed(other, Rate(3, 60)) == pytest.approx(6, abs=0.05)
        for _number in range(3):
            await take(killed, Rate(3, 60), within=FOREVER, key="another")
        assert await timed(other, Rate(3, 60), within=70, key="another") == pytest.approx(61, abs=0.1)

    play(story, processes=2)


def test_places_that_were_given_together_are_leased_for_the_longest_of_them(play: Play) -> None:
    async def story(_: VirtualRedis, killed: RedisPacing, other: RedisPacing) -> None:
        await asyncio.gather(*(take(killed, Rate(2, 60), within=seconds) for seconds in (1, 10)))
        assert await timed(other, Rate(2, 60)) == pytest.approx(11, abs=0.05)

    play(story, processes=2)


# --- what is told and learnt ---------------------------------------------------------------------------------------


def test_a_429_pauses_all_processes(play: Play) -> None:
    async def story(_: VirtualRedis, one: RedisPacing, other: RedisPacing) -> None:
        (await take(one)).settle(headers=None, retry_after_seconds=8.0)
        await settled(one)
        with pytest.raises(NoSlotInTime) as refused:
            await take(other, within=7.5)
        assert refused.value.wait_seconds == pytest.approx(8, abs=0.02)
        assert await timed(other) == pytest.approx(8, abs=0.02)

    play(story, processes=2)


def test_a_pause_is_never_longer_than_the_longest_window(play: Play) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        (await take(pacing)).settle(headers=None, retry_after_seconds=1e9)
        await settled(pacing)
        with pytest.raises(NoSlotInTime) as refused:
            await take(pacing)
        assert refused.value.wait_seconds == pytest.approx(86_400, abs=1)

    play(story)


def test_what_one_process_learns_holds_for_all(play: Play) -> None:
    async def story(_: VirtualRedis, one: RedisPacing, other: RedisPacing) -> None:
        taught = {"RateLimit-Limit": "2, 2;w=1, 100;w=60", "RateLimit-Remaining": "1"}
        (await take(one, None)).settle(headers=taught, retry_after_seconds=None)
        await settled(one)
        assert await timed(other, None) < 0.01
        assert await timed(other, None) == pytest.approx(1, abs=0.02)

    play(story, processes=2)


def test_a_days_quota_stays_when_answers_do_not_tell_it(play: Play) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        rate = Rate(5, 10, 2)
        for _number in range(2):
            headers = {"RateLimit-Limit": "5, 5;w=1, 20;w=60"}
            (await take(pacing, rate)).settle(headers=headers, retry_after_seconds=None)
        await settled(pacing)
        with pytest.raises(NoSlotInTime) as refused:
            await take(pacing, rate)
        assert refused.value.wait_seconds == pytest.approx(86_400, abs=20)

    play(story)


def test_a_server_that_tells_no_limits_has_none(play: Play) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        (await take(pacing, None)).settle(headers={}, retry_after_seconds=None)
        await settled(pacing)
        assert max(await asyncio.gather(*(timed(pacing, None) for _number in range(120)))) < 0.1

    play(story)


def test_a_rate_that_is_named_later_is_adopted(play: Play) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        first = await take(pacing, None)  # as a raw request does
        waiting = [asyncio.ensure_future(timed(pacing, rate)) for rate in (None, Rate(2, 60), Rate(2, 60))]
        await asyncio.sleep(0.5)
        assert waiting[0].done()
        first.settle(**UNKNOWN)
        assert max(await asyncio.gather(*waiting)) == pytest.approx(1.5, abs=0.05)

    play(story)


def test_a_foreign_user_is_left_room_by_all_processes(play: Play) -> None:
    async def story(_: VirtualRedis, *pacings: RedisPacing) -> None:
        server = FixedWindows({1: 40, 6: 60}, {1: 0.2, 6: 2.9})
        traffic = [
            Traffic(pacing, server, (Charge("k", None),), random.Random(number), (0, 0.003))
            for number, pacing in enumerate(pacings)
        ]

        async def forget() -> None:
            await asyncio.sleep(12)
            server.accepted.clear()
            server.refused.clear()

        await until(48, *(one.saturate(60, tasks=4) for one in traffic), traffic[0].foreign(3), forget())
        assert server.refused["foreign"] <= 1
        assert server.refused["ours"] <= 1
        assert server.accepted["ours"] > 0.5 * 60 * 6

    play(story, processes=3)


def test_a_429_tells_how_much_a_foreign_user_takes(play: Play) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        limits = {"RateLimit-Limit": "50, 50;w=1, 60;w=6", "RateLimit-Remaining": "49"}
        for _number in range(7):
            (await take(pacing, None)).settle(headers=limits, retry_after_seconds=None)
            await asyncio.sleep(1)
        # The window of six seconds was full, with sixty; a few were ours.
        (await take(pacing, None)).settle(headers=None, retry_after_seconds=5.0)
        await settled(pacing)
        began = now()
        for _number in range(4):
            (await take(pacing, None, BACKGROUND)).settle(**UNKNOWN)
        assert now() - began > 5 + 3 * 6 / 10

    play(story)


# --- several charges -----------------------------------------------------------------------------------------------


def test_a_call_with_several_charges_takes_all_places_or_none(play: Play) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        both = [Charge("endpoint", Rate(3, 60)), Charge("parameter", Rate(1, 15))]
        (await pacing.slot(both, priority=INTERACTIVE, within_seconds=1)).settle(**UNKNOWN)
        with pytest.raises(NoSlotInTime):
            await pacing.slot(both, priority=INTERACTIVE, within_seconds=0.3)
        await settled(pacing)
        assert await timed(pacing, Rate(3, 60), key="endpoint") < 0.01
        assert await timed(pacing, Rate(3, 60), key="endpoint") < 0.01

    play(story)


@pytest.mark.parametrize(("busy", "paused"), [(0, "parameter"), (60, "endpoint")])
def test_a_429_of_a_call_with_several_charges_pauses_the_fullest(play: Play, busy: int, paused: str) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        both = [Charge("endpoint", L), Charge("parameter", Rate(2, 15))]
        await asyncio.gather(*(timed(pacing, L, key="endpoint") for _number in range(busy)))
        slot = await pacing.slot(both, priority=INTERACTIVE, within_seconds=1)
        slot.settle(headers=None, retry_after_seconds=30.0)
        await settled(pacing)
        for key, rate in {charge.key: charge.rate for charge in both}.items():
            if key != paused:
                assert await timed(pacing, rate, key=key) < 0.01
                continue
            with pytest.raises(NoSlotInTime) as refused:
                await take(pacing, rate, key=key)
            assert refused.value.wait_seconds == pytest.approx(30, abs=0.1)

    play(story)


# --- deadlines and cancelling --------------------------------------------------------------------------------------


def test_a_wait_that_cannot_fit_is_refused_as_soon_as_it_is_known(play: Play) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        await asyncio.gather(*(timed(pacing, Rate(15, 15)) for _number in range(15)))
        await settled(pacing)
        began = now()
        with pytest.raises(NoSlotInTime) as refused:
            await take(pacing, Rate(15, 15), within=50)
        assert refused.value.wait_seconds == pytest.approx(60, abs=0.1)
        line = [asyncio.ensure_future(take(pacing, Rate(15, 15), BACKGROUND, within=80)) for _number in range(3)]
        await asyncio.sleep(0.1)
        with pytest.raises(NoSlotInTime) as refused:
            await take(pacing, Rate(15, 15), BACKGROUND, within=65)
        assert refused.value.wait_seconds > 65
        assert now() - began < 0.2
        await ended(*line)

    play(story)


@pytest.mark.parametrize("priority", Priority)
def test_a_wait_that_just_fits_is_not_refused_on_the_way(play: Play, priority: Priority) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        (await take(pacing)).settle(headers=None, retry_after_seconds=9.0)
        await settled(pacing)
        assert await timed(pacing, M, priority, within=9.1) == pytest.approx(9, abs=0.05)

    play(story)


def test_a_waiter_is_woken_when_a_place_is_given_back(play: Play) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        held = await take(pacing, Rate(1, 60))
        waiting = asyncio.ensure_future(timed(pacing, Rate(1, 60)))
        await asyncio.sleep(0.2)
        held.give_back()
        assert await waiting == pytest.approx(0.2, abs=0.01)

    play(story)


def test_a_cancelled_call_gives_its_place_back(play: Play) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        held = [await take(pacing, Rate(3, 60)) for _number in range(3)]
        waiting = [asyncio.ensure_future(take(pacing, Rate(3, 60))) for _number in range(5)]
        await asyncio.sleep(0.1)
        await ended(*waiting)
        for slot in held:
            slot.give_back()
            slot.give_back()
        await settled(pacing)
        assert max(await asyncio.gather(*(timed(pacing, Rate(3, 60)) for _number in range(3)))) < 0.01

    play(story)


@pytest.mark.parametrize("keys", [["k"], ["k", "other"]])
def test_a_call_cancelled_in_the_moment_of_its_turn_gives_its_place_back(
    play: Play, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        charges = [Charge(key, Rate(1, 60)) for key in keys]
        task = asyncio.ensure_future(pacing.slot(charges, priority=INTERACTIVE, within_seconds=20))
        hand_over = RedisPacing._hand_over

        def and_cancel(*arguments: Any) -> None:
            hand_over(*arguments)
            task.cancel()  # it has a place, and could not run yet

        monkeypatch.setattr(RedisPacing, "_hand_over", and_cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        monkeypatch.undo()
        await settled(pacing)
        for key in keys:
            assert await timed(pacing, Rate(1, 60), key=key) < 0.01

    play(story)


def test_a_place_for_a_call_that_was_just_cancelled_goes_to_the_next_or_back(play: Play) -> None:
    async def story(server: VirtualRedis, pacing: RedisPacing) -> None:
        for others in (1, 0):
            tasks = [asyncio.ensure_future(take(pacing, Rate(1, 600), within=20)) for _number in range(1 + others)]
            server.before_the_answer = tasks[0].cancel
            await asyncio.gather(tasks[0], return_exceptions=True)
            assert tasks[0].cancelled()
            for task in tasks[1:]:
                (await task).give_back()
            await asyncio.sleep(0.1)
            assert await timed(pacing, Rate(1, 600)) < 0.01
            await asyncio.sleep(1.1)

    play(story)


def test_calls_cancelled_at_any_moment_hold_nothing(play: Play) -> None:
    rng = random.Random(8)

    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        async def call() -> None:
            (await take(pacing, Rate(40, 2400), rng.choice(list(Priority)), within=5)).give_back()

        for _number in range(60):
            tasks = [asyncio.ensure_future(call()) for _number in range(5)]
            await asyncio.sleep(rng.uniform(0, 0.004))
            await ended(*tasks)
        await asyncio.sleep(1)
        assert max(await asyncio.gather(*(timed(pacing, Rate(40, 2400)) for _number in range(40)))) < 0.1

    play(story)


def test_a_background_call_that_leaves_while_another_is_asked_for_harms_nobody(play: Play) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing) -> None:
        await take(pacing, Rate(1, 60), within=3)
        person, bulk = (asyncio.ensure_future(take(pacing, Rate(1, 60), priority)) for priority in Priority)
        await asyncio.sleep(0.0001)  # the first question is on its way
        await ended(bulk)
        (await person).give_back()

    play(story)


# --- Redis that is away, that forgets, and its clock ----------------------------------------------------------------


def test_without_redis_interactive_calls_go_on_with_a_share_and_background_calls_wait(play: Play) -> None:
    async def story(server: VirtualRedis) -> None:
        server.is_away = True
        pacing = virtual_redis.paced(server, share_without_redis=0.2)
        waits = [await timed(pacing, Rate(10, 600)) for _number in range(3)]
        assert waits == pytest.approx([0, 0, 1], abs=0.01)
        began = now()
        with pytest.raises(NoSlotInTime):
            await take(pacing, Rate(10, 600), BACKGROUND, within=1.5)
        assert 0.4 < now() - began <= 1.5
        waiting = asyncio.ensure_future(timed(pacing, Rate(10, 600), BACKGROUND))
        await asyncio.sleep(5)
        assert not waiting.done()
        assert 5 <= server.round_trips <= 9
        server.is_away = False
        assert await waiting < 6.1
        await pacing.aclose()

    play(story, processes=0)


def test_redis_that_forgot_its_scripts_is_taught_anew(play: Play) -> None:
    async def story(server: VirtualRedis, pacing: RedisPacing) -> None:
        slot = await take(pacing, Rate(1, 60))
        server.redis.script_flush()
        slot.settle(**UNKNOWN)
        await settled(pacing)
        assert await timed(pacing, Rate(1, 60)) == pytest.approx(1, abs=0.01)

    play(story)


def test_redis_that_lost_its_memory_does_not_see_a_foreign_user_in_what_was_ours(play: Play) -> None:
    async def story(server: VirtualRedis, pacing: RedisPacing) -> None:
        for _number in range(40):
            await timed(pacing, Rate(50, 600))
        await asyncio.sleep(2)
        held = [await take(pacing, Rate(50, 600)) for _number in range(20)]
        server.redis.flushall()
        for slot in held:
            headers = {"RateLimit-Limit": "50, 50;w=1, 600;w=60", "RateLimit-Remaining": "29"}
            slot.settle(headers=headers, retry_after_seconds=None)
        await settled(pacing)
        assert max(await asyncio.gather(*(timed(pacing, Rate(50, 600)) for _number in range(30)))) < 0.1

    play(story)


@pytest.mark.parametrize("seconds", [0.9, 3_600])
def test_a_clock_of_redis_that_was_put_back_keeps_nobody_waiting(play: Play, seconds: float) -> None:
    async def story(server: VirtualRedis, pacing: RedisPacing) -> None:
        await timed(pacing, Rate(1, 60))
        server.put_back_seconds = seconds
        assert await timed(pacing, Rate(1, 60)) < 2
        assert await timed(pacing, Rate(1, 60)) == pytest.approx(1, abs=0.01)
        assert await timed(pacing, Rate(1, 60), BACKGROUND) == pytest.approx(1, abs=0.01)

    play(story)


def test_redis_keys_hold_digests_alone_and_do_not_stay(play: Play) -> None:
    async def story(server: VirtualRedis) -> None:
        key = "GET /api/profiles/ann@example.org"
        pacings = [virtual_redis.paced(server, account) for account in ("pk_a_secret_key", "another account")]
        (await take(pacings[0], key=key)).settle(**UNKNOWN)
        (await take(pacings[1], key=key)).settle(headers=None, retry_after_seconds=1.0)
        (await take(pacings[1], key="other")).give_back()
        for pacing in pacings:
            await settled(pacing)
        names = [str(name) for name in server.redis.scan_iter()]
        assert len(names) == 4  # what was refused or given back leaves no request behind
        for name in names:
            assert re.fullmatch(r"aioklaviyo:\{[0-9a-f]{16}:[0-9a-f]{16}\}:(known|calls)", name)
            assert 0 < server.redis.pttl(name) < 300_000
        values = repr([server.redis.hgetall(name) for name in names if name.endswith("known")])
        assert "example" not in values
        assert "secret" not in values

    play(story, processes=0)


# --- its life ------------------------------------------------------------------------------------------------------


def test_closing_refuses_those_who_wait_and_tells_redis_the_rest(play: Play) -> None:
    async def story(_: VirtualRedis, pacing: RedisPacing, other: RedisPacing) -> None:
        slot = await take(pacing, Rate(1, 60))
        waiting = asyncio.ensure_future(take(pacing, Rate(1, 60)))
        await asyncio.sleep(0.1)
        slot.give_back()
        await pacing.aclose()
        with pytest.raises(NoSlotInTime):
            await waiting
        assert await timed(other, Rate(1, 60)) < 0.01

    play(story, processes=2)


def test_a_clock_that_breaks_is_heard_of_by_those_who_wait(play: Play) -> None:
    async def broken(_: float) -> None:
        raise OSError("no clock")

    async def story(server: VirtualRedis) -> None:
        pacing = virtual_redis.paced(server, sleep=broken)
        await take(pacing, Rate(1, 60))
        with pytest.raises(OSError, match="no clock"):
            await take(pacing, Rate(1, 60))

    play(story, processes=0)
