"""The emulator under the bench: a process of its own, and a plain client for what is not load."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from dreamflow.bench.emulator.traffic import HEADERS
from dreamflow.bench.subject import Subject, SubjectError, started

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_SECONDS = 60.0


class Client:
    """One kept connection."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._connection = HTTPConnection(where.hostname or "", where.port, timeout=_SECONDS)

    def get(self, path: str, **query: str) -> bytes:
        """The body of an answer with status 200. Raises SubjectError for any other."""
        status, body = self._ask("GET", f"{path}?{urlencode(query)}" if query else path, None)
        if status != 200:  # noqa: PLR2004 - the plainest of numbers
            raise SubjectError(f"GET {path} was answered with {status}: {body[:300]!r}")
        return body

    def read(self, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON of whatever was asked for
        """The same, as JSON."""
        return json.loads(self.get(path, **query))

    def post(self, path: str, document: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        status, body = self._ask("POST", path, json.dumps(document).encode())
        return status, json.loads(body) if body else None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        self._connection.request(method, path, body, dict(HEADERS))
        response = self._connection.getresponse()
        return response.status, response.read()


@contextmanager
def client(url: str) -> Generator[Client]:
    """A client that is closed in the end."""
    opened = Client(url)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def served(file: Path) -> Generator[Subject]:
    """An emulator on this file, without limits and without the time that jobs take on purpose, until the block ends."""
    with started("klaviyo_emulator", "--port", "0", "--limits", "off", "--job-ms", "0", "--data", str(file)) as subject:
        yield subject
