"""The pace of several processes through a real Redis: limits kept together, and what happens without it."""

import asyncio
import random
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from aioklaviyo.pacing.model import NoSlotInTime, Slot
from aioklaviyo.pacing.priority import Priority
from aioklaviyo.pacing.redis import RedisPacing
from aioklaviyo.rates import XL, Charge, M, Rate
from client.pacing_world import FixedWindows, Traffic, until
from dreamflow.bench.client.limits.redis_process import RedisProcess

pytestmark = pytest.mark.redis

INTERACTIVE, BACKGROUND = Priority.INTERACTIVE, Priority.BACKGROUND
UNKNOWN = {"headers": None, "retry_after_seconds": None}


@asynccontextmanager
async def paced(url: str, count: int = 1, **settings: Any) -> AsyncIterator[list[RedisPacing]]:
    """Limiters as several processes would have them."""
    pacings = [RedisPacing(url, **{"account": "acme", **settings}) for _ in range(count)]
    try:
        yield pacings
    finally:
        for pacing in pacings:
            await pacing.aclose()


async def take(
    pacing: RedisPacing, rate: Rate | None = M, priority: Priority = INTERACTIVE, within: float = 20, key: str = "k"
) -> Slot:
    return await pacing.slot([Charge(key, rate)], priority=priority, within_seconds=within)


async def timed(pacing: RedisPacing, *arguments: Any, **more: Any) -> float:
    """How long a slot took to come; it is settled at once."""
    began = time.monotonic()
    (await take(pacing, *arguments, **more)).settle(**UNKNOWN)
    return time.monotonic() - began


async def settled(pacing: RedisPacing) -> None:
    """Wait until Redis knows the rest."""
    assert pacing._teller is not None
    await pacing._teller


async def test_four_limiters_together_keep_every_window_and_use_nearly_all_of_it(redis_url: str) -> None:
    limits = {1: 8, 2: 12}
    server = FixedWindows(limits, {1: 0.4, 2: 1.3})
    async with paced(redis_url, 4) as pacings:
        traffic = [
            Traffic(pacing, server, (Charge("k", None),), random.Random(number), (0, 0.01))
            for number, pacing in enumerate(pacings)
        ]
        priorities = (INTERACTIVE, BACKGROUND, BACKGROUND, INTERACTIVE)
        await until(
            4.5,
            *(one.saturate(60, tasks=4, priority=priority) for one, priority in zip(traffic, priorities, strict=True)),
        )
    assert server.refused["ours"] == 0
    assert server.accepted["ours"] >= 0.9 * 6 * 4.5
    people, bulk = len(traffic[0].waits) + len(traffic[3].waits), len(traffic[1].waits) + len(traffic[2].waits)
    assert people > 2 * bulk > 0


async def test_background_calls_of_all_processes_keep_one_even_pace(redis_url: str) -> None:
    began, went = time.monotonic(), list[float]()

    async def call(pacing: RedisPacing) -> None:
        (await take(pacing, Rate(100, 1200), BACKGROUND)).settle(**UNKNOWN)
        went.append(time.monotonic() - began)

    async with paced(redis_url, 3) as pacings:
        await asyncio.gather(*(call(pacing) for pacing in pacings for _ in range(7)))
    # Twenty steps of 50 ms, of which a pace that fell behind may catch up with ten; without a pace, all went at once.
    assert 0.5 <= went[-1] - went[0] < 3


async def test_interactive_calls_use_the_burst_at_once_in_one_round_trip_for_many(redis_url: str) -> None:
    async with paced(redis_url) as (pacing,), _client(redis_url) as redis:
        waits = await asyncio.gather(*(timed(pacing, XL) for _ in range(300)))
        assert max(waits) < 1
        await settled(pacing)
        statistics = await redis.info("commandstats")
        asked = statistics["cmdstat_evalsha"]["calls"]
    assert asked < 300 + 40


async def test_an_interactive_call_of_another_process_goes_before_background_calls(redis_url: str) -> None:
    async with paced(redis_url, 2) as (bulk, person):
        traffic = Traffic(
            bulk, FixedWindows({1: 5}, tells=False), (Charge("k", Rate(5, 300)),), random.Random(1), (0, 0)
        )
        loading = asyncio.ensure_future(traffic.saturate(60, tasks=30))
        await asyncio.sleep(0.5)
        waits = [await timed(person, Rate(5, 300)) for _ in range(6)]
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
    assert max(waits) < 0.8
    assert sum(waits) / len(waits) < 0.45


async def test_background_calls_are_not_starved_by_another_process(redis_url: str) -> None:
    async with paced(redis_url, 2) as (crowd, bulk):
        server = FixedWindows({1: 20}, tells=False)
        flood = Traffic(crowd, server, (Charge("k", Rate(20, 1200)),), random.Random(1), (0, 0))
        load = Traffic(bulk, server, (Charge("k", Rate(20, 1200)),), random.Random(2), (0, 0))
        await until(3, flood.saturate(60, tasks=20, priority=INTERACTIVE), load.saturate(60, tasks=2))
    assert len(load.waits) >= 3
    assert len(flood.waits) > len(load.waits)


async def test_a_429_pauses_all_processes(redis_url: str) -> None:
    async with paced(redis_url, 2) as (one, other):
        (await take(one)).settle(headers=None, retry_after_seconds=1.0)
        await settled(one)
        with pytest.raises(NoSlotInTime) as refused:
            await take(other, within=0.5)
        assert refused.value.wait_seconds == pytest.approx(1, abs=0.2)
        assert await timed(other) == pytest.approx(1, abs=0.25)


async def test_what_one_process_learns_holds_for_all(redis_url: str) -> None:
    async with paced(redis_url, 2) as (one, other):
        taught = {"RateLimit-Limit": "2, 2;w=1, 100;w=60", "RateLimit-Remaining": "1"}
        (await take(one, None)).settle(headers=taught, retry_after_seconds=None)
        await settled(one)
        assert await timed(other, None) < 0.3
        assert await timed(other, None) == pytest.approx(1, abs=0.3)


async def test_a_days_quota_stays_when_answers_do_not_tell_it(redis_url: str) -> None:
    async with paced(redis_url) as (pacing,):
        rate = Rate(5, 10, 2)
        for _ in range(2):
            headers = {"RateLimit-Limit": "5, 5;w=1, 20;w=60"}
            (await take(pacing, rate)).settle(headers=headers, retry_after_seconds=None)
        await settled(pacing)
        with pytest.raises(NoSlotInTime) as refused:
            await take(pacing, rate)
        assert refused.value.wait_seconds == pytest.approx(86_400, abs=20)


async def test_a_server_that_tells_no_limits_has_none(redis_url: str) -> None:
    async with paced(redis_url) as (pacing,):
        (await take(pacing, None)).settle(headers={}, retry_after_seconds=None)
        await settled(pacing)
        assert max(await asyncio.gather(*(timed(pacing, None) for _ in range(120)))) < 1


async def test_a_foreign_user_is_left_room_by_all_processes(redis_url: str) -> None:
    server = FixedWindows({1: 40, 2: 60}, {1: 0.2, 2: 0.9})
    async with paced(redis_url, 3) as pacings:
        traffic = [
            Traffic(pacing, server, (Charge("k", None),), random.Random(number), (0, 0.003))
            for number, pacing in enumerate(pacings)
        ]
        foreign = traffic[0].foreign(9)

        async def forget() -> None:
            await asyncio.sleep(2.5)
            server.accepted.clear()
            server.refused.clear()

        await until(5.5, *(one.saturate(60, tasks=4) for one in traffic), foreign, forget())
    assert server.refused["foreign"] <= 2
    assert server.refused["ours"] <= 3
    assert server.accepted["ours"] > 0.2 * 30 * 3


async def test_a_429_tells_how_much_a_foreign_user_takes(redis_url: str) -> None:
    async with paced(redis_url) as (pacing,):
        limits = {"RateLimit-Limit": "50, 50;w=1, 60;w=2", "RateLimit-Remaining": "49"}
        for _ in range(7):
            (await take(pacing, None)).settle(headers=limits, retry_after_seconds=None)
            await asyncio.sleep(0.2)
        # The window of two seconds was full, with sixty; half a dozen were ours.
        (await take(pacing, None)).settle(headers=None, retry_after_seconds=1.2)
        await settled(pacing)
        began = time.monotonic()
        for _ in range(4):
            (await take(pacing, None, BACKGROUND)).settle(**UNKNOWN)
        assert time.monotonic() - began > 1.2 + 3 * 2 / 10


async def test_a_call_with_several_charges_takes_all_places_or_none(redis_url: str) -> None:
    async with paced(redis_url) as (pacing,):
        both = [Charge("endpoint", Rate(3, 60)), Charge("parameter", Rate(1, 15))]
        (await pacing.slot(both, priority=INTERACTIVE, within_seconds=1)).settle(**UNKNOWN)
        with pytest.raises(NoSlotInTime):
            await pacing.slot(both, priority=INTERACTIVE, within_seconds=0.3)
        await settled(pacing)
        assert await timed(pacing, Rate(3, 60), key="endpoint") < 0.3
        assert await timed(pacing, Rate(3, 60), key="endpoint") < 0.3
        slot = await pacing.slot(both, priority=INTERACTIVE, within_seconds=3)
        slot.settle(headers=None, retry_after_seconds=5.0)
        await settled(pacing)
        assert await timed(pacing, Rate(3, 60), key="endpoint") < 1.5
        with pytest.raises(NoSlotInTime) as refused:
            await take(pacing, Rate(1, 15), within=3, key="parameter")
        assert refused.value.wait_seconds > 3


async def test_places_of_a_process_that_was_killed_come_free(redis_url: str) -> None:
    code = (
        "import asyncio, sys\n"
        "from aioklaviyo.pacing.redis import RedisPacing\n"
        "from aioklaviyo.pacing.priority import Priority\n"
        "from aioklaviyo.rates import Charge, Rate\n"
        "async def main():\n"
        "    pacing = RedisPacing(sys.argv[1], account='acme')\n"
        "    for _ in range(3):\n"
        "        await pacing.slot([Charge('k', Rate(3, 60))], priority=Priority.INTERACTIVE, within_seconds=1)\n"
        "    print('holding', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, redis_url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"holding\n"
    process.kill()
    await process.wait()
    began = time.monotonic()
    async with paced(redis_url) as (pacing,):
        # Its time had run out after a second; a burst window later its places are free.
        assert await timed(pacing, Rate(3, 60)) > 0.5
        assert time.monotonic() - began < 3


async def test_a_cancelled_call_gives_its_place_back(redis_url: str) -> None:
    async with paced(redis_url) as (pacing,):
        held = [await take(pacing, Rate(3, 60)) for _ in range(3)]
        waiting = [asyncio.ensure_future(take(pacing, Rate(3, 60))) for _ in range(5)]
        await asyncio.sleep(0.1)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for slot in held:
            slot.give_back()
            slot.give_back()
        await settled(pacing)
        assert max(await asyncio.gather(*(timed(pacing, Rate(3, 60)) for _ in range(3)))) < 0.3


async def test_calls_cancelled_at_any_moment_hold_nothing(redis_url: str) -> None:
    rng = random.Random(8)
    async with paced(redis_url) as (pacing,):

        async def call() -> None:
            (await take(pacing, Rate(40, 2400), rng.choice(list(Priority)), within=5)).give_back()

        for _ in range(40):
            tasks = [asyncio.ensure_future(call()) for _ in range(5)]
            await asyncio.sleep(rng.uniform(0, 0.004))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(line.server for line in pacing._lines.values() if line.server is not None))
        await settled(pacing)
        assert max(await asyncio.gather(*(timed(pacing, Rate(40, 2400)) for _ in range(40)))) < 0.5


async def test_a_waiter_is_woken_when_a_place_is_given_back(redis_url: str) -> None:
    async with paced(redis_url) as (pacing,):
        held = await take(pacing, Rate(1, 60))
        waiting = asyncio.ensure_future(timed(pacing, Rate(1, 60)))
        await asyncio.sleep(0.2)
        held.give_back()
        assert await waiting == pytest.approx(0.2, abs=0.15)


async def test_a_wait_that_cannot_fit_is_refused_as_soon_as_it_is_known(redis_url: str) -> None:
    async with paced(redis_url) as (pacing,):
        await asyncio.gather(*(timed(pacing, Rate(15, 15)) for _ in range(15)))
        await settled(pacing)
        began = time.monotonic()
        with pytest.raises(NoSlotInTime) as refused:
            await take(pacing, Rate(15, 15), within=50)
        assert refused.value.wait_seconds == pytest.approx(60, abs=2)
        line = [asyncio.ensure_future(take(pacing, Rate(15, 15), BACKGROUND, within=80)) for _ in range(3)]
        await asyncio.sleep(0.1)
        with pytest.raises(NoSlotInTime) as refused:
            await take(pacing, Rate(15, 15), BACKGROUND, within=65)
        assert refused.value.wait_seconds > 65
        assert time.monotonic() - began < 1
        for task in line:
            task.cancel()


async def test_redis_keys_hold_digests_alone_and_do_not_stay(redis_url: str) -> None:
    async with (
        paced(redis_url, account="pk_a_secret_key") as (pacing,),
        paced(redis_url, account="another account") as (other,),
        _client(redis_url) as redis,
    ):
        key = "GET /api/profiles/ann@example.org"
        (await take(pacing, key=key)).settle(**UNKNOWN)
        (await take(other, key=key)).settle(headers=None, retry_after_seconds=1.0)
        await settled(pacing)
        await settled(other)
        keys = [str(name) for name in await redis.keys()]
        assert len(keys) == 3
        for name in keys:
            assert re.fullmatch(r"aioklaviyo:\{[0-9a-f]{16}:[0-9a-f]{16}\}:(known|calls)", name)
            assert 0 < await redis.pttl(name) < 300_000
        values = repr([await redis.hgetall(name) for name in keys if name.endswith("known")])
        assert "example" not in values
        assert "secret" not in values


# --- without Redis -------------------------------------------------------------------------------------------------


async def test_without_redis_interactive_calls_go_on_with_a_share_and_background_calls_wait() -> None:
    async with paced("redis://127.0.0.1:1", share_without_redis=0.2) as (pacing,):
        waits = [await timed(pacing, Rate(10, 600)) for _ in range(3)]
        assert waits[0] < 0.5
        assert waits[1] < 0.1
        assert waits[2] == pytest.approx(1, abs=0.3)
        began = time.monotonic()
        with pytest.raises(NoSlotInTime):
            await take(pacing, Rate(10, 600), BACKGROUND, within=1.5)
        assert 0.9 < time.monotonic() - began < 1.8


async def test_interactive_calls_behind_background_calls_go_on_too_when_redis_is_away() -> None:
    async with paced("redis://127.0.0.1:1") as (pacing,):
        line = [asyncio.ensure_future(take(pacing, XL, BACKGROUND, within=5)) for _ in range(12)]
        await asyncio.sleep(0.05)
        waits = await asyncio.gather(*(timed(pacing, XL) for _ in range(12)))
        assert max(waits) < 0.5
        for task in line:
            task.cancel()


async def test_redis_that_stops_and_comes_back(redis_process: RedisProcess) -> None:
    async with paced(redis_process.url) as (pacing,):
        assert await timed(pacing, M) < 0.3
        held = await take(pacing, M)
        redis_process.stop()
        background = asyncio.ensure_future(timed(pacing, M, BACKGROUND))
        assert await timed(pacing, M) < 0.6
        held.settle(**UNKNOWN)  # nobody to tell, and nobody is troubled by that
        await asyncio.sleep(0.1)
        assert not background.done()
        redis_process.start()
        assert await background < 4
        assert await timed(pacing, M) < 0.3
        async with _client(redis_process.url) as redis:
            assert await redis.dbsize() == 2


async def test_redis_that_hangs_costs_one_call_in_a_second_its_timeout(redis_process: RedisProcess) -> None:
    assert redis_process.process is not None
    async with paced(redis_process.url, timeout_seconds=0.15) as (pacing,):
        assert await timed(pacing, XL) < 0.3
        redis_process.process.send_signal(signal.SIGSTOP)
        waits = [await timed(pacing, XL) for _ in range(20)]
        assert 0.14 < waits[0] < 0.5
        assert max(waits[1:]) < 0.1
        with pytest.raises(NoSlotInTime):
            await take(pacing, XL, BACKGROUND, within=0.3)
        redis_process.process.send_signal(signal.SIGCONT)
        await asyncio.sleep(1.1)
        assert await timed(pacing, XL, BACKGROUND) < 1
        assert await timed(pacing, XL) < 0.1


async def test_redis_that_forgot_its_scripts_is_taught_anew(redis_url: str) -> None:
    async with paced(redis_url) as (pacing,), _client(redis_url) as redis:
        slot = await take(pacing, Rate(1, 60))
        await redis.script_flush()
        slot.settle(**UNKNOWN)
        await settled(pacing)
        assert await timed(pacing, Rate(1, 60)) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize(
    "answer", [b"*6\r\n:1\r\n:0\r\n:0\r\n:0\r\n:0\r\n$1\r\nx\r\n", b":7\r\n", b"-ERR no\r\n", b"?"]
)
async def test_redis_that_answers_nonsense_counts_as_away(answer: bytes) -> None:
    await _lie(answer)


@pytest.mark.parametrize("numbers", ["9 0 0 0 1 1", "0 nan 0 0 1 1", "0 -1 0 0 1 1", "0 inf 0 0 1 1", "0 1 nan 0 1 1"])
async def test_redis_that_answers_impossible_numbers_counts_as_away(numbers: str) -> None:
    parts = numbers.encode().split()
    await _lie(b"*6\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))


async def _lie(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(answer if b"EVALSHA" in data else b"+OK\r\n" * data.count(b"CLIENT"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, paced(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}") as (pacing,):
        assert await timed(pacing, M) < 0.6
        with pytest.raises(NoSlotInTime):
            await take(pacing, M, BACKGROUND, within=0.2)


# --- its life ------------------------------------------------------------------------------------------------------


async def test_closing_refuses_those_who_wait_and_tells_redis_the_rest(redis_url: str) -> None:
    async with paced(redis_url, 2) as (pacing, other):
        slot = await take(pacing, Rate(1, 60))
        waiting = asyncio.ensure_future(take(pacing, Rate(1, 60)))
        await asyncio.sleep(0.1)
        slot.give_back()
        await pacing.aclose()
        with pytest.raises(NoSlotInTime):
            await waiting
        assert await timed(other, Rate(1, 60)) < 0.3


async def test_a_clock_that_breaks_is_heard_of_by_those_who_wait(redis_url: str) -> None:
    async def broken(_: float) -> None:
        raise OSError("no clock")

    async with paced(redis_url, sleep=broken) as (pacing,):
        await take(pacing, Rate(1, 60))
        with pytest.raises(OSError, match="no clock"):
            await take(pacing, Rate(1, 60))


async def test_a_call_without_charges_does_not_ask_redis() -> None:
    async with paced("redis://127.0.0.1:1") as (pacing,):
        (await pacing.slot([], priority=BACKGROUND, within_seconds=0)).give_back()


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(ModuleNotFoundError, match=r"aioklaviyo\[redis\]"):
        RedisPacing("redis://127.0.0.1:1", account="acme")


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[Redis]:
    redis = Redis.from_url(url, decode_responses=True)
    try:
        yield redis
    finally:
        await redis.aclose()
