"""A server that does next to nothing, in a process of its own, so that what is measured is the client.

A POST is answered with 202 and no body, a GET with a page that was made beforehand. It reads no more of a request than
its first line and its length, and knows of no pipelining. It runs until SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import sys
from typing import TYPE_CHECKING, cast

from typing_extensions import override

from dreamflow.bench.client.pages import pages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ACCEPTED = b"202 Accepted"
_OK = b"200 OK"
_NOT_FOUND = b"404 Not Found"
_WIDE_LIMITS = (
    b"RateLimit-Limit: 1000000, 1000000;w=1, 60000000;w=60\r\nRateLimit-Remaining: 999999\r\nRateLimit-Reset: 1\r\n"
)
"""Limits that nobody comes near, for a client that keeps the pace of what it is told."""


def answers(seed: int, *, limits: bool) -> Mapping[bytes, bytes]:
    """The whole answers by method and path; that to anything else stands at an empty name."""
    told = _WIDE_LIMITS if limits else b""
    prepared = {f"GET {path}".encode(): _answer(_OK, body, told) for path, body in pages(seed).items()}
    return {**prepared, b"POST /api/events": _answer(_ACCEPTED, b"", told), b"": _answer(_NOT_FOUND, b"", told)}


def _answer(status: bytes, body: bytes, headers: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: application/vnd.api+json\r\nContent-Length: %d\r\n%b\r\n"
    return head % (status, len(body), headers) + body


class _Connection(asyncio.Protocol):
    def __init__(self, prepared: Mapping[bytes, bytes], delay_seconds: float) -> None:
        self._prepared = prepared
        self._delay_seconds = delay_seconds
        self._loop = asyncio.get_running_loop()
        self._received = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(_END_OF_HEAD)
        if not found:
            return
        length = _LENGTH.search(head)
        if length is not None and len(body) < int(length[1]):
            return
        self._received = b""
        method, target, _ = head.split(b" ", 2)
        asked = b"%b %b" % (method, target.partition(b"?")[0])
        answer = self._prepared.get(asked, self._prepared[b""])
        if self._delay_seconds:
            self._loop.call_later(self._delay_seconds, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def _serve(prepared: Mapping[bytes, bytes], delay_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    server = await loop.create_server(lambda: _Connection(prepared, delay_seconds), "127.0.0.1", 0, backlog=2048)
    port: int = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await told.wait()
    server.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve; the URL is the first line that is printed."""
    parser = argparse.ArgumentParser(prog="python -m dreamflow.bench.client.answering")
    parser.add_argument("--delay-ms", type=int, default=0, help="before each answer")
    parser.add_argument("--seed", type=int, default=0, help="of the pages")
    parser.add_argument("--limits", action="store_true", help="tell of rate limits that nobody comes near")
    given = parser.parse_args(arguments)
    asyncio.run(_serve(answers(given.seed, limits=given.limits), given.delay_ms / 1000))


if __name__ == "__main__":
    main()
