"""The line to Klaviyo in simulated time: answers take their time, and while Klaviyo is down nothing has an effect."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Final

import aiohttp

from dreamflow.bench.delivery.simulated.loop import START, SimulatedClock, standing
from dreamflow.bench.subject import SubjectError

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncGenerator, Iterable

    from dreamflow.bench.delivery.account import Account, Arrived

ROUND_TRIP_SECONDS: Final = (0.03, 0.25)
"""From a request to its answer, besides what Klaviyo takes for it; drawn for each."""
_CONTROL: Final = "/__emulator__"
_THROTTLED: Final = 429


class Trouble(Enum):
    """What becomes of requests while Klaviyo is down."""

    REFUSED = "connections refused"
    ERROR = "answers 503"
    SILENCE = "no answer to what was sent"


class Line:
    """The way of every request of one client, as a middleware of its session. See `laid`.

    The emulator's clock is put to the simulated time before a request reaches it.
    """

    def __init__(self, account: Account, rng: random.Random, control: aiohttp.ClientSession) -> None:
        self.requests = 0
        """Tries of calls, whatever came of them."""
        self.throttled = 0
        """Answers 429."""
        self.reached: list[tuple[str, float]] = []
        """Paths and simulated times of the requests that reached the emulator, in order."""
        self._url = account.url
        self._rng = rng
        self._control = control
        self._trouble: Trouble | None = None
        self._clock_is_at: float | None = None

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Bring a request there, and its answer back."""
        self.requests += 1
        await self._travel()
        trouble = self._trouble
        if trouble is Trouble.REFUSED:
            raise aiohttp.ClientConnectionError("refused")
        with standing():
            await self._put_the_clock()
            self.reached.append((request.url.path, asyncio.get_running_loop().time()))
            response = await handler(request)
            await response.content.wait_eof()  # the body, too, comes in no time
        if trouble is Trouble.SILENCE:
            response.close()
            await asyncio.Event().wait()  # until whoever waits for it loses patience
        self.throttled += response.status == _THROTTLED
        await self._travel()
        return response

    async def goes_down(self, trouble: Trouble) -> None:
        """From now on nothing has an effect; it may be called again with another trouble."""
        await self._tell("PUT", "/faults", {"faults": "*:503"})
        self._trouble = trouble

    async def comes_back(self) -> None:
        """From now on everything works; what is waiting for an answer still does not get it."""
        await self._tell("DELETE", "/faults")
        self._trouble = None

    def as_arrived(self, arrived: Iterable[Arrived]) -> list[Arrived]:
        """What the witness noted of the line's requests, by simulated time instead of the machine's."""
        noted, start = list(arrived), START.timestamp()
        if len(noted) != len(self.reached):
            raise SubjectError(f"{len(self.reached):,} requests were sent, and {len(noted):,} have arrived")
        return [replace(one, at=start + at) for one, (_, at) in zip(noted, self.reached, strict=True)]

    async def _travel(self) -> None:
        await asyncio.sleep(self._rng.uniform(*ROUND_TRIP_SECONDS) / 2)

    async def _put_the_clock(self) -> None:
        loop = asyncio.get_running_loop()
        if self._clock_is_at != loop.time():
            self._clock_is_at = loop.time()
            await self._tell("POST", "/clock", {"set": SimulatedClock(loop).now().isoformat(), "stopped": True})

    async def _tell(self, method: str, path: str, body: object = None) -> None:
        with standing():
            async with self._control.request(method, f"{self._url}{_CONTROL}{path}", json=body) as response:
                response.raise_for_status()
                await response.read()


@asynccontextmanager
async def laid(account: Account, rng: random.Random) -> AsyncGenerator[tuple[Line, aiohttp.ClientSession]]:
    """A line to an account that keeps its limits, and a session for the client at its end."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as control:
        line = Line(account, rng, control)
        async with aiohttp.ClientSession(middlewares=(line,), cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield line, session
