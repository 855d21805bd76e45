"""The facade: settings in, resources out. All behaviour lives in the modules below it."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp
from typing_extensions import override

from aioklaviyo.calls import Call, Caller, Need, QueryValue, encoded, query_string
from aioklaviyo.errors import invalid_request
from aioklaviyo.resources.accounts import Accounts
from aioklaviyo.resources.events import Events
from aioklaviyo.resources.metrics import Metrics
from aioklaviyo.resources.profiles import Profiles
from aioklaviyo.retry import RetryPolicy
from aioklaviyo.transport import Transport

DEFAULT_BASE_URL = "https://a.klaviyo.com"
DEFAULT_REVISION = "2026-07-15"

Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
# What HTTP itself calls idempotent, and the HTTP library already repeats on a stale connection.
_REPEATABLE_METHODS = frozenset({"GET", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class RawResponse:
    """What ``Klaviyo.request`` returns: the status and the decoded body, None where there was none."""

    status: int
    document: Any
    request_id: str | None


class Klaviyo:
    """A Klaviyo account, for as long as the ``async with`` block lasts.

    Safe to share between the tasks of one event loop. Exactly one of ``api_key`` and ``access_token`` is needed.

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
        session: A session to use instead of an own one; it stays yours to close. aiohttp repeats a GET, PUT or
            DELETE by itself when a pooled connection breaks; an own session is kept from that, a lent one is not.

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
    ) -> None:
        for name, seconds in (
            ("timeout_seconds", timeout_seconds),
            ("attempt_timeout_seconds", attempt_timeout_seconds),
            ("connect_timeout_seconds", connect_timeout_seconds),
        ):
            if not 0 < seconds < float("inf"):
                raise ValueError(f"{name} must be positive and finite")
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
        self._caller = Caller(
            self._transport,
            policy=RetryPolicy(max_attempts, backoff_base_seconds, backoff_cap_seconds),
            timeout_seconds=timeout_seconds,
            attempt_timeout_seconds=attempt_timeout_seconds,
            rng=rng or random.Random(),  # noqa: S311 - spreads waits, guards nothing
            sleep=sleep,
            monotonic=monotonic,
            wall_clock=wall_clock,
        )
        self.accounts = Accounts(self._caller)
        self.events = Events(self._caller)
        self.metrics = Metrics(self._caller)
        self.profiles = Profiles(self._caller)

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

    async def request(
        self,
        method: Method,
        path: str,
        *,
        params: Mapping[str, QueryValue] | None = None,
        json: dict[str, Any] | None = None,
        is_repeatable: bool | None = None,
        deadline_seconds: float | None = None,
    ) -> RawResponse:
        """Any other operation, with the same credentials, deadline, retries and errors, and no models.

        Args:
            method: HTTP method.
            path: Below the base URL, beginning with a slash, without a query; ids in it percent-encoded.
            params: The query; lists are joined by commas, None and empty lists are left out.
            json: The body, an object; None sends none.
            is_repeatable: Whether doing it twice is doing it once; None means what HTTP says of the method.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            OutcomeUnknown: No readable answer to a call that is not repeatable.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if not _is_plain_path(path):
            raise invalid_request(
                "path must begin with one slash and hold neither query nor unencoded characters",
                method=method,
                path="",
                parameter="path",
            )
        call = Call(
            method,
            path,
            query_string(method, path, params or {}),
            None if json is None else encoded(method, path, json),
            is_repeatable=method in _REPEATABLE_METHODS if is_repeatable is None else is_repeatable,
            need=Need.OPTIONAL,
        )
        reply = await self._caller.send(call, deadline_seconds)
        return RawResponse(reply.record.status or 0, reply.document, reply.record.request_id)


def _authorization(api_key: str | None, access_token: str | None) -> str:
    if bool(api_key) == bool(access_token):
        raise ValueError("exactly one of api_key and access_token is needed")
    return f"Klaviyo-API-Key {api_key}" if api_key else f"Bearer {access_token}"


def _is_plain_path(path: str) -> bool:
    is_clean = path.isascii() and path.isprintable() and not set(path) & set(" ?#\\")
    return is_clean and path.startswith("/") and not path.startswith("//") and not {".", ".."} & set(path.split("/"))
