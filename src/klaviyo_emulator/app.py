"""The transport: what every request goes through before its route sees it.

    latency -> due tasks -> retired? -> credentials -> path -> fault? -> rate windows -> revision -> built? -> scopes
    -> query -> body -> route -> fault?

Whatever is refused on the way is answered in Klaviyo's shape and has changed nothing.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route

from klaviyo_emulator.answers import Answer, encode
from klaviyo_emulator.body import read_document
from klaviyo_emulator.control.app import Control
from klaviyo_emulator.credentials import authenticate, authorize
from klaviyo_emulator.errors import (
    Refusal,
    gone,
    internal,
    invalid,
    invalid_parameter,
    not_built,
    not_found,
    state_unavailable,
)
from klaviyo_emulator.faults.model import Html, Reset, Status, Timeout
from klaviyo_emulator.injection import Wire, inject
from klaviyo_emulator.inspector.app import Inspector
from klaviyo_emulator.jsonapi import MEDIA_TYPE
from klaviyo_emulator.operations import REVISIONS, Operation, operations
from klaviyo_emulator.query import read_pairs, read_query
from klaviyo_emulator.routes import (
    accounts,
    back_in_stock,
    campaign_routes,
    catalog_jobs,
    catalogs,
    conversations,
    coupon_codes,
    coupons,
    custom_metrics,
    events,
    flows,
    images,
    import_jobs,
    lists,
    mapped_metrics,
    metric_aggregates,
    metrics,
    privacy,
    profiles,
    push_tokens,
    reports,
    segments,
    subscriptions,
    suppressions,
    tags,
    templates,
    translations,
    universal_content,
    webhooks,
)
from klaviyo_emulator.routes.context import ApiRequest, Reply, Routes, Types
from klaviyo_emulator.routing import Router
from klaviyo_emulator.state.database import StateUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from klaviyo_emulator.control.deck import Deck
    from klaviyo_emulator.faults import Fault
    from klaviyo_emulator.requestlog import Asked

ROUTES: Routes = {
    **accounts.ROUTES,
    **back_in_stock.ROUTES,
    **campaign_routes.ROUTES,
    **catalog_jobs.ROUTES,
    **catalogs.ROUTES,
    **coupon_codes.ROUTES,
    **coupons.ROUTES,
    **events.ROUTES,
    **flows.ROUTES,
    **custom_metrics.ROUTES,
    **mapped_metrics.ROUTES,
    **metric_aggregates.ROUTES,
    **metrics.ROUTES,
    **images.ROUTES,
    **import_jobs.ROUTES,
    **lists.ROUTES,
    **privacy.ROUTES,
    **segments.ROUTES,
    **profiles.ROUTES,
    **push_tokens.ROUTES,
    **reports.ROUTES,
    **subscriptions.ROUTES,
    **suppressions.ROUTES,
    **tags.ROUTES,
    **templates.ROUTES,
    **translations.ROUTES,
    **universal_content.ROUTES,
    **webhooks.ROUTES,
}
TYPES: Types = {
    **campaign_routes.TYPES,
    **catalog_jobs.TYPES,
    **catalogs.TYPES,
    **coupon_codes.TYPES,
    **coupons.TYPES,
    **conversations.TYPES,
    **flows.TYPES,
    **images.TYPES,
    **import_jobs.TYPES,
    **lists.TYPES,
    **profiles.TYPES,
    **push_tokens.TYPES,
    **segments.TYPES,
    **suppressions.TYPES,
    **custom_metrics.TYPES,
    **mapped_metrics.TYPES,
    **metrics.TYPES,
    **tags.TYPES,
    **templates.TYPES,
    **translations.TYPES,
    **universal_content.TYPES,
    **webhooks.TYPES,
}

_REVISION = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.([a-z]+))?", re.ASCII)
_RETIRED = re.compile(r"/api/v[12](/|$)")
_WITH_BODY = frozenset({"POST", "PATCH", "PUT"})
_RELATIONSHIPS = "/relationships/"
_WITHOUT_RATE_HEADERS = frozenset({401, 429})
_LOG = logging.getLogger("klaviyo_emulator")


@cache
def _router() -> Router:
    """All paths, which never change: one tree for all emulators of a process, so that each opens quickly."""
    return Router(operations().values())


def build_app(deck: Deck) -> Starlette:
    """The ASGI application.

    The API below `/api` and `/client`, the control API below `/__emulator__`, the inspector at `/` and below
    `/inspector`, what unsubscribe links lead to below `/unsubscribe`, and Klaviyo-shaped refusals elsewhere.
    """
    api, control, inspector = Api(deck), Control(deck), Inspector(deck)
    app = Starlette(
        routes=[
            Mount("/api", app=api),
            Mount("/client", app=api),
            Mount("/__emulator__", app=control),
            Route("/__emulator__", control),
            Mount("/inspector", app=inspector),
            Route("/inspector", inspector),
            Mount("/unsubscribe", app=inspector),
            Route("/", inspector),
        ],
        exception_handlers={404: api.refuse_elsewhere},
    )
    app.router.redirect_slashes = False
    return app


@dataclass(slots=True)
class _Exchange:
    """What becomes known of a request on its way."""

    asked: Asked
    rate_headers: dict[str, str] = field(default_factory=dict[str, str])
    fault: Fault | None = None


class _FaultHappened(Exception):
    """Raised where a fault keeps a request from its effect."""


class Api:
    """An ASGI application that answers the paths of the API."""

    def __init__(self, deck: Deck) -> None:
        self._context = deck.context
        self._pump = deck.pump
        self._instruments = deck.instruments
        self._router = _router()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        started = perf_counter()
        asked = self._begin(scope)
        config = self._context.config
        if config.latency_ms:
            await asyncio.sleep(config.latency_ms / 1000)
        exchange = _Exchange(asked)
        try:
            await self._deliver(exchange, await self._answer_or_refuse(scope, receive, exchange), scope, receive, send)
        finally:
            asked.milliseconds = (perf_counter() - started) * 1000

    async def _answer_or_refuse(self, scope: Scope, receive: Receive, exchange: _Exchange) -> Answer:
        try:
            await self._pump.run()
            reply = await self._answer(scope, receive, exchange)
        except _FaultHappened:
            return Answer(200)
        except Refusal as refusal:
            return self._refused(refusal, exchange)
        except StateUnavailableError:
            _LOG.exception("the state is not available")
            return self._refused(state_unavailable(), exchange)
        except Exception:  # noqa: BLE001 - a defect is logged and answered in shape, like everything
            _LOG.exception("%s %s failed", scope["method"], scope["path"])
            return self._refused(internal(), exchange)
        body = b"" if reply.document is None else encode(reply.document)
        return Answer(reply.status, body, headers=exchange.rate_headers)

    async def _deliver(self, exchange: _Exchange, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        fault, asked = exchange.fault, exchange.asked
        asked.status = answer.status
        if fault is None:
            await answer.send(send)
            return
        asked.fault = fault.kind
        match fault.trouble:
            case Status(status) | Html(status):
                asked.status = status
            case Timeout() | Reset():
                asked.status = None
            case _:
                pass
        await inject(fault, answer, Wire(scope, receive, send), self._instruments.faults, self._instruments.chance)

    async def refuse_elsewhere(self, request: Request, _error: Exception) -> Response:
        """404 for a path outside the API."""
        problem = not_found("There is no such path in the API.").problem
        asked = self._begin(request.scope)
        asked.status, asked.reason, asked.milliseconds = problem.status, problem.detail, 0.0
        return Response(encode(problem.document(self._instruments.chance)), problem.status, media_type=MEDIA_TYPE)

    def _begin(self, scope: Scope) -> Asked:
        path = bytes(scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        query = bytes(scope["query_string"]).decode("latin-1")
        return self._instruments.requests.begin(self._instruments.clock(), scope["method"], path, query)

    async def _answer(self, scope: Scope, receive: Receive, exchange: _Exchange) -> Reply:
        context, limiter = self._context, self._instruments.limiter
        headers = {bytes(name): bytes(value) for name, value in reversed(scope["headers"])}
        raw_path = bytes(scope.get("raw_path") or scope["path"].encode())
        # Decoded, as the mounts compare it: an escaped letter must not lead past the credentials.
        if _RETIRED.match(scope["path"]):
            raise gone()
        is_server_path = scope["path"].startswith("/api/")
        caller = authenticate(headers.get(b"authorization"), context.config) if is_server_path else None
        match = self._router.match(scope["method"], raw_path)
        operation = match.operation
        exchange.asked.operation = operation.id
        exchange.fault = self._instruments.faults.next_for(operation.id)
        if exchange.fault is not None and not exchange.fault.effect:
            raise _FaultHappened
        if caller is not None and operation.rate is not None:
            exchange.rate_headers |= limiter.charge(caller.bucket, {operation.id: operation.rate})
        revision = _read_revision(headers.get(b"revision"), operation)
        handler = ROUTES.get(operation.id)
        if handler is None or caller is None:
            raise not_built(operation.id, operation.method, operation.path)
        authorize(caller, operation, context.config)
        pairs = read_pairs(scope["query_string"])
        query = read_query(pairs, operation.reading(revision))
        expensive = query.parameter_rates(operation.path)
        if expensive:
            limiter.charge(caller.bucket, expensive)
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
        if self._instruments.notes_acceptance and operation.method != "GET":
            context = context.noting(request)
        return await handler(context, request)

    def _refused(self, refusal: Refusal, exchange: _Exchange) -> Answer:
        problem = refusal.problem
        exchange.asked.reason = problem.detail
        headers = dict(problem.headers)
        if problem.status not in _WITHOUT_RATE_HEADERS:
            headers |= exchange.rate_headers
        return Answer(problem.status, encode(problem.document(self._instruments.chance)), headers=headers)


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
