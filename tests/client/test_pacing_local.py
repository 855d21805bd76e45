"""The pace of one process, in virtual time: limits kept whatever the phase, order, deadlines, cancelling, learning."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioklaviyo.pacing.local import LocalPacing
from aioklaviyo.pacing.model import NoPacing, NoSlotInTime, Priority, Slot
from aioklaviyo.rates import Charge, L, M, Rate
from client.pacing_world import FOREVER, FixedWindows, Traffic, until
from dreamflow.bench.client.limits.virtual_time import StuckError, run

INTERACTIVE, BACKGROUND = Priority.INTERACTIVE, Priority.BACKGROUND
UNKNOWN = {"headers": None, "retry_after_seconds": None}
PLAIN = {"headers": {}, "retry_after_seconds": None}


def now() -> float:
    return asyncio.get_running_loop().time()


def paced() -> LocalPacing:
    return LocalPacing(monotonic=asyncio.get_running_loop().time)


async def take(
    pacing: LocalPacing,
    rate: Rate | None = M,
    priority: Priority = INTERACTIVE,
    within: float = FOREVER,
    key: str = "k",
) -> Slot:
    return await pacing.slot([Charge(key, rate)], priority=priority, within_seconds=within)


async def waited(call: Coroutine[Any, Any, Slot], then: Mapping[str, Any] = UNKNOWN) -> float:
    """How long a slot took to come; it is settled at once."""
    began = now()
    (await call).settle(**then)
    return now() - began


# --- never more than the limit -------------------------------------------------------------------------------------

limits = st.builds(lambda burst, steady: {1: burst, 6: max(burst, steady)}, st.integers(1, 5), st.integers(2, 16))


@settings(max_examples=60)
@given(
    limits=limits,
    phase=st.floats(0, 6),
    slowest=st.floats(0, 3),
    tasks=st.integers(1, 25),
    share=st.floats(0, 1),
    tells=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_no_window_of_any_phase_takes_more_than_its_limit_however_slow_answers_are(
    *, limits: dict[int, int], phase: float, slowest: float, tasks: int, share: float, tells: bool, seed: int
) -> None:
    async def play() -> None:
        rng = random.Random(seed)
        server = FixedWindows(limits, {1: phase % 1, 6: phase}, tells=tells)
        teach = {"headers": FixedWindows(limits).charge("", 0)[0], "retry_after_seconds": None}
        pacing = paced()
        (await take(pacing, None)).settle(**teach)  # not sent to the server: only to teach the windows
        traffic = Traffic(pacing, server, (Charge("k", None),), rng, (0, slowest))

        async def again() -> None:
            while True:
                if rng.random() < 0.1:
                    (await traffic.slot(INTERACTIVE)).give_back()
                    await asyncio.sleep(rng.random())
                await traffic.call(INTERACTIVE if rng.random() < share else BACKGROUND)

        await until(25, *(again() for _ in range(tasks)))
        assert server.refused["ours"] == 0
        assert server.accepted["ours"] > 0

    run(play())


@pytest.mark.parametrize(("rate", "priority"), [(M, BACKGROUND), (L, BACKGROUND), (L, INTERACTIVE)])
def test_a_busy_client_uses_nearly_the_whole_limit(rate: Rate, priority: Priority) -> None:
    async def play() -> None:
        server = FixedWindows({1: rate.burst, 60: rate.steady}, {1: 0.3, 60: 17})
        traffic = Traffic(paced(), server, (Charge("k", rate),), random.Random(1), (0.015, 0.125))
        await traffic.saturate(60 * 2 + 1, tasks=30, priority=priority)
        assert server.refused["ours"] == 0
        assert server.accepted["ours"] >= 0.99 * rate.steady * 2

    run(play())


def test_a_share_of_the_limits_is_kept_and_never_less_than_one_call() -> None:
    async def play() -> None:
        pacing = LocalPacing(share=0.25, monotonic=asyncio.get_running_loop().time)
        assert [await waited(take(pacing, Rate(8, 60))) for _ in range(3)] == pytest.approx([0, 0, 1], abs=0.01)
        assert [await waited(take(pacing, Rate(1, 15), key="x")) for _ in range(2)] == pytest.approx([0, 1], abs=0.01)

    run(play())


@pytest.mark.parametrize("share", [0, -1, 1.01, float("nan")])
def test_a_share_that_makes_no_sense_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        LocalPacing(share=share)


# --- who goes first ------------------------------------------------------------------------------------------------


def test_interactive_calls_use_the_whole_burst_at_once_and_background_calls_keep_an_even_pace() -> None:
    async def play() -> None:
        pacing = paced()
        assert [await waited(take(pacing)) for _ in range(10)] == [0] * 10
        assert await waited(take(pacing)) == pytest.approx(1, abs=0.01)
        steps = [await waited(take(pacing, M, BACKGROUND, key="other")) for _ in range(20)]
        assert steps[0] == 0
        assert steps[1:] == pytest.approx([0.4] * 19, abs=0.01)

    run(play())


def test_an_interactive_call_waits_about_one_slot_behind_a_full_background_queue() -> None:
    async def play() -> None:
        server = FixedWindows({1: 10, 60: 150}, {60: 31})
        traffic = Traffic(paced(), server, (Charge("k", M),), random.Random(2))

        async def person() -> None:
            while True:
                await asyncio.sleep(traffic.rng.uniform(2, 9))
                await traffic.call(INTERACTIVE)

        await until(600, traffic.saturate(FOREVER, tasks=100), person())
        waits = sorted(wait for priority, wait in traffic.waits if priority is INTERACTIVE)
        assert len(waits) > 90
        assert waits[len(waits) // 2] < 0.4
        assert waits[-1] < 1.5
        assert server.refused["ours"] == 0

    run(play())


def test_background_calls_get_a_tenth_of_the_slots_under_a_flood_of_interactive_calls() -> None:
    async def play() -> None:
        traffic = Traffic(paced(), FixedWindows({1: 10, 60: 150}), (Charge("k", M),), random.Random(3))
        await until(600, traffic.saturate(FOREVER, tasks=50, priority=INTERACTIVE), traffic.saturate(FOREVER, tasks=3))
        background = sum(priority is BACKGROUND for priority, _ in traffic.waits)
        assert background >= len(traffic.waits) // 10 - 1
        assert background < len(traffic.waits) // 8

    run(play())


def test_calls_of_one_priority_go_in_the_order_in_which_they_came() -> None:
    async def play() -> None:
        pacing, order = paced(), list[int]()

        async def call(number: int) -> None:
            (await take(pacing, M, BACKGROUND)).settle(**UNKNOWN)
            order.append(number)

        await asyncio.gather(*map(call, range(30)))
        assert order == list(range(30))

    run(play())


# --- several charges -----------------------------------------------------------------------------------------------


def test_a_call_with_several_charges_takes_all_places_or_none_and_lets_others_pass() -> None:
    async def play() -> None:
        pacing = paced()
        both = [Charge("endpoint", L), Charge("parameter", Rate(1, 15))]
        waits: list[float] = []

        async def costly() -> None:
            began = now()
            (await pacing.slot(both, priority=INTERACTIVE, within_seconds=FOREVER)).settle(**UNKNOWN)
            waits.append(now() - began)

        tasks = [asyncio.ensure_future(costly()) for _ in range(3)]
        await asyncio.sleep(0)
        # The two that wait for the parameter hold nothing of the endpoint: 74 places are left in this second.
        assert [await waited(take(pacing, L, key="endpoint")) for _ in range(74)] == [0] * 74
        assert await waited(take(pacing, L, key="endpoint")) == pytest.approx(1, abs=0.01)
        await asyncio.gather(*tasks)
        assert waits == pytest.approx([0, 1, 2], abs=0.01)

    run(play())


@pytest.mark.parametrize(("busy", "paused"), [(0, "parameter"), (60, "endpoint")])
def test_a_429_of_a_call_with_several_charges_pauses_the_fullest(busy: int, paused: str) -> None:
    async def play() -> None:
        pacing = paced()
        rates = {"endpoint": L, "parameter": Rate(2, 15)}
        for _ in range(busy):
            await waited(take(pacing, L, key="endpoint"))
        both = [Charge(key, rate) for key, rate in rates.items()]
        slot = await pacing.slot(both, priority=INTERACTIVE, within_seconds=1)
        slot.settle(headers=None, retry_after_seconds=30.0)
        with pytest.raises(NoSlotInTime) as refused:
            await take(pacing, rates.pop(paused), within=29, key=paused)
        assert refused.value.wait_seconds == pytest.approx(30)
        for key, rate in rates.items():
            assert await waited(take(pacing, rate, key=key)) == 0

    run(play())


def test_a_quota_that_is_named_twice_is_charged_once() -> None:
    async def play() -> None:
        pacing, charge = paced(), Charge("k", Rate(1, 15))
        slot = await pacing.slot([charge, charge], priority=INTERACTIVE, within_seconds=0)
        slot.give_back()
        assert await waited(take(pacing, Rate(1, 15))) == 0

    run(play())


# --- deadlines and cancelling --------------------------------------------------------------------------------------


def test_a_wait_that_cannot_fit_is_refused_at_once_and_nothing_is_queued() -> None:
    async def play() -> None:
        pacing = paced()
        for _ in range(15):
            await waited(take(pacing, Rate(15, 15)))
        with pytest.raises(NoSlotInTime) as refused:
            await take(pacing, Rate(15, 15), within=59)
        assert refused.value.wait_seconds == pytest.approx(60, abs=0.1)
        assert now() == 0
        assert await waited(take(pacing, Rate(15, 15), within=61)) == pytest.approx(60, abs=0.1)

    run(play())


def test_those_in_line_count_when_the_wait_is_reckoned() -> None:
    async def play() -> None:
        pacing = paced()
        line = [asyncio.ensure_future(take(pacing, Rate(1, 15), BACKGROUND)) for _ in range(6)]
        await asyncio.sleep(0)
        with pytest.raises(NoSlotInTime) as refused:
            await take(pacing, Rate(1, 15), BACKGROUND, within=23)
        assert refused.value.wait_seconds == pytest.approx(24, abs=0.1)
        with pytest.raises(NoSlotInTime):
            await take(pacing, Rate(1, 15), within=0.9)
        for task in line:
            task.cancel()

    run(play())


class Crowd:
    """Calls that come, go and end in any order."""

    def __init__(self, rates: tuple[Rate | None, ...], rng: random.Random) -> None:
        self.pacing = paced()
        self.charges = [Charge(f"k{number}", rate) for number, rate in enumerate(rates)]
        self._rng = rng
        self._calls: list[asyncio.Task[None]] = []
        self._slots: list[Slot] = []

    def take(self, priority: Priority, seconds: float) -> None:
        self._calls.append(asyncio.ensure_future(self._call(priority, seconds)))

    async def _call(self, priority: Priority, seconds: float) -> None:
        ends_at = now() + seconds
        with suppress(NoSlotInTime):
            self._slots.append(await self.pacing.slot(self.charges, priority=priority, within_seconds=seconds))
        assert now() <= ends_at + 0.001

    def cancel(self, _: Priority, __: float) -> None:
        if self._calls:
            self._rng.choice(self._calls).cancel()

    def settle(self, _: Priority, __: float) -> None:
        self._end(lambda slot: slot.settle(**UNKNOWN))

    def throttle(self, _: Priority, seconds: float) -> None:
        self._end(lambda slot: slot.settle(headers=None, retry_after_seconds=seconds))

    def give_back(self, *_: object) -> None:
        self._end(lambda slot: slot.give_back())

    def _end(self, end: Callable[[Slot], None]) -> None:
        if self._slots:
            slot = self._slots.pop(self._rng.randrange(len(self._slots)))
            end(slot)
            end(slot)  # which changes nothing

    async def leave(self) -> None:
        while self._calls:
            await asyncio.sleep(0.1)
            self.give_back()
            for call in [call for call in self._calls if call.done()]:
                self._calls.remove(call)
                assert call.cancelled() or call.exception() is None
        while self._slots:
            self.give_back()


@settings(max_examples=60)
@given(
    moves=st.lists(
        st.tuples(
            st.sampled_from([Crowd.take, Crowd.take, Crowd.cancel, Crowd.settle, Crowd.throttle, Crowd.give_back]),
            st.sampled_from(Priority),
            st.floats(0, 20),
            st.just(0.0) | st.floats(0, 2),
        ),
        max_size=60,
    ),
    rates=st.sampled_from([(Rate(2, 6),), (Rate(3, 60), Rate(1, 6)), (None,)]),
    seed=st.integers(0, 2**32),
)
def test_whatever_happens_waits_end_in_time_and_in_the_end_nothing_is_held(
    moves: list[tuple[Callable[[Crowd, Priority, float], None], Priority, float, float]],
    rates: tuple[Rate | None, ...],
    seed: int,
) -> None:
    async def play() -> None:
        crowd = Crowd(rates, random.Random(seed))
        for move, priority, seconds, pause in moves:
            move(crowd, priority, seconds)
            await asyncio.sleep(pause)
        await crowd.leave()
        assert not crowd.pacing._queue
        await asyncio.sleep(200)
        for _ in range(min(rate.burst if rate else 1 for rate in rates)):  # a whole burst at once, as on the first day
            await crowd.pacing.slot(crowd.charges, priority=INTERACTIVE, within_seconds=0)

    run(play())


def test_a_waiter_is_woken_when_a_place_is_given_back() -> None:
    async def play() -> None:
        pacing = paced()
        first = await take(pacing, Rate(1, 15))
        second = asyncio.ensure_future(waited(take(pacing, Rate(1, 15))))
        await asyncio.sleep(0.2)
        first.give_back()
        assert await second == pytest.approx(0.2)

    run(play())


def test_a_waiter_is_woken_when_the_limits_turn_out_wider() -> None:
    async def play() -> None:
        pacing = paced()
        first = await take(pacing, Rate(1, 15))
        second = asyncio.ensure_future(waited(take(pacing, Rate(1, 15))))
        await asyncio.sleep(0.2)
        first.settle(headers={"RateLimit-Limit": "5, 5;w=1, 100;w=60"}, retry_after_seconds=None)
        assert await second == pytest.approx(0.2)

    run(play())


def test_a_call_cancelled_in_the_moment_of_its_turn_gives_its_place_back() -> None:
    async def play() -> None:
        pacing = paced()
        first = await take(pacing, Rate(1, 15))
        second = asyncio.ensure_future(take(pacing, Rate(1, 15)))
        await asyncio.sleep(0.1)
        first.give_back()  # hands the place over
        second.cancel()  # before it could run
        with pytest.raises(asyncio.CancelledError):
            await second
        assert await waited(take(pacing, Rate(1, 15))) == 0

    run(play())


def test_a_call_cancelled_before_its_turn_is_passed_over() -> None:
    async def play() -> None:
        pacing = paced()
        first = await take(pacing, Rate(1, 15))
        second = asyncio.ensure_future(take(pacing, Rate(1, 15)))
        third = asyncio.ensure_future(waited(take(pacing, Rate(1, 15))))
        await asyncio.sleep(0.1)
        second.cancel()
        first.give_back()
        assert await third == pytest.approx(0.1)

    run(play())


def test_a_clock_that_breaks_is_heard_of_by_those_who_wait() -> None:
    async def broken(_: float) -> None:
        raise OSError("no clock")

    async def play() -> None:
        pacing = LocalPacing(monotonic=asyncio.get_running_loop().time, sleep=broken)
        await take(pacing, Rate(1, 15))
        with pytest.raises(OSError, match="no clock"):
            await take(pacing, Rate(1, 15))

    run(play())


def test_those_who_wait_end_with_the_loop_and_the_next_loop_goes_on() -> None:
    pacing = LocalPacing(monotonic=lambda: 5.0)

    async def wait_in_vain() -> None:
        await take(pacing, Rate(1, 15))
        task = asyncio.ensure_future(take(pacing, Rate(1, 15)))
        await asyncio.sleep(0)
        assert not task.done()

    asyncio.run(wait_in_vain())
    asyncio.run(wait_in_vain_again(pacing))


def test_those_who_waited_in_a_loop_that_was_only_closed_are_forgotten() -> None:
    pacing = LocalPacing(monotonic=lambda: 5.0)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(take(pacing, Rate(1, 15)))
    task = loop.create_task(take(pacing, Rate(1, 15), within=5))
    loop.call_soon(loop.stop)
    loop.run_forever()
    dispatcher = pacing._dispatcher
    assert dispatcher is not None
    loop.close()
    asyncio.run(wait_in_vain_again(pacing))
    assert not pacing._queue
    assert not task.done()
    for left in (task, dispatcher):  # as collecting them would, which complains to nobody
        left._log_destroy_pending = False  # pyright: ignore[reportAttributeAccessIssue]
        with suppress(RuntimeError):
            left.get_coro().close()


async def wait_in_vain_again(pacing: LocalPacing) -> None:
    with pytest.raises(NoSlotInTime):
        await take(pacing, Rate(1, 15), within=0.5)
    await take(pacing, Rate(1, 15), key="other")


# --- what answers teach --------------------------------------------------------------------------------------------


def test_limits_of_the_answers_override_those_of_the_table_and_a_days_quota_stays() -> None:
    async def play() -> None:
        pacing, rate = paced(), Rate(1, 2, 3)
        taught = {"headers": {"RateLimit-Limit": "2, 2;w=1, 100;w=60"}, "retry_after_seconds": None}
        assert await waited(take(pacing, rate), taught) == 0
        assert await waited(take(pacing, rate), taught) == 0
        assert await waited(take(pacing, rate), taught) == pytest.approx(1, abs=0.01)
        with pytest.raises(NoSlotInTime) as refused:
            await take(pacing, rate, within=80_000)
        assert refused.value.wait_seconds == pytest.approx(86_400, abs=20)

    run(play())


def test_windows_that_are_learnt_late_count_what_went_before() -> None:
    async def play() -> None:
        pacing = paced()
        for _ in range(4):
            await waited(take(pacing, Rate(10, 150)))
        taught = {"headers": {"RateLimit-Limit": "5, 5;w=1, 5;w=6"}, "retry_after_seconds": None}
        assert await waited(take(pacing, Rate(10, 150)), taught) == 0
        assert await waited(take(pacing, Rate(10, 150))) == pytest.approx(6, abs=0.01)

    run(play())


def test_without_known_limits_one_call_goes_ahead_and_the_others_follow_what_it_learns() -> None:
    async def play() -> None:
        pacing = paced()
        scout = await take(pacing, None)
        others = [asyncio.ensure_future(waited(take(pacing, None))) for _ in range(4)]
        await asyncio.sleep(0.3)
        assert not any(other.done() for other in others)
        scout.settle(headers={"RateLimit-Limit": "3, 3;w=1, 30;w=60"}, retry_after_seconds=None)
        assert await asyncio.gather(*others) == pytest.approx([0.3, 0.3, 1.3, 1.3], abs=0.02)

    run(play())


def test_a_server_that_tells_no_limits_has_none() -> None:
    async def play() -> None:
        pacing = paced()
        await waited(take(pacing, None), PLAIN)
        assert [await waited(take(pacing, None)) for _ in range(500)] == [0] * 500

    run(play())


def test_a_rate_that_is_named_after_a_raw_request_is_adopted() -> None:
    async def play() -> None:
        pacing = paced()
        scout = await take(pacing, None)
        others = [asyncio.ensure_future(waited(take(pacing, rate))) for rate in (None, Rate(3, 60), Rate(3, 60))]
        await asyncio.sleep(0.3)
        scout.settle(**UNKNOWN)
        assert await asyncio.gather(*others) == pytest.approx([0, 0, 1], abs=0.02)
        assert await waited(take(pacing, Rate(50, 600))) < 1.1  # what is known already stays

    run(play())


def test_what_answers_told_a_raw_request_counts_more_than_a_rate_that_is_named_later() -> None:
    async def play() -> None:
        pacing = paced()
        taught = {"headers": {"RateLimit-Limit": "3, 3;w=1, 100;w=60"}, "retry_after_seconds": None}
        await waited(take(pacing, None), taught)
        assert [await waited(take(pacing, Rate(1, 15))) for _ in range(2)] == [0, 0]

    run(play())


def test_a_pause_is_never_longer_than_the_longest_window() -> None:
    async def play() -> None:
        pacing = paced()
        (await take(pacing)).settle(headers=None, retry_after_seconds=1e9)
        assert await waited(take(pacing)) == pytest.approx(86_400)

    run(play())


def test_a_scout_that_is_refused_makes_everybody_wait() -> None:
    async def play() -> None:
        pacing = paced()
        (await take(pacing, None)).settle(headers=None, retry_after_seconds=4.0)
        assert await waited(take(pacing, None)) == pytest.approx(4)

    run(play())


def test_a_429_pauses_everybody_and_afterwards_they_go_one_by_one() -> None:
    async def play() -> None:
        pacing, ends = paced(), list[float]()
        (await take(pacing)).settle(headers=None, retry_after_seconds=7.0)

        async def call(priority: Priority) -> None:
            (await take(pacing, M, priority)).settle(**UNKNOWN)
            ends.append(now())

        await asyncio.gather(*(call(INTERACTIVE) for _ in range(4)), call(BACKGROUND))
        # An even pace for a second, then a burst for who is in a hurry.
        assert ends == pytest.approx([7, 7.4, 7.8, 8, 8.6], abs=0.02)

    run(play())


def test_a_refused_call_was_not_charged() -> None:
    async def play() -> None:
        pacing = paced()
        for _ in range(15):
            (await take(pacing, Rate(15, 15))).settle(headers=None, retry_after_seconds=0.0)
        assert await waited(take(pacing, Rate(15, 15))) < 5

    run(play())


@pytest.mark.parametrize(("limits", "windows"), [({1: 10, 60: 150}, 15), ({1: 75, 60: 750}, 2), ({1: 350, 6: 350}, 6)])
def test_a_foreign_user_who_takes_three_tenths_is_left_alone(limits: dict[int, int], windows: int) -> None:
    seconds = max(limits)

    async def play() -> None:
        server = FixedWindows(limits, {1: 0.7, seconds: 0.73 * seconds})
        traffic = Traffic(paced(), server, (Charge("k", None),), random.Random(4), (0.001, 0.01))

        async def forget() -> None:
            await asyncio.sleep(2 * seconds)
            server.accepted.clear()
            server.refused.clear()

        await until(
            (2 + windows) * seconds,
            traffic.saturate(FOREVER, tasks=10),
            traffic.foreign(0.3 * limits[seconds] / seconds),
            forget(),
        )
        assert server.accepted["ours"] > 0.55 * limits[seconds] * windows
        assert server.refused["foreign"] <= 2
        assert server.refused["ours"] <= 3

    run(play())


def test_a_foreign_user_who_left_is_forgotten() -> None:
    async def play() -> None:
        server = FixedWindows({1: 10, 6: 15}, {6: 4.4})
        traffic = Traffic(paced(), server, (Charge("k", None),), random.Random(5), (0.05, 0.1))
        await until(60, traffic.saturate(FOREVER, tasks=4), traffic.foreign(0.75))
        assert server.accepted["ours"] < 115
        await traffic.saturate(120, tasks=4)
        server.accepted.clear()
        await traffic.saturate(60, tasks=4)
        assert server.accepted["ours"] > 140

    run(play())


def test_what_was_used_before_the_start_is_not_taken_for_a_foreign_user() -> None:
    async def play() -> None:
        server = FixedWindows({1: 10, 60: 150}, {60: 10})
        for _ in range(10):
            for _ in range(10):
                server.charge("yesterday", now())
            await asyncio.sleep(1)
        traffic = Traffic(paced(), server, (Charge("k", M),), random.Random(6), (0.001, 0.01))
        await traffic.saturate(60, tasks=20)
        assert server.refused["ours"] > 0
        server.accepted.clear()
        await traffic.saturate(600, tasks=3)
        assert server.accepted["ours"] >= 0.99 * 1_500

    run(play())


# --- memory --------------------------------------------------------------------------------------------------------


def test_quotas_that_nobody_used_for_long_are_forgotten() -> None:
    async def play() -> None:
        pacing = paced()
        for number in range(500):
            await waited(take(pacing, M, key=f"k{number}"))
        held = await take(pacing, M, key="under way")
        (await take(pacing, M, key="paused")).settle(headers=None, retry_after_seconds=900.0)
        line = [asyncio.ensure_future(take(pacing, Rate(1, 1, 1), key="waited for")) for _ in range(2)]
        await asyncio.sleep(200)
        await waited(take(pacing))
        assert set(pacing._gauges) == {"k", "under way", "paused", "waited for"}
        held.give_back()
        for task in line:
            task.cancel()
        await asyncio.sleep(1_000)
        await waited(take(pacing))
        assert set(pacing._gauges) == {"k", "waited for"}  # of which a day's quota was used

    run(play())


def test_calls_that_went_long_before_their_time_was_out_are_not_remembered() -> None:
    async def play() -> None:
        pacing = paced()
        stuck = await take(pacing, Rate(1, 1, 1), key="stuck")
        first = asyncio.ensure_future(take(pacing, Rate(1, 1, 1), within=100_000, key="stuck"))
        for _ in range(50):
            await asyncio.gather(*(waited(take(pacing, Rate(20, 1200), within=1e6)) for _ in range(40)))
        assert len(pacing._queue._ends) < 300
        stuck.give_back()
        await first

    run(play())


# --- the others ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pacing", [NoPacing(), LocalPacing()])
async def test_a_call_without_charges_goes_at_once(pacing: NoPacing | LocalPacing) -> None:
    slot = await pacing.slot([], priority=BACKGROUND, within_seconds=0)
    slot.settle(headers=None, retry_after_seconds=99.0)
    slot.give_back()
    await pacing.slot([], priority=BACKGROUND, within_seconds=0)


async def test_no_pacing_lets_everything_go_at_once() -> None:
    charges: Sequence[Charge] = [Charge("k", Rate(1, 1))]
    for _ in range(100):
        slot = await NoPacing().slot(charges, priority=BACKGROUND, within_seconds=0)
        slot.settle(headers=None, retry_after_seconds=9.0)


def test_virtual_time_says_when_nothing_can_happen_any_more() -> None:
    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(StuckError):
        run(wait())
