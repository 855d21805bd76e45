"""What happens to every request: an id, a size limit, safe headers, one log line, one count.

The log line has the route's pattern instead of the path, so that an id or a typed value never lands in a log. Of what
is mounted it has the mount alone.
"""

import time
from collections.abc import Callable
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dreamflow.kit.ids import Ids
from dreamflow.kit.logging import where
from dreamflow.web.problems import Problem

LARGEST_BODY: Final = 64 * 1024
SAFE_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'self'; style-src 'self'; script-src 'none'; img-src 'self' data:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "same-origin",  # with none at all, browsers hide a form's origin from us too
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}

_TOO_LARGE: Final = HTTPException(413, f"A request has at most {LARGEST_BODY // 1024} kB.")
_FILE_STATUSES: Final = frozenset({200, 304})  # the file, or: the one you have is still right
_log = structlog.get_logger()


Count = Callable[[str, str, int, float], None]
"""Told of a request that was answered: method, route's pattern, status, seconds."""


def uncounted(_method: str, _route: str, _status: int, _seconds: float) -> None:
    """Nobody counts."""


class Envelope:
    """ASGI middleware around the whole app.

    Args:
        app: what it wraps.
        ids: for request ids.
        count: told of each request.
        is_ending: whether the process is about to end; then every connection ends with its answer.
        monotonic: seconds for durations.
    """

    def __init__(
        self,
        app: ASGIApp,
        ids: Ids,
        count: Count = uncounted,
        is_ending: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._ids = ids
        self._count = count
        self._is_ending = is_ending
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = self._ids.new()
        began = self._monotonic()
        status = 500
        has_begun = False

        async def sending(message: Message) -> None:
            nonlocal status, has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                status = int(message["status"])
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
                headers["x-request-id"] = scope["request_id"]
                # Everything but a file of ours is somebody's evening, or a mistake: it stays out of every cache.
                is_ours = scope["path"].startswith("/static/") and status in _FILE_STATUSES
                headers["cache-control"] = "max-age=3600" if is_ours else "no-store"
                if self._is_ending():
                    # Else the caller's next request could cross with our closing, and get no answer.
                    headers["connection"] = "close"
            await send(message)

        try:
            await self._within_limit(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - a server would log it with its message, which may quote a parent
            if has_begun:
                _log.error("web.broken_off", request_id=scope["request_id"], **where(error))
            else:
                answer: Response = await scope["app"].exception_handlers[Exception](Request(scope), error)
                await answer(scope, receive, sending)
        finally:
            seconds, route = self._monotonic() - began, _pattern(scope)
            self._count(scope["method"], route, status, seconds)
            _log.info(
                "web.request",
                method=scope["method"],
                route=route,
                status=status,
                milliseconds=round(seconds * 1000, 1),
                request_id=scope["request_id"],
            )

    async def _within_limit(self, scope: Scope, receive: Receive, send: Send) -> None:
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > LARGEST_BODY:
            too_large = Problem(_TOO_LARGE.status_code, "content-too-large", _TOO_LARGE.detail)
            await too_large.document(Request(scope))(scope, receive, send)
            return
        received = 0

        async def receiving() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > LARGEST_BODY:
                raise _TOO_LARGE  # the app's own handler turns it into a problem document
            return message

        await self._app(scope, receiving, send)


def _pattern(scope: Scope) -> str:
    """The path with its parameters' names instead of their values."""
    if "endpoint" not in scope:
        return "unmatched"
    if "app_root_path" in scope:  # a mount takes any path below its own, and has no parameters to tell it by
        return str(scope["root_path"])
    segments = scope["path"].split("/")
    # Parameters come last in our paths, so that each is looked for from the end.
    for name, value in reversed(scope.get("path_params", {}).items()):
        if str(value) in segments:
            at = len(segments) - 1 - segments[::-1].index(str(value))
            segments[at] = f"{{{name}}}"
    return "/".join(segments)
