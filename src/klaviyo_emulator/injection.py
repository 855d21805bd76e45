"""Making the trouble: what a fault does to the answer of a request, and to its connection."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from klaviyo_emulator.answers import Answer, encode
from klaviyo_emulator.errors import Problem, throttled
from klaviyo_emulator.faults.model import (
    Fault,
    Html,
    Reset,
    Shape,
    ShortClose,
    Slow,
    Status,
    Timeout,
    Truncated,
    WrongJson,
)
from klaviyo_emulator.protocol import connection_of

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from klaviyo_emulator.faults import FaultScript

_TOO_MANY_REQUESTS = 429
_CUT_DOCUMENT = b'{"data":{"type":'
_SHAPES: Mapping[Shape, tuple[bytes, str]] = {
    "text": (b"Everything is fine.", "text/plain"),
    "null": (b"null", "application/vnd.api+json"),
    "array": (b"[]", "application/vnd.api+json"),
    "object": (b"{}", "application/vnd.api+json"),
    "number": (b"1", "application/vnd.api+json"),
}
_CODES: Mapping[int, tuple[str, str]] = {
    400: ("invalid", "Invalid input."),
    401: ("authentication_failed", "Incorrect authentication credentials."),
    403: ("permission_denied", "You do not have permission to perform this action."),
    404: ("not_found", "Not found."),
    405: ("method_not_allowed", "Method not allowed."),
    409: ("conflict", "Conflict."),
    413: ("payload_too_large", "Payload too large."),
    415: ("unsupported_media_type", "Unsupported media type."),
    500: ("error", "A server error occurred."),
}
_LIKE_VALIDATION = frozenset({400, 409, 413})
_EMPTY_STATUSES = frozenset({204, 304})


class BrokenConnectionError(ConnectionResetError):
    """Raised out of the application where a fault cuts a connection that only the server around could cut."""


@dataclass(frozen=True, slots=True)
class Wire:
    """The ASGI ends of one request."""

    scope: Scope
    receive: Receive
    send: Send

    def reset(self) -> None:
        """Reset the connection."""
        connection = connection_of(self.scope)
        if connection is None:
            raise BrokenConnectionError("reset by a fault")
        connection.reset()

    def close(self) -> None:
        """End the connection in the middle of whatever was sent."""
        connection = connection_of(self.scope)
        if connection is None:
            raise BrokenConnectionError("closed by a fault")
        connection.close()

    async def gone(self) -> None:
        """Wait until the client has left, or the connection is closed."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


async def inject(fault: Fault, answer: Answer, wire: Wire, script: FaultScript, chance: random.Random) -> None:
    """Let `fault` happen in the place of `answer`, which is the right one or, before the effect, an empty one."""
    match fault.trouble:
        case Status(status, retry_after):
            await _refusal(status, retry_after, chance).send(wire.send)
        case Html(status):
            await _page(status).send(wire.send)
        case Timeout(seconds):
            await _hold(wire, script, seconds)
            wire.close()
            await wire.gone()
        case Reset():
            wire.reset()
            await wire.gone()
        case Slow(delay, piece):
            await _dribble(answer, wire, script, delay, piece)
        case Truncated(keep):
            body = answer.body or _CUT_DOCUMENT
            await replace(_with_body(answer), body=body[: _cut(body, keep)]).send(wire.send)
        case ShortClose(keep):
            await _promise_more(answer, wire, keep)
        case WrongJson(shape):
            body, media_type = _SHAPES[shape]
            await replace(_with_body(answer), body=body, media_type=media_type).send(wire.send)
        case _:
            await answer.send(wire.send)


async def _hold(wire: Wire, script: FaultScript, seconds: float | None) -> bool:
    """Keep the connection open and silent; False when it is over because the client left or the fault was lifted."""
    loop = asyncio.get_running_loop()
    lifted = asyncio.Event()
    key = object()
    script.hold(key, lambda: loop.call_soon_threadsafe(lifted.set))
    waiting = {asyncio.ensure_future(wire.gone()), asyncio.ensure_future(lifted.wait())}
    try:
        over, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        script.let_go(key)
        for task in waiting:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    return not over


async def _dribble(answer: Answer, wire: Wire, script: FaultScript, delay: float, piece: int) -> None:
    """Send the answer in pieces; when the fault is lifted, the rest at once."""
    pieces = [answer.body[start : start + piece] for start in range(0, len(answer.body), piece)]
    waits = await _hold(wire, script, delay)
    await wire.send({"type": "http.response.start", "status": answer.status, "headers": answer.raw_headers()})
    for part in pieces:
        waits = waits and await _hold(wire, script, delay)
        await wire.send({"type": "http.response.body", "body": part, "more_body": True})
    await wire.send({"type": "http.response.body", "body": b""})


async def _promise_more(answer: Answer, wire: Wire, keep: int | None) -> None:
    """Say how long the body is, send less, and end the connection."""
    whole = answer.body or _CUT_DOCUMENT
    part = whole[: min(_cut(whole, keep), len(whole) - 1)]
    headers = replace(_with_body(answer), body=whole).raw_headers()
    await wire.send({"type": "http.response.start", "status": _with_body(answer).status, "headers": headers})
    await wire.send({"type": "http.response.body", "body": part, "more_body": True})
    wire.close()
    await wire.gone()


def _cut(body: bytes, keep: int | None) -> int:
    return len(body) // 2 if keep is None else keep


def _with_body(answer: Answer) -> Answer:
    """The answer with a status that may have a body, as a 204 may not."""
    return replace(answer, status=200) if answer.status in _EMPTY_STATUSES else answer


def _refusal(status: int, retry_after: int | None, chance: random.Random) -> Answer:
    if status == _TOO_MANY_REQUESTS:
        problem = throttled(retry_after).problem
    else:
        code, title = _CODES.get(status) or _named(status)
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        pointer, more = ("/data", dict[str, str]()) if status in _LIKE_VALIDATION else ("/data/", None)
        problem = Problem(status, code, title, title, pointer, links=more, meta=more, headers=headers)
    return Answer(status, encode(problem.document(chance)), headers=problem.headers)


def _named(status: int) -> tuple[str, str]:
    """Code and title of a status that has no words of Klaviyo's."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        return "error", f"Error {status}."
    return phrase.lower().replace(" ", "_").replace("-", "_"), f"{phrase}."


def _page(status: int) -> Answer:
    text = f"<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>Error {status}</h1></body></html>\n"
    return Answer(status, text.encode("ascii"), "text/html; charset=UTF-8")
