"""An emulator with a witness: who sent what, and whether the answer could be read.

`python -m dreamflow.bench.client.trouble.witness --seed N` prints its URL and serves until SIGTERM. The emulator
itself remembers neither bodies nor more than the last requests; the witness stands before it, notes every writing
request by the marker in its body, and what was sent back. `GET /__witness__` tells all of it, in order of arrival.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from klaviyo_emulator import Emulator, EmulatorConfig
from klaviyo_emulator.server import bind, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH = "/__witness__"
_MARKER = re.compile(rb'"(?:unique_id|external_id)":"(call-[^"]+)"')


@dataclass(slots=True)
class Seen:
    """A request, and what its sender was sent back."""

    marker: str
    status: int | None = None
    """None where no status line was sent."""
    length: int | None = None
    """Bytes that the answer was said to have."""
    body: bytes = field(default=b"", repr=False)

    @property
    def is_readable(self) -> bool:
        """Whether the answer was whole and, where it had a body, JSON."""
        if self.status is None or (self.length is not None and self.length != len(self.body)):
            return False
        try:
            json.loads(self.body or b"null")
        except ValueError:
            return False
        return True

    def document(self) -> dict[str, str | int | bool | None]:
        """As it is told."""
        return {"marker": self.marker, "status": self.status, "is_readable": self.is_readable}


class Witness:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._seen: list[Seen] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note it."""
        if scope["type"] != "http" or scope["path"].startswith("/__"):
            await (self._tell(send) if scope["path"] == PATH else self._app(scope, receive, send))
            return
        messages = [await receive()]
        while messages[-1].get("more_body", False):
            messages.append(await receive())
        marker = _MARKER.search(b"".join(message.get("body", b"") for message in messages))
        if marker is None:
            await self._app(scope, _replayed(messages, receive), send)
            return
        seen = Seen(marker[1].decode())
        self._seen.append(seen)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                seen.length = next(
                    (int(value) for name, value in message["headers"] if name == b"content-length"), None
                )
            else:
                seen.body += message.get("body", b"")
            await send(message)

        await self._app(scope, _replayed(messages, receive), noting)

    async def _tell(self, send: Send) -> None:
        body = json.dumps({"seen": [seen.document() for seen in self._seen]}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _replayed(messages: Sequence[Message], receive: Receive) -> Receive:
    """First what was received already, then what comes."""
    left = iter(messages)

    async def again() -> Message:
        message = next(left, None)
        return await receive() if message is None else message

    return again


def _stand_before(emulator: Emulator) -> None:
    emulator.app.add_middleware(Witness)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m dreamflow.bench.client.trouble.witness")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    config = EmulatorConfig(limits=False, job_ms=0, acceptance_log=True, seed=given.seed)
    run(config, bind("127.0.0.1", 0), _announce, _stand_before)


def _announce(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
