"""Every failure is a problem document that names the field and never the value."""

import importlib
import json
import pkgutil
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Any

import httpx2
import pytest
from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from structlog.testing import capture_logs

import dreamflow
from dreamflow.bootstrap import CannotOpen, NotInstalled
from dreamflow.families import FamilyExists, FamilyNotFound
from dreamflow.identity.errors import InvalidToken, MissingToken
from dreamflow.kit.db import DatabaseUnavailable, SchemaTooNew, SchemaTooOld
from dreamflow.kit.errors import DreamFlowError, FieldError, Invalid, Refused
from dreamflow.kit.idempotency import KeyReused
from dreamflow.kit.private_file import UnusablePrivateFile
from dreamflow.kit.turn import TurnTaken
from dreamflow.outbox import LeaseLost
from dreamflow.outbox.errors import UnusableTopic
from dreamflow.settings import SettingsError
from dreamflow.stories.rules.pack import PackError
from dreamflow.web.problems import status_of
from dreamflow.web.sessions import ForgedForm
from web.web_errors import CANARY, Failing, app_that, client_of


def subclasses(kind: type[DreamFlowError]) -> Iterator[type[DreamFlowError]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def every_error() -> list[type[DreamFlowError]]:
    for module in pkgutil.walk_packages(dreamflow.__path__, "dreamflow."):
        if not module.name.startswith(("dreamflow.migrations", "dreamflow.__main__")):  # these are run, not imported
            importlib.import_module(module.name)
    return sorted(
        {each for each in subclasses(DreamFlowError) if each.__module__.startswith("dreamflow.")},
        key=lambda each: (each.__module__, each.__name__),
    )


ERRORS = every_error()
OURS_TO_MEND = {
    CannotOpen,
    LeaseLost,
    NotInstalled,
    UnusableTopic,
    PackError,
    SchemaTooNew,
    SchemaTooOld,
    SettingsError,
    TurnTaken,
    UnusablePrivateFile,
}
"""An installation or a pack is broken, or a worker slept: no request meets it, and no caller can do anything."""


def test_every_expected_error_has_a_status_chosen_on_purpose() -> None:
    assert len(ERRORS) > 20
    by_accident = [each for each in ERRORS if status_of(each.__new__(each)) is HTTPStatus.INTERNAL_SERVER_ERROR]
    assert set(by_accident) == OURS_TO_MEND


def test_every_error_that_is_raised_has_a_code_of_its_own() -> None:
    codes = Counter(each.code for each in ERRORS if "code" in vars(each))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)
    assert [code for code, count in codes.items() if count > 1] == []
    assert [each for each in ERRORS if "code" not in vars(each)] == []


@pytest.fixture
def failing() -> Failing:
    return Failing()


@pytest.fixture
async def client(failing: Failing) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app_that(failing)) as client:
        yield client


def check(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    document = response.json()
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert document["type"] == f"urn:dreamflow:problem:{code}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == response.headers["x-request-id"] != ""
    return document


@pytest.mark.parametrize(
    ("error", "status", "code", "headers"),
    [
        (MissingToken(), 401, "missing-token", {"www-authenticate": "Bearer"}),
        (InvalidToken(), 401, "invalid-token", {"www-authenticate": 'Bearer error="invalid_token"'}),
        (ForgedForm("Elsewhere."), 403, "forged-form", {}),
        (FamilyNotFound("None."), 404, "family-not-found", {}),
        (FamilyExists("One."), 409, "family-exists", {}),
        (KeyReused("Again."), 422, "idempotency-key-reused", {}),
        (Invalid(FieldError("/minutes", "Too many.")), 422, "invalid", {}),
        (Refused("No."), 400, "refused", {}),
        (DatabaseUnavailable("Full."), 503, "database-unavailable", {"retry-after": "5"}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_each_kind_of_error_is_answered_in_its_own_way(
    failing: Failing,
    client: httpx2.AsyncClient,
    error: DreamFlowError,
    status: int,
    code: str,
    headers: dict[str, str],
) -> None:
    failing.error = error
    response = await client.get("/api/v1/things/1")
    document = check(response, status, code)
    assert document["detail"] == error.message
    told = {name: response.headers.get(name) for name in ("www-authenticate", "retry-after")}
    assert {name: value for name, value in told.items() if value is not None} == headers
    expected = [{"pointer": each.pointer, "detail": each.detail} for each in error.errors]
    assert document.get("errors", []) == expected


GOOD = {
    "name": "Zoë",
    "age": 5,
    "granted": True,
    "outcome": "skipped",
    "at": "2026-03-10T19:10:00Z",
    "children": [{"age": 5, "name": "Ben"}],
}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": CANARY}, "/name"),
        ({"name": {"nested": CANARY}}, "/name"),
        ({"age": CANARY}, "/age"),
        ({"age": 4711}, "/age"),
        ({"granted": CANARY}, "/granted"),
        ({"outcome": CANARY}, "/outcome"),
        ({"at": CANARY}, "/at"),
        ({"ratio": CANARY}, "/ratio"),
        ({"children": CANARY}, "/children"),
        ({"children": [{"age": CANARY, "name": "Ben"}]}, "/children/0/age"),
        ({"children": [{"age": 1, "name": "Ben"}, {"age": 1, "name": CANARY}]}, "/children/1/name"),
        ({"children": [{"age": 1, "name": "Ben", CANARY: 1}]}, "/children/0"),
        ({CANARY: 1}, ""),
        ({"name": None}, "/name"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_wrong_value_is_named_and_not_quoted(
    client: httpx2.AsyncClient, change: dict[str, Any], pointer: str
) -> None:
    assert (await client.post("/api/v1/things", json=GOOD)).status_code == 200
    response = await client.post("/api/v1/things", json={**GOOD, **change})
    document = check(response, 422, "invalid")
    assert [error["pointer"] for error in document["errors"]] == [pointer]
    assert all(error["detail"] for error in document["errors"])
    everything = response.text + str(response.headers)
    assert "Canary" not in everything
    assert "4711" not in everything


async def test_every_wrong_field_is_named_at_once(client: httpx2.AsyncClient) -> None:
    wrong = {"name": CANARY, "age": CANARY, CANARY: CANARY}
    response = await client.post("/api/v1/things", json=wrong)
    pointers = {error["pointer"] for error in check(response, 422, "invalid")["errors"]}
    assert pointers == {"/name", "/age", "/granted", "/outcome", "/at", "/children", ""}
    assert "Canary" not in response.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{" + CANARY.encode(), 400),
        (b'{"name": NaN, "' + CANARY.encode() + b'": 1}', 422),
        (b"\xff\xfe" + CANARY.encode(), 400),
        (b"[" * 30_000 + CANARY.encode(), 400),
        (b'"' + CANARY.encode() + b'"', 422),
        (b"", 422),
    ],
    ids=["broken", "not a number", "not UTF-8", "too deep", "not an object", "empty"],
)
async def test_a_body_that_cannot_be_read_is_refused_without_being_quoted(
    client: httpx2.AsyncClient, body: bytes, status: int
) -> None:
    response = await client.post("/api/v1/things", content=body, headers={"content-type": "application/json"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert "Canary" not in response.text


@pytest.mark.parametrize(
    ("path", "headers", "pointer"),
    [
        ("/api/v1/things/Canary", {}, "/path/thing"),
        ("/api/v1/things/1?limit=Canary", {}, "/query/limit"),
        ("/api/v1/things/1", {"idempotency-key": "Canary"}, "/header/idempotency-key"),
    ],
)
async def test_a_wrong_parameter_or_header_is_named_and_not_quoted(
    client: httpx2.AsyncClient, path: str, headers: dict[str, str], pointer: str
) -> None:
    response = await client.get(path, headers=headers)
    document = check(response, 422, "invalid")
    assert [error["pointer"] for error in document["errors"]] == [pointer]
    assert "Canary" not in response.text + str(response.headers)


async def test_an_unknown_place_and_a_wrong_method_are_problems_too(client: httpx2.AsyncClient) -> None:
    missing = await client.get("/api/v1/Canary", headers={"accept": "text/html"})
    check(missing, 404, "not-found")
    wrong = await client.delete("/api/v1/things/1")
    check(wrong, 405, "method-not-allowed")
    assert wrong.headers["allow"] == "GET"
    assert "Canary" not in missing.text


async def test_an_unexpected_failure_is_told_without_its_message_and_logged_by_place(
    failing: Failing, client: httpx2.AsyncClient
) -> None:
    failing.error = ZeroDivisionError(CANARY)
    with capture_logs() as logs:
        response = await client.get("/api/v1/things/1")
    document = check(response, 500, "unexpected")
    assert "not with your request" in document["detail"]
    assert "Canary" not in response.text + json.dumps(logs)
    [noted] = [entry for entry in logs if entry["event"] == "web.unexpected"]
    assert noted["error"] == "ZeroDivisionError"
    assert noted["request_id"] == document["instance"]
    assert any("web_errors.py" in place for place in noted["at"])
    assert [entry["status"] for entry in logs if entry["event"] == "web.request"] == [500]


@pytest.mark.parametrize(
    ("error", "status"), [(FamilyNotFound("None yet."), 404), (ZeroDivisionError(CANARY), 500)], ids=["404", "500"]
)
async def test_a_person_with_a_browser_gets_a_page_and_a_program_gets_a_document(
    failing: Failing, error: Exception, status: int
) -> None:
    def page(_: Request, status: int, sentence: str) -> Response:
        return HTMLResponse(f"<h1>{status}</h1>{sentence}", status)

    failing.error = error
    browser = {"accept": "text/html,application/xhtml+xml"}
    async with client_of(app_that(failing, page=page)) as client:
        with capture_logs():
            shown = await client.get("/evening", headers=browser)
            told = [await client.get("/evening"), await client.get("/api/v1/things/1", headers=browser)]
    assert shown.status_code == status
    assert shown.text.startswith(f"<h1>{status}</h1>")
    assert "Canary" not in shown.text
    assert shown.headers["x-request-id"]
    for document in told:
        assert (document.status_code, document.headers["content-type"]) == (status, "application/problem+json")


async def test_a_page_has_the_headers_that_belong_to_its_problem(failing: Failing) -> None:
    def page(_: Request, status: int, sentence: str) -> Response:
        return HTMLResponse(sentence, status)

    failing.error = DatabaseUnavailable("Full.")
    async with client_of(app_that(failing, page=page)) as client:
        refused = await client.delete("/evening", headers={"accept": "text/html"})
        away = await client.get("/evening", headers={"accept": "text/html"})
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert away.headers["content-type"].startswith("text/html")
