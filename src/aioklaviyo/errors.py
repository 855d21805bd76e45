"""Everything this package raises about a call, by what the caller can do next.

::

    KlaviyoError
    ├── RateLimited           wait retry_after_seconds, then repeat            (429, or held back here: not processed)
    ├── ServerUnavailable     repeat later                                     (5xx or 408 at the last attempt)
    ├── ConnectionFailed      repeat later; the network is in the way
    ├── DeadlineExceeded      repeat later, or allow more time
    ├── OutcomeUnknown        look before repeating: it may have been done
    ├── RequestRejected       mend the request; repeating it cannot help       (4xx)
    │   ├── InvalidRequest        refused here, nothing was sent               (also a ValueError)
    │   ├── NotFound              404
    │   ├── Conflict              409; ``duplicate_profile_id`` where Klaviyo names one
    │   └── PayloadTooLarge       413, or refused here before sending
    ├── CredentialsRejected   mend the key or its scopes                       (401, 403)
    └── UnexpectedResponse    an answer that is none: redirect, not JSON, not JSON:API, too large

``may_repeat`` says the same to a program. Building a model from bad values raises pydantic's own ``ValidationError``.
No text made here holds a key, an e-mail address or a query; ``errors`` holds what Klaviyo said, which may.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar

from typing_extensions import override

_PERSONAL_SEGMENT = re.compile(r"[^/]*(?:@|%40|pk_)[^/]*", re.IGNORECASE)
_PRINTABLE_TOKEN = re.compile(r"[A-Za-z0-9_./$\[\]:-]{1,100}")


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One entry of a JSON:API ``errors`` list; every field is optional because Klaviyo leaves some out."""

    id: str | None = None
    code: str | None = None
    title: str | None = None
    detail: str | None = field(default=None, repr=False)
    status: int | None = None
    pointer: str | None = None
    parameter: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    links: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What is known of a call when it ended: no query, no body, no headers."""

    method: str
    path: str
    status: int | None = None
    request_id: str | None = None
    attempts: int = 0
    errors: tuple[ErrorDetail, ...] = ()
    may_be_done: bool = False
    """Whether one of the attempts got no readable answer, so that Klaviyo may have done what was asked."""


class KlaviyoError(Exception):
    """Base of everything a call raises."""

    may_repeat: ClassVar[bool] = False
    """Whether repeating the very same call later is safe and may succeed."""

    def __init__(self, happened: str, record: CallRecord, *more: object) -> None:
        # All arguments stay in ``args``, so that a copied or pickled error is the same error.
        super().__init__(happened, record, *more)
        self._happened = happened
        self.record = record

    @property
    def method(self) -> str:
        """HTTP method."""
        return self.record.method

    @property
    def path(self) -> str:
        """Path below the base URL, without the query."""
        return self.record.path

    @property
    def status(self) -> int | None:
        """HTTP status of the last answer; None where none came."""
        return self.record.status

    @property
    def request_id(self) -> str | None:
        """What Klaviyo's support can look up, if the answer named it."""
        return self.record.request_id

    @property
    def attempts(self) -> int:
        """How many times the request was tried; 0 when it was refused before sending."""
        return self.record.attempts

    @property
    def errors(self) -> tuple[ErrorDetail, ...]:
        """Klaviyo's own words. They may quote what was sent, so they are not part of the message."""
        return self.record.errors

    @override
    def __str__(self) -> str:
        record = self.record
        parts = [self._happened]
        for error in record.errors[:3]:
            where = error.pointer or error.parameter
            told = [text for text in (error.code, where) if text and _PRINTABLE_TOKEN.fullmatch(text)]
            if told:
                parts.append(" at ".join(told))
        parts.append(f"{record.method} {_PERSONAL_SEGMENT.sub('***', record.path)}")
        if record.status is not None:
            parts.append(f"status {record.status}")
        if record.request_id is not None:
            parts.append(f"request id {record.request_id}")
        parts.append(f"{record.attempts} attempt{'' if record.attempts == 1 else 's'}")
        return "; ".join(parts)

    @override
    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class RateLimited(KlaviyoError):
    """The rate limit is used up, and no attempt or no time to wait is left. The last attempt was not processed.

    Either Klaviyo said so (429), or the call was held back here, because no place in the windows comes free in time.
    """

    may_repeat: ClassVar[bool] = True

    def __init__(self, happened: str, record: CallRecord, retry_after_seconds: float | None = None) -> None:
        super().__init__(happened, record, retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds
        """What Klaviyo asked to wait, or how long the windows are full; None where nobody knows."""


class ServerUnavailable(KlaviyoError):
    """Klaviyo answered 5xx or 408 to the last attempt. The call was one that may be repeated."""

    may_repeat: ClassVar[bool] = True


class ConnectionFailed(KlaviyoError):
    """No connection, or it broke at the last attempt. Either nothing was sent, or the call may be repeated."""

    may_repeat: ClassVar[bool] = True


class DeadlineExceeded(KlaviyoError):
    """Time ran out. Either nothing was sent, or the call may be repeated."""

    may_repeat: ClassVar[bool] = True


class OutcomeUnknown(KlaviyoError):
    """A call that must not be repeated blindly ended without a readable answer: it may have been done.

    ``status`` is set where a status line did arrive. Look at the state in Klaviyo before repeating.
    """


class RequestRejected(KlaviyoError):
    """Klaviyo refused the request as it stands (4xx)."""


class InvalidRequest(RequestRejected, ValueError):
    """Refused here, before anything was sent. ``errors`` names the place."""


class NotFound(RequestRejected):
    """404: no such resource, or the revision does not know the endpoint."""


class Conflict(RequestRejected):
    """409: the resource exists, or identifiers belong to different profiles."""

    @property
    def duplicate_profile_id(self) -> str | None:
        """Id of the profile that already has one of the identifiers, where Klaviyo names it."""
        for error in self.errors:
            duplicate = error.meta.get("duplicate_profile_id")
            if isinstance(duplicate, str):
                return duplicate
        return None


class PayloadTooLarge(RequestRejected):
    """413, or a batch above Klaviyo's stated limits that was refused before sending: send less at once."""


class CredentialsRejected(KlaviyoError):
    """401 or 403: the key is wrong, or lacks a scope or an entitlement."""


class UnexpectedResponse(KlaviyoError):
    """An answer this client cannot use: a redirect, a body that is not JSON:API, or more bytes than allowed."""


_BY_STATUS: Mapping[int, type[KlaviyoError]] = {
    HTTPStatus.UNAUTHORIZED: CredentialsRejected,
    HTTPStatus.FORBIDDEN: CredentialsRejected,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: PayloadTooLarge,
}


def refusal(record: CallRecord) -> KlaviyoError:
    """The error for a final status outside 2xx that says nothing of trying again."""
    status = record.status or 0
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnexpectedResponse("Klaviyo answered with a status this client does not follow", record)
    kind = _BY_STATUS.get(status, RequestRejected)
    happened = "Klaviyo refused the credentials" if kind is CredentialsRejected else "Klaviyo refused the request"
    return kind(happened, record)


def invalid_request(
    problem: str, *, method: str, path: str, pointer: str | None = None, parameter: str | None = None
) -> InvalidRequest:
    """An error for a request that is not sent at all; ``problem`` quotes no value."""
    detail = ErrorDetail(code="invalid", title=problem, pointer=pointer, parameter=parameter)
    return InvalidRequest(f"Not sent: {problem}", CallRecord(method, path, errors=(detail,)))
