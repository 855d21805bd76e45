"""The life of one call: attempts under one deadline until there is a reply or an error to raise."""

import enum
import random
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias, TypeVar
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from aioklaviyo import jsonapi
from aioklaviyo.errors import (
    CallRecord,
    ConnectionFailed,
    DeadlineExceeded,
    ErrorDetail,
    KlaviyoError,
    OutcomeUnknown,
    RateLimited,
    ServerUnavailable,
    UnexpectedResponse,
    invalid_request,
    refusal,
)
from aioklaviyo.jsonapi import Json, MalformedDocumentError, Resource
from aioklaviyo.retry import Fault, RetryPolicy, Stop, decide, retry_after_seconds
from aioklaviyo.transport import Answer, Failure, Transport

T = TypeVar("T")
QueryValue: TypeAlias = str | int | Sequence[str] | None

_REQUEST_ID_HEADERS = ("x-klaviyo-req-id", "x-request-id", "cf-ray")
_REQUEST_ID_CHARACTERS = 100
_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")


class Need(enum.Enum):
    """What a call wants of a 2xx body."""

    DOCUMENT = "a JSON document"
    OPTIONAL = "a JSON document or nothing"
    NOTHING = "the status alone"


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it is repeated: everything, an idempotency key included, is fixed before the first attempt."""

    method: str
    path: str
    query: str = ""
    body: bytes | None = None
    is_repeatable: bool = False
    need: Need = Need.DOCUMENT


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx answer. ``was_ambiguous`` tells that an earlier attempt may already have done the work."""

    call: Call
    record: CallRecord
    document: Json
    was_ambiguous: bool

    def one(self, parse: Callable[[Resource], T]) -> T:
        """The document's only resource, as a model."""
        return self.parsed(lambda document: parse(jsonapi.single(document)))

    def parsed(self, parse: Callable[[Json], T]) -> T:
        """The document, as whatever ``parse`` makes of it.

        Raises:
            UnexpectedResponse: It has not the shape ``parse`` needs.
            OutcomeUnknown: The same, of a call that may not be repeated.
        """
        try:
            return parse(self.document)
        except MalformedDocumentError as error:
            problem = str(error)
        except ValidationError as error:
            # Locations only: the values are somebody's data.
            problem = ", ".join(".".join(map(str, found["loc"])) for found in error.errors(include_input=False)[:3])
        # Raised out here, so that the error does not drag along one that holds values.
        kind = UnexpectedResponse if self.call.is_repeatable else OutcomeUnknown
        raise kind(f"Klaviyo answered with a document this client cannot read ({problem})", self.record)


def read(path: str, parameters: Mapping[str, QueryValue], *, identifier: str | None = None) -> Call:
    """A GET. ``identifier`` becomes the last segment of the path."""
    path = with_id("GET", path, identifier)
    return Call("GET", path, query_string("GET", path, parameters), is_repeatable=True)


def with_id(method: str, path: str, identifier: str | None) -> str:
    """The path of one resource; its id is one segment, whatever it holds.

    Raises:
        InvalidRequest: The id cannot be a segment of a path.
    """
    if identifier is None:
        return path
    if identifier in {"", ".", ".."}:
        raise invalid_request("an id must not be empty or made of dots", method=method, path=path, parameter="id")
    _require_unicode(identifier, method=method, path=path, parameter="id")
    return f"{path}/{quote(identifier, safe='')}"


def query_string(method: str, path: str, parameters: Mapping[str, QueryValue]) -> str:
    """Percent-encoded parameters in the order given; None and empty lists are left out, lists are joined by commas.

    Empty text is sent like any other: to JSON:API, ``include=`` is not the same as no ``include``.

    Raises:
        InvalidRequest: A parameter is not valid Unicode.
    """
    pairs: list[tuple[str, str]] = []
    for name, value in parameters.items():
        if isinstance(value, (str, int)):
            pairs.append((name, str(value)))
        elif value:
            pairs.append((name, ",".join(value)))
    for name, text in pairs:
        _require_unicode(name + text, method=method, path=path, parameter=name)
    return urlencode(pairs, quote_via=quote, safe="")


def _require_unicode(text: str, *, method: str, path: str, parameter: str) -> None:
    # Half of a surrogate pair has no encoding; looking for it raises nothing that would carry the text along.
    if _HALF_CHARACTER.search(text):
        raise invalid_request("text must be valid Unicode", method=method, path=path, parameter=parameter)


def encoded(method: str, path: str, document: Json) -> bytes:
    """A request body.

    Raises:
        InvalidRequest: It cannot be written as JSON.
    """
    try:
        return jsonapi.encode(document)
    except MalformedDocumentError as error:
        problem = str(error)
    raise invalid_request(problem, method=method, path=path, pointer="/data")


class Caller:
    """Runs calls: attempt, judge, wait, again. Stateless between calls, so any number run at once."""

    def __init__(
        self,
        transport: Transport,
        *,
        policy: RetryPolicy,
        timeout_seconds: float,
        attempt_timeout_seconds: float,
        rng: random.Random,
        sleep: Callable[[float], Awaitable[object]],
        monotonic: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._policy = policy
        self._timeout_seconds = timeout_seconds
        self._attempt_timeout_seconds = attempt_timeout_seconds
        self._rng = rng
        self._sleep = sleep
        self._monotonic = monotonic
        self._wall_clock = wall_clock

    async def send(self, call: Call, deadline_seconds: float | None = None) -> Reply:
        """Run a call to its end, within its deadline.

        Raises:
            KlaviyoError: See ``aioklaviyo.errors`` for the tree.
        """
        allowed_seconds = self._timeout_seconds if deadline_seconds is None else deadline_seconds
        if not 0 < allowed_seconds < float("inf"):
            raise invalid_request("deadline_seconds must be positive and finite", method=call.method, path=call.path)
        ends_at = self._monotonic() + allowed_seconds
        was_ambiguous = False
        attempt = 0
        while True:
            remaining = ends_at - self._monotonic()
            if remaining <= 0:
                # Only a repeatable call, or one that was not processed, waits and so comes here again.
                raise DeadlineExceeded(
                    "Time ran out between attempts", CallRecord(call.method, call.path, attempts=attempt)
                )
            attempt += 1
            outcome = await self._transport.attempt(
                call.method, call.path, call.query, call.body, timeout_seconds=self._attempt_seconds(call, remaining)
            )
            verdict = self._judge(call, outcome, attempt, was_ambiguous=was_ambiguous)
            if isinstance(verdict, Reply):
                return verdict
            asked_seconds = self._asked_seconds(outcome)
            remaining = ends_at - self._monotonic()
            decision = decide(
                self._policy,
                verdict,
                attempt=attempt,
                is_repeatable=call.is_repeatable,
                remaining_seconds=remaining,
                retry_after_seconds=asked_seconds,
                jitter=self._rng.random(),
            )
            if isinstance(decision, Stop):
                record = _record(call, outcome, attempt)
                raise _failure(
                    call,
                    verdict,
                    decision,
                    record,
                    reason=_reason(outcome),
                    remaining_seconds=remaining,
                    asked_seconds=asked_seconds,
                )
            was_ambiguous = was_ambiguous or verdict.is_ambiguous
            await self._sleep(decision.seconds)

    def _attempt_seconds(self, call: Call, remaining_seconds: float) -> float:
        # Cutting an attempt short only helps a call that may be tried again.
        return min(self._attempt_timeout_seconds, remaining_seconds) if call.is_repeatable else remaining_seconds

    def _asked_seconds(self, outcome: Answer | Failure) -> float | None:
        if isinstance(outcome, Failure):
            return None
        return retry_after_seconds(outcome.headers, wall_clock_seconds=self._wall_clock())

    def _judge(self, call: Call, outcome: Answer | Failure, attempt: int, *, was_ambiguous: bool) -> Reply | Fault:
        if isinstance(outcome, Failure):
            return outcome.fault
        status = outcome.status
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Fault.THROTTLED
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            return Fault.UNAVAILABLE
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise refusal(_record(call, outcome, attempt))
        document: Json = None
        # Where the status alone is the answer, a body that breaks off takes nothing away from it.
        if call.need is not Need.NOTHING:
            if outcome.defect is not None:
                return outcome.defect
            if outcome.body or call.need is Need.DOCUMENT:
                try:
                    document = jsonapi.decode(outcome.body)
                except MalformedDocumentError:
                    return Fault.UNREADABLE
        return Reply(call, _record(call, outcome, attempt), document, was_ambiguous)


def _failure(
    call: Call,
    fault: Fault,
    stop: Stop,
    record: CallRecord,
    *,
    reason: str,
    remaining_seconds: float,
    asked_seconds: float | None,
) -> KlaviyoError:
    happened = f"{fault.value}{reason}; {stop.value}"
    if fault.is_ambiguous and not call.is_repeatable:
        return OutcomeUnknown(f"It may have been done: {happened}", record)
    if fault is Fault.THROTTLED:
        return RateLimited(happened, record, asked_seconds)
    if fault in (Fault.UNREADABLE, Fault.OVERSIZED):
        return UnexpectedResponse(happened, record)
    if fault is Fault.SILENT or (remaining_seconds <= 0 and fault is not Fault.UNAVAILABLE):
        return DeadlineExceeded(happened, record)
    if fault is Fault.UNAVAILABLE:
        return ServerUnavailable(happened, record)
    return ConnectionFailed(happened, record)


def _reason(outcome: Answer | Failure) -> str:
    return f" ({outcome.reason})" if isinstance(outcome, Failure) else ""


def _record(call: Call, outcome: Answer | Failure, attempt: int) -> CallRecord:
    if isinstance(outcome, Failure):
        return CallRecord(call.method, call.path, attempts=attempt)
    errors: tuple[ErrorDetail, ...] = ()
    if outcome.status >= HTTPStatus.MULTIPLE_CHOICES and outcome.body:
        try:
            errors = jsonapi.error_details(jsonapi.decode(outcome.body))
        except MalformedDocumentError:
            errors = ()
    return CallRecord(call.method, call.path, outcome.status, _request_id(outcome, errors), attempt, errors)


def _request_id(answer: Answer, errors: tuple[ErrorDetail, ...]) -> str | None:
    named = [answer.headers.get(name) for name in _REQUEST_ID_HEADERS]
    named += [error.id for error in errors]
    for text in named:
        if text and text.isascii() and text.isprintable() and "@" not in text:
            return text[:_REQUEST_ID_CHARACTERS]
    return None
