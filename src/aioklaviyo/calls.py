"""The life of one call: attempts under one deadline until there is a reply or an error to raise."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TypeVar

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
from aioklaviyo.operations import Call, Need
from aioklaviyo.pacing.model import NoSlotInTime, Pacing, Priority, Slot
from aioklaviyo.retry import Fault, RetryPolicy, Stop, decide, retry_after_seconds
from aioklaviyo.sharing import Flights
from aioklaviyo.telemetry import Observation, Telemetry
from aioklaviyo.transport import Answer, Failure, Transport

T = TypeVar("T")

_REQUEST_ID_HEADERS = ("x-klaviyo-req-id", "x-request-id", "cf-ray")
_REQUEST_ID_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx answer. ``was_ambiguous`` tells that an earlier attempt may already have done the work."""

    call: Call
    record: CallRecord
    document: Json
    was_ambiguous: bool
    body: bytes = b""

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

    def of_its_own(self) -> "Reply":
        """The same reply, with a document that nobody else can change."""
        return replace(self, document=jsonapi.decode(self.body)) if self.body else self


@dataclass(frozen=True, slots=True)
class Options:
    """How calls are made, where the caller does not say; see ``Klaviyo.with_options``."""

    policy: RetryPolicy
    timeout_seconds: float
    attempt_timeout_seconds: float
    priority: Priority
    shares_reads: bool

    def __post_init__(self) -> None:
        for name in ("timeout_seconds", "attempt_timeout_seconds"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be positive and finite")


@dataclass(frozen=True, slots=True)
class Machinery:
    """What all calls of one client share."""

    transport: Transport
    pacing: Pacing
    flights: Flights[Reply]
    telemetry: Telemetry
    rng: random.Random
    sleep: Callable[[float], Awaitable[object]]
    monotonic: Callable[[], float]
    wall_clock: Callable[[], float]


class Caller:
    """Runs calls: wait for a slot, attempt, judge, wait, again. Any number run at once."""

    def __init__(self, machinery: Machinery, options: Options) -> None:
        self._machinery = machinery
        self.options = options

    def with_options(self, options: Options) -> "Caller":
        """One with the same machinery."""
        return Caller(self._machinery, options)

    @property
    def sleep(self) -> Callable[[float], Awaitable[object]]:
        """Waits for so many seconds, on the client's clock."""
        return self._machinery.sleep

    @property
    def monotonic(self) -> Callable[[], float]:
        """The client's clock: seconds that never go back."""
        return self._machinery.monotonic

    async def send(self, call: Call, deadline_seconds: float | None = None) -> Reply:
        """Run a call to its end, within its deadline.

        Raises:
            KlaviyoError: See ``aioklaviyo.errors`` for the tree.
        """
        allowed_seconds = self.options.timeout_seconds if deadline_seconds is None else deadline_seconds
        if not 0 < allowed_seconds < float("inf"):
            raise invalid_request(
                "deadline_seconds must be positive and finite", method=call.method, path=call.template
            )
        ends_at = self._machinery.monotonic() + allowed_seconds
        if call.is_read:
            return await (self._share(call, ends_at) if self.options.shares_reads else self._run(call, ends_at))
        try:
            return await self._run(call, ends_at)
        finally:
            self._machinery.flights.wrote()

    async def _share(self, call: Call, ends_at: float) -> Reply:
        flights = self._machinery.flights
        # A raw call may be equal to a typed one in all but what it needs and how often it is tried.
        key = (self.options.priority, call.path, call.query, call.need, call.is_repeatable)
        while flights.is_under_way(key):
            remaining = ends_at - self._machinery.monotonic()
            try:
                async with asyncio.timeout(remaining):
                    reply = await flights.join(key, lambda: self._run(call, ends_at))
            except TimeoutError:
                raise DeadlineExceeded(
                    "Time ran out while an equal read was under way", CallRecord(call.method, call.path)
                ) from None
            except KlaviyoError as error:
                # Perhaps it was only the other's time that ran out, or the attempts it was allowed.
                gave_up_early = error.may_repeat and error.attempts < self.options.policy.max_attempts
                if not gave_up_early or ends_at <= self._machinery.monotonic():
                    raise
            else:
                self._machinery.telemetry.shared(call)
                return reply.of_its_own()
        return await flights.join(key, lambda: self._run(call, ends_at))

    async def _run(self, call: Call, ends_at: float) -> Reply:
        machinery = self._machinery
        was_ambiguous = False
        attempt = 0
        with machinery.telemetry.call(call) as observation:
            while True:
                slot = await self._slot(call, attempt, ends_at, observation, was_ambiguous=was_ambiguous)
                remaining = ends_at - machinery.monotonic()
                if remaining <= 0:
                    slot.give_back()
                    # Only a repeatable call, or one that was not processed, waits and so comes here again.
                    raise DeadlineExceeded(
                        "Time ran out between attempts",
                        CallRecord(call.method, call.path, attempts=attempt, may_be_done=was_ambiguous),
                    )
                attempt += 1
                outcome = await self._attempt(call, slot, attempt, remaining, observation)
                verdict = self._judge(call, outcome, attempt, was_ambiguous=was_ambiguous)
                if isinstance(verdict, Reply):
                    return verdict
                was_ambiguous = was_ambiguous or verdict.is_ambiguous
                asked_seconds = self._asked_seconds(outcome)
                remaining = ends_at - machinery.monotonic()
                decision = decide(
                    self.options.policy,
                    verdict,
                    attempt=attempt,
                    is_repeatable=call.is_repeatable,
                    remaining_seconds=remaining,
                    retry_after_seconds=asked_seconds,
                    jitter=machinery.rng.random(),
                )
                if isinstance(decision, Stop):
                    record = _record(call, outcome, attempt, may_be_done=was_ambiguous)
                    raise _failure(
                        call,
                        verdict,
                        decision,
                        record,
                        reason=_reason(outcome),
                        remaining_seconds=remaining,
                        asked_seconds=asked_seconds,
                    )
                observation.waited("retry", decision.seconds)
                await machinery.sleep(decision.seconds)

    async def _slot(
        self, call: Call, attempt: int, ends_at: float, observation: Observation, *, was_ambiguous: bool
    ) -> Slot:
        began = self._machinery.monotonic()
        try:
            slot = await self._machinery.pacing.slot(
                call.charges, priority=self.options.priority, within_seconds=ends_at - began
            )
        except NoSlotInTime as full:
            sent = "Not sent again" if attempt else "Not sent"
            raise RateLimited(
                f"{sent}: the rate limit leaves no room before the deadline",
                CallRecord(call.method, call.path, attempts=attempt, may_be_done=was_ambiguous),
                full.wait_seconds,
            ) from None
        waited = self._machinery.monotonic() - began
        if waited > 0.001:  # noqa: PLR2004 - a millisecond is not a wait worth telling
            observation.waited("pace", waited)
        return slot

    async def _attempt(
        self, call: Call, slot: Slot, attempt: int, remaining: float, observation: Observation
    ) -> Answer | Failure:
        began = self._machinery.monotonic()
        try:
            outcome = await self._machinery.transport.attempt(
                call.method, call.path, call.query, call.body, timeout_seconds=self._attempt_seconds(call, remaining)
            )
        except RuntimeError:
            # The client is not open here.
            slot.give_back()
            raise
        except BaseException:
            # Cancelled: Klaviyo may have counted it.
            slot.settle(headers=None, retry_after_seconds=None)
            raise
        self._settle(slot, outcome)
        observation.attempt(
            attempt,
            status=outcome.status if isinstance(outcome, Answer) else None,
            failure=None if isinstance(outcome, Answer) else outcome.fault.name.lower(),
            seconds=self._machinery.monotonic() - began,
        )
        return outcome

    def _settle(self, slot: Slot, outcome: Answer | Failure) -> None:
        if isinstance(outcome, Failure):
            if outcome.fault.is_ambiguous:
                slot.settle(headers=None, retry_after_seconds=None)
            else:
                slot.give_back()
        elif outcome.status == HTTPStatus.TOO_MANY_REQUESTS:
            slot.settle(headers=None, retry_after_seconds=self._asked_seconds(outcome) or 0.0)
        else:
            slot.settle(headers=outcome.headers, retry_after_seconds=None)

    def _attempt_seconds(self, call: Call, remaining_seconds: float) -> float:
        # Cutting an attempt short only helps a call that may be tried again.
        return min(self.options.attempt_timeout_seconds, remaining_seconds) if call.is_repeatable else remaining_seconds

    def _asked_seconds(self, outcome: Answer | Failure) -> float | None:
        if isinstance(outcome, Failure):
            return None
        return retry_after_seconds(outcome.headers, wall_clock_seconds=self._machinery.wall_clock())

    def _judge(self, call: Call, outcome: Answer | Failure, attempt: int, *, was_ambiguous: bool) -> Reply | Fault:
        if isinstance(outcome, Failure):
            return outcome.fault
        status = outcome.status
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Fault.THROTTLED
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            return Fault.UNAVAILABLE
        record = _record(call, outcome, attempt, may_be_done=was_ambiguous)
        if was_ambiguous and status == HTTPStatus.NOT_FOUND and call.deletes_one:
            # An earlier attempt got no answer, and now the resource is gone, which is what was wanted.
            return Reply(call, record, None, was_ambiguous)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise refusal(record)
        document = _document(call.need, outcome)
        return document if isinstance(document, Fault) else Reply(call, record, document, was_ambiguous, outcome.body)


def _document(need: Need, answer: Answer) -> "Json | Fault":
    if need is Need.NOTHING:
        # Where the status alone is the answer, a body that breaks off takes nothing away from it.
        return None
    if answer.defect is not None:
        return answer.defect
    if not answer.body and need is Need.OPTIONAL:
        return None
    try:
        return jsonapi.decode(answer.body)
    except MalformedDocumentError:
        return Fault.UNREADABLE


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


def _record(call: Call, outcome: Answer | Failure, attempt: int, *, may_be_done: bool) -> CallRecord:
    if isinstance(outcome, Failure):
        return CallRecord(call.method, call.path, attempts=attempt, may_be_done=may_be_done)
    errors: tuple[ErrorDetail, ...] = ()
    if outcome.status >= HTTPStatus.MULTIPLE_CHOICES and outcome.body:
        try:
            errors = jsonapi.error_details(jsonapi.decode(outcome.body))
        except MalformedDocumentError:
            errors = ()
    request_id = _request_id(outcome, errors)
    return CallRecord(call.method, call.path, outcome.status, request_id, attempt, errors, may_be_done)


def _request_id(answer: Answer, errors: tuple[ErrorDetail, ...]) -> str | None:
    named = [answer.headers.get(name) for name in _REQUEST_ID_HEADERS]
    named += [error.id for error in errors]
    for text in named:
        if text and text.isascii() and text.isprintable() and "@" not in text:
            return text[:_REQUEST_ID_CHARACTERS]
    return None
