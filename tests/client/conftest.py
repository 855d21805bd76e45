import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from aioklaviyo import Klaviyo
from client.client_server import Connect, PaperClock, Script, ScriptedServer, Serve, Step, in_turn


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start scripted servers that end with the test."""
    async with AsyncExitStack() as stack:

        async def start(*steps: Step, script: Script | None = None) -> ScriptedServer:
            server = ScriptedServer(script or in_turn(*steps))
            await server.start()
            stack.push_async_callback(server.stop)
            return server

        yield start


@pytest.fixture
def clock() -> PaperClock:
    return PaperClock()


@pytest.fixture
async def connect(clock: PaperClock) -> AsyncIterator[Connect]:
    """Open clients on paper time that end with the test."""
    async with AsyncExitStack() as stack:

        async def start(url: str, **settings: Any) -> Klaviyo:
            settings.setdefault("rng", random.Random(7))
            client = Klaviyo(
                "pk_secret",
                base_url=url,
                sleep=clock.sleep,
                monotonic=clock.monotonic,
                wall_clock=clock.wall_clock,
                **settings,
            )
            return await stack.enter_async_context(client)

        yield start
