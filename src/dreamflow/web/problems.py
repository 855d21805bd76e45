"""Errors as RFC 9457 problem documents: one table, here.

A problem names the field and the reason, never the value: what a parent typed may be a child's name.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from dreamflow.kit.errors import (
    Conflict,
    DreamFlowError,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    Unauthorised,
    Unavailable,
)
from dreamflow.kit.idempotency import KeyReused
from dreamflow.kit.logging import where

MEDIA_TYPE: Final = "application/problem+json"

# The first class an error is an instance of decides.
STATUSES: Final[tuple[tuple[type[DreamFlowError], HTTPStatus], ...]] = (
    (Unauthorised, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (KeyReused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Conflict, HTTPStatus.CONFLICT),
    (Invalid, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Refused, HTTPStatus.BAD_REQUEST),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)

Page = Callable[[Request, int, str], Response]
E = TypeVar("E", bound=Exception)

_RETRY_AFTER_SECONDS: Final = "5"
_TOO_LARGE: Final = 413
_log = structlog.get_logger()


def status_of(error: DreamFlowError) -> HTTPStatus:
    """The status an expected error is answered with."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, before it is shown to somebody.

    Attributes:
        status: HTTP status.
        code: stable, machine-readable, kebab-case.
        detail: one sentence for people, without anything they typed.
        errors: the fields that are to blame, if any are.
        headers: that belong to the answer.
    """

    status: int
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def document(self, request: Request) -> JSONResponse:
        """The problem document (RFC 9457) about a request."""
        body: dict[str, Any] = {
            "type": f"urn:dreamflow:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": request.scope.get("request_id", ""),
        }
        if self.errors:
            body["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in self.errors]
        return JSONResponse(body, self.status, media_type=MEDIA_TYPE, headers=dict(self.headers))


def install(app: FastAPI, page: Page | None = None) -> None:
    """Answer every error of the app: with a problem document, or in a browser with a page.

    Args:
        app: where the handlers go.
        page: shows a status and a sentence to a person; without it everybody gets the document.
    """

    def answered(read: Callable[[Request, E], Problem]) -> Callable[[Request, E], Awaitable[Response]]:
        async def answer(request: Request, error: E) -> Response:
            problem = read(request, error)
            if page is None or not _is_for_a_person(request):
                return problem.document(request)
            shown = page(request, problem.status, problem.detail)
            shown.headers.update(problem.headers)
            return shown

        return answer

    app.exception_handler(DreamFlowError)(answered(_expected))
    app.exception_handler(RequestValidationError)(answered(_invalid))
    app.exception_handler(HTTPException)(answered(_http))
    app.exception_handler(Exception)(answered(_unexpected))


def _is_for_a_person(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def _expected(_: Request, error: DreamFlowError) -> Problem:
    headers: dict[str, str] = {}
    if isinstance(error, Unauthorised):
        headers["WWW-Authenticate"] = str(getattr(error, "challenge", "Bearer"))
    if error.retryable:
        headers["Retry-After"] = _RETRY_AFTER_SECONDS
    return Problem(status_of(error), error.code, error.message, error.errors, headers)


def _invalid(_: Request, error: RequestValidationError) -> Problem:
    found: list[dict[str, Any]] = list(error.errors())
    if any(item["type"] == "json_invalid" for item in found):
        return Problem(HTTPStatus.BAD_REQUEST, "not-json", "The body is not JSON.")
    errors = tuple(_field_error(item) for item in found)
    detail = " ".join(f"{error.pointer or 'The body'}: {error.detail}" for error in errors)
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, errors)


def _http(_: Request, error: HTTPException) -> Problem:
    # The phrase of 413 differs between versions of Python; a code does not.
    phrase = "Content Too Large" if error.status_code == _TOO_LARGE else HTTPStatus(error.status_code).phrase
    return Problem(error.status_code, phrase.lower().replace(" ", "-"), f"{error.detail}", headers=error.headers or {})


def _unexpected(request: Request, error: Exception) -> Problem:
    _log.error("web.unexpected", request_id=request.scope.get("request_id"), **where(error))
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "unexpected",
        "Something went wrong here, not with your request. It was noted under the instance id.",
    )


def _pointer(location: tuple[int | str, ...]) -> str:
    """A JSON pointer into the body, or the name of a header or parameter; never something the caller typed."""
    where_, *path = location
    if where_ != "body":
        return f"/{where_}/" + "/".join(map(str, path))
    return "".join(f"/{part}" for part in path)


def _field_error(item: Mapping[str, Any]) -> FieldError:
    if item["type"] == "extra_forbidden":
        # The unknown name is the caller's own text: point at what holds it.
        return FieldError(_pointer(item["loc"][:-1]), "There is a field that is not known here.")
    # Pydantic's messages describe the rule; the value stands in `input`, which is left out.
    return FieldError(_pointer(item["loc"]), str(item["msg"]))
