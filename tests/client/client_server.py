"""A server on loopback that answers by a script, down to broken bytes; and a clock that only sleeps on paper."""

import asyncio
import json
import random
import socket
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from aioklaviyo import Klaviyo, NoPacing

JSON_API = "application/vnd.api+json"


@dataclass
class Received:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query, strict_parsing=True).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """A whole answer."""

    status: int = 200
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def content(self) -> bytes:
        if self.body is not None:
            return self.body
        return b"" if self.document is None else json.dumps(self.document).encode()

    def head(self, length: int) -> bytes:
        lines = [f"HTTP/1.1 {self.status} Whatever", f"Content-Length: {length}", f"Content-Type: {JSON_API}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass
class Truncated(Reply):
    """The head and half of the body, then the end."""


@dataclass
class Stalled(Reply):
    """The head and half of the body, then nothing."""


class Reset:
    """The connection breaks after the request was read."""


class Silence:
    """No answer at all."""


@dataclass
class Garbage:
    """Bytes that are not HTTP."""

    data: bytes


@dataclass
class Held:
    """An answer that waits until it is let go."""

    until: asyncio.Event
    reply: Reply


Step = Reply | Reset | Silence | Garbage | Held
Script = Callable[[Received], Step]


class ScriptedServer:
    """Answers each request with the next step; with the last one once the script is used up."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.received: list[Received] = []
        self.arrival = asyncio.Event()
        self.connections = 0
        self.open_connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_connections += 1
        try:
            while (received := await _read_request(reader)) is not None:
                self.received.append(received)
                self.arrival.set()
                if not await self._answer(self._script(received), reader, writer):
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open_connections -= 1
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, step: Step, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        match step:
            case Reset():
                writer.transport.abort()
            case Silence():
                await reader.read()
            case Held(until, reply):
                await until.wait()
                return await self._answer(reply, reader, writer)
            case Garbage(data):
                writer.write(data)
                await writer.drain()
            case Truncated() | Stalled():
                content = step.content() or b"{}"
                writer.write(step.head(len(content)) + content[: len(content) // 2])
                await writer.drain()
                if isinstance(step, Stalled):
                    await reader.read()
            case Reply():
                content = step.content()
                writer.write(step.head(len(content)) + content)
                await writer.drain()
                return True
        return False


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Received(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def in_turn(*steps: Step) -> Script:
    """The steps in order, the last one for ever."""
    left = list(steps)

    def script(_: Received) -> Step:
        return left.pop(0) if len(left) > 1 else left[0]

    return script


class PaperClock:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def wall_clock(self) -> float:
        return 1_793_000_000.0 + self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@contextmanager
def nobody_listens() -> Generator[str]:
    """An address that refuses connections; its port stays taken, so that nobody else comes to listen there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


class Wire:
    """Scripted servers and clients on paper time, which end with the stack."""

    def __init__(self, stack: AsyncExitStack, clock: PaperClock | None = None) -> None:
        self._stack = stack
        self._clock = clock or PaperClock()
        self.server: ScriptedServer

    async def serve(self, *steps: Step, script: Script | None = None) -> ScriptedServer:
        self.server = server = ScriptedServer(script or in_turn(*steps))
        await server.start()
        self._stack.push_async_callback(server.stop)
        return server

    async def client(self, url: str, **settings: Any) -> Klaviyo:
        settings.setdefault("rng", random.Random(7))
        settings.setdefault("sleep", self._clock.sleep)
        # On paper one sleeper moves the time for all; whoever is about pacing asks for it.
        settings.setdefault("pacing", NoPacing())
        client = Klaviyo(
            "pk_secret",
            base_url=url,
            monotonic=self._clock.monotonic,
            wall_clock=self._clock.wall_clock,
            **settings,
        )
        return await self._stack.enter_async_context(client)

    async def connect(self, *steps: Step, **settings: Any) -> Klaviyo:
        """A client of a server that takes these steps."""
        return await self.client((await self.serve(*steps)).url, **settings)


Serve = Callable[..., Awaitable[ScriptedServer]]
Connect = Callable[..., Awaitable[Klaviyo]]


def profile(profile_id: str = "01M1PAAR5HBCRHA3NN9NG5WRTA", **attributes: Any) -> dict[str, Any]:
    return {"type": "profile", "id": profile_id, "attributes": attributes}


def problem(status: int, code: str = "invalid", **more: Any) -> dict[str, Any]:
    entry = {"id": "5f0c", "status": status, "code": code, "title": "T.", "detail": "Said of ann@example.org", **more}
    return {"errors": [entry]}
