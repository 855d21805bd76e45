"""Serving: the command, the context manager, the package's own borders."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from emulator_wire import HEADERS, JSON_API, NOON, Served, event_body, served

from klaviyo_emulator import DEFAULT_PORT, Emulator, EmulatorConfig, KeysError, read_keys
from klaviyo_emulator import __main__ as command
from klaviyo_emulator.__main__ import main, parser
from klaviyo_emulator.server import bind, url_of
from klaviyo_emulator.testing import running_emulator

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "klaviyo_emulator", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Klaviyo emulator listening on http://127.0.0.1:"), process.stderr and process.stderr.read()
    return process, line.split()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_a_signal_comes(tmp_path: Path, number: signal.Signals) -> None:
    keys = tmp_path / "keys"
    keys.write_text("pk_reader accounts:read  # may look only\n\npk_all\n")
    data = tmp_path / "state.db"
    process, url = start("--data", str(data), "--keys", str(keys), "--limits", "off", "--latency-ms", "1")
    with httpx2.Client(base_url=url, headers={"revision": "2026-07-15"}) as client:
        reader = {"Authorization": "Klaviyo-API-Key pk_reader"}
        assert client.get("/api/accounts", headers=reader).status_code == 200
        assert client.get("/api/profiles", headers=reader).status_code == 403
        assert client.get("/api/profiles", headers={"Authorization": "Klaviyo-API-Key pk_all"}).status_code == 200
        assert client.get("/api/profiles", headers={"Authorization": "Klaviyo-API-Key pk_x"}).status_code == 401
        process.send_signal(number)
        out, errors = process.communicate(timeout=20)
    assert (process.returncode, out, errors) == (0, "", "")
    assert data.exists()


def test_further_names_that_the_command_is_reached_by() -> None:
    process, url = start("--allow-host", "klaviyo", "--allow-host", "klaviyo.test")
    try:
        with httpx2.Client(base_url=url) as client:
            hosts = ("klaviyo", "klaviyo.test:8765", "localhost", "another.test")
            seen = [client.get("/__emulator__/health", headers={"Host": host}).status_code for host in hosts]
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert seen == [200, 200, 200, 403]


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    data = str(tmp_path / "state.db")
    process, url = start("--data", data)
    with httpx2.Client(base_url=url, headers=HEADERS) as client:
        for number in range(20):
            assert client.post("/api/events", json=event_body(unique_id=str(number))).status_code == 202
        process.kill()
        process.communicate(timeout=20)
    with Emulator(EmulatorConfig(database=data)) as emulator:
        assert emulator.counts().events == 20


def test_the_command_refuses_what_it_cannot_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text"
    text.write_text("x" * 5000)
    assert main(["--data", str(text), "--port", "0"]) == 1
    assert "cannot open the state" in capsys.readouterr().err
    with bind("127.0.0.1", 0) as taken:
        assert main(["--port", str(taken.getsockname()[1])]) == 1
    assert "in use" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--port", "70000", "a number from 0 to 65535 is needed, not '70000'"),
        ("--port", "-1", "a number from 0 to 65535 is needed, not '-1'"),
        ("--port", "many", "a number from 0 to 65535 is needed, not 'many'"),
        ("--latency-ms", "x", "invalid int value: 'x'"),
        ("--limits", "maybe", "invalid choice: 'maybe'"),
    ],
)
def test_an_option_that_cannot_be_read(
    capsys: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([option, value])
    assert caught.value.code == 2
    assert f"argument {option}: {message}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--latency-ms", "-1", "latency_ms: must not be negative"),
        ("--data", "", "database: a file path or :memory: is needed"),
    ],
)
def test_an_option_that_no_emulator_can_use(
    capsys: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    assert main([option, value]) == 1
    assert capsys.readouterr().err == f"klaviyo_emulator: {message}\n"


def test_the_port_where_nobody_names_one() -> None:
    assert parser().parse_args([]).port == DEFAULT_PORT
    assert f"127.0.0.1:{DEFAULT_PORT}" in parser().format_help()


def test_the_command_in_this_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A signal to the process itself, sent once the emulator has said that it is ready."""
    announce = command._announce

    def announce_and_interrupt(url: str) -> None:
        announce(url)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(command, "_announce", announce_and_interrupt)
    before = signal.getsignal(signal.SIGTERM)
    assert main(["--port", "0", "--limits", "off"]) == 0
    assert signal.getsignal(signal.SIGTERM) is before
    assert capsys.readouterr().out.startswith("Klaviyo emulator listening on http://127.0.0.1:")


def test_help_says_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for word in ("--port", "--host", "--data", "--limits", "--latency-ms", "--keys", "test_host", "pk_"):
        assert word in text


def test_keys_with_and_without_scopes(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("a x:read y:write\n#b\n  c # d\n")
    assert read_keys(file) == {"a": frozenset({"x:read", "y:write"}), "c": frozenset()}
    file.write_bytes(b"\xef\xbb\xbfa x:read\r\n")  # as an editor on Windows leaves it
    assert read_keys(file) == {"a": frozenset({"x:read"})}


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"pk_\xff\n", "not UTF-8")])
def test_keys_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, reason: str
) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(KeysError, match=reason):
        read_keys(file)
    assert main(["--keys", str(file)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"klaviyo_emulator: cannot read the keys in {file}: ")
    assert reason in line


def test_a_request_under_way_is_answered_when_the_server_ends() -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def clock() -> datetime:
        arrived.set()  # the log of requests asks for the time once one has come
        return NOON

    with ThreadPoolExecutor(1) as others:
        with served(clock=clock) as running:
            running.emulator._database.read(lambda connection: go_on.wait())
            arrived.clear()  # opening asked too
            answer = others.submit(httpx2.get, f"{running.url}/api/profiles", headers=HEADERS)
            came = arrived.wait(10)
            threading.Timer(0.1, go_on.set).start()
        assert came
        assert answer.result(10).status_code == 200


def test_a_request_that_does_not_end_is_cut_in_silence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A body that never comes, and a latency that is longer than the server's patience."""
    monkeypatch.setattr("klaviyo_emulator.server._GRACE_SECONDS", 0.05)
    head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "x", "Content-Type": JSON_API, **HEADERS}.items())
    requests = (
        (0, f"POST /api/events HTTP/1.1\r\n{head}Content-Length: 9\r\n\r\n{{"),
        (3_600_000, f"GET /api/profiles HTTP/1.1\r\n{head}\r\n"),
    )
    arrived = threading.Event()

    def clock() -> datetime:
        arrived.set()
        return NOON

    for latency_ms, request in requests:
        with served(clock=clock, latency_ms=latency_ms) as running:
            arrived.clear()
            connection = socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])), timeout=10)
            connection.sendall(request.encode())
            assert arrived.wait(10)
        with connection, contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    assert [record.getMessage() for record in caplog.records] == []


def test_the_context_manager_leaves_nothing_behind() -> None:
    threads = threading.active_count()
    started = time.perf_counter()
    with running_emulator() as running:
        with httpx2.Client(base_url=running.url, headers=HEADERS) as client:
            assert client.post("/api/events", json=event_body()).status_code == 202
        assert running.emulator.counts().events == 1
        port = int(running.url.rpartition(":")[2])
    assert time.perf_counter() - started < 5
    assert threading.active_count() == threads
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_an_error_in_the_block_ends_the_server_too() -> None:
    threads = threading.active_count()
    with pytest.raises(LookupError), running_emulator():
        raise LookupError
    assert threading.active_count() == threads


def test_urls_of_both_families() -> None:
    with bind("127.0.0.1", 0) as four:
        assert url_of(four).startswith("http://127.0.0.1:")
    if socket.has_ipv6:
        try:
            for host in ("::1", "[::1]"):
                with bind(host, 0) as six:
                    assert url_of(six).startswith("http://[::1]:")
        except OSError:
            pytest.skip("no IPv6 on this machine")


async def test_web_sockets_are_closed() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    with running_emulator() as running:
        scope = {"type": "websocket", "path": "/api/profiles", "raw_path": b"/api/profiles", "headers": []}
        await running.emulator.app(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1000}]


async def test_a_client_that_goes_away_in_the_middle_of_its_body() -> None:
    messages = iter([{"type": "http.request", "body": b'{"da', "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    with running_emulator() as running:
        headers = {**HEADERS, "content-type": "application/json"}
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/api/events",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        await running.emulator.app(scope, receive, send)
        assert sent[0]["status"] == 400
        assert running.emulator.counts().events == 0


def test_it_needs_nothing_but_starlette_and_uvicorn() -> None:
    """Imported where the heavy and the forbidden packages cannot be."""
    forbidden = (
        "dreamflow",
        "aioklaviyo",
        "fastapi",
        "pydantic",
        "sqlalchemy",
        "aiohttp",
        "typer",
        "rich",
        "structlog",
    )
    code = "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in forbidden)
    code += "import klaviyo_emulator, klaviyo_emulator.testing, klaviyo_emulator.__main__\n"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /api/profiles?filter=\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/profiles/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/profiles?filter=" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/profiles HTTP/1.1\r\nHost: x\r\nrevision: a\x00b\r\n\r\n",
        b"GET /api/profiles HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
def test_bytes_that_are_not_http_are_refused_in_shape(free: Served, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(free.url.rpartition(":")[2])), timeout=10) as connection:
        connection.sendall(request_bytes)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert JSON_API.encode() in head
    assert json.loads(body)["errors"][0]["status"] == 400


async def test_a_path_that_is_not_ascii_is_not_found() -> None:
    """Not from uvicorn, which refuses it earlier, but another server may hand it on."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    with running_emulator() as running:
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/api/profiles/\xe9",
            "raw_path": b"/api/profiles/\xc3\xa9",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()],
        }
        await running.emulator.app(scope, nothing_more, send)
    assert sent[0]["status"] == 404


async def nothing_more() -> Any:
    return {"type": "http.disconnect"}
