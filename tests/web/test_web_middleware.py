"""What holds for every request: an id, a limit, safe headers, one line in the log."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.staticfiles import StaticFiles
from structlog.testing import capture_logs

from dreamflow.kit.errors import Refused
from dreamflow.kit.ids import SeededIds
from dreamflow.web.middleware import LARGEST_BODY, SAFE_HEADERS, Envelope
from web.web_errors import CANARY, Failing, app_that, client_of


@pytest.fixture
def failing() -> Failing:
    return Failing()


@pytest.fixture
async def client(failing: Failing, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    (tmp_path / "here.css").write_text("p {}")
    app = app_that(failing)
    app.mount("/static", StaticFiles(directory=tmp_path))
    async with client_of(app) as client:
        yield client


async def in_parts(size: int, part: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, size, part):
        yield b" " * min(part, size - start)


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in parts"])
async def test_a_body_beyond_the_limit_is_refused_as_too_large(client: httpx2.AsyncClient, announced: bool) -> None:  # noqa: FBT001
    size = LARGEST_BODY + 1
    content = b" " * size if announced else in_parts(size)
    headers = {"content-type": "application/json"}
    response = await client.post("/api/v1/things", content=content, headers=headers)
    assert ("content-length" in response.request.headers) == announced
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["type"] == "urn:dreamflow:problem:content-too-large"
    assert document["detail"] == "A request has at most 64 kB."
    assert set(SAFE_HEADERS) <= set(response.headers)


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in parts"])
async def test_a_body_at_the_limit_is_read(client: httpx2.AsyncClient, announced: bool) -> None:  # noqa: FBT001
    content = b" " * LARGEST_BODY if announced else in_parts(LARGEST_BODY)
    response = await client.post("/api/v1/things", content=content, headers={"content-type": "application/json"})
    assert response.status_code == 400  # white space is not JSON


@pytest.mark.parametrize("length", ["-1", "1e9", "", "nonsense", "\xb2"])
async def test_a_nonsensical_length_does_not_get_around_the_limit(length: str) -> None:
    sent = await exchange(
        app_that(Failing()),
        headers=[(b"content-length", length.encode("latin-1")), (b"content-type", b"application/json")],
        parts=[b" " * LARGEST_BODY, b" "],
    )
    assert sent[0]["status"] == 413


@pytest.mark.parametrize(
    ("path", "error", "status"),
    [
        ("/api/v1/things/1", None, 200),
        ("/api/v1/things/1", Refused("No."), 400),
        ("/api/v1/things/x", None, 422),
        ("/nowhere", None, 404),
        ("/api/v1/things/1", ZeroDivisionError(), 500),
    ],
    ids=["fine", "refused", "invalid", "not there", "unexpected"],
)
async def test_every_answer_has_the_safe_headers_an_id_and_stays_out_of_caches(
    failing: Failing, client: httpx2.AsyncClient, path: str, error: Exception | None, status: int
) -> None:
    failing.error = error
    with capture_logs():
        response = await client.get(path)
    assert response.status_code == status
    assert {name: response.headers[name] for name in SAFE_HEADERS} == SAFE_HEADERS
    assert "script-src 'none'" in response.headers["content-security-policy"]
    assert len(response.headers["x-request-id"]) == 36
    assert response.headers["cache-control"] == "no-store"


async def test_every_request_has_an_id_of_its_own_whatever_the_caller_sends(client: httpx2.AsyncClient) -> None:
    answers = [await client.get("/api/v1/things/1", headers={"x-request-id": CANARY.encode().hex()}) for _ in range(3)]
    ids = {response.headers["x-request-id"] for response in answers}
    assert len(ids) == 3
    assert CANARY.encode().hex() not in ids


async def test_the_log_line_has_the_routes_pattern_and_nothing_the_caller_typed(failing: Failing) -> None:
    ticks = count(start=100.0, step=0.25)
    async with client_of(app_that(failing, lambda: next(ticks))) as client:
        with capture_logs() as logs:
            found = await client.get("/api/v1/things/4711?limit=3&Canary=Canary", headers={"user-agent": "Canary"})
            await client.get("/api/v1/things/Canary")
            await client.get("/Canary")
    assert logs[0] == {
        "event": "web.request",
        "log_level": "info",
        "method": "GET",
        "route": "/api/v1/things/{thing}",
        "status": 200,
        "milliseconds": 250.0,
        "request_id": found.headers["x-request-id"],
    }
    assert [(entry["route"], entry["status"]) for entry in logs[1:]] == [
        ("/api/v1/things/{thing}", 422),
        ("unmatched", 404),
    ]
    assert "Canary" not in str(logs)
    assert "4711" not in str(logs)


async def test_of_a_file_that_is_asked_for_only_the_mount_is_logged(client: httpx2.AsyncClient) -> None:
    with capture_logs() as logs:
        for path in ("/static/Canary-is-5.css", "/static/Canary/is/5", "/static/here.css", "/static"):
            await client.get(path)
        await client.post("/static/Canary-is-5.css")
    assert [(entry["route"], entry["status"]) for entry in logs] == [
        ("/static", 404),
        ("/static", 404),
        ("/static", 200),
        ("unmatched", 307),
        ("/static", 405),
    ]
    assert "Canary" not in str(logs)


async def test_a_file_may_be_kept_for_a_while_but_not_that_there_is_none(client: httpx2.AsyncClient) -> None:
    found = await client.get("/static/here.css")
    same = await client.get("/static/here.css", headers={"if-none-match": found.headers["etag"]})
    missing = await client.get("/static/Canary-is-5.css")
    refused = await client.post("/static/here.css")
    assert [(answer.status_code, answer.headers["cache-control"]) for answer in (found, same, missing, refused)] == [
        (200, "max-age=3600"),
        (304, "max-age=3600"),
        (404, "no-store"),
        (405, "no-store"),
    ]


async def test_an_answer_that_breaks_off_is_noted_without_the_message_and_not_called_complete(
    failing: Failing,
) -> None:
    failing.error = ZeroDivisionError(CANARY)
    app = app_that(failing)
    with capture_logs() as logs:
        sent = await exchange(app, method="GET", path="/api/v1/begun")
    assert [message.get("body") for message in sent] == [None, b"begun"]
    assert sent[-1]["more_body"]
    assert [entry["event"] for entry in logs] == ["web.broken_off", "web.request"]
    assert logs[0]["request_id"] == logs[1]["request_id"]
    assert "Canary" not in str(logs)


async def test_a_caller_who_leaves_ends_the_request(failing: Failing) -> None:
    waiting = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(exchange(Envelope(app, SeededIds(1)), method="GET", path="/"))
    await asyncio.wait_for(waiting.wait(), 20)
    with capture_logs() as logs:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [entry["event"] for entry in logs] == ["web.request"]


async def test_each_request_is_counted_as_it_is_logged() -> None:
    counted: list[tuple[str, str, int, float]] = []
    ticks = count(start=100.0, step=0.25)
    inner = app_that(Failing())
    app = Envelope(inner, SeededIds(1), lambda *each: counted.append(each), monotonic=lambda: next(ticks))
    await exchange(app, method="GET", path="/api/v1/things/4711")
    await exchange(app, method="GET", path="/Canary")
    assert counted == [("GET", "/api/v1/things/{thing}", 200, 0.25), ("GET", "unmatched", 404, 0.25)]


@pytest.mark.parametrize("is_ending", [True, False])
async def test_a_process_that_is_going_to_end_keeps_no_connection_open(is_ending: bool) -> None:  # noqa: FBT001
    app = Envelope(app_that(Failing()), SeededIds(1), is_ending=lambda: is_ending)
    begun, *_ = await exchange(app, method="GET", path="/evening")
    assert ((b"connection", b"close") in begun["headers"]) == is_ending


async def test_what_is_not_http_passes_untouched() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    scope = {"type": "lifespan"}

    async def nothing() -> dict[str, Any]:
        return {}

    async def swallow(message: Any) -> None:
        return None

    with capture_logs() as logs:
        await Envelope(app, SeededIds(1))(scope, nothing, swallow)
    assert seen == [({"type": "lifespan"}, nothing, swallow)]
    assert logs == []


async def exchange(
    app: Callable[..., Any],
    *,
    method: str = "POST",
    path: str = "/api/v1/things",
    headers: list[tuple[bytes, bytes]] | None = None,
    parts: list[bytes] | None = None,
) -> list[dict[str, Any]]:
    """One request as a server makes it; returns what the app sent."""
    left = list(parts or [b""])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers or [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return sent
