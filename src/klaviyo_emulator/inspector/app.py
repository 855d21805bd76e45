"""The inspector as an ASGI application: which page a path is, and what a browser may do with it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from klaviyo_emulator.answers import Answer
from klaviyo_emulator.control.asking import ControlError, read_parameters
from klaviyo_emulator.hosts import ForeignError, HostGuard
from klaviyo_emulator.inspector import flows, letters, machine, people, unsubscribing
from klaviyo_emulator.inspector.layout import Visit, empty, heading, page, style_source
from klaviyo_emulator.state.database import StateUnavailableError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from klaviyo_emulator.control.deck import Deck

Page = Callable[["Deck", Visit, Mapping[str, str]], Awaitable[bytes]]

_PAGES: Mapping[str, Page] = {
    "/": machine.overview,
    "/inspector/profiles": people.profiles,
    "/inspector/groups": people.groups,
    "/inspector/events": people.events,
    "/inspector/flows": flows.flows,
    "/inspector/mail": letters.mails,
    "/inspector/jobs": machine.jobs,
    "/inspector/webhooks": letters.webhooks,
    "/inspector/limits": machine.limits,
    "/inspector/faults": machine.faults,
    "/inspector/requests": machine.requests,
}
_HTML = "text/html; charset=utf-8"
_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
_LOG = logging.getLogger("klaviyo_emulator")


class Inspector:
    """Answers `/` and the paths below `/inspector` and `/unsubscribe`."""

    def __init__(self, deck: Deck) -> None:
        self._deck = deck
        self._guard = HostGuard.knowing(deck.context.config.hosts)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        headers = {bytes(name): bytes(value) for name, value in reversed(scope["headers"])}
        base = "http://" + headers.get(b"host", b"").decode("latin-1")
        visit = Visit(base, scope["path"].rstrip("/") or "/", self._deck.context.mint.account_id)
        try:
            self._guard.check(headers.get(b"host"), headers.get(b"origin"))
            answer = await self._answer(scope, visit)
        except ForeignError as error:
            answer = Answer(403, f"{error}\n".encode(), "text/plain; charset=utf-8")
        except ControlError as error:
            answer = _message(visit, error.status, str(error), error.headers)
        except StateUnavailableError:
            _LOG.exception("the state is not available")
            answer = _message(visit, 503, "The emulator's state is not available; its log says why.")
        except Exception:  # noqa: BLE001 - a defect is logged and answered as everything is
            _LOG.exception("%s %s failed", scope["method"], scope["path"])
            answer = _message(visit, 500, "The emulator failed; its log says why.")
        await answer.send(send)

    async def _answer(self, scope: Scope, visit: Visit) -> Answer:
        if visit.path.startswith(unsubscribing.PREFIX):
            return await self._unsubscribe(scope["method"], visit)
        if scope["method"] not in {"GET", "HEAD"}:
            raise ControlError(405, "Pages can be read only.", {"Allow": "GET, HEAD"})
        parameters = read_parameters(scope["query_string"])
        if parameters.get("refresh") == "on":
            visit = Visit(visit.base, visit.path, visit.account_id, refreshes=True)
        await self._deck.catch_up()
        whole = _PAGES.get(visit.path)
        if whole is not None:
            return _page(200, await whole(self._deck, visit, parameters))
        return await self._one(visit)

    async def _unsubscribe(self, method: str, visit: Visit) -> Answer:
        """What the link in a mail leads to, which is the one page that can do something."""
        if method not in {"GET", "HEAD", "POST"}:
            raise ControlError(405, "It can be read, or posted to.", {"Allow": "GET, HEAD, POST"})
        await self._deck.catch_up()
        answer = unsubscribing.unsubscribe if method == "POST" else unsubscribing.ask
        found = await answer(self._deck, visit)
        if found is None:
            raise ControlError(404, "There is no mail with this link. It may have gone with a reset.")
        # Without a referrer a browser would not say which origin the form is of either.
        return _page(200, found, {"Referrer-Policy": "same-origin"})

    async def _one(self, visit: Visit) -> Answer:
        """The page of one profile, list, segment, flow or mail."""
        found: bytes | None = None
        match visit.path.split("/")[2:]:
            case ["profiles", profile_id]:
                found = await people.profile(self._deck, visit, profile_id)
            case ["groups", group_id]:
                found = await people.group(self._deck, visit, group_id)
            case ["flows", flow_id]:
                found = await flows.flow(self._deck, visit, flow_id)
            case ["mail", mail_id]:
                found = await letters.mail(self._deck, visit, mail_id)
            case ["mail", mail_id, "body"]:
                found = await letters.body_of(self._deck, mail_id)
                if found is not None:
                    return Answer(200, found, _HTML, {**_safe(_MAIL_POLICY), "X-Frame-Options": "SAMEORIGIN"})
            case _:
                pass
        if found is None:
            raise ControlError(404, "There is nothing here. It may have gone with a reset.")
        return _page(200, found)


def _page(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    policy = (
        f"default-src 'none'; style-src {style_source()}; img-src data:; frame-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    return Answer(status, body, _HTML, {**_safe(policy), **(headers or {})})


def _safe(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def _message(visit: Visit, status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    return _page(status, page(visit, str(status), heading(visit, f"{status}"), empty(text)), headers)
