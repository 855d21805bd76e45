"""What the client tells of its calls: OpenTelemetry spans and counters, through the API only, and a debug log.

Without an OpenTelemetry SDK in the program nothing is recorded. Names follow the semantic conventions for HTTP clients
where there are any. Nothing told holds an id, a query, a body or a key: operations are named by their templates.

=================================  =========  ==============================================================
instrument                         unit       attributes
=================================  =========  ==============================================================
span ``<operation id>``            1          method, ``url.template``, status, attempts, ``error.type``
``klaviyo.client.calls``           ``{call}`` operation, ``error.type`` where it failed
``klaviyo.client.attempts``        ``{attempt}`` operation, ``http.response.status_code`` or ``error.type``
``klaviyo.client.wait.duration``   ``s``      operation, reason: ``pace`` or ``retry``
``klaviyo.client.shared_reads``    ``{call}`` operation
=================================  =========  ==============================================================
"""

import logging
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Literal

from opentelemetry import metrics, trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from aioklaviyo._version import __version__
from aioklaviyo.errors import KlaviyoError
from aioklaviyo.operations import Call

logger = logging.getLogger("aioklaviyo")

WaitReason = Literal["pace", "retry"]


class Observation:
    """One call, as it goes on."""

    __slots__ = ("_attempts", "_call", "_span", "_status", "_telemetry")

    def __init__(self, telemetry: "Telemetry", call: Call, span: Span) -> None:
        self._telemetry = telemetry
        self._call = call
        self._span = span
        self._attempts = 0
        self._status: int | None = None

    def attempt(self, number: int, *, status: int | None, failure: str | None, seconds: float) -> None:
        """An attempt has ended, with a status or the name of a failure."""
        operation = self._call.operation_id
        outcome = {"error.type": failure or "unknown"} if status is None else {"http.response.status_code": status}
        self._telemetry.attempts.add(1, {"klaviyo.operation": operation, **outcome})
        self._attempts, self._status = number, status
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug(
                "attempt %d of %s: %s after %.3f s",
                number,
                operation,
                failure if status is None else status,
                seconds,
                extra={"operation": operation, "attempt": number, "seconds": seconds, **outcome},
            )

    def waited(self, reason: WaitReason, seconds: float) -> None:
        """The call waited before an attempt."""
        operation = self._call.operation_id
        self._telemetry.wait.record(seconds, {"klaviyo.operation": operation, "reason": reason})
        self._span.add_event("waited", {"reason": reason, "seconds": seconds})
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug(
                "%s waited %.3f s (%s)",
                operation,
                seconds,
                reason,
                extra={"operation": operation, "reason": reason, "seconds": seconds},
            )

    def ended(self) -> None:
        """The call is over: what its last attempt came to is what the span tells."""
        if self._attempts:
            self._span.set_attribute("http.request.resend_count", self._attempts - 1)
        if self._status is not None:
            self._span.set_attribute("http.response.status_code", self._status)


class Telemetry:
    """The instruments, made once per client."""

    def __init__(self) -> None:
        self.tracer = trace.get_tracer("aioklaviyo", __version__)
        meter = metrics.get_meter("aioklaviyo", __version__)
        self.calls = meter.create_counter("klaviyo.client.calls", "{call}", "Calls that have ended.")
        self.attempts = meter.create_counter("klaviyo.client.attempts", "{attempt}", "Requests sent.")
        self.wait = meter.create_histogram("klaviyo.client.wait.duration", "s", "Waits before attempts.")
        self._shared = meter.create_counter("klaviyo.client.shared_reads", "{call}", "Reads that needed no request.")

    def call(self, call: Call) -> AbstractContextManager[Observation]:
        """Observe a call from its beginning to its end."""
        return _Observed(self, self.tracer, call)

    def shared(self, call: Call) -> None:
        """A read got the answer of an equal one."""
        self._shared.add(1, {"klaviyo.operation": call.operation_id})


class _Observed:
    """The span around a call, and its place in the count. No generator, because it goes around every call."""

    __slots__ = ("_current", "_observation", "_span", "_telemetry", "_told")

    def __init__(self, telemetry: Telemetry, tracer: trace.Tracer, call: Call) -> None:
        self._telemetry = telemetry
        self._told = {"klaviyo.operation": call.operation_id}
        self._span = tracer.start_span(
            call.operation_id,
            kind=SpanKind.CLIENT,
            attributes={
                "klaviyo.operation": call.operation_id,
                "http.request.method": call.method,
                "url.template": call.template,
            },
        )
        self._observation = Observation(telemetry, call, self._span)
        # Without an SDK it is nobody's parent, and to make it the current one would cost more than all the rest.
        self._current = trace.use_span(self._span) if self._span.get_span_context().is_valid else None

    def __enter__(self) -> Observation:
        if self._current is not None:
            self._current.__enter__()
        return self._observation

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        told = self._told
        if error is not None:
            told["error.type"] = type(error).__name__
            self._span.set_attribute("error.type", told["error.type"])
            if isinstance(error, KlaviyoError):
                # An error's text is fit to be read, but what Klaviyo said goes with it: it is not recorded.
                self._span.set_status(StatusCode.ERROR)
        self._telemetry.calls.add(1, told)
        self._observation.ended()
        if self._current is not None:
            self._current.__exit__(None, None, None)
        self._span.end()
