"""One attempt over one pooled session: what was sent, what came back, and whether anything was sent at all.

No retries here, no meaning of statuses, no JSON.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload
from typing_extensions import override
from yarl import URL

from aioklaviyo._version import __version__
from aioklaviyo.retry import Fault

MEDIA_TYPE = "application/vnd.api+json"
_WRITE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A status line that arrived; ``defect`` tells why the body behind it is missing."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    defect: Fault | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """No status line; ``reason`` is the name of the exception, never its text (that may hold the URL)."""

    fault: Fault
    reason: str


class _OversizedBodyError(Exception):
    """The body grew beyond the limit."""


class _BrokenConnectionError(aiohttp.ClientError):
    """A connection broke under a request; ``reason`` names how."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating GET, PUT and DELETE by itself: repeats are decided and counted in one place."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _BrokenConnectionError(type(error).__name__) from error


class _Body(Payload):
    """A request body that knows whether writing it has begun.

    A server cannot have acted on a POST of whose body no byte was written; that makes some failures harmless.
    """

    _value: bytes

    def __init__(self, value: bytes) -> None:
        super().__init__(value, content_type=MEDIA_TYPE)
        self._size = len(value)
        self.has_started = False

    @override
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._value.decode(encoding, errors)

    @override
    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    @override
    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self.has_started = True
        body = memoryview(self._value)[:content_length]
        # In pieces, so that a batch of megabytes does not hold up the event loop.
        for start in range(0, len(body), _WRITE_BYTES):
            await writer.write(bytes(body[start : start + _WRITE_BYTES]))


class Transport:
    """Sends to one base URL with one set of credentials, and nowhere else: redirects are not followed."""

    def __init__(
        self,
        *,
        base_url: str,
        authorization: str,
        revision: str,
        connect_timeout_seconds: float,
        max_connections: int,
        max_response_bytes: int,
        session: aiohttp.ClientSession | None,
    ) -> None:
        self._base_url = _checked_base_url(base_url)
        self._headers = {
            "Accept": MEDIA_TYPE,
            "Authorization": _checked_header("the credentials", authorization),
            "User-Agent": f"aioklaviyo/{__version__}",
            "revision": _checked_header("revision", revision),
        }
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_seconds)
        self._max_connections = max_connections
        self._max_response_bytes = max_response_bytes
        self._lent_session = session
        # Those of a session that was lent run around ours. Given with a request, they replace the session's.
        lent: Sequence[aiohttp.ClientMiddlewareType] = getattr(session, "_middlewares", ())
        self._middlewares = (*lent, _once)
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Make the session ready; a session handed in stays the caller's to close."""
        if self._session is not None:
            raise RuntimeError("this client is already open")
        self._loop = asyncio.get_running_loop()
        self._session = self._lent_session or aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._max_connections, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close what ``open`` made."""
        session, self._session = self._session, None
        if session is not None and session is not self._lent_session:
            await session.close()

    async def attempt(
        self, method: str, path: str, query: str, body: bytes | None, *, timeout_seconds: float
    ) -> Answer | Failure:
        """Send once and read the whole body within ``timeout_seconds``.

        Raises:
            RuntimeError: The client is not open, was closed meanwhile, or was opened in another event loop.
        """
        session = self._session
        if session is None or session.closed:
            raise RuntimeError("this client is not open: use 'async with Klaviyo(...) as klaviyo'")
        if asyncio.get_running_loop() is not self._loop:
            # Its connections would be used by two loops at once, which works until it does not.
            raise RuntimeError("this client was opened in another event loop: each loop needs a client of its own")
        payload = None if body is None else _Body(body)
        answer: Answer | None = None
        is_whole = False
        try:
            async with (
                asyncio.timeout(timeout_seconds),
                session.request(
                    method,
                    URL(f"{self._base_url}{path}{'?' if query else ''}{query}", encoded=True),
                    data=payload,
                    headers=self._headers,
                    allow_redirects=False,
                    raise_for_status=False,
                    timeout=self._timeout,
                    middlewares=self._middlewares,
                ) as response,
            ):
                answer = Answer(response.status, response.headers, b"")
                answer = Answer(response.status, response.headers, await self._read(response))
                is_whole = True
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if session.closed and task is not None and not task.cancelling():
                # Nobody cancelled the call: that is how aiohttp ends the wait for a connection.
                raise RuntimeError("this client was closed while a call was under way") from None
            raise
        except (aiohttp.ClientError, OSError, _OversizedBodyError) as error:
            # TimeoutError is an OSError: the attempt's own timeout comes here as well.
            fault = _fault_of(error, may_be_sent=payload is None or payload.has_started)
            if answer is None:
                return Failure(
                    fault, error.reason if isinstance(error, _BrokenConnectionError) else type(error).__name__
                )
            # What fails after the last byte (giving the connection back) takes nothing away from the answer.
            return answer if is_whole else replace(answer, defect=fault)
        return answer

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while chunk := await response.content.readany():
            size += len(chunk)
            if size > self._max_response_bytes:
                response.close()
                raise _OversizedBodyError
            chunks.append(chunk)
        return b"".join(chunks)


def _fault_of(error: Exception, *, may_be_sent: bool) -> Fault:
    if isinstance(error, _OversizedBodyError):
        return Fault.OVERSIZED
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch)):
        return Fault.UNTRUSTED
    if not may_be_sent or isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return Fault.NOT_SENT
    return Fault.SILENT if isinstance(error, TimeoutError) else Fault.LOST


def _checked_base_url(base_url: str) -> str:
    url = URL(base_url)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("base_url must be an absolute http or https URL")
    if url.user is not None or url.password is not None or url.query_string or url.fragment:
        raise ValueError("base_url must have no credentials, query or fragment")
    return str(url).rstrip("/")


def _checked_header(name: str, value: str) -> str:
    # A line break would end the header and begin another; the value itself is not quoted in the message.
    if not value.isascii() or not value.isprintable():
        raise ValueError(f"{name} may hold printable ASCII characters only")
    return value
