"""Serving an emulator over HTTP with uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import random
import signal
import socket
from typing import TYPE_CHECKING, cast

import uvicorn

from klaviyo_emulator.emulator import Emulator
from klaviyo_emulator.protocol import shaped_protocol
from klaviyo_emulator.state.database import StateUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType

    from starlette.types import ASGIApp, Receive, Scope, Send

    from klaviyo_emulator.config import EmulatorConfig
    from klaviyo_emulator.protocol import Connected

if TYPE_CHECKING:
    from typing_extensions import override
else:

    def override(method: Callable[..., object]) -> Callable[..., object]:
        """`typing.override`, which Python 3.11 does not have."""
        return method


_BACKLOG = 2048
_GRACE_SECONDS = 5.0
_TICK_SECONDS = 0.25
_KEEP_ALIVE_SECONDS = 75
_CLOSING_SECONDS = 0.005
_OBJECTS_BETWEEN_COLLECTIONS = 400_000
_LOG = logging.getLogger("klaviyo_emulator")


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one, and an IPv6 address may stand in brackets. Raises OSError."""
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay off only for sockets that name TCP; without, answers may wait 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def url_of(listening: socket.socket) -> str:
    """The URL that a socket is reached at."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if listening.family == socket.AF_INET6 else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """A uvicorn server that says when it is ready, and that stops when told instead of at its next look at a flag."""

    def __init__(self, emulator: Emulator, ready: Callable[[], None], *, signals: bool = False) -> None:
        super().__init__(
            uvicorn.Config(
                _given_up(emulator.app),
                http=shaped_protocol(random.Random(f"{emulator.config.seed}:protocol")),  # noqa: S311 - for ids
                lifespan="off",
                ws="none",
                access_log=False,
                log_config=None,  # a program around keeps its own logging
                log_level="error",
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            )
        )
        self._pump = emulator.pump
        self._courier = emulator.courier
        self._faults = emulator.instruments.faults
        self._ready = ready
        self._signals = signals
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """End the server; callable from any thread and from a signal handler."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the program around, unless asked to take them."""
        if not self._signals:
            yield
            return
        kept = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End cleanly, so that the process ends with status 0."""
        del sig, frame
        self.stop()

    @override
    async def main_loop(self) -> None:
        """Serve until told to stop; the tick renews the `Date` header. Between requests, what is due is done."""
        self._loop = asyncio.get_running_loop()
        self._ready()
        while not await self.on_tick(0):
            try:
                await self._pump.run()
                await self._courier.launch()
            except StateUnavailableError as error:
                _LOG.warning("the state is not available, and what is due waits: %s", error)
            due = (self._pump.seconds_to_next(), self._courier.seconds_to_next())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), min([_TICK_SECONDS, *filter(None, due)]))

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, let requests under way finish for a while, close."""
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        self._faults.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - no event tells it
                    await asyncio.sleep(_CLOSING_SECONDS)
        for connection in list(self.server_state.connections):
            cast("Connected", connection).transport.abort()
        await asyncio.sleep(_CLOSING_SECONDS)  # until the requests are told
        for task in self.server_state.tasks:
            task.cancel()


def _given_up(app: ASGIApp) -> ASGIApp:
    """The application, which ends without a word where the server cancels a request that takes too long to end."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    return call


def run(
    config: EmulatorConfig,
    listening: socket.socket,
    ready: Callable[[str], None],
    prepare: Callable[[Emulator], object] | None = None,
) -> None:
    """Open an emulator and serve it until SIGINT or SIGTERM. `ready` is called with the URL.

    What is to be done before the first answer is `prepare`d.
    """
    url = url_of(listening)
    with contextlib.closing(listening), Emulator(config) as emulator:
        if prepare is not None:
            prepare(emulator)
        with _collecting_less():
            Server(emulator, lambda: ready(url), signals=True).run(sockets=[listening])


@contextlib.contextmanager
def _collecting_less() -> Generator[None]:
    """Let garbage collection not look at every request's objects many times: they are many, and hold no circles."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
