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
from collections.abc import Generator
from contextlib import contextmanager
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

    __slots__ = ("_call", "_span", "_telemetry")

    def __init__(self, telemetry: "Telemetry", call: Call, span: Span) -> None:
        self._telemetry = telemetry
        self._call = call
        self._span = span

    def attempt(self, number: int, *, status: int | None, failure: str | None, seconds: float) -> None:
        """An attempt has ended, with a status or the name of a failure."""
        operation = self._call.operation_id
        outcome = {"error.type": failure or "unknown"} if status is None else {"http.response.status_code": status}
        self._telemetry.attempts.add(1, {"klaviyo.operation": operation, **outcome})
        self._span.set_attribute("http.request.resend_count", number - 1)
        if status is not None:
            self._span.set_attribute("http.response.status_code", status)
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


class Telemetry:
    """The instruments, made once per client."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("aioklaviyo", __version__)
        meter = metrics.get_meter("aioklaviyo", __version__)
        self.calls = meter.create_counter("klaviyo.client.calls", "{call}", "Calls that have ended.")
        self.attempts = meter.create_counter("klaviyo.client.attempts", "{attempt}", "Requests sent.")
        self.wait = meter.create_histogram("klaviyo.client.wait.duration", "s", "Waits before attempts.")
        self._shared = meter.create_counter("klaviyo.client.shared_reads", "{call}", "Reads that needed no request.")

    @contextmanager
    def call(self, call: Call) -> Generator[Observation]:
        """Observe a call from its beginning to its end."""
        told = {"klaviyo.operation": call.operation_id}
        attributes = {
            **told,
            "http.request.method": call.method,
            "url.template": call.template,
        }
        with self._tracer.start_as_current_span(
            call.operation_id,
            kind=SpanKind.CLIENT,
            attributes=attributes,
            # An error's text is fit to be read, but what Klaviyo said goes with it.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield Observation(self, call, span)
            except BaseException as error:
                name = type(error).__name__
                self.calls.add(1, {**told, "error.type": name})
                span.set_attribute("error.type", name)
                if isinstance(error, KlaviyoError):
                    span.set_status(StatusCode.ERROR)
                raise
            self.calls.add(1, told)

    def shared(self, call: Call) -> None:
        """A read got the answer of an equal one."""
        self._shared.add(1, {"klaviyo.operation": call.operation_id})
