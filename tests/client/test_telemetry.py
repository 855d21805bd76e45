"""What a call tells of itself: spans, counters and a debug log, and nothing that is somebody's business."""

import asyncio
import logging
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from aioklaviyo import (
    ConnectionFailed,
    KlaviyoError,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ServerUnavailable,
    filters,
    telemetry,
)
from aioklaviyo.pacing.local import LocalPacing
from client.client_calls import ANN, CREATED, ONE
from client.client_server import Connect, Held, PaperClock, Reply, Reset, Serve, Silence, Step, problem, profile

DELAYED = Reply(503, problem(503), {"Retry-After": "2"})
THROTTLED = Reply(429, problem(429, "throttled"), {"Retry-After": "1"})
CANARIES = ("ann", "example.org", "500555", "pk_secret", "Said of", "01M1SECRET", "x-marks")


@dataclass
class Point:
    name: str
    unit: str | None
    attributes: dict[str, Any]
    count: float
    total: float


class Told:
    """What was told to an SDK of this test's own."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracing = TracerProvider(shutdown_on_exit=False)
        self.tracing.add_span_processor(SimpleSpanProcessor(self.exporter))
        self._reader = InMemoryMetricReader()
        self.metering = MeterProvider([self._reader], shutdown_on_exit=False)

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def only_span(self) -> ReadableSpan:
        [span] = self.spans()
        return span

    def points(self) -> list[Point]:
        data = self._reader.get_metrics_data()
        return [
            Point(
                metric.name,
                metric.unit,
                dict(point.attributes or {}),
                point.count if isinstance(point, HistogramDataPoint) else getattr(point, "value", 0),
                getattr(point, "sum", 0.0),
            )
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        ]

    def counted(self, name: str, *by: str) -> dict[Any, float]:
        """The counts of an instrument by the values of some attributes."""
        found: defaultdict[Any, float] = defaultdict(float)
        for point in self.points():
            if point.name == f"klaviyo.client.{name}":
                values = tuple(point.attributes.get(each) for each in by)
                found[values[0] if len(values) == 1 else values] += point.count
        return dict(found)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """An SDK for this test alone: the API's own can be set once per process only."""
    made = Told()
    monkeypatch.setattr(trace, "get_tracer", made.tracing.get_tracer)
    monkeypatch.setattr(metrics, "get_meter", made.metering.get_meter)
    yield made
    made.metering.shutdown()
    made.tracing.shutdown()


@pytest.fixture
def debug_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "aioklaviyo")
    return caplog


async def test_a_call_is_a_span_within_the_callers(told: Told, connect: Connect, serve: Serve) -> None:
    server = await serve(ONE)
    client = await connect(server.url)
    with told.tracing.get_tracer("program").start_as_current_span("a request") as around:
        await client.profiles.get("01M1SECRET")
    span, _ = told.spans()
    assert (span.name, span.kind, span.status.status_code) == ("get_profile", SpanKind.CLIENT, StatusCode.UNSET)
    assert span.parent is not None
    assert span.parent.span_id == around.get_span_context().span_id
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "aioklaviyo"
    assert dict(span.attributes or {}) == {
        "klaviyo.operation": "get_profile",
        "http.request.method": "GET",
        "url.template": "/api/profiles/{id}",
        "http.request.resend_count": 0,
        "http.response.status_code": 200,
    }
    assert span.events == ()
    assert told.counted("calls", "klaviyo.operation", "error.type") == {("get_profile", None): 1}


async def test_repeats_are_told_with_their_waits(told: Told, connect: Connect, serve: Serve, clock: PaperClock) -> None:
    server = await serve(DELAYED, THROTTLED, ONE)
    await (await connect(server.url)).profiles.get("01M1")
    span = told.only_span()
    waits = [(event.name, dict(event.attributes or {})) for event in span.events]
    assert waits == [("waited", {"reason": "retry", "seconds": seconds}) for seconds in clock.sleeps]
    assert span.attributes is not None
    assert (span.attributes["http.request.resend_count"], span.attributes["http.response.status_code"]) == (2, 200)
    assert told.counted("attempts", "http.response.status_code") == {503: 1, 429: 1, 200: 1}
    assert told.counted("calls", "error.type") == {None: 1}
    [wait] = [point for point in told.points() if point.name == "klaviyo.client.wait.duration"]
    assert wait.attributes == {"klaviyo.operation": "get_profile", "reason": "retry"}
    assert (wait.count, wait.total) == (2, sum(clock.sleeps))


async def test_waiting_for_a_slot_is_told(told: Told, connect: Connect, serve: Serve, clock: PaperClock) -> None:
    server = await serve(Reply(document={"data": [{"type": "account", "id": "A"}]}))
    pacing = LocalPacing(monotonic=clock.monotonic, sleep=clock.sleep)
    client = await connect(server.url, pacing=pacing)
    for _ in range(3):
        await client.accounts.get()
    assert told.counted("wait.duration", "klaviyo.operation", "reason") == {("get_accounts", "pace"): 2}
    assert [event.attributes for span in told.spans() for event in span.events] == [
        {"reason": "pace", "seconds": pytest.approx(seconds)} for seconds in clock.sleeps
    ]


FAILURES: list[tuple[Step, type[KlaviyoError], dict[Any, float]]] = [
    (Reply(404, problem(404)), NotFound, {(404, None): 1}),
    (Reply(503), ServerUnavailable, {(503, None): 2}),
    (Reply(429), RateLimited, {(429, None): 2}),
    (Reset(), ConnectionFailed, {(None, "lost"): 2}),
]


@pytest.mark.parametrize(("step", "error", "attempts"), FAILURES, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_failure_is_told_by_its_kind_alone(
    told: Told, connect: Connect, serve: Serve, step: Step, error: type[KlaviyoError], attempts: dict[Any, float]
) -> None:
    server = await serve(step)
    client = await connect(server.url, max_attempts=2)
    with pytest.raises(error):
        await client.profiles.get("01M1")
    span = told.only_span()
    assert span.attributes is not None
    assert span.attributes["error.type"] == error.__name__
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert {event.name for event in span.events} <= {"waited"}
    assert told.counted("calls", "klaviyo.operation", "error.type") == {("get_profile", error.__name__): 1}
    assert told.counted("attempts", "http.response.status_code", "error.type") == attempts


async def test_a_status_is_told_only_of_the_last_attempt(told: Told, connect: Connect, serve: Serve) -> None:
    server = await serve(Reply(503), Reset())
    client = await connect(server.url, max_attempts=2)
    with pytest.raises(ConnectionFailed):
        await client.profiles.get("01M1")
    assert "http.response.status_code" not in (told.only_span().attributes or {})


async def test_a_cancelled_call_is_no_error_of_klaviyos(told: Told, connect: Connect, serve: Serve) -> None:
    server = await serve(Silence())
    client = await connect(server.url)
    task = asyncio.create_task(client.profiles.create(ANN))
    await server.arrival.wait()
    task.cancel()
    await asyncio.wait([task])
    span = told.only_span()
    assert (span.status.status_code, (span.attributes or {})["error.type"]) == (StatusCode.UNSET, "CancelledError")
    assert told.counted("calls", "error.type") == {"CancelledError": 1}


async def test_reads_that_needed_no_request_are_counted(told: Told, connect: Connect, serve: Serve) -> None:
    let_go = asyncio.Event()
    server = await serve(Held(let_go, ONE))
    client = await connect(server.url)
    tasks = [asyncio.create_task(client.profiles.get("01M1")) for _ in range(10)]
    await server.arrival.wait()
    let_go.set()
    await asyncio.gather(*tasks)
    assert told.counted("shared_reads", "klaviyo.operation") == {"get_profile": 9}
    assert told.counted("calls", "klaviyo.operation") == told.counted("attempts", "klaviyo.operation")
    assert len(told.spans()) == 1


async def test_counts_add_up(told: Told, connect: Connect, serve: Serve) -> None:
    server = await serve(CREATED, DELAYED, ONE, Reply(404), THROTTLED, CREATED, Reset(), ONE, Reply(500))
    client = await connect(server.url)
    calls = 0
    while len(server.received) < 9 or calls < 8:
        calls += 1
        try:
            await (client.profiles.create(ANN) if calls % 2 else client.profiles.get("01M1"))
        except (NotFound, OutcomeUnknown, ServerUnavailable):
            continue
    assert sum(told.counted("calls").values()) == len(told.spans()) == calls
    assert sum(told.counted("attempts").values()) == len(server.received)
    resent = sum((span.attributes or {})["http.request.resend_count"] for span in told.spans())  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert resent == len(server.received) - calls == told.counted("wait.duration")[()]


@pytest.mark.parametrize("step", [ONE, DELAYED, Reply(400, problem(400, "ann@example.org")), Reset(), Reply(429)])
async def test_nothing_told_is_personal(
    told: Told, connect: Connect, serve: Serve, debug_log: pytest.LogCaptureFixture, step: Step
) -> None:
    server = await serve(step, Reply(500, problem(500), {"x-request-id": "ann"}), ONE)
    client = await connect(server.url, max_attempts=2)
    calls = [
        client.request("GET", "/api/profiles/ann@example.org/lists", params={"filter": "x-marks"}),
        client.request("POST", "/api/things/%2B15005550006", json={"name": "ann"}, params={"by": "ann"}),
        client.request("DELETE", "/api/things/01M1SECRET", is_repeatable=True),
        client.request("GET", "/api/coupons/for-ann/coupon-codes"),
        client.profiles.update("ann@example.org", ANN),
        client.profiles.create(ANN, additional_fields=("subscriptions",)),
        anext(client.profiles.list(filter=filters.equals("email", "ann@example.org")), None),
    ]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, (KlaviyoError, type(None))) or not isinstance(each, Exception) for each in outcomes)
    records = [str(vars(record)) + record.getMessage() for record in debug_log.records if record.name == "aioklaviyo"]
    spans = [span.to_json() for span in told.spans()]
    points = [str(point) for point in told.points()]
    assert len(spans) == len(calls)
    assert len(records) >= len(calls)
    assert points
    for text in [*records, *spans, *points]:
        assert not [canary for canary in CANARIES if canary in text], text


async def test_the_debug_log_tells_attempts_and_waits(
    connect: Connect, serve: Serve, debug_log: pytest.LogCaptureFixture, clock: PaperClock
) -> None:
    server = await serve(DELAYED, Reset(), ONE)
    await (await connect(server.url)).profiles.get("01M1")
    records = [record for record in debug_log.records if record.name == "aioklaviyo"]
    assert [re.sub(r"\d+\.\d+", "#", record.getMessage()) for record in records] == [
        "attempt 1 of get_profile: 503 after # s",
        "get_profile waited # s (retry)",
        "attempt 2 of get_profile: lost after # s",
        "get_profile waited # s (retry)",
        "attempt 3 of get_profile: 200 after # s",
    ]
    told = [{name: value for name, value in vars(record).items() if name in _EXTRA} for record in records]
    assert told == [
        {"operation": "get_profile", "attempt": 1, "seconds": 0.0, "http.response.status_code": 503},
        {"operation": "get_profile", "reason": "retry", "seconds": clock.sleeps[0]},
        {"operation": "get_profile", "attempt": 2, "seconds": 0.0, "error.type": "lost"},
        {"operation": "get_profile", "reason": "retry", "seconds": clock.sleeps[1]},
        {"operation": "get_profile", "attempt": 3, "seconds": 0.0, "http.response.status_code": 200},
    ]


_EXTRA = {"operation", "attempt", "seconds", "reason", "error.type", "http.response.status_code"}


async def test_nothing_is_logged_above_debug(connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aioklaviyo")
    server = await serve(DELAYED, Reply(404))
    with pytest.raises(NotFound):
        await (await connect(server.url)).profiles.get("01M1")
    assert not [record for record in caplog.records if record.name == "aioklaviyo"]


async def test_the_table_names_what_there_is(told: Told, connect: Connect, serve: Serve, clock: PaperClock) -> None:
    let_go = asyncio.Event()
    server = await serve(Held(let_go, DELAYED), Reply(document={"data": profile()}))
    client = await connect(server.url)
    tasks = [asyncio.create_task(client.profiles.get("01M1")) for _ in range(2)]
    await server.arrival.wait()
    let_go.set()
    await asyncio.gather(*tasks)
    rows = re.findall(r"^``(klaviyo\.[\w.]+)`` +``(\S+)``", telemetry.__doc__ or "", re.MULTILINE)
    assert {(point.name, point.unit) for point in told.points()} == set(rows)
    assert len(rows) == len(set(rows)) == 4


def test_without_an_sdk_nothing_fails_and_none_is_loaded() -> None:
    program = """if True:
        import asyncio, sys
        from aioklaviyo import Klaviyo, ConnectionFailed
        async def main():
            async with Klaviyo("pk_1", base_url="http://127.0.0.1:1", max_attempts=1) as klaviyo:
                try:
                    await klaviyo.profiles.get("01M1")
                except ConnectionFailed:
                    print("failed", "opentelemetry.sdk" in sys.modules)
        asyncio.run(main())
    """
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("failed False\n", "")
