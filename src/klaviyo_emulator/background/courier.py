"""Sending the emulator's own requests: webhooks, and the webhook actions of flows.

What waits for one webhook (or one URL) is sent in order, one request after the other; different ones are served at the
same time, each by a thread of its own. How often and how long a request is tried is the emulator's own policy; Klaviyo
does not say what it does for system webhooks.

Answers are not read beyond their status, and redirects are not followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.client import HTTP_PORT, HTTPS_PORT, HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING

from klaviyo_emulator.faults.model import Drop, Duplicate, Reorder
from klaviyo_emulator.state import posts
from klaviyo_emulator.state.database import StateUnavailableError
from klaviyo_emulator.targets import TargetError, check_target

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.background.pump import Pump
    from klaviyo_emulator.faults import FaultScript
    from klaviyo_emulator.routes.context import Context
    from klaviyo_emulator.state.posts import Post, Target

DELAYS_SECONDS = (5, 25, 125, 625, 3125)
"""How long after each failure a request is tried again, by the emulator's clock; so it is tried six times."""
ANSWER_SECONDS = 10.0
"""How long a receiver may take to answer, by the machine's clock."""
MOST_AT_ONCE = 8
DROPPED = "dropped"
_CLOSING_SECONDS = 2.0
_TOO_MANY_REQUESTS = 429
_FAILED = 500
_LOG = logging.getLogger("klaviyo_emulator")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt: a status, or what went wrong instead."""

    text: str
    may_retry: bool = False


@dataclass(slots=True)
class Courier:
    """Sends what is due. Its methods may be called from several event loops at once."""

    context: Context
    faults: FaultScript
    _gate: threading.Lock = field(default_factory=threading.Lock)
    _busy: dict[Target, Future[None]] = field(default_factory=dict["Target", "Future[None]"])
    _threads: dict[Target, threading.Thread] = field(default_factory=dict["Target", threading.Thread])
    _connections: set[HTTPConnection] = field(default_factory=set[HTTPConnection])
    _is_closed: bool = False
    _secure: ssl.SSLContext | None = None

    @property
    def is_due(self) -> bool:
        """Whether there may be something to send. Costs no look at the state."""
        return self.seconds_to_next() == 0

    def seconds_to_next(self) -> float | None:
        """How long nothing is due, by the emulator's clock; None when nothing waits."""
        earliest = self.context.mint.posts.earliest_us
        return None if earliest is None else max(0, earliest - self.context.mint.now_us()) / 1_000_000

    async def launch(self) -> bool:
        """Begin to send what is due, without waiting for it; answers whether anything is under way."""
        if self.is_due and not self._is_closed:
            now_us = self.context.mint.now_us()
            targets = await self.context.read(lambda connection: posts.due_targets(connection, now_us))
            for target in targets:
                self._start(target)
            if not targets:
                await self.context.write(self._look_again)
        return bool(self._busy)

    async def run(self) -> bool:
        """Send everything that is due, and wait for it; answers whether there was anything."""
        anything = False
        while await self.launch():
            anything = True
            with self._gate:
                under_way = list(self._busy.values())
            if under_way:
                await asyncio.wait([asyncio.wrap_future(future) for future in under_way])
        return anything

    def close(self) -> None:
        """Stop sending. What is under way is cut off, stays due, and is sent again by the next start."""
        with self._gate:
            self._is_closed = True
            connections = list(self._connections)
            threads = list(self._threads.values())
        for connection in connections:
            _cut(connection)
        for thread in threads:
            thread.join(_CLOSING_SECONDS)

    def _look_again(self, connection: sqlite3.Connection) -> None:
        """What was said to be due is not there: the change that made it was rolled back."""
        self.context.mint.posts.earliest_us = posts.earliest_due(connection)

    def _start(self, target: Target) -> None:
        with self._gate:
            if self._is_closed or target in self._busy or len(self._busy) >= MOST_AT_ONCE:
                return
            future: Future[None] = Future()
            future.set_running_or_notify_cancel()
            thread = threading.Thread(
                target=self._serve, args=(target, future), name="klaviyo-emulator-courier", daemon=True
            )
            self._busy[target] = future
            self._threads[target] = thread
            thread.start()

    def _serve(self, target: Target, future: Future[None]) -> None:
        try:
            self._send_all(target)
        except StateUnavailableError:
            _LOG.debug("the state was closed under the courier")
        except Exception:  # noqa: BLE001 - a defect must not leave its target busy for ever
            _LOG.exception("sending to %s failed", target)
        finally:
            with self._gate:
                del self._busy[target]
                del self._threads[target]
            future.set_result(None)

    def _send_all(self, target: Target) -> None:
        """Send everything that is due to a target; one request may have to let the next one pass first."""
        held: Post | None = None
        while not self._is_closed:
            post = self._next(target, held)
            if post is None and held is None:
                return
            trouble = None if post is None else self.faults.webhook_fault()
            if isinstance(trouble, Reorder) and held is None:
                held = post
                continue
            if post is not None and isinstance(trouble, Drop):
                self._record(post, Outcome(DROPPED))
            elif post is not None:
                self._deliver(post, trouble.copies if isinstance(trouble, Duplicate) else 1)
            if held is not None:
                self._deliver(held, 1)
                held = None

    def _next(self, target: Target, held: Post | None) -> Post | None:
        now_us = self.context.mint.now_us()
        besides = 0 if held is None else held.seq
        found = self.context.database.read(lambda connection: posts.next_due(connection, target, now_us, besides))
        return found.result()

    def _deliver(self, post: Post, copies: int) -> None:
        outcome = self._attempt(post)
        for _ in range(copies - 1):
            outcome = self._attempt(post)
        if not self._is_closed:
            self._record(post, outcome)

    def _record(self, post: Post, outcome: Outcome) -> None:
        mint = self.context.mint

        def work(connection: sqlite3.Connection) -> None:
            again_us = None
            if outcome.may_retry and post.attempts < len(DELAYS_SECONDS):
                again_us = mint.now_us() + DELAYS_SECONDS[post.attempts] * 1_000_000
            posts.record_outcome(connection, mint, post, outcome.text, again_us=again_us)

        self.context.database.write(work).result()

    def _attempt(self, post: Post) -> Outcome:
        try:
            connection, path = self._connect(post.url)
        except TargetError as error:
            return Outcome(f"not sent: {error}")
        with self._gate:
            self._connections.add(connection)
        # A receiver that answers byte by byte would be waited for without end: the timeout counts from byte to byte.
        limit = threading.Timer(ANSWER_SECONDS, _cut, (connection,))
        limit.daemon = True
        limit.start()
        try:
            connection.request("POST", path, post.body, dict(post.headers))
            status = connection.getresponse().status
        except TimeoutError:
            return Outcome("timed out", may_retry=True)
        except (OSError, HTTPException) as error:
            return Outcome(f"no answer: {type(error).__name__}", may_retry=True)
        except ValueError as error:
            return Outcome(f"not sent: {error}")
        finally:
            limit.cancel()
            with self._gate:
                self._connections.discard(connection)
            connection.close()
        return Outcome(str(status), may_retry=status == _TOO_MANY_REQUESTS or status >= _FAILED)

    def _connect(self, url: str) -> tuple[HTTPConnection, str]:
        parts = check_target(url)
        host = str(parts.hostname)
        # Without a port http.client takes what follows the last colon of an IPv6 address for one.
        usual = HTTP_PORT if parts.scheme == "http" else HTTPS_PORT
        port = usual if parts.port is None else parts.port
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        if parts.scheme == "http":
            return HTTPConnection(host, port, timeout=ANSWER_SECONDS), path
        with self._gate:
            self._secure = self._secure or ssl.create_default_context()
        return HTTPSConnection(host, port, timeout=ANSWER_SECONDS, context=self._secure), path


async def settle(pump: Pump, courier: Courier) -> None:
    """Wait until everything that is due by now has happened and was sent, and what is due because of it too."""
    await pump.run()
    while await courier.run():
        await pump.run()


def _cut(connection: HTTPConnection) -> None:
    """End a connection that another thread waits at."""
    wire: socket.socket | None = connection.sock
    if wire is not None:
        with contextlib.suppress(OSError):
            wire.shutdown(socket.SHUT_RDWR)
