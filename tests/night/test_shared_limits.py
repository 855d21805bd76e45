"""Two workers, one account: with a Redis they keep Klaviyo's limits together."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis import Redis

from dreamflow.bootstrap import House, build
from dreamflow.settings import RedisSettings, WorkerSettings
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import running_emulator
from world import settings, world

FAMILIES = 7
REFUSED = 429
EVEN_STEP_SECONDS = 0.4
"""Klaviyo takes 150 bulk requests a minute; in the background they are spread evenly."""
# Each event is a bulk request of its own, and a lease short enough for both workers to have work at once.
ONE_BY_ONE = WorkerSettings(bulk_from=1, bulk_limit=1, lease_seconds=1.5)


async def deliver_all(houses: list[House]) -> None:
    """Let every house's worker deliver until nothing waits."""
    stop = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        for house in houses:
            assert house.mirror is not None
            tasks.create_task(house.mirror.worker.run(stop, poll_seconds=0.05))
        while (await houses[0].deliveries.books()).pending:  # noqa: ASYNC110 - it is the database that changes
            await asyncio.sleep(0.1)
        stop.set()


@pytest.mark.redis
async def test_two_workers_with_a_redis_ask_klaviyo_for_no_more_than_it_gives(tmp_path: Path, redis_url: str) -> None:
    async with world(tmp_path) as living:
        for number in range(FAMILIES):
            await living.family(email=f"parent-{number}@families.example")
    with running_emulator(EmulatorConfig()) as klaviyo:
        chosen = settings(tmp_path, klaviyo.url).model_copy(
            update={"redis": RedisSettings(url=SecretStr(redis_url)), "worker": ONE_BY_ONE}
        )
        async with AsyncExitStack() as stack:
            houses = [await stack.enter_async_context(build(chosen)) for _ in range(2)]
            await deliver_all(houses)
            books = await houses[0].deliveries.books()
        log = klaviyo.emulator.instruments.requests
        asked = log.latest()
        assert log.count == len(asked), "the log has all of them"
    assert books.delivered + books.superseded == books.accepted
    bulk = [each for each in asked if each.operation == "bulk_create_events"]
    assert len(bulk) >= 2 * FAMILIES
    # Two that keep the limits alone go at twice the pace, which is too much within a minute.
    seconds = (bulk[0].at - bulk[-1].at).total_seconds()
    assert seconds / (len(bulk) - 1) > EVEN_STEP_SECONDS * 0.75
    assert [each.operation for each in asked if each.status == REFUSED] == []
    with Redis.from_url(redis_url, decode_responses=True) as shared:
        names = sorted(map(str, shared.scan_iter()))
    assert names, "they met there"
    assert "pk_test" not in str(names)
