"""An emulator with a witness: what came when, and how it was answered.

`python -m dreamflow.bench.delivery.witness` takes `--faults`, `--bulk-duplicates`, `--limits`, `--data`, `--job-ms` and
`--seed` as `python -m klaviyo_emulator` does, notes what it accepts, prints its URL, and serves until SIGTERM.

The emulator itself does not remember what went wrong. The witness stands before it and notes of each writing request
what it carries. `GET /__witness__?after=N` tells of up to 1,000 of them, in order of arrival, and how many there are.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dreamflow.kit.clock import SystemClock
from klaviyo_emulator import Emulator, EmulatorConfig
from klaviyo_emulator.server import bind, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH = "/__witness__"
PAGE = 1000
_EVENT = re.compile(rb'"unique_id":"([^"]+)"')
# The number that a profile update of the bench has; after the profile that it is of.
_UPDATE = re.compile(rb'"external_id":"([^"]+)"[^{}]*"properties":\{[^{}]*"stories_28d":"([^"]+)"')
_EVENTS = ("/api/events", "/api/event-bulk-create-jobs")
_UPDATES = ("/api/profile-import", "/api/profile-bulk-import-jobs")


@dataclass(slots=True)
class Arrival:
    """A request, and what its sender was sent back."""

    at: float
    """By the machine's clock, in seconds since 1970."""
    path: str
    carries: list[str]
    """The unique ids of its events, or `PROFILE:NUMBER` of its updates."""
    status: int | None = None
    """None where no status line was sent."""
    length: int | None = None
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

    def document(self) -> list[Any]:
        """As it is told."""
        return [self.at, self.path, self.status, self.is_readable, self.carries]


class Witness:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._arrivals: list[Arrival] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note it."""
        path = scope.get("path", "")
        if path == PATH:
            await self._tell(scope, send)
            return
        if scope["type"] != "http" or scope["method"] != "POST" or path not in (*_EVENTS, *_UPDATES):
            await self._app(scope, receive, send)
            return
        at = SystemClock().now().timestamp()
        messages = [await receive()]
        while messages[-1].get("more_body", False):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        arrival = Arrival(at, path, _carried(path, body))
        self._arrivals.append(arrival)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                arrival.status = message["status"]
                lengths = (int(value) for name, value in message["headers"] if name == b"content-length")
                arrival.length = next(lengths, None)
            else:
                arrival.body += message.get("body", b"")
            await send(message)

        left = iter(messages)

        async def again() -> Message:
            message = next(left, None)
            return await receive() if message is None else message

        await self._app(scope, again, noting)

    async def _tell(self, scope: Scope, send: Send) -> None:
        after = int(re.sub(rb"\D", b"", scope["query_string"]) or 0)
        page = [arrival.document() for arrival in self._arrivals[after : after + PAGE]]
        body = json.dumps({"count": len(self._arrivals), "arrivals": page}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _carried(path: str, body: bytes) -> list[str]:
    if path in _EVENTS:
        return [found.decode() for found in _EVENT.findall(body)]
    return [f"{profile.decode()}:{number.decode()}" for profile, number in _UPDATE.findall(body)]


def _stand_before(emulator: Emulator) -> None:
    emulator.app.add_middleware(Witness)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m dreamflow.bench.delivery.witness")
    parser.add_argument("--faults", default="")
    parser.add_argument("--bulk-duplicates", choices=("request", "history"), default="request")
    parser.add_argument("--limits", choices=("on", "off"), default="off")
    parser.add_argument("--data", default=":memory:")
    parser.add_argument("--job-ms", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    config = EmulatorConfig(
        database=given.data,
        limits=given.limits == "on",
        job_ms=given.job_ms,
        bulk_duplicates=given.bulk_duplicates,
        faults=given.faults,
        acceptance_log=True,
        seed=given.seed,
    )
    run(config, bind("127.0.0.1", 0), _announce, _stand_before)


def _announce(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
