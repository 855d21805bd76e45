"""A load of HTTP requests that costs its own process next to nothing: bytes made beforehand, connections kept open.

It reads answers only as far as their status and their end, so it is for servers that say `Content-Length`.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load."""

    seconds: float
    """From the first connection until the last answer."""
    statuses: Mapping[int, int]
    """How many answers had which status."""


class LoadError(Exception):
    """The server closed a connection, or answered with something else than HTTP."""


def post(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The bytes of a POST request."""
    given = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{given}Content-Length: {len(body)}\r\n\r\n".encode() + body


def drive(url: str, requests: Iterable[bytes], connections: int) -> Load:
    """Send requests, each connection its next one as soon as it has the answer to the one before. Raises LoadError."""
    return asyncio.run(_drive(url, iter(requests), connections))


async def _drive(url: str, requests: Iterator[bytes], connections: int) -> Load:
    loop = asyncio.get_running_loop()
    where = urlsplit(url)
    statuses: Counter[int] = Counter()
    ended: list[asyncio.Future[None]] = [loop.create_future() for _ in range(connections)]
    began = perf_counter()
    for future in ended:
        await loop.create_connection(
            lambda end=future: _Connection(requests, statuses, end), where.hostname or "", where.port or 80
        )
    await asyncio.gather(*ended)
    return Load(perf_counter() - began, statuses)


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], statuses: Counter[int], ended: asyncio.Future[None]) -> None:
        self._requests = requests
        self._statuses = statuses
        self._ended = ended
        self._received = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send()

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(_END_OF_HEAD)
        length = _LENGTH.search(head)
        if found and length and len(body) >= int(length[1]):
            self._statuses[int(head[9:12])] += 1
            self._received = b""
            self._send()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_exception(LoadError("the server closed a connection before it had answered"))

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._ended.set_result(None)
            self._transport.close()
        else:
            self._transport.write(request)
