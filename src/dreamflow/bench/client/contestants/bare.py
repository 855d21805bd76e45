"""The least there is: aiohttp and the standard library's JSON, no models, no retries, no errors but by status."""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import version
from typing import TYPE_CHECKING

import aiohttp

from dreamflow.bench.client.contestants.contestant import KEY, REVISION, document, in_flight

if TYPE_CHECKING:
    from dreamflow.bench.client.contestants.contestant import Page

_HEADERS = {
    "Authorization": f"Klaviyo-API-Key {KEY}",
    "revision": REVISION,
    "Content-Type": "application/vnd.api+json",
}
_CONNECTIONS = 200


class Bare:
    """A loop around `aiohttp.ClientSession`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._runner = asyncio.Runner()
        self._session = self._runner.run(_session())

    @property
    def version(self) -> str:
        """Name and version."""
        return f"bare aiohttp {version('aiohttp')}"

    def send(self, events: int, at_once: int) -> None:
        """Post events as JSON."""
        self._runner.run(in_flight(self._create, events, at_once))

    def read(self, page: Page, times: int) -> int:
        """Read a page as plain values."""
        return self._runner.run(self._read(page, times))

    def close(self) -> None:
        """Close its connections."""
        self._runner.run(self._session.close())
        self._runner.close()

    async def _create(self, number: int) -> None:
        body = json.dumps(document(number)).encode()
        async with self._session.post(f"{self._url}/api/events", data=body, headers=_HEADERS) as response:
            response.raise_for_status()
            await response.read()

    async def _read(self, page: Page, times: int) -> int:
        found = 0
        for _ in range(times):
            async with self._session.get(f"{self._url}/api/{page}", headers=_HEADERS) as response:
                response.raise_for_status()
                found += len(json.loads(await response.read())["data"])
        return found


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_CONNECTIONS))
