from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import redis

from client.client_server import Connect, PaperClock, Serve, Wire
from dreamflow.bench.client.limits.redis_process import RedisProcess, redis_program


@pytest.fixture
def clock() -> PaperClock:
    return PaperClock()


@pytest.fixture
async def wire(clock: PaperClock) -> AsyncIterator[Wire]:
    async with AsyncExitStack() as stack:
        yield Wire(stack, clock)


@pytest.fixture
def serve(wire: Wire) -> Serve:
    """Start scripted servers that end with the test."""
    return wire.serve


@pytest.fixture
def connect(wire: Wire) -> Connect:
    """Open clients on paper time that end with the test."""
    return wire.client


@pytest.fixture(scope="session")
def redis_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    program = redis_program()
    if program is None:
        pytest.skip("needs redis-server (make test-all installs it)")
    process = RedisProcess(program, tmp_path_factory.mktemp("redis"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def redis_url(redis_of_the_session: RedisProcess) -> str:
    """A real Redis with nothing in it, scripts and statistics included."""
    with redis.Redis.from_url(redis_of_the_session.url) as client:
        client.flushall()
        client.script_flush()
        client.config_resetstat()
    return redis_of_the_session.url


@pytest.fixture
def redis_process(redis_of_the_session: RedisProcess, tmp_path: Path) -> Iterator[RedisProcess]:
    """A real Redis of this test's own, to be stopped and started."""
    program = redis_program()
    assert program is not None
    process = RedisProcess(program, tmp_path)
    process.start()
    yield process
    process.stop()
