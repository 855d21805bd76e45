"""A real Redis in virtual time: the very script runs in it, but is told the time, and answers after a virtual delay."""

import asyncio
import hashlib
import random
from typing import TYPE_CHECKING, Any, cast

import redis

from aioklaviyo.pacing.redis import RedisPacing
from aioklaviyo.pacing.shared_windows import SharedWindows

if TYPE_CHECKING:
    from collections.abc import Callable

BEGIN_SECONDS = 1_700_000_000
"""What its clock shows when virtual time begins: as many digits as the real one has."""
_NEVER_LOADED = "0" * 40
_ASKS_THE_TIME = "local clock = redis.call('TIME')"
_IS_TOLD_THE_TIME = "local clock = { ARGV[#ARGV], 0 }"


class VirtualRedis:
    """What ``SharedWindows`` needs of a ``redis.asyncio.Redis``, over a connection that blocks: no time passes."""

    def __init__(self, url: str, *, delay: tuple[float, float] = (0.0001, 0.001), seed: int = 0) -> None:
        self.redis = redis.Redis.from_url(url, decode_responses=True)
        self.put_back_seconds = 0.0
        self.is_away = False
        self.round_trips = 0
        self.before_the_answer: Callable[[], object] = _nothing
        """Done once, after the next acts and before their answer."""
        self._delay = delay
        self._rng = random.Random(seed)
        self._known: dict[str, str] = {}

    async def script_load(self, script: str) -> None:
        assert script.count(_ASKS_THE_TIME) == 1
        told = self.redis.script_load(script.replace(_ASKS_THE_TIME, _IS_TOLD_THE_TIME))
        self._known[hashlib.sha1(script.encode()).hexdigest()] = cast("str", told)

    def pipeline(self, *, transaction: bool) -> "_Pipeline":
        assert not transaction
        return _Pipeline(self)

    async def aclose(self) -> None:
        self.redis.close()

    async def travel(self) -> None:
        """One way between client and server."""
        await asyncio.sleep(self._rng.uniform(*self._delay))

    def evaluate(self, sha: str, arguments: tuple[Any, ...]) -> object:
        moment = BEGIN_SECONDS + asyncio.get_running_loop().time() - self.put_back_seconds
        try:
            return self.redis.evalsha(self._known.get(sha, _NEVER_LOADED), *arguments, f"{moment:.6f}")
        except redis.RedisError as error:
            return error


class _Pipeline:
    def __init__(self, server: VirtualRedis) -> None:
        self._server = server
        self._acts: list[tuple[str, tuple[Any, ...]]] = []

    def execute_command(self, name: str, sha: str, *arguments: Any) -> None:
        assert name == "EVALSHA"
        self._acts.append((sha, arguments))

    async def execute(self, *, raise_on_error: bool) -> list[object]:
        assert not raise_on_error
        self._server.round_trips += 1
        await self._server.travel()
        if self._server.is_away:
            raise redis.ConnectionError
        answers = [self._server.evaluate(*act) for act in self._acts]
        await self._server.travel()
        then, self._server.before_the_answer = self._server.before_the_answer, _nothing
        then()
        return answers


def _nothing() -> None:
    """Usually."""


def shared_windows(server: VirtualRedis, account: str = "acme") -> SharedWindows:
    """The windows in it."""
    return SharedWindows(cast("Any", server), account=account, timeout_seconds=0.25)


def paced(server: VirtualRedis, account: str = "acme", **settings: Any) -> RedisPacing:
    """A limiter of the running loop's time, as one process would have it."""
    time = asyncio.get_running_loop().time
    pacing = RedisPacing("redis://127.0.0.1:1", account=account, monotonic=time, **settings)
    pacing._windows = shared_windows(server, account)
    return pacing
