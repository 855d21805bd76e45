"""Calls to the server of rate windows, with as little around them as possible."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after_seconds(self) -> float | None:
        """What a 429 asked to wait."""
        text = self.headers.get("Retry-After")
        return None if text is None else float(text)


class Wire:
    """One connection, one call at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, url: str) -> Wire:
        """To a server on this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", urlsplit(url).port))

    async def call(self, method: str, path: str) -> Answer:
        """Send a request and wait for its answer."""
        self._writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        _, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return Answer(headers, await self._reader.readexactly(int(headers["Content-Length"])))

    async def aclose(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()
