"""The refusals of the API, in the families observed live, each with the status and words Klaviyo uses.

Two shapes: validation-like errors (400, 409, 413, 429) carry `links` and `meta`, all others do not.
Where no live body is known (405, 410, 413, 415, 501, 503) the nearest family is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.ids import error_id

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

API_PAGE = "https://developers.klaviyo.com/en/reference/api_overview"
RATE_LIMIT_PAGE = "https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling#rate-limits"


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal, ready to be written as a JSON:API error."""

    status: int
    code: str
    title: str
    detail: str
    pointer: str | None = "/data/"
    parameter: str | None = None
    links: Mapping[str, str] | None = None
    meta: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def document(self, chance: random.Random) -> dict[str, Any]:
        """The response body."""
        source = {"parameter": self.parameter} if self.parameter is not None else {"pointer": self.pointer}
        error: dict[str, Any] = {
            "id": error_id(chance),
            "status": self.status,
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "source": source,
        }
        if self.links is not None:
            error["links"] = dict(self.links)
        if self.meta is not None:
            error["meta"] = dict(self.meta)
        return {"errors": [error]}


class Refusal(Exception):
    """Raised to answer a request with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def invalid(detail: str, pointer: str = "/data") -> Refusal:
    """400 for a member of the body."""
    return Refusal(Problem(400, "invalid", "Invalid input.", detail, pointer, links={}, meta={}))


def invalid_parameter(detail: str, parameter: str) -> Refusal:
    """400 for a part of the query or a header."""
    return Refusal(Problem(400, "invalid", "Invalid input.", detail, parameter=parameter, links={}, meta={}))


def not_authenticated() -> Refusal:
    """401: no credentials."""
    text = "Authentication credentials were not provided."
    return Refusal(Problem(401, "not_authenticated", text, text))


def authentication_failed() -> Refusal:
    """401: credentials that are not accepted."""
    text = "Incorrect authentication credentials."
    return Refusal(Problem(401, "authentication_failed", text, text))


def permission_denied(detail: str) -> Refusal:
    """403, with the reason."""
    title = "You do not have permission to perform this action."
    return Refusal(Problem(403, "permission_denied", title, detail))


def not_found(detail: str) -> Refusal:
    """404, with what was looked for."""
    return Refusal(Problem(404, "not_found", "Not found.", detail))


def method_not_allowed(method: str, allowed: str) -> Refusal:
    """405, with an `Allow` header."""
    detail = f'Method "{method}" not allowed.'
    return Refusal(Problem(405, "method_not_allowed", "Method not allowed.", detail, headers={"Allow": allowed}))


def gone() -> Refusal:
    """410: a path of the APIs before revisions."""
    detail = f"This endpoint has been retired. See {API_PAGE} for what has replaced it."
    return Refusal(Problem(410, "gone", "Gone.", detail))


def duplicate_profile(detail: str, profile_id: str, pointer: str) -> Refusal:
    """409: the identifiers name a profile that is in the way."""
    meta = {"duplicate_profile_id": profile_id}
    return Refusal(Problem(409, "duplicate_profile", "Conflict.", detail, pointer, links={}, meta=meta))


def conflict(detail: str, pointer: str = "/data") -> Refusal:
    """409: what is asked for is in the way of what is there."""
    return Refusal(Problem(409, "conflict", "Conflict.", detail, pointer, links={}, meta={}))


def too_large(detail: str) -> Refusal:
    """413 for a body, or the part of a body, that may not be so big."""
    return Refusal(Problem(413, "payload_too_large", "Payload too large.", detail, "/data", links={}, meta={}))


def unsupported_media(detail: str) -> Refusal:
    """415 for a content type or encoding that is not understood."""
    return Refusal(Problem(415, "unsupported_media_type", "Unsupported media type.", detail))


def throttled(retry_after_seconds: int | None) -> Refusal:
    """429, with `Retry-After` unless it is None."""
    title = "Request was throttled."
    detail = title
    if retry_after_seconds is not None:
        unit = "second" if retry_after_seconds == 1 else "seconds"
        detail = f"{title} Expected available in {retry_after_seconds} {unit}."
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    links = {"type": RATE_LIMIT_PAGE}
    return Refusal(Problem(429, "throttled", title, detail, "/data", links=links, meta={}, headers=headers))


def not_built(operation: str, method: str, path: str) -> Refusal:
    """501 for an operation that Klaviyo has and the emulator has not."""
    detail = (
        f"The emulator does not implement {operation} ({method} {path}) yet. "
        "See docs/emulator.md for what is implemented, and "
        f"https://developers.klaviyo.com/en/reference/{operation} for the operation."
    )
    return Refusal(Problem(501, "not_implemented", "Not implemented.", detail))


def state_unavailable() -> Refusal:
    """503: the state could not be read or written, and nothing of the request is stored."""
    text = "The emulator's state is not available."
    return Refusal(Problem(503, "unavailable", "Service unavailable.", text))


def internal() -> Refusal:
    """500: a fault of the emulator."""
    return Refusal(Problem(500, "error", "A server error occurred.", "The emulator failed; its log says why."))
