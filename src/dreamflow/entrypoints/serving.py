"""Serving ASGI apps on sockets that are bound already, several in one loop; signals are somebody else's."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

_GRACE_SECONDS = 5


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to whoever started it."""

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def serving(app: ASGIApp, sock: socket.socket) -> AsyncGenerator[None]:
    """Serve an app while the block runs; requests under way are finished at its end."""
    server = _Server(
        uvicorn.Config(app, access_log=False, log_config=None, lifespan="off", timeout_graceful_shutdown=_GRACE_SECONDS)
    )
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
