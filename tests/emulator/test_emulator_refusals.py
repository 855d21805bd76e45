"""Every refusal: status, code, where it points, and that nothing was stored."""

from __future__ import annotations

import base64
import gzip
import uuid
from typing import Any

import pytest
from emulator_wire import HEADERS, Served, bulk_body, error_of, event_attributes, event_body, profile_body, served


def test_the_validation_family_in_full(klaviyo: Served) -> None:
    response = klaviyo.wire.get("/api/profiles", filter='starts-with(email,"x")')
    (error,) = response.json()["errors"]
    uuid.UUID(error.pop("id"))
    assert error == {
        "status": 400,
        "code": "invalid",
        "title": "Invalid input.",
        "detail": "'starts-with' is not an allowed filter operator for email.  Allowed operators are any, equals",
        "source": {"parameter": "filter"},
        "links": {},
        "meta": {},
    }
    assert response.headers["ratelimit-remaining"] == "74"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "not_authenticated"),
        (b"Klaviyo-API-Key sk_1", "authentication_failed"),
        (b"Klaviyo-API-Key pk_", "authentication_failed"),
        (b"Klaviyo-API-Key", "authentication_failed"),
        (b"Bearer", "authentication_failed"),
        (b"Basic cGtfeA==", "authentication_failed"),
        (b"\xff\xfe", "authentication_failed"),
    ],
)
def test_unknown_callers(klaviyo: Served, authorization: bytes | None, code: str) -> None:
    headers: Any = {"revision": "2026-07-15"} | ({} if authorization is None else {"Authorization": authorization})
    klaviyo.wire.client.headers.clear()
    response = klaviyo.wire.client.get("/api/accounts", headers=headers)
    error = error_of(response, 401)
    assert error["code"] == code
    assert error["source"] == {"pointer": "/data/"}
    assert error.keys() == {"id", "code", "title", "detail", "source", "status"}
    assert not [name for name in response.headers if name.startswith("ratelimit")]


def test_keys_and_scopes() -> None:
    everything = frozenset[str]()
    keys = {"pk_reader": frozenset({"profiles:read"}), "pk_all": everything, "token": everything}
    with served(keys=keys, limits=False) as running:

        def status(authorization: str, path: str) -> int:
            return running.wire.get(path, headers={"Authorization": authorization}).status_code

        assert status("Klaviyo-API-Key pk_other", "/api/profiles") == 401
        assert status("Klaviyo-API-Key pk_reader", "/api/profiles") == 200
        assert status("Klaviyo-API-Key pk_all", "/api/events") == 200
        assert status("bearer token", "/api/events") == 200
        assert status("Bearer other", "/api/events") == 401
        response = running.wire.get("/api/events", headers={"Authorization": "Klaviyo-API-Key pk_reader"})
        error = error_of(response, 403)
        assert error["code"] == "permission_denied"
        assert "events:read" in error["detail"]


def test_no_keys_let_nobody_in() -> None:
    with served(keys={}) as running:
        error_of(running.wire.get("/api/accounts"), 401)


@pytest.mark.parametrize(
    ("revision", "status", "detail"),
    [
        (None, 400, "required"),
        ("yesterday", 400, "form"),
        ("2026-13-15", 400, "form"),
        ("2026-07-15.beta", 400, "form"),
        (b"\xff", 400, "form"),
        ("2026-01-15", 404, "No valid revisions found for method"),
        ("2025-10-15.pre", 404, "No valid revisions found for method"),
        ("2026-08-01", 400, "does not exist"),
        ("2031-01-15", 400, "does not exist"),
    ],
)
def test_revisions(free: Served, revision: Any, status: int, detail: str) -> None:
    headers = {"Authorization": HEADERS["Authorization"]} | ({} if revision is None else {"revision": revision})
    free.wire.client.headers.clear()
    assert detail in error_of(free.wire.client.get("/api/profiles", headers=headers), status)["detail"]


@pytest.mark.parametrize("path", ["/api/v1/metrics", "/api/v2/list/Y6nRLr/members", "/api/v2"])
def test_the_apis_before_revisions_are_gone(free: Served, path: str) -> None:
    """Whoever asks: they had their key in the query."""
    free.wire.client.headers.clear()
    error = error_of(free.wire.client.get(path, params={"api_key": "pk_test"}), 410)
    assert "https://developers.klaviyo.com/" in error["detail"]
    assert free.wire.get("/api/v3/metrics", headers=HEADERS).status_code == 404


def test_an_operation_is_absent_before_its_first_revision(free: Served) -> None:
    assert error_of(free.wire.get("/api/brand-logos"), 404)["detail"] == "No valid revisions found for method"
    error_of(free.wire.get("/api/brand-logos", headers={"revision": "2026-10-15"}), 501)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/api/profiles", 405),
        ("PUT", "/api/events/7qWkC6JPz7g", 405),
        ("GET", "/api/nothing", 404),
        ("GET", "/api", 404),
        ("GET", "/api/profiles//lists", 404),
        ("GET", "/api/profiles/%FF", 404),
        ("GET", "/api/profile-merge/x/y", 404),
        ("GET", "/api/web-feeds", 501),
        ("POST", "/api/forms", 501),
        ("POST", "/client/events", 501),
        ("GET", "/client/nothing", 404),
        ("GET", "/api/reviews/a%2Fb", 501),
        ("GET", "/api/catalog-items/$custom:::$default:::a%2Fb", 404),
    ],
)
def test_paths(free: Served, method: str, path: str, status: int) -> None:
    error_of(free.wire.client.request(method, path), status)


def test_an_escaped_path_is_the_same_path(free: Served) -> None:
    assert free.wire.get("/%61pi/profiles").status_code == 200
    error_of(free.wire.get("/%61pi/web-feeds"), 501)
    free.wire.client.headers.pop("Authorization")
    for path in ("/%61pi/profiles", "/api%2Fprofiles", "/%61pi/nothing"):
        error_of(free.wire.get(path), 401)
    error_of(free.wire.post("/%63lient/events"), 501)


def test_a_wrong_method_names_the_right_ones(free: Served) -> None:
    response = free.wire.client.delete("/api/profiles")
    assert response.headers["allow"] == "GET, POST"
    assert error_of(response, 405)["code"] == "method_not_allowed"


def test_what_is_not_built_names_the_operation(free: Served) -> None:
    error = error_of(free.wire.get("/api/web-feeds/Y6nRLr"), 501)
    assert error["code"] == "not_implemented"
    assert "get_web_feed (GET /api/web-feeds/{id})" in error["detail"]


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/api/accounts/NOPE01", "Account with id NOPE01 not found."),
        ("/api/profiles/NOPE01", "Profile with id NOPE01 not found."),
        ("/api/metrics/NOPE01", "Metric with id NOPE01 not found."),
        ("/api/events/7qWkC6JPz7g", "Event with id 7qWkC6JPz7g not found."),
        ("/api/events/00000000000/profile", "Event with id 00000000000 not found."),
    ],
)
def test_ids_that_do_not_exist(free: Served, path: str, detail: str) -> None:
    error = error_of(free.wire.get(path), 404)
    assert (error["code"], error["detail"], error["source"]) == ("not_found", detail, {"pointer": "/data/"})


@pytest.mark.parametrize("event_id", ["NOPE01", "zzzzzzzzzzz", "7qWkC6JPz-g", "7qWkC6JPz7gg"])
@pytest.mark.parametrize("below", ["", "/metric", "/profile", "/relationships/metric", "/relationships/profile"])
def test_malformed_event_ids_are_invalid(free: Served, event_id: str, below: str) -> None:
    error = error_of(free.wire.get(f"/api/events/{event_id}{below}"), 400)
    assert error["detail"] == f"Invalid Event ID: '{event_id}'"
    assert error["source"] == {"pointer": "/data/id"}


@pytest.mark.parametrize(
    ("path", "query", "parameter"),
    [
        ("/api/profiles", "page[size]=0", "page[size]"),
        ("/api/profiles", "page[size]=101", "page[size]"),
        ("/api/profiles", "page[size]=ten", "page[size]"),
        ("/api/events", "page[size]=1001", "page[size]"),
        ("/api/metrics", "page[size]=10", "page[size]"),
        ("/api/profiles", "page[number]=1", "page[number]"),
        ("/api/profiles", "sort=first_name", "sort"),
        ("/api/events", "sort=--datetime", "sort"),
        ("/api/metrics", "sort=name", "sort"),
        ("/api/profiles", "include=lists", "include"),
        ("/api/events", "include=metric,nothing", "include"),
        ("/api/accounts", "include=x", "include"),
        ("/api/profiles", "fields[profile]=emial", "fields[profile]"),
        ("/api/profiles", "fields[list]=name", "fields[list]"),
        ("/api/profiles", "additional-fields[profile]=everything", "additional-fields[profile]"),
        ("/api/events", "additional-fields[profile]=subscriptions", "additional-fields[profile]"),
        ("/api/profiles", "sort=id&sort=email", "sort"),
        ("/api/profiles", "filter=", "filter"),
        ("/api/profiles", "filter=equals(email)", "filter"),
        ("/api/profiles", "filter=equals(email,unquoted)", "filter"),
        ("/api/profiles", 'filter=equals(email,"open', "filter"),
        ("/api/profiles", 'filter=equals(nothing,"x")', "filter"),
        ("/api/profiles", 'filter=or(equals(email,"x"),equals(email,"y"))', "filter"),
        ("/api/profiles", 'filter=any(email,"x")', "filter"),
        ("/api/profiles", "filter=equals(email,1)", "filter"),
        ("/api/profiles", "filter=greater-than(created,[2026-01-01])", "filter"),
        ("/api/profiles", 'filter=greater-than(created,"x")', "filter"),
        ("/api/profiles", 'filter=equals(email,"x"))', "filter"),
        ("/api/events", "filter=has(metric,1)", "filter"),
        ("/api/events", "filter=less-than(timestamp,true)", "filter"),
        ("/api/events", "filter=equals(profile_id,[])", "filter"),
        ("/api/accounts", "filter=equals(id,1)", "filter"),
        ("/api/profiles", "page[cursor]=!", "page[cursor]"),
        ("/api/profiles", "page[cursor]=bmV4dA", "page[cursor]"),
        ("/api/profiles", "page[cursor]=https://a.klaviyo.com/api/profiles", "page[cursor]"),
        ("/api/profiles", "page[cursor]=https://[", "page[cursor]"),
        ("/api/profiles", "sort=created&page[cursor]=bmV4dDo6aWQ6OjAx", "page[cursor]"),
        ("/api/profiles", "sort=created&page[cursor]=bmV4dDo6Y3JlYXRlZDo6eDo6MDE", "page[cursor]"),
        ("/api/profiles", "sort=created&page[cursor]=bmV4dDo6Y3JlYXRlZDo6dHJ1ZTo6MDE", "page[cursor]"),
        ("/api/profiles", "sort=created&page[cursor]=bmV4dDo6Y3JlYXRlZDo6MDE", "page[cursor]"),
        ("/api/events", "page[cursor]=e30", "page[cursor]"),
        ("/api/events", "page[cursor]=WzFd", "page[cursor]"),
        ("/api/events", "page[cursor]=WzEsICJOT1BFIiwgdHJ1ZV0", "page[cursor]"),
        ("/api/events", "page[cursor]=bmV4dDo6aWQ6OjAx", "page[cursor]"),
        ("/api/profiles", "filter=%FF", "query"),
        ("/api/profiles", "&".join(f"a{number}=1" for number in range(101)), "query"),
    ],
)
def test_queries(free: Served, path: str, query: str, parameter: str) -> None:
    response = free.wire.client.get(f"{path}?{query.replace('[', '%5B').replace(']', '%5D')}")
    assert error_of(response, 400)["source"] == {"parameter": parameter}


@pytest.mark.parametrize("sort", ["created", "email"])
def test_half_a_character_in_a_cursor(free: Served, sort: str) -> None:
    cursor = base64.urlsafe_b64encode(rf'next::{sort}::"\ud800"::X'.encode()).decode()
    error = error_of(free.wire.get("/api/profiles", sort=sort, **{"page[cursor]": cursor}), 400)
    assert (error["detail"], error["source"]) == ("Invalid page cursor.", {"parameter": "page[cursor]"})


def changed(document: dict, path: str, value: object) -> dict:
    """The document with the member at a JSON pointer set, or taken away for `...`."""
    *parents, last = path.strip("/").split("/")
    place = document
    for name in parents:
        place = place[int(name) if isinstance(place, list) else name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


AT = "/data/attributes"
IN_PROFILE = f"{AT}/profile/data/attributes"


@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        ("/data", [], "/data"),
        ("/data/type", "profile", "/data/type"),
        (AT, ..., AT),
        (f"{AT}/properties", ..., f"{AT}/properties"),
        (f"{AT}/properties", None, f"{AT}/properties"),
        (f"{AT}/properties", {str(number): 1 for number in range(401)}, f"{AT}/properties"),
        (f"{AT}/properties", {"a": "x" * 102_401}, f"{AT}/properties/a"),
        (f"{AT}/properties", {"a": "ü" * 51_201}, f"{AT}/properties/a"),
        (f"{AT}/properties", {"x" * 102_401: 1}, f"{AT}/properties"),
        (f"{AT}/properties", {"a": [0] * 4001}, f"{AT}/properties/a"),
        (f"{AT}/properties", {"a": 2**63}, f"{AT}/properties/a"),
        (f"{AT}/properties", {"a": [[[[[[[[[[1]]]]]]]]]]}, f"{AT}/properties/a"),
        (f"{AT}/metric", ..., f"{AT}/metric"),
        (f"{AT}/metric/data/type", "event", f"{AT}/metric/data/type"),
        (f"{AT}/metric/data/attributes/name", "x" * 128, f"{AT}/metric/data/attributes/name"),
        (f"{AT}/metric/data/attributes/name", " ", f"{AT}/metric/data/attributes/name"),
        (f"{AT}/metric/data/attributes/name", 7, f"{AT}/metric/data/attributes/name"),
        (f"{AT}/metric/data/attributes/service", "x" * 128, f"{AT}/metric/data/attributes/service"),
        (f"{AT}/metric/data/attributes/other", 1, f"{AT}/metric/data/attributes/other"),
        (f"{AT}/time", "soon", f"{AT}/time"),
        (f"{AT}/time", "2026-02-30T00:00:00Z", f"{AT}/time"),
        (f"{AT}/time", 1_795_000_000, f"{AT}/time"),
        (f"{AT}/time", "1989-12-31T23:59:59Z", f"{AT}/time"),
        (f"{AT}/time", "2027-12-01T00:00:00Z", f"{AT}/time"),
        (f"{AT}/time", "9999-12-31T23:59:59-14:00", f"{AT}/time"),
        (f"{AT}/value", "3", f"{AT}/value"),
        (f"{AT}/value", True, f"{AT}/value"),
        (f"{AT}/value", 2**63, f"{AT}/value"),
        (f"{AT}/value_currency", "euro", f"{AT}/value_currency"),
        (f"{AT}/unique_id", "", f"{AT}/unique_id"),
        (f"{AT}/unique_id", "x" * 256, f"{AT}/unique_id"),
        (f"{AT}/unique_id", "x" * 102_401, f"{AT}/unique_id"),
        (f"{AT}/unique_id", 1, f"{AT}/unique_id"),
        (f"{AT}/backfill", "yes", f"{AT}/backfill"),
        (f"{AT}/other", 1, f"{AT}/other"),
        (f"{AT}/profile", ..., f"{AT}/profile"),
        (f"{IN_PROFILE}/email", ..., IN_PROFILE),
        (f"{IN_PROFILE}/email", None, IN_PROFILE),
        (f"{IN_PROFILE}/email", "not an address", f"{IN_PROFILE}/email"),
        (f"{IN_PROFILE}/email", "a" * 95 + "@x.org", f"{IN_PROFILE}/email"),
        (f"{IN_PROFILE}/email", ["a@b.org"], f"{IN_PROFILE}/email"),
        (f"{IN_PROFILE}/external_id", " ", f"{IN_PROFILE}/external_id"),
        (f"{IN_PROFILE}/location", "Graz", f"{IN_PROFILE}/location"),
        (f"{IN_PROFILE}/location", {"planet": "Mars"}, f"{IN_PROFILE}/location/planet"),
        (f"{IN_PROFILE}/location", {"latitude": []}, f"{IN_PROFILE}/location/latitude"),
        (f"{IN_PROFILE}/first_name", 1, f"{IN_PROFILE}/first_name"),
        (f"{IN_PROFILE}/created", "2026-01-01", f"{IN_PROFILE}/created"),
        (f"{IN_PROFILE}/properties", [], f"{IN_PROFILE}/properties"),
        (f"{IN_PROFILE}/properties", {"a": "x" * 97_281}, f"{AT}/profile/data"),
        (f"{IN_PROFILE}/meta", [], f"{IN_PROFILE}/meta"),
        (f"{IN_PROFILE}/meta", {"patch": {}}, f"{IN_PROFILE}/meta/patch"),
        (f"{IN_PROFILE}/meta", {"patch_identifiers": {"add": {}}}, f"{IN_PROFILE}/meta/patch_identifiers/add"),
        (f"{IN_PROFILE}/meta", {"patch_properties": []}, f"{IN_PROFILE}/meta/patch_properties"),
        (f"{IN_PROFILE}/meta", {"patch_properties": {"add": {}}}, f"{IN_PROFILE}/meta/patch_properties/add"),
        (
            "/data/attributes/profile/data/meta",
            {"patch_properties": {"append": 1}},
            f"{AT}/profile/data/meta/patch_properties/append",
        ),
        (
            "/data/attributes/profile/data/meta",
            {"patch_properties": {"unset": [1]}},
            f"{AT}/profile/data/meta/patch_properties/unset",
        ),
        (
            "/data/attributes/profile/data/meta",
            {"patch_properties": {"unset": 1}},
            f"{AT}/profile/data/meta/patch_properties/unset",
        ),
        (f"{AT}/profile/data/id", "01M1PAAR5HBCRHA3NN9NG5WRTA", f"{AT}/profile/data"),
    ],
)
def test_events_that_are_refused(free: Served, path: str, value: Any, pointer: str) -> None:
    response = free.wire.post("/api/events", changed(event_body(), path, value))
    assert error_of(response, 400)["source"] == {"pointer": pointer}
    assert free.emulator.counts().profiles == free.emulator.counts().events == free.emulator.counts().metrics == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe{\x00}\x00",
        b'{"data": NaN}',
        b'{"data": -Infinity}',
        b'{"data": "\\ud800"}',
        b"[" * 100_000,
        b"1" * 5000,
        b'{"data": {"type": "event", "attributes": {"properties": {"a": 1e999}}}}',
    ],
)
def test_bodies_that_are_no_document(free: Served, body: Any) -> None:
    error_of(free.wire.post("/api/events", body), 400)
    error_of(free.wire.post("/api/event-bulk-create-jobs", body), 400)
    error_of(free.wire.post("/api/profile-import", body), 400)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "application/json; charset=latin-1"}, 415),
        ({"Content-Encoding": "br"}, 415),
        ({"Content-Encoding": "gzip"}, 400),
    ],
)
def test_content_that_is_not_understood(free: Served, headers: dict[str, str], status: int) -> None:
    error_of(free.wire.post("/api/profiles", profile_body(email="kim@example.org"), headers=headers), status)


def test_broken_gzip(free: Served) -> None:
    whole = gzip.compress(b'{"data": null}')
    for body in (whole[:-1], whole + b"x", whole[:8]):
        error_of(free.wire.post("/api/profiles", body, headers={"Content-Encoding": "gzip"}), 400)


@pytest.mark.parametrize("size", [5 * 1024 * 1024 + 1, 41 * 1024 * 1024])
def test_a_body_that_is_too_large(free: Served, size: int) -> None:
    error = error_of(free.wire.post("/api/events", b" " * size), 413)
    assert error["code"] == "payload_too_large"


def test_a_small_body_that_inflates(free: Served) -> None:
    bomb = gzip.compress(b" " * (50 * 1024 * 1024))
    assert len(bomb) < 100_000
    error_of(free.wire.post("/api/events", bomb, headers={"Content-Encoding": "gzip"}), 413)


def test_a_profile_payload_that_is_too_large(free: Served) -> None:
    body = profile_body(email="kim@example.org", properties={"a": "x" * 50_000, "b": "x" * 53_000})
    for path in ("/api/profiles", "/api/profile-import"):
        error_of(free.wire.post(path, body), 413)
    assert free.emulator.counts().profiles == 0


def test_profiles_that_are_refused(free: Served) -> None:
    for path in ("/api/profiles", "/api/profile-import"):
        assert error_of(free.wire.post(path, profile_body()), 400)["source"]["pointer"] == AT
        error = error_of(free.wire.post(path, profile_body(phone_number="0660")), 400)
        assert error["source"]["pointer"] == f"{AT}/phone_number"
        error_of(free.wire.post(path, profile_body(email="a@b.org", phone_number="0660")), 400)
        error_of(free.wire.post(path, profile_body(email="a@b.org", anonymous_id="x")), 400)
    error_of(free.wire.post("/api/profiles", profile_body("01M1PAAR5HBCRHA3NN9NG5WRTA", email="a@b.org")), 400)
    error_of(free.wire.post("/api/profile-import", profile_body("01M1PAAR5HBCRHA3NN9NG5WRTA")), 404)
    absent = "/api/profiles/01M1PAAR5HBCRHA3NN9NG5WRTA"
    error_of(free.wire.send("PATCH", absent, profile_body("01M1PAAR5HBCRHA3NN9NG5WRTA")), 404)
    error = error_of(free.wire.send("PATCH", absent, profile_body("other")), 400)
    assert error["source"]["pointer"] == "/data/id"


def test_conflicts(free: Served) -> None:
    first = free.wire.post("/api/profiles", profile_body(email="a@b.org")).json()["data"]["id"]
    second = free.wire.post("/api/profiles", profile_body(phone_number="+4366012345678")).json()["data"]["id"]
    error = error_of(free.wire.post("/api/profiles", profile_body(phone_number="+4366012345678")), 409)
    assert (error["code"], error["meta"]) == ("duplicate_profile", {"duplicate_profile_id": second})
    assert error["detail"] == "A profile already exists with one of these identifiers."
    assert error["source"] == {"pointer": "/data/attributes"}
    both = {"email": "a@b.org", "phone_number": "+4366012345678"}
    error = error_of(free.wire.post("/api/profile-import", profile_body(**both)), 409)
    assert error["meta"] == {"duplicate_profile_id": second}
    error = error_of(free.wire.post("/api/profile-import", profile_body(second, email="a@b.org")), 409)
    assert error["detail"].startswith("Duplicate email found")
    assert error["meta"] == {"duplicate_profile_id": first}
    patch = profile_body(second, email="a@b.org")
    error_of(free.wire.send("PATCH", f"/api/profiles/{second}", patch), 409)
    error_of(free.wire.post("/api/events", event_body(profile=profile_body(**both))), 409)
    good = (profile_body(external_id="new"), [event_attributes()])
    body = bulk_body(good, (profile_body(**both), [event_attributes()]))
    error = error_of(free.wire.post("/api/event-bulk-create-jobs", body), 409)
    assert error["source"] == {"pointer": "/data/attributes/events-bulk-create/data/1/attributes/profile/data"}
    assert free.emulator.counts().events == free.emulator.counts().metrics == 0


ENTRY = "/data/attributes/events-bulk-create/data"


@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        (ENTRY, [], ENTRY),
        (ENTRY, {}, ENTRY),
        ("/data/type", "event", "/data/type"),
        ("/data/attributes/other", 1, "/data/attributes/other"),
        (f"{ENTRY}/0/type", "event", f"{ENTRY}/0/type"),
        (f"{ENTRY}/0/attributes/backfill", 1, f"{ENTRY}/0/attributes/backfill"),
        (f"{ENTRY}/0/attributes/events/data", None, f"{ENTRY}/0/attributes/events/data"),
        (f"{ENTRY}/0/attributes/events/data/0/type", "x", f"{ENTRY}/0/attributes/events/data/0/type"),
        (
            f"{ENTRY}/0/attributes/events/data/0/attributes/time",
            "x",
            f"{ENTRY}/0/attributes/events/data/0/attributes/time",
        ),
        (
            f"{ENTRY}/0/attributes/events/data/0/attributes/profile",
            {},
            f"{ENTRY}/0/attributes/events/data/0/attributes/profile",
        ),
        (f"{ENTRY}/0/attributes/profile/data/attributes", {}, f"{ENTRY}/0/attributes/profile/data/attributes"),
    ],
)
def test_bulk_requests_that_are_refused(free: Served, path: str, value: Any, pointer: str) -> None:
    body = bulk_body((profile_body(email="kim@example.org"), [event_attributes()]))
    response = free.wire.post("/api/event-bulk-create-jobs", changed(body, path, value))
    assert error_of(response, 400)["source"] == {"pointer": pointer}
    assert free.emulator.counts().profiles == 0


def test_too_many_events(free: Served) -> None:
    events = [event_attributes(unique_id=str(number)) for number in range(1001)]
    body = bulk_body((profile_body(email="kim@example.org"), events))
    assert "1001" in error_of(free.wire.post("/api/event-bulk-create-jobs", body), 400)["detail"]
    body = bulk_body((profile_body(email="kim@example.org"), events[:1000]))
    assert free.wire.post("/api/event-bulk-create-jobs", body).status_code == 202
    assert free.emulator.counts().events == 1000


def test_a_state_that_is_gone_is_unavailable(free: Served) -> None:
    free.emulator.close()
    error_of(free.wire.get("/api/profiles"), 503)
    error_of(free.wire.post("/api/events", event_body()), 503)
