"""The control API as an ASGI application: who may ask, what is asked, and JSON for every answer."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.answers import JSON, Answer
from klaviyo_emulator.control.asking import Ask, ControlError, read_parameters
from klaviyo_emulator.control.routes import ROUTES, SQLITE, ControlRoute
from klaviyo_emulator.hosts import ForeignError, HostGuard
from klaviyo_emulator.state.database import StateUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from klaviyo_emulator.control.deck import Deck

PREFIX = "/__emulator__"
_LARGEST_BODY = 5 * 1024 * 1024
_LARGEST_IMAGE = 1024 * 1024 * 1024
_IMAGES = frozenset({SQLITE, "application/octet-stream"})
_LOG = logging.getLogger("klaviyo_emulator")


class Control:
    """Answers the paths below `/__emulator__`."""

    def __init__(self, deck: Deck) -> None:
        self._deck = deck
        self._guard = HostGuard.knowing(deck.context.config.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        try:
            answer = await self._answer(scope, receive)
        except ControlError as error:
            answer = _refusal(error.status, str(error), error.headers)
        except ForeignError as error:
            answer = _refusal(403, str(error), {})
        except StateUnavailableError:
            _LOG.exception("the state is not available")
            answer = _refusal(503, "The emulator's state is not available; its log says why.", {})
        except Exception:  # noqa: BLE001 - a defect is logged and answered as everything is
            _LOG.exception("%s %s failed", scope["method"], scope["path"])
            answer = _refusal(500, "The emulator failed; its log says why.", {})
        await answer.send(send)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        headers = {bytes(name): bytes(value) for name, value in reversed(scope["headers"])}
        self._guard.check(headers.get(b"host"), headers.get(b"origin"))
        route, arguments = _match(scope["method"], scope["path"].removeprefix(PREFIX))
        body = b""
        if route.method != "GET":
            body = await _read_body(receive, route, headers.get(b"content-type"))
        base = "http://" + headers.get(b"host", b"").decode("latin-1")
        ask = Ask(arguments, read_parameters(scope["query_string"]), body, base)
        ask.only(*route.parameters)
        found = await route.handle(self._deck, ask)
        return found if isinstance(found, Answer) else Answer(200, _pretty(found), JSON)


def _match(method: str, path: str) -> tuple[ControlRoute, tuple[str, ...]]:
    """The route of a request. A slash at the end is ignored; HEAD is asked as GET is."""
    segments = path.strip("/").split("/")
    allowed: list[str] = []
    for route in ROUTES:
        arguments = route.match(segments)
        if arguments is None:
            continue
        if route.method == ("GET" if method == "HEAD" else method):
            return route, arguments
        allowed.append(route.method)
    if allowed:
        known = ", ".join(allowed)
        raise ControlError(405, f"{method} is not allowed here; use {' or '.join(allowed)}.", {"Allow": known})
    raise ControlError(404, f"There is no such path; GET {PREFIX} lists those there are.")


async def _read_body(receive: Receive, route: ControlRoute, content_type: bytes | None) -> bytes:
    """The whole body. Its type must be named, which a page of somebody else cannot do without being asked."""
    kind = (content_type or b"").decode("latin-1").partition(";")[0].strip().lower()
    wanted = _IMAGES if route.takes_image else {JSON}
    if kind not in wanted and (route.method != "DELETE" or kind):
        raise ControlError(415, f"Send the header Content-Type: {SQLITE if route.takes_image else JSON}.")
    limit = _LARGEST_IMAGE if route.takes_image else _LARGEST_BODY
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ControlError(400, "The body ended early.")
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise ControlError(413, f"The body may have {limit} bytes.", {"Connection": "close"})
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _refusal(status: int, message: str, headers: Mapping[str, str]) -> Answer:
    return Answer(status, _pretty({"error": message}), JSON, headers)


def _pretty(document: dict[str, Any]) -> bytes:
    """JSON over several lines, because it is read at a prompt."""
    return json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n"
