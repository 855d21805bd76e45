"""A real HTTP server that webhooks are sent to: it keeps what it gets, and answers what it is told to."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator_wire import Served

SECRET = "klaviyo-test-secret"


@dataclass(frozen=True)
class Delivery:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def topics(self) -> list[str]:
        return [entry["topic"] for entry in self.document["data"]]


@dataclass
class Receiver:
    """What came, and what is answered next: a status; 0 closes the connection, -1 does not answer at all."""

    url: str = ""
    deliveries: list[Delivery] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    location: str = ""
    came: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def bodies(self) -> list[Any]:
        return [delivery.document for delivery in self.deliveries]

    def external_ids(self) -> list[str]:
        return [entry["external_id"] for body in self.bodies for entry in body["data"]]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.deliveries.append(Delivery(self.path, dict(self.headers), body))
            status = receiver.answers.pop(0) if receiver.answers else 200
            receiver.came.set()
            if status < 0:
                receiver.released.wait(30)
            if status <= 0:
                self.close_connection = True
                return
            self.send_response(status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def webhook_body(url: str, *topics: str, identifier: str | None = None, **attributes: Any) -> dict[str, Any]:
    named: dict[str, Any] = {} if identifier else {"name": "Hook", "secret_key": SECRET}
    if url:
        named["endpoint_url"] = url
    data: dict[str, Any] = {"type": "webhook", "attributes": {**named, **attributes}}
    if identifier:
        data["id"] = identifier
    if topics:
        listed = [{"type": "webhook-topic", "id": topic} for topic in topics]
        data["relationships"] = {"webhook-topics": {"data": listed}}
    return {"data": data}


def listen(klaviyo: Served, url: str, *topics: str, **attributes: Any) -> str:
    """Make a webhook; answers its id."""
    return klaviyo.sdk().Webhooks.create_webhook(webhook_body(url, *topics, **attributes)).data.id


def settle(klaviyo: Served, *, after: float = 0) -> None:
    """Put the clock forward, and wait until everything that is due has happened."""
    klaviyo.clock.advance(after)
    asyncio.run(klaviyo.emulator.settle())
