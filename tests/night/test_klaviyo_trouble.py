"""Klaviyo down, slow or talking nonsense: the story still comes, within one second more than without."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from klaviyo_emulator.testing import RunningEmulator
from world import world

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _answer(status: str, body: bytes, *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers])
    return head.encode() + b"\r\n\r\n" + body


JSON_API = "content-type: application/vnd.api+json"
NONSENSE = {
    "html": _answer("200 OK", b"<html></html>", "content-type: text/html"),
    "other json": _answer("200 OK", b'{"data": "yes"}', JSON_API),
    "wrong shapes": _answer(
        "200 OK", b'{"data":[{"type":"profile","id":7,"attributes":{"properties":[1]}}]}', JSON_API
    ),
    "server error": _answer("500 No", b""),
    "throttled": _answer("429 Slow", b"", "retry-after: 3600"),
    "unauthorised": _answer("401 No", b""),
    "not http": b"\x00\x01\x02\x03",
    "half an answer": b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{",
    "elsewhere": _answer("302 Found", b"", "location: http://127.0.0.1:9/"),
}


@asynccontextmanager
async def klaviyo_that(answer: Answer) -> AsyncGenerator[str]:
    """Something on Klaviyo's port; its URL."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _seconds_for_a_story(state: Path, url: str | None) -> tuple[float, str]:
    """How long a story takes, and what the plan says about Klaviyo."""
    async with world(state, url) as here:
        home = await here.family(("Ada", 4))
        await home.tell()  # the first one also warms up what is made on first use
        loop = asyncio.get_running_loop()
        began = loop.time()
        story = await home.tell()
        took = loop.time() - began
        assert story["text"]
        assert all(field["reasons"] for field in story["plan"].values())
        return took, (await home.client.get("/api/v1/tonight")).json()["klaviyo"]


@pytest.mark.parametrize("kind", NONSENSE)
async def test_nonsense_from_klaviyo_costs_no_story(tmp_path: Path, kind: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(NONSENSE[kind])
        await writer.drain()
        writer.close()

    async with klaviyo_that(talk) as url:
        _, note = await _seconds_for_a_story(tmp_path, url)
    assert note == "Klaviyo did not answer in time"


async def test_a_silent_klaviyo_costs_less_than_a_second(tmp_path: Path) -> None:
    released = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    alone, _ = await _seconds_for_a_story(tmp_path / "alone", None)
    async with klaviyo_that(say_nothing) as url:
        slow, note = await _seconds_for_a_story(tmp_path / "slow", url)
        released.set()
    assert slow - alone < 1.0
    assert note == "Klaviyo did not answer in time"


async def test_a_klaviyo_that_is_gone_costs_less_than_a_second(tmp_path: Path) -> None:
    alone, _ = await _seconds_for_a_story(tmp_path / "alone", None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens: connections are refused, and nobody else can take the port
        gone, note = await _seconds_for_a_story(tmp_path / "gone", f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert gone - alone < 1.0
    assert note == "Klaviyo did not answer in time"


async def test_what_could_not_be_sent_waits_and_arrives_later(tmp_path: Path, klaviyo: RunningEmulator) -> None:
    state = tmp_path / "state"
    async with world(state) as unconfigured:
        home = await unconfigured.family(("Ada", 4))
        await home.tell()
        waiting = await unconfigured.house.deliveries.books()
        assert waiting.pending == waiting.accepted > 0
    async with world(state, klaviyo.url) as here:
        await here.deliver()
        books = await here.house.deliveries.books()
        assert books.delivered == waiting.accepted
        assert books.balanced
