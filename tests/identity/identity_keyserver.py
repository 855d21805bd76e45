"""An issuer's key endpoint on loopback that can be told to misbehave, and counts who asks."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


def publishes(*keys: dict[str, Any]) -> Behaviour:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"keys": list(keys)})

    return answer


def says(text: str | bytes, status: int = 200, headers: dict[str, str] | None = None) -> Behaviour:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=text, status=status, headers=headers)

    return answer


async def streams_ten_megabytes(request: web.Request) -> web.StreamResponse:
    """Without a length, so that only counting can stop it; otherwise a fine answer."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(160):
        await response.write(b" " * 65536)
    await response.write(json.dumps({"keys": []}).encode())
    return response


async def breaks_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"keys": [')
    assert request.transport is not None
    request.transport.close()
    return response


class KeyServer:
    """Answers `/jwks` as told by `behaviour`; `hold` makes it wait until `release`."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = publishes()
        self.asked = 0
        self.heard = asyncio.Event()
        self.elsewhere = 0
        self.headers: list[dict[str, str]] = []
        self._gate = asyncio.Event()
        self._gate.set()
        self.url = ""

    def hold(self) -> None:
        self._gate.clear()

    def release(self) -> None:
        self._gate.set()

    async def _jwks(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        self.heard.set()
        self.headers.append(dict(request.headers))
        await self._gate.wait()
        return await self.behaviour(request)

    async def _elsewhere(self, _: web.Request) -> web.Response:
        self.elsewhere += 1
        return web.json_response({"keys": []})

    @asynccontextmanager
    async def running(self) -> AsyncIterator["KeyServer"]:
        app = web.Application()
        app.router.add_get("/jwks", self._jwks)
        app.router.add_get("/elsewhere", self._elsewhere)
        async with TestServer(app, host="127.0.0.1") as server:
            self.url = str(server.make_url("/jwks"))
            try:
                yield self
            finally:
                self.release()
