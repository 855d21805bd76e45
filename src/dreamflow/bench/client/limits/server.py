"""A server that does nothing but keep rate windows, in a process of its own. It runs until SIGTERM.

Its windows stand on its own clock from a moment that nobody else knows: `W` seconds long, besides bursts of one second.
`POST /<quota>/<who>` is charged to a quota, and answered with 202 or 429 and the headers of Klaviyo; `GET /tally` tells
how many calls of whom were accepted and refused in each window.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import signal
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Sequence

_END_OF_HEAD = b"\r\n\r\n"


@dataclass(slots=True)
class Window:
    """A fixed window: what fits in, how long it is, which one it is now, what was taken."""

    limit: int
    seconds: float
    index: int = -1
    taken: int = 0

    def roll(self, now: float) -> None:
        """Begin anew when it is over."""
        index = int(now // self.seconds)
        if index != self.index:
            self.index, self.taken = index, 0

    def left_seconds(self, now: float) -> float:
        """Until it is over."""
        return (self.index + 1) * self.seconds - now


@dataclass(slots=True)
class Quota:
    """What calls of one kind are charged to."""

    windows: tuple[Window, Window]
    accepted: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict[tuple[str, int], int](int))
    refused: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict[tuple[str, int], int](int))

    def charge(self, who: str, now: float) -> bytes:
        """The answer to a call."""
        for window in self.windows:
            window.roll(now)
        burst, steady = self.windows
        waits = [window.left_seconds(now) for window in self.windows if window.taken >= window.limit]
        if waits:
            self.refused[who, steady.index] += 1
            return _answer("429 Too Many Requests", f"Retry-After: {max(1, math.ceil(max(waits)))}\r\n")
        self.accepted[who, steady.index] += 1
        for window in self.windows:
            window.taken += 1
        described = ", ".join(f"{window.limit};w={window.seconds:g}" for window in self.windows)
        return _answer(
            "202 Accepted",
            f"RateLimit-Limit: {burst.limit}, {described}\r\n"
            f"RateLimit-Remaining: {burst.limit - burst.taken}\r\nRateLimit-Reset: 0\r\n",
        )

    def tally(self) -> list[tuple[int, str, int, int]]:
        """(window, who, accepted, refused)."""
        met = sorted(self.accepted.keys() | self.refused.keys())
        return [(index, who, self.accepted[who, index], self.refused[who, index]) for who, index in met]


def _answer(status: str, headers: str, body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self, quotas: dict[str, Quota]) -> None:
        self._quotas = quotas
        self._received = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        while _END_OF_HEAD in self._received:
            head, self._received = self._received.split(_END_OF_HEAD, 1)
            path = head.split(b" ", 2)[1].decode()
            self._transport.write(self._answer(path))

    def _answer(self, path: str) -> bytes:
        if path == "/tally":
            tallies = {name: quota.tally() for name, quota in self._quotas.items()}
            return _answer("200 OK", "", json.dumps(tallies).encode())
        _, name, who = path.split("/")
        return self._quotas[name].charge(who, asyncio.get_running_loop().time())


async def _serve(quotas: dict[str, Quota]) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(quotas), "127.0.0.1", 0)
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await stopped.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it: `QUOTA=BURST/STEADY ... --window SECONDS`. Its first line is its URL."""
    parser = argparse.ArgumentParser()
    parser.add_argument("quotas", nargs="+")
    parser.add_argument("--window", type=float, required=True)
    given = parser.parse_args(arguments)
    quotas: dict[str, Quota] = {}
    for text in given.quotas:
        name, burst, steady = text.replace("=", "/").split("/")
        quotas[name] = Quota((Window(int(burst), 1.0), Window(int(steady), given.window)))
    asyncio.run(_serve(quotas))


if __name__ == "__main__":
    main()
