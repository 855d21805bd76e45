"""A real Redis in real time: what is left when it stops, hangs, lies or is away, and when a process is killed.

What limiters do together as long as it works is tested in virtual time, see ``test_pacing_shared``. Limiters here live
five times as fast as the machine, so that the tests take less time; Redis does not.
"""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from aioklaviyo.pacing.model import NoSlotInTime, Priority, Slot
from aioklaviyo.pacing.redis import RedisPacing
from aioklaviyo.rates import XL, Charge, M, Rate
from dreamflow.bench.client.limits.redis_process import RedisProcess

pytestmark = pytest.mark.redis

INTERACTIVE, BACKGROUND = Priority.INTERACTIVE, Priority.BACKGROUND
UNKNOWN = {"headers": None, "retry_after_seconds": None}
SPEED = 5


def monotonic() -> float:
    return time.monotonic() * SPEED


def sleep(seconds: float) -> Awaitable[object]:
    return asyncio.sleep(seconds / SPEED)


@asynccontextmanager
async def paced(url: str, **settings: Any) -> AsyncIterator[RedisPacing]:
    pacing = RedisPacing(url, account="acme", monotonic=monotonic, sleep=sleep, **settings)
    try:
        yield pacing
    finally:
        await pacing.aclose()


async def take(
    pacing: RedisPacing, rate: Rate | None = M, priority: Priority = INTERACTIVE, within: float = 100
) -> Slot:
    return await pacing.slot([Charge("k", rate)], priority=priority, within_seconds=within)


async def timed(pacing: RedisPacing, *arguments: Any, **more: Any) -> float:
    """How many seconds of the machine a slot took to come; it is settled at once."""
    began = time.monotonic()
    (await take(pacing, *arguments, **more)).settle(**UNKNOWN)
    return time.monotonic() - began


async def test_the_clock_of_redis_counts(redis_url: str) -> None:
    async with paced(redis_url) as pacing:
        began = time.monotonic()
        await asyncio.gather(*(timed(pacing, Rate(100, 1200)) for _ in range(101)))
        assert 1 <= time.monotonic() - began < 10


async def test_places_of_a_process_that_was_killed_come_free(redis_url: str) -> None:
    code = (
        "import asyncio, sys\n"
        "from aioklaviyo.pacing.redis import RedisPacing\n"
        "from aioklaviyo.pacing.model import Priority\n"
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
    async with paced(redis_url) as pacing:
        # Its time runs out after a second; a burst window later its places are free.
        assert 1 < await timed(pacing, Rate(3, 60)) < 4


async def test_redis_that_stops_and_comes_back(redis_process: RedisProcess) -> None:
    async with paced(redis_process.url) as pacing:
        await timed(pacing, M)
        held = await take(pacing, M)
        redis_process.stop()
        background = asyncio.ensure_future(timed(pacing, M, BACKGROUND))
        assert await timed(pacing, M) < 1
        held.settle(**UNKNOWN)  # nobody to tell, and nobody is troubled by that
        await asyncio.sleep(0.1)
        assert not background.done()
        redis_process.start()
        assert await background < 5
        async with Redis.from_url(redis_process.url) as redis:
            assert await redis.dbsize() == 2


async def test_redis_that_hangs_costs_one_call_in_a_second_its_timeout(redis_process: RedisProcess) -> None:
    assert redis_process.process is not None
    async with paced(redis_process.url, timeout_seconds=0.15) as pacing:
        await timed(pacing, XL)
        redis_process.process.send_signal(signal.SIGSTOP)
        waits = [await timed(pacing, XL) for _ in range(20)]
        assert waits[0] > 0.14
        assert sum(wait > 0.14 for wait in waits) <= 1 + sum(waits) * SPEED
        with pytest.raises(NoSlotInTime):
            await take(pacing, XL, BACKGROUND, within=0.3)
        redis_process.process.send_signal(signal.SIGCONT)
        assert await timed(pacing, XL, BACKGROUND) < 3


async def test_without_redis_interactive_calls_go_on_and_background_calls_wait() -> None:
    async with paced("redis://127.0.0.1:1") as pacing:
        line = [asyncio.ensure_future(take(pacing, XL, BACKGROUND, within=500)) for _ in range(12)]
        await asyncio.sleep(0.05)
        await asyncio.gather(*(timed(pacing, XL) for _ in range(12)))
        assert not any(task.done() for task in line)
        for task in line:
            task.cancel()
        with pytest.raises(NoSlotInTime):
            await take(pacing, XL, BACKGROUND, within=1.5)


@pytest.mark.parametrize(
    "answer", [b"*8\r\n" + b":1\r\n" + b":0\r\n" * 6 + b"$1\r\nx\r\n", b":7\r\n", b"-ERR no\r\n", b"?"]
)
async def test_redis_that_answers_nonsense_counts_as_away(answer: bytes) -> None:
    await _lie(answer)


@pytest.mark.parametrize(
    "numbers",
    ["9 0 0 0 1 1 0 0", "0 nan 0 0 1 1 0 0", "0 -1 0 0 1 1 0 0", "0 inf 0 0 1 1 0 0", "0 1 nan 0 1 1 0 0"],
)
async def test_redis_that_answers_impossible_numbers_counts_as_away(numbers: str) -> None:
    parts = numbers.encode().split()
    await _lie(b"*8\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))


async def _lie(answer: bytes) -> None:
    lies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if b"EVALSHA" in data:
                lies.append(answer)
                writer.write(answer)
            else:
                writer.write(b"%1\r\n+proto\r\n:3\r\n" if b"HELLO" in data else b"+OK\r\n" * data.count(b"CLIENT"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, paced(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}") as pacing:
        for _ in range(2):
            (await take(pacing, XL)).settle(**UNKNOWN)
        assert lies
        with pytest.raises(NoSlotInTime):
            await take(pacing, XL, BACKGROUND, within=0.2)


async def test_a_call_without_charges_does_not_ask_redis() -> None:
    async with paced("redis://127.0.0.1:1") as pacing:
        (await pacing.slot([], priority=BACKGROUND, within_seconds=0)).give_back()


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(ModuleNotFoundError, match=r"aioklaviyo\[redis\]"):
        RedisPacing("redis://127.0.0.1:1", account="acme")
