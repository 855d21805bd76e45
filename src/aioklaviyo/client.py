"""The facade: settings in, an account out. All behaviour lives in the modules below it."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import aiohttp
from typing_extensions import override

from aioklaviyo.api import Api
from aioklaviyo.calls import Caller, Machinery, Options
from aioklaviyo.pacing.local import LocalPacing
from aioklaviyo.pacing.model import Pacing, Priority
from aioklaviyo.retry import RetryPolicy
from aioklaviyo.sharing import Flights
from aioklaviyo.telemetry import Telemetry
from aioklaviyo.transport import Transport

DEFAULT_BASE_URL = "https://a.klaviyo.com"
DEFAULT_REVISION = "2026-10-15"


class Klaviyo(Api):
    """A Klaviyo account, for as long as the ``async with`` block lasts.

    Safe to share between the tasks of the event loop it is opened in; another loop needs a client of its own. A call
    that is under way when the block ends, or made later, raises ``RuntimeError``; or ``OutcomeUnknown``, where it may
    have been done and must not be repeated. Exactly one of ``api_key`` and ``access_token`` is needed.

    Args:
        api_key: A private key (``pk_...``).
        access_token: An OAuth access token.
        base_url: Where credentials are sent, and nowhere else.
        revision: The API revision, ``YYYY-MM-DD``.
        timeout_seconds: Deadline of a whole call: attempts, waits between them and reading the body.
        attempt_timeout_seconds: Limit of one attempt of a call that may be repeated.
        connect_timeout_seconds: Limit of opening one connection.
        max_attempts: How often a call is tried at most, the first time included.
        backoff_base_seconds: Bound of the first random wait; it doubles from there.
        backoff_cap_seconds: Bound of any random wait.
        max_connections: Size of the pool.
        max_response_bytes: A larger (decompressed) body is refused.
        rng: Draws the waits; pass a seeded one to replay them.
        sleep: Waits for so many seconds.
        monotonic: Seconds on a clock that never goes back; measures deadlines.
        wall_clock: Seconds since 1970; reads a ``Retry-After`` date where the answer has no ``Date``.
        session: A session to use instead of an own one; it stays yours to close. Its middlewares run around each
            attempt, and it repeats nothing by itself here, as aiohttp else does when a pooled connection breaks.
        pacing: Keeps Klaviyo's rate limits; None means an own ``LocalPacing``. ``RedisPacing`` keeps them together with
            other processes, ``NoPacing`` not at all. One that is handed in stays yours to close.

    Raises:
        ValueError: A setting makes no sense; credentials are never quoted.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        access_token: str | None = None,
        base_url: str = DEFAULT_BASE_URL,
        revision: str = DEFAULT_REVISION,
        timeout_seconds: float = 30.0,
        attempt_timeout_seconds: float = 10.0,
        connect_timeout_seconds: float = 5.0,
        max_attempts: int = 5,
        backoff_base_seconds: float = 0.25,
        backoff_cap_seconds: float = 8.0,
        max_connections: int = 100,
        max_response_bytes: int = 64 * 1024 * 1024,
        rng: random.Random | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,  # noqa: TID251 - the default of an injected clock
        session: aiohttp.ClientSession | None = None,
        pacing: Pacing | None = None,
    ) -> None:
        if not 0 < connect_timeout_seconds < float("inf"):
            raise ValueError("connect_timeout_seconds must be positive and finite")
        if max_connections < 1 or max_response_bytes < 1:
            raise ValueError("max_connections and max_response_bytes must be at least 1")
        self._base_url = base_url
        self._transport = Transport(
            base_url=base_url,
            authorization=_authorization(api_key, access_token),
            revision=revision,
            connect_timeout_seconds=connect_timeout_seconds,
            max_connections=max_connections,
            max_response_bytes=max_response_bytes,
            session=session,
        )
        super().__init__(
            Caller(
                Machinery(
                    self._transport,
                    pacing or LocalPacing(monotonic=monotonic, sleep=sleep),
                    Flights(),
                    Telemetry(),
                    rng or random.Random(),  # noqa: S311 - spreads waits, guards nothing
                    sleep,
                    monotonic,
                    wall_clock,
                ),
                Options(
                    RetryPolicy(max_attempts, backoff_base_seconds, backoff_cap_seconds),
                    timeout_seconds,
                    attempt_timeout_seconds,
                    Priority.INTERACTIVE,
                    shares_reads=True,
                ),
            )
        )

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()

    @override
    def __repr__(self) -> str:
        return f"Klaviyo(base_url={self._base_url!r})"


def _authorization(api_key: str | None, access_token: str | None) -> str:
    if bool(api_key) == bool(access_token):
        raise ValueError("exactly one of api_key and access_token is needed")
    return f"Klaviyo-API-Key {api_key}" if api_key else f"Bearer {access_token}"
