from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from client.client_server import Connect, PaperClock, Serve, Wire


@pytest.fixture
def clock() -> PaperClock:
    return PaperClock()


@pytest.fixture
async def wire(clock: PaperClock) -> AsyncIterator[Wire]:
    async with AsyncExitStack() as stack:
        yield Wire(stack, clock)


@pytest.fixture
def serve(wire: Wire) -> Serve:
    """Start scripted servers that end with the test."""
    return wire.serve


@pytest.fixture
def connect(wire: Wire) -> Connect:
    """Open clients on paper time that end with the test."""
    return wire.client
