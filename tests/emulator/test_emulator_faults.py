"""Faults on request: how they are written, whose turn it is, and what a client sees of each kind."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from emulator_wire import HEADERS, JSON_API, REPEATABLE, Served, error_of, event_body, served
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from klaviyo_emulator import Emulator, EmulatorConfig
from klaviyo_emulator.__main__ import main, parser
from klaviyo_emulator.faults import GRAMMAR, FaultScript, FaultsError, parse_faults, read_faults, write_fault
from klaviyo_emulator.faults.model import Drop, Duplicate, Reorder
from klaviyo_emulator.injection import BrokenConnectionError

if TYPE_CHECKING:
    from collections.abc import Iterator

FAULTS = "/__emulator__/faults"
EXAMPLES = {
    "create_event:429,retry-after=2*3": {
        "operation": "create_event",
        "kind": 429,
        "retry_after": 2,
        "times": 3,
    },
    "create_event:429": {"operation": "create_event", "kind": "429"},
    "create_event:429,retry-after=none": {"operation": "create_event", "kind": "429", "retry_after": None},
    "get_profiles:reset-before@0.1": {"operation": "get_profiles", "kind": "reset-before", "probability": 0.1},
    "*:503@0.01": {"operation": "*", "kind": 503, "probability": 0.01},
    "*:524,retry-after=7,effect=yes,skip=2": {
        "operation": "*",
        "kind": "524",
        "retry_after": 7,
        "effect": True,
        "skip": 2,
    },
    "get_*:html,status=504": {"operation": "get_*", "kind": "html", "status": 504},
    "create_event:timeout-after,seconds=1.5*1@0.5": {
        "operation": "create_event",
        "kind": "timeout-after",
        "seconds": 1.5,
        "times": 1,
        "probability": 0.5,
    },
    "get_events:slow,delay=0.5,piece=1": {"operation": "get_events", "kind": "slow", "delay": 0.5, "piece": 1},
    "get_events:truncated,keep=0": {"operation": "get_events", "kind": "truncated", "keep": 0},
    "get_events:short-close": {"operation": "get_events", "kind": "short-close"},
    "get_events:wrong-json,shape=array": {"operation": "get_events", "kind": "wrong-json", "shape": "array"},
    "webhook:duplicate,copies=3": {"operation": "webhook", "kind": "duplicate", "copies": 3},
    "webhook:reorder*1": {"operation": "webhook", "kind": "reorder", "times": 1},
    "webhook:drop": {"operation": "webhook", "kind": "drop"},
}


def put(running: Served, faults: Any) -> httpx2.Response:
    response = running.wire.client.put(FAULTS, json={"faults": faults})
    assert response.status_code == 200, response.text
    return response


def standing(running: Served) -> dict[str, Any]:
    return running.wire.client.get(FAULTS).json()


def send_event(running: Served) -> httpx2.Response:
    return running.wire.post("/api/events", event_body())


def until(running: Served, held: int) -> None:
    """Ask until so many connections are held; every question is a turn of the emulator's loop."""
    for _ in range(5_000):
        if standing(running)["held_connections"] == held:
            return
    raise AssertionError(f"never {held} connections were held")


# How it is written


@pytest.mark.parametrize(("text", "members"), EXAMPLES.items())
def test_text_and_json_say_the_same(text: str, members: dict[str, Any]) -> None:
    (fault,) = parse_faults(text)
    assert write_fault(fault) == text
    assert read_faults([members]) == [fault]
    assert read_faults({"faults": [text, members]}) == [fault, fault]
    assert parse_faults(json.dumps([members])) == [fault]


def test_text_may_be_spaced_and_shortened() -> None:
    faults = parse_faults(" create_event : 503 , retry-after = 4 *2 ; get_profiles:reset\n\n;")
    assert [write_fault(fault) for fault in faults] == ["create_event:503,retry-after=4*2", "get_profiles:reset-before"]
    assert parse_faults("") == parse_faults(" \n;; ") == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("create_event", "fault 'create_event': write OPERATION:KIND"),
        ("create_evnt:503", "there is no operation 'create_evnt'; did you mean create_event?"),
        ("zzz:503", "there is no operation 'zzz'; an example is create_event"),
        ("x*x:503", "there is no operation 'x*x'"),
        ("create_event:399", "there is no kind '399'; there are 400 to 599, html, timeout-before"),
        ("create_event:slowly", "there is no kind 'slowly'"),
        ("create_event:503,", "'' is not OPTION=VALUE"),
        ("create_event:503,retry-after", "'retry-after' is not OPTION=VALUE"),
        ("create_event:503,kind=4", "'kind=4' is not OPTION=VALUE"),
        ("create_event:503,keep=4", "503 has no option keep; it has retry-after, effect, skip"),
        ("create_event:slow,effect=yes,keep=4", "slow has no option keep; it has delay, piece, skip"),
        ("create_event:503,retry-after=-1", "retry-after must be a whole number from 0 to 1000000000, or none, not -1"),
        ("create_event:503,retry-after=soon", "not 'soon'"),
        ("create_event:503,effect=maybe", "effect must be yes or no (in JSON true or false), not 'maybe'"),
        ("create_event:timeout-before,effect=yes", "timeout-before is always before the effect"),
        ("create_event:truncated,effect=no", "truncated is always after the effect"),
        ("create_event:html,status=200", "status must be a whole number from 400 to 599, not 200"),
        ("create_event:slow,delay=-1", "delay must be from 0 to 86400, not -1"),
        ("create_event:slow,piece=0", "piece must be a whole number from 1"),
        ("create_event:wrong-json,shape=tree", "shape must be one of text, null, array, object, number, not 'tree'"),
        ("create_event:503*0", "times must be a whole number from 1"),
        ("create_event:503*1*2", "times is given twice"),
        ("create_event:503,skip=1,skip=1", "skip is given twice"),
        ("create_event:503@0", "probability must be above 0 and at most 1, not 0"),
        ("create_event:503@1.1", "probability must be above 0 and at most 1, not 1.1"),
        ("create_event:503@often", "not 'often'"),
        ("webhook:503", "a delivery can go wrong as duplicate, reorder, drop, not as 503"),
        ("create_event:drop", "drop concerns deliveries; write webhook:drop"),
        ("webhook:duplicate,copies=1", "copies must be a whole number from 2 to 100, not 1"),
        ("create_event:503; get_profiles:x", "fault 'get_profiles:x': there is no kind 'x'"),
        ("[", "this is not valid JSON"),
        ("[1]", "fault 1: an object or a text is needed"),
        ('[{"kind": 503}]', "fault 1: operation is missing; an example is create_event"),
        ('[{"operation": "*"}]', "fault 1: kind is missing; an example is 503"),
        ('[{"operation": null, "kind": 503}]', "fault 1: there is no operation None"),
        ('[{"operation": "*", "kind": 503, "times": true}]', "times must be a whole number"),
        ('[{"operation": "*", "kind": 503, "often": 1}]', "503 has no option often"),
        ('[{"operation": "*", "kind": [503]}]', "there is no kind '[503]'"),
        ('{"operation": "*", "kind": 503}', 'a list of faults, {"faults": [...]} or {"faults": "text"} is needed'),
    ],
)
def test_what_is_wrong_is_named(text: str, reason: str) -> None:
    with pytest.raises(FaultsError) as caught:
        parse_faults(text)
    assert reason in str(caught.value)


@REPEATABLE
@given(st.one_of(st.text(), st.text("create_event:;,=*@0123456789.resto-", max_size=60)))
def test_any_text_is_read_or_refused_by_name(text: str) -> None:
    try:
        faults = parse_faults(text)
    except FaultsError:
        return
    assert parse_faults("; ".join(map(write_fault, faults))) == faults


@REPEATABLE
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda some: st.lists(some) | st.dictionaries(st.text(), some),
    )
)
def test_any_document_is_read_or_refused_by_name(document: Any) -> None:
    for given_document in (document, [{"operation": "*", "kind": "503", "times": document}], [{"kind": document}]):
        with contextlib.suppress(FaultsError):
            read_faults(given_document)


def test_a_file_has_text_with_comments_or_json(tmp_path: Path) -> None:
    expected = parse_faults("create_event:503*2; get_profiles:reset")
    text, document = tmp_path / "faults", tmp_path / "faults.json"
    text.write_text("# a bad day\ncreate_event:503*2  # twice\nget_profiles:reset\n")
    document.write_text('{"faults": ["create_event:503*2", {"operation": "get_profiles", "kind": "reset"}]}')
    assert parse_faults(f"@{text}") == parse_faults(f"@{document}") == parse_faults(str(document)) == expected
    text.write_bytes(b"\xef\xbb\xbfcreate_event:503*2\r\nget_profiles:reset\r\n")  # as an editor on Windows leaves it
    assert parse_faults(f"@{text}") == expected
    text.write_text("nonsense")
    with pytest.raises(FaultsError, match=f"{text}: fault 'nonsense': write"):
        parse_faults(f"@{text}")
    text.write_bytes(b"\xff")
    with pytest.raises(FaultsError, match="not UTF-8"):
        parse_faults(f"@{text}")
    with pytest.raises(FaultsError, match="cannot read the faults: No such file"):
        parse_faults(f"@{tmp_path / 'absent'}")


def test_the_configuration_reads_a_file_once(tmp_path: Path) -> None:
    file = tmp_path / "faults"
    file.write_text("get_accounts:503")
    with served(faults=f"@{file}") as running:
        file.unlink()
        assert running.wire.client.post("/__emulator__/reset", json={}).status_code == 200
        assert running.wire.get("/api/accounts").status_code == 503


def test_the_command_takes_faults_and_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert parser().parse_args(["--faults", "*:503@0.5"]).faults == "*:503@0.5"
    assert main(["--faults", "create_evnt:503"]) == 1
    assert "klaviyo_emulator: faults: fault 'create_evnt:503': there is no operation" in capsys.readouterr().err
    help_text = parser().format_help()
    for line in filter(None, map(str.strip, GRAMMAR.splitlines())):
        assert line in help_text
    assert GRAMMAR in (Path(__file__).parents[2] / "docs/emulator-reference.md").read_text()
    with pytest.raises(ValueError, match=r"^faults: "):
        EmulatorConfig(faults="x")


# Whose turn it is


def played(spec: str, asked: str, seed: int = 0) -> str:
    """The kinds that happened, a dot for none."""
    script = FaultScript(seed)
    script.add(parse_faults(spec))
    happened = (script.next_for(operation) for operation in asked.split())
    return " ".join("." if fault is None else fault.kind for fault in happened)


def test_faults_take_turns() -> None:
    event = "create_event " * 5
    assert played("create_event:429*2; create_event:503", event) == "429 429 503 503 503"
    assert played("create_event:429,skip=1*1; get_*:503", "create_event get_event create_event create_event") == (
        ". 503 429 ."
    )
    assert played("*:500*1", "get_lists get_lists") == "500 ."
    assert played("get_list*:500", "get_list get_lists get_list_ids_for_flow create_list") == "500 500 500 ."
    assert played("*event*:500", "create_event bulk_create_events get_profiles webhook") == "500 500 . ."


def test_chance_comes_from_the_seed_and_from_nothing_else() -> None:
    asked = "create_event " * 200
    once = played("create_event:503@0.3", asked, 7)
    assert once == played("create_event:503@0.3", asked, 7)
    assert once == played("create_event:503@0.3; get_lists:500@0.5; *:429@0.001", asked, 7).replace("429", ".")
    assert once != played("create_event:503@0.3", asked, 8)
    assert 30 < once.count("503") < 90


def test_faults_of_deliveries() -> None:
    script = FaultScript(0)
    script.add(parse_faults("webhook:duplicate,copies=3*1; webhook:reorder*1; *:503; webhook:drop"))
    assert [script.webhook_fault() for _ in range(4)] == [Duplicate(3), Reorder(), Drop(), Drop()]
    assert FaultScript(0).webhook_fault() is None


# What a client sees


@pytest.mark.parametrize(
    ("spec", "status", "code", "retry_after"),
    [
        ("create_event:429", 429, "throttled", "1"),
        ("create_event:429,retry-after=17", 429, "throttled", "17"),
        ("create_event:429,retry-after=none", 429, "throttled", None),
        ("create_event:500", 500, "error", None),
        ("create_event:502", 502, "bad_gateway", None),
        ("create_event:503,retry-after=3", 503, "service_unavailable", "3"),
        ("create_event:504", 504, "gateway_timeout", None),
        ("create_event:524", 524, "error", None),
        ("create_event:401", 401, "authentication_failed", None),
    ],
)
def test_errors_in_klaviyos_shape(free: Served, spec: str, status: int, code: str, retry_after: str | None) -> None:
    put(free, spec)
    response = send_event(free)
    assert error_of(response, status)["code"] == code
    assert response.headers.get("Retry-After") == retry_after
    assert free.emulator.counts().events == 0


def test_errors_on_request_look_like_those_that_happen(klaviyo: Served) -> None:
    def words(response: httpx2.Response) -> dict[str, Any]:
        (error,) = response.json()["errors"]
        return {name: value for name, value in error.items() if name not in {"id", "detail"}}

    wire = klaviyo.wire
    assert wire.get("/api/accounts").status_code == 200
    for happened in (
        wire.get("/api/accounts"),  # its burst window takes one
        wire.get("/api/accounts", headers={"Authorization": "Klaviyo-API-Key nobody"}),
        wire.get("/api/profiles/X"),
        wire.client.put("/api/profiles"),
        wire.post("/api/profiles", b"{}", headers={"Content-Type": "text/plain"}),
        wire.post("/api/profiles", b" " * 6_000_000),
        wire.get("/api/v2/lists"),
        wire.post("/api/profiles", b"{}"),
    ):
        put(klaviyo, f"get_profiles:{happened.status_code}")
        assert words(wire.get("/api/profiles")) == words(happened)
    put(klaviyo, "get_profiles:429,retry-after=none")
    assert wire.get("/api/profiles").json()["errors"][0]["detail"] == "Request was throttled."


def test_an_error_may_come_after_the_effect(free: Served) -> None:
    put(free, "create_event:503,effect=yes*1; create_event:html,status=524,effect=yes*1")
    assert error_of(send_event(free), 503)
    page = send_event(free)
    assert (page.status_code, page.headers["content-type"]) == (524, "text/html; charset=UTF-8")
    assert "<h1>Error 524</h1>" in page.text
    assert free.emulator.counts().events == 1  # the same event twice


def test_a_proxys_page(free: Served) -> None:
    put(free, "create_event:html")
    response = send_event(free)
    assert (response.status_code, response.headers["content-type"]) == (502, "text/html; charset=UTF-8")
    assert free.emulator.counts().events == 0


@pytest.mark.parametrize(("spec", "events"), [("create_event:reset", 0), ("create_event:reset-after", 1)])
def test_a_reset_connection(free: Served, spec: str, events: int) -> None:
    put(free, spec)
    body = json.dumps(event_body()).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    host, port = free.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as wire:
        wire.sendall(
            f"POST /api/events HTTP/1.1\r\nHost: {host}\r\n{head}Content-Type: {JSON_API}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        with pytest.raises(ConnectionResetError):
            wire.recv(1)
    assert free.emulator.counts().events == events
    assert free.wire.get("/api/accounts").status_code == 200


@pytest.mark.parametrize(("spec", "events"), [("create_event:timeout-before", 0), ("create_event:timeout-after", 1)])
def test_a_timeout_lasts_until_the_fault_is_lifted(free: Served, spec: str, events: int) -> None:
    put(free, spec)
    with ThreadPoolExecutor(1) as others:
        answer = others.submit(send_event, free)
        until(free, held=1)
        assert free.emulator.counts().events == events
        assert not answer.done()
        assert free.wire.client.get("/__emulator__/requests").json()["requests"][0]["status"] is None
        assert free.wire.client.delete(FAULTS).json() == {"faults": [], "held_connections": 0}
        with pytest.raises(httpx2.RemoteProtocolError):
            answer.result(20)
    assert send_event(free).status_code == 202
    assert free.emulator.counts().events == 1


def test_a_timeout_lasts_until_the_client_leaves(free: Served) -> None:
    put(free, "get_accounts:timeout-before")
    with pytest.raises(httpx2.ReadTimeout):
        free.wire.client.get("/api/accounts", timeout=0.05)
    until(free, held=0)


def test_a_timeout_may_be_bounded(free: Served) -> None:
    put(free, "get_accounts:timeout-before,seconds=0.01*1")
    with pytest.raises(httpx2.RemoteProtocolError):
        free.wire.get("/api/accounts")
    assert free.wire.get("/api/accounts").status_code == 200


def test_a_timeout_ends_with_the_emulator() -> None:
    with ThreadPoolExecutor(1) as others:
        with served(faults="get_accounts:timeout-before") as running:
            answer = others.submit(httpx2.get, f"{running.url}/api/accounts", headers=HEADERS, timeout=60)
            until(running, held=1)
        with pytest.raises(httpx2.RemoteProtocolError):
            answer.result(4)  # before the server's patience with requests under way ends


def test_a_slow_answer_is_right_in_the_end(free: Served) -> None:
    put(free, "get_accounts:slow,delay=0,piece=7*1; get_accounts:slow,delay=3600")
    slow = free.wire.get("/api/accounts")
    with ThreadPoolExecutor(1) as others:
        answer = others.submit(free.wire.get, "/api/accounts")
        until(free, held=1)
        free.wire.client.delete(FAULTS)
        late = answer.result(20)
    plain = free.wire.get("/api/accounts")
    assert slow.json() == late.json() == plain.json()
    assert plain.headers["content-length"] == late.headers["content-length"]


def test_a_slow_answer_comes_in_pieces(free: Served) -> None:
    """The head and one piece arrive; the rest waits until the fault is lifted."""
    put(free, "get_accounts:slow,delay=0.001,piece=1")
    with free.wire.client.stream("GET", "/api/accounts") as response:
        assert response.status_code == 200
        pieces = response.iter_raw()
        first = next(pieces)
        length = int(response.headers["content-length"])
        assert 0 < len(first) < length
        free.emulator.instruments.faults.replace([])
        assert len(first) + sum(map(len, pieces)) == length


@pytest.mark.parametrize("keep", ["", ",keep=0", ",keep=5", ",keep=1000000"])
def test_a_document_that_is_cut(free: Served, keep: str) -> None:
    whole = free.wire.get("/api/accounts").content
    kept = {"": len(whole) // 2, ",keep=0": 0, ",keep=5": 5, ",keep=1000000": len(whole)}[keep]
    put(free, f"get_accounts:truncated{keep}*1; get_accounts:short-close{keep}*1")
    cut = free.wire.get("/api/accounts")
    assert (cut.status_code, cut.content) == (200, whole[:kept])
    with pytest.raises(httpx2.RemoteProtocolError, match="peer closed connection without sending complete message"):
        free.wire.get("/api/accounts")
    assert free.wire.get("/api/accounts").content == whole


def test_an_empty_answer_is_cut_too(free: Served) -> None:
    put(free, "create_event:truncated*1; create_event:short-close*1")
    cut = send_event(free)
    assert cut.status_code == 202
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        cut.json()
    with pytest.raises(httpx2.RemoteProtocolError):
        send_event(free)
    assert free.emulator.counts().events == 1


@pytest.mark.parametrize(("shape", "body"), [("null", None), ("array", []), ("object", {}), ("number", 1)])
def test_json_of_another_shape(free: Served, shape: str, body: Any) -> None:
    put(free, f"get_accounts:wrong-json,shape={shape}")
    response = free.wire.get("/api/accounts")
    assert (response.status_code, response.json()) == (200, body)
    assert response.headers["content-type"] == JSON_API


def test_no_json_at_all(free: Served) -> None:
    put(free, "get_accounts:wrong-json")
    response = free.wire.get("/api/accounts")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/plain")
    with pytest.raises(ValueError, match="Expecting value"):
        response.json()


def test_the_official_sdk_meets_faults(free: Served) -> None:
    put(free, "get_accounts:wrong-json*1; get_accounts:404*1")
    sdk = free.sdk()
    with pytest.raises(Exception, match=r"Expecting value|validation error|content type"):
        sdk.Accounts.get_accounts()
    with pytest.raises(Exception, match="404"):
        sdk.Accounts.get_accounts()
    assert sdk.Accounts.get_accounts()


def test_only_requests_that_would_be_heard_are_hit(free: Served) -> None:
    """No credentials, no path, another operation: these are refused as ever, and use no fault up."""
    put(free, "create_event:503*1")
    assert free.wire.client.post("/api/events", headers={"Authorization": "nobody"}).status_code == 401
    assert free.wire.get("/api/nothing").status_code == 404
    assert free.wire.get("/api/accounts").status_code == 200
    (fault,) = standing(free)["faults"]
    assert (fault["seen"], fault["happened"], fault["left"]) == (0, 0, 1)
    assert send_event(free).status_code == 503
    (fault,) = standing(free)["faults"]
    assert (fault["seen"], fault["happened"], fault["left"]) == (1, 1, 0)
    assert send_event(free).status_code == 202


def test_a_fault_before_the_effect_takes_nothing_from_the_rate_windows(klaviyo: Served) -> None:
    put(klaviyo, "get_accounts:429*3")
    for _ in range(3):
        assert klaviyo.wire.get("/api/accounts").status_code == 429
    assert klaviyo.wire.get("/api/accounts").status_code == 200  # its burst window takes one


def test_the_seed_decides_over_the_wire_too() -> None:
    def pattern(seed: int) -> list[int]:
        with served(limits=False, seed=seed, faults="get_accounts:503@0.5") as running:
            first = [running.wire.get("/api/accounts").status_code for _ in range(30)]
            assert set(first) == {200, 503}
            assert running.wire.client.post("/__emulator__/seed", json={"seed": seed}).status_code == 200
            assert [running.wire.get("/api/accounts").status_code for _ in range(30)] == first
            return first

    assert pattern(1) == pattern(1) != pattern(2)


@pytest.mark.parametrize("protocol", [HttpToolsProtocol, H11Protocol])
def test_both_protocols_cut_alike_and_log_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, protocol: type
) -> None:
    """Where httptools is not installed, uvicorn speaks HTTP with h11."""
    monkeypatch.setattr("klaviyo_emulator.protocol.AutoHTTPProtocol", protocol)
    with served(limits=False) as running:
        whole = running.wire.get("/api/accounts").content
        for kind, error in (
            ("reset", httpx2.ReadError),
            ("reset-after", httpx2.ReadError),
            ("timeout-before,seconds=0", httpx2.RemoteProtocolError),
            ("timeout-after,seconds=0", httpx2.RemoteProtocolError),
            ("short-close", httpx2.RemoteProtocolError),
        ):
            put(running, f"get_accounts:{kind}")
            with pytest.raises(error):
                running.wire.get("/api/accounts")
        put(running, "get_accounts:slow,delay=0,piece=3*1; get_accounts:truncated,keep=9*1; get_accounts:599*1")
        assert running.wire.get("/api/accounts").content == whole
        assert running.wire.get("/api/accounts").content == whole[:9]
        assert running.wire.get("/api/accounts").status_code == 599
        assert running.wire.get("/api/accounts").content == whole
        assert [
            each["fault"] for each in running.wire.client.get("/__emulator__/requests").json()["requests"][1:4]
        ] == [
            "599",
            "truncated",
            "slow",
        ]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


# Faults by hand: the control API


def test_faults_are_added_listed_and_taken_away(free: Served) -> None:
    put(free, ["create_event:503*2", {"operation": "webhook", "kind": "drop"}])
    client = free.wire.client
    added = client.post(FAULTS, json={"faults": "get_profiles:slow,delay=0"}).json()["faults"]
    assert [(each["number"], each["text"]) for each in added] == [
        (1, "create_event:503*2"),
        (2, "webhook:drop"),
        (3, "get_profiles:slow,delay=0"),
    ]
    assert added[0] | {"seen": 0} == {
        "number": 1,
        "text": "create_event:503*2",
        "operation": "create_event",
        "kind": "503",
        "status": 503,
        "retry_after": None,
        "effect": False,
        "skip": 0,
        "times": 2,
        "probability": 1.0,
        "seen": 0,
        "happened": 0,
        "left": 2,
    }
    assert [each["number"] for each in client.delete(f"{FAULTS}/2").json()["faults"]] == [1, 3]
    for number in ("2", "x", "9" * 30, "²"):
        gone = client.delete(f"{FAULTS}/{number}")
        assert (gone.status_code, gone.json().keys()) == (404, {"error"})
    assert standing(free)["faults"] == client.get(f"{FAULTS}/").json()["faults"]


def test_a_fault_that_is_wrong_changes_nothing(free: Served) -> None:
    before = put(free, "create_event:503").json()
    for method in ("PUT", "POST"):
        response = free.wire.client.request(method, FAULTS, json={"faults": ["get_profiles:503", "create_evnt:503"]})
        assert response.status_code == 400
        assert response.json() == {
            "error": "Fault 'create_evnt:503': there is no operation 'create_evnt'; did you mean create_event? "
            "Nothing was changed."
        }
    assert standing(free) == before


# An application without this package's server


async def called(emulator: Emulator, path: str) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    received: Iterator[dict[str, Any]] = iter([{"type": "http.request"}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(received)

    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
    }
    await emulator.app(scope, receive, send)
    return sent


@pytest.mark.parametrize("kind", ["reset", "timeout-before,seconds=0", "short-close"])
async def test_a_connection_that_cannot_be_cut_breaks_with_an_exception(kind: str) -> None:
    with Emulator(EmulatorConfig(faults=f"get_accounts:{kind}")) as emulator:
        with pytest.raises(BrokenConnectionError):
            await called(emulator, "/api/accounts")
        assert len(await called(emulator, "/api/metrics")) == 2
