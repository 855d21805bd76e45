"""The transport: what every request goes through before its route sees it.

    latency -> due tasks -> path -> credentials -> rate windows -> revision -> built? -> scopes -> query -> body
    -> route

Whatever is refused on the way is answered in Klaviyo's shape and has changed nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
from datetime import date
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount

from klaviyo_emulator.body import read_document
from klaviyo_emulator.credentials import authenticate, authorize
from klaviyo_emulator.errors import (
    Refusal,
    internal,
    invalid,
    invalid_parameter,
    not_built,
    not_found,
    state_unavailable,
)
from klaviyo_emulator.jsonapi import MEDIA_TYPE
from klaviyo_emulator.limits import Limiter
from klaviyo_emulator.operations import REVISIONS, Operation, operations
from klaviyo_emulator.query import read_pairs, read_query
from klaviyo_emulator.routes import accounts, events, metrics, profiles, tags
from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types
from klaviyo_emulator.routing import Router
from klaviyo_emulator.state.database import StateUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from klaviyo_emulator.background.pump import Pump

ROUTES: Routes = {
    **accounts.ROUTES,
    **events.ROUTES,
    **metrics.ROUTES,
    **profiles.ROUTES,
    **tags.ROUTES,
}
TYPES: Types = {
    **tags.TYPES,
}

_REVISION = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.([a-z]+))?", re.ASCII)
_WITH_BODY = frozenset({"POST", "PATCH", "PUT"})
_RELATIONSHIPS = "/relationships/"
_WITHOUT_RATE_HEADERS = frozenset({401, 429})
_LOG = logging.getLogger("klaviyo_emulator")


def build_app(context: Context, pump: Pump) -> Starlette:
    """The ASGI application: the API below `/api` and `/client`, and Klaviyo-shaped refusals elsewhere."""
    api = Api(context, pump)
    app = Starlette(
        routes=[Mount("/api", app=api), Mount("/client", app=api)],
        exception_handlers={404: api.refuse_elsewhere},
    )
    app.router.redirect_slashes = False
    return app


class Api:
    """An ASGI application that answers the paths of the API."""

    def __init__(self, context: Context, pump: Pump) -> None:
        self._context = context
        self._pump = pump
        self._router = Router(operations().values())
        self._limiter = Limiter(context.config.clock)
        self._chance = random.Random(f"{context.config.seed}:errors")  # noqa: S311 - ids of errors are to be repeatable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        config = self._context.config
        if config.latency_ms:
            await asyncio.sleep(config.latency_ms / 1000)
        rate_headers: dict[str, str] = {}
        try:
            await self._pump.run()
            reply = await self._answer(scope, receive, rate_headers)
        except Refusal as refusal:
            await self._send_refusal(send, refusal, rate_headers)
        except StateUnavailableError:
            _LOG.exception("the state is not available")
            await self._send_refusal(send, state_unavailable(), rate_headers)
        except Exception:  # noqa: BLE001 - a fault is logged and answered in shape, like everything
            _LOG.exception("%s %s failed", scope["method"], scope["path"])
            await self._send_refusal(send, internal(), rate_headers)
        else:
            await _send(send, reply.status, reply.document, rate_headers)

    async def refuse_elsewhere(self, _request: Request, _error: Exception) -> Response:
        """404 for a path outside the API."""
        problem = not_found("There is no such path in the API.").problem
        return Response(_encode(problem.document(self._chance)), problem.status, media_type=MEDIA_TYPE)

    async def _answer(self, scope: Scope, receive: Receive, rate_headers: dict[str, str]) -> Reply:
        context = self._context
        headers = {bytes(name): bytes(value) for name, value in reversed(scope["headers"])}
        raw_path = bytes(scope.get("raw_path") or scope["path"].encode())
        # Decoded, as the mounts compare it: an escaped letter must not lead past the credentials.
        is_server_path = scope["path"].startswith("/api/")
        caller = authenticate(headers.get(b"authorization"), context.config) if is_server_path else None
        match = self._router.match(scope["method"], raw_path)
        operation = match.operation
        if caller is not None and operation.rate is not None and context.config.limits:
            rate_headers |= self._limiter.charge(caller.bucket, {operation.id: operation.rate})
        revision = _read_revision(headers.get(b"revision"), operation)
        handler = ROUTES.get(operation.id)
        if handler is None or caller is None:
            raise not_built(operation.id, operation.method, operation.path)
        authorize(caller, operation, context.config)
        pairs = read_pairs(scope["query_string"])
        query = read_query(pairs, operation.reading)
        expensive = query.parameter_rates()
        if expensive and context.config.limits:
            self._limiter.charge(caller.bucket, expensive)
        size = 0
        document: object = None
        if operation.method in _WITH_BODY or (operation.method == "DELETE" and _RELATIONSHIPS in operation.path):
            document, size = await read_document(
                _chunks(receive), headers.get(b"content-type"), headers.get(b"content-encoding")
            )
        request = ApiRequest(
            operation=operation,
            revision=revision,
            path=raw_path.decode("ascii"),
            arguments=match.arguments,
            pairs=pairs,
            query=query,
            document=document,
            size=size,
        )
        return await handler(context, request)

    async def _send_refusal(self, send: Send, refusal: Refusal, rate_headers: Mapping[str, str]) -> None:
        problem = refusal.problem
        headers = dict(problem.headers)
        if problem.status not in _WITHOUT_RATE_HEADERS:
            headers |= rate_headers
        await _send(send, problem.status, problem.document(self._chance), headers)


def _read_revision(header: bytes | None, operation: Operation) -> str:
    """The revision without its suffix.

    Raises 400 for a revision that is missing or none, and 404 for one that is older than the operation.
    """
    if header is None:
        raise invalid_parameter("The 'revision' header is required.", "revision")
    match = _REVISION.fullmatch(header.decode("latin-1").strip())
    if match is None or match[2] not in {None, "pre"} or not _is_date(match[1]):
        raise invalid_parameter("The 'revision' header must have the form YYYY-MM-DD[.pre].", "revision")
    if match[1] < operation.since:
        raise not_found("No valid revisions found for method")
    if match[1] not in REVISIONS:
        known = ", ".join(REVISIONS)
        raise invalid_parameter(f"Revision {match[1]} does not exist. Known revisions are {known}.", "revision")
    return match[1]


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise invalid("The request body ended early.", "/data")
        yield message.get("body", b"")
        more = message.get("more_body", False)


def _encode(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


async def _send(send: Send, status: int, document: Mapping[str, Any] | None, headers: Mapping[str, str]) -> None:
    body = b"" if document is None else _encode(document)
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    raw.append((b"content-length", str(len(body)).encode("ascii")))
    if document is not None:
        raw.append((b"content-type", MEDIA_TYPE.encode("ascii")))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
