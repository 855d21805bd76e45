"""Issuers' published keys (RFC 7517) over HTTP, without ever letting them hold up or break a request.

Whatever the endpoint does (down, slow, redirecting, enormous, nonsense), the last good keys stay for a day
and callers see at most one bounded wait. When to ask again is decided in `rules.freshness`.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import aiohttp
import structlog
from structlog.typing import FilteringBoundLogger
from typing_extensions import override

from dreamflow.identity.model import IssuerConfig
from dreamflow.identity.ports import KeySource
from dreamflow.identity.rules.freshness import FreshnessPolicy, Need, may_fetch, need
from dreamflow.identity.rules.keyset import NO_KEYS, KeySet, from_jwks
from dreamflow.identity.rules.strict_json import read_object
from dreamflow.kit.clock import Clock

_LARGEST_ANSWER: Final = 256 * 1024
_CHUNK: Final = 16 * 1024
_TIMEOUT_SECONDS: Final = 5.0

_log: FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A good key set and when it was asked for, by both clocks."""

    keys: KeySet
    wall: datetime
    steady: float


@dataclass(slots=True)
class _Endpoint:
    """What is known of one issuer's endpoint. `failed`: the last finished attempt brought nothing."""

    issuer: IssuerConfig
    url: str
    last_good: _Fetched | None = None
    attempted: float | None = None
    failed: bool = False
    task: asyncio.Task[None] | None = None


class AiohttpJwks(KeySource):
    """Fetches, keeps and renews key sets; one question at a time per issuer.

    Use it as an async context manager, or call `aclose`. Belongs to one event loop.

    Args:
        clock: the age of a set is the larger of two readings: a machine that slept may have a steady clock
            that stood still, and a wall clock may be set back.
        monotonic: seconds that never go back.
        policy: how long sets live.
        timeout_seconds: for one whole answer, from connecting to the last byte.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        policy: FreshnessPolicy | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        self._clock: Final = clock
        self._monotonic: Final = monotonic
        self._policy: Final = policy or FreshnessPolicy()
        self._timeout: Final = aiohttp.ClientTimeout(total=timeout_seconds)
        self._endpoints: Final[dict[tuple[str, str, str], _Endpoint]] = {}
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop fetching. Keys that are held stay readable."""
        self._closed = True
        tasks = [endpoint.task for endpoint in self._endpoints.values() if endpoint.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    @override
    async def keys_of(self, issuer: IssuerConfig, key_id: str | None) -> KeySet:
        if issuer.jwks_url is None:
            return NO_KEYS
        name = (issuer.issuer, issuer.jwks_url, issuer.signed_with)
        endpoint = self._endpoints.setdefault(name, _Endpoint(issuer, issuer.jwks_url))
        wanted = self._need(endpoint, key_id)
        if wanted is not Need.NOTHING:
            task = self._renew(endpoint)
            if task is not None and wanted is Need.RENEW_FIRST:
                # `wait` neither raises nor passes on this caller's cancellation to the others' fetch.
                await asyncio.wait((task,))
        return self._held(endpoint)

    def _need(self, endpoint: _Endpoint, key_id: str | None) -> Need:
        good = endpoint.last_good
        return need(
            self._policy,
            age=None if good is None else self._age(good),
            knows_key=good is not None and good.keys.find(key_id) is not None,
            seconds_since_failure=self._since_attempt(endpoint) if endpoint.failed else None,
        )

    def _held(self, endpoint: _Endpoint) -> KeySet:
        good = endpoint.last_good
        return NO_KEYS if good is None or self._age(good) > self._policy.keep_seconds else good.keys

    def _age(self, good: _Fetched) -> float:
        return max(self._monotonic() - good.steady, (self._clock.now() - good.wall).total_seconds())

    def _since_attempt(self, endpoint: _Endpoint) -> float | None:
        return None if endpoint.attempted is None else self._monotonic() - endpoint.attempted

    def _renew(self, endpoint: _Endpoint) -> asyncio.Task[None] | None:
        """The fetch under way, or a new one if the cooldown allows it."""
        if endpoint.task is not None and not endpoint.task.done():
            return endpoint.task
        if self._closed or not may_fetch(self._policy, self._since_attempt(endpoint)):
            return None
        endpoint.attempted = self._monotonic()
        endpoint.task = asyncio.create_task(self._fetch(endpoint), name="identity.jwks")
        return endpoint.task

    async def _fetch(self, endpoint: _Endpoint) -> None:
        good = await self._ask(endpoint)
        endpoint.failed = good is None
        endpoint.last_good = good or endpoint.last_good

    async def _ask(self, endpoint: _Endpoint) -> _Fetched | None:
        """Ask once. Brings a new set, or nothing and a line in the log; never an exception."""
        issuer, wall, steady = endpoint.issuer, self._clock.now(), self._monotonic()
        try:
            body = await self._read(endpoint.url)
        except Exception:  # noqa: BLE001 - no answer of a foreign server may become ours
            _log.warning("identity.jwks_unavailable", issuer=issuer.issuer)
            return None
        try:
            keys = from_jwks(read_object(body), issuer.signed_with)
        except ValueError:
            _log.warning("identity.jwks_unreadable", issuer=issuer.issuer)
            return None
        if not keys.keys:
            # Still an answer, and it is obeyed: an issuer may withdraw all its keys.
            _log.warning("identity.jwks_without_usable_key", issuer=issuer.issuer)
        return _Fetched(keys, wall, steady)

    async def _read(self, url: str) -> bytes:
        """One GET: no redirect, no cookie, no proxy from the environment, at most 256 KB."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with self._session.get(url, allow_redirects=False, headers=headers) as response:
            if response.status != HTTPStatus.OK:
                raise aiohttp.ClientPayloadError("not an answer with keys")
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK):
                body += chunk
                if len(body) > _LARGEST_ANSWER:
                    raise aiohttp.ClientPayloadError("too large for keys")
        return bytes(body)
