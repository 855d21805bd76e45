"""A real Redis for tests: one for each worker of pytest, empty for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from dreamflow.bench.client.limits.redis_process import RedisProcess, redis_program


@pytest.fixture(scope="session")
def redis_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """Shared by all tests of a worker, started with the first that asks for it."""
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
