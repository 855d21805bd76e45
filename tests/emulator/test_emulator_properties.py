"""Any bytes: a refusal in Klaviyo's shape or a success, never a fault, and nothing half done."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from emulator_wire import JSON_API, REPEATABLE, Served, bulk_body, event_attributes, event_body, profile_body, served
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = settings(REPEATABLE, max_examples=60)
PATHS = ("/api/events", "/api/event-bulk-create-jobs", "/api/profiles", "/api/profile-import")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
BODIES = {
    "/api/events": event_body(unique_id="u", time="2026-11-01T00:00:00Z", value=1),
    "/api/event-bulk-create-jobs": bulk_body(
        (profile_body(email="kim@example.org"), [event_attributes(unique_id="u")])
    ),
    "/api/profiles": profile_body(email="kim@example.org", location={"city": "Graz"}, properties={"a": 1}),
    "/api/profile-import": profile_body(email="kim@example.org", meta={"patch_properties": {"append": {"a": 1}}}),
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Served]:
    with served(limits=False) as running:
        yield running


@contextmanager
def unchanged_if_refused(running: Served) -> Iterator[list[Any]]:
    """Give back a list to put the response in; a refusal has the right shape and has stored nothing."""
    before = running.emulator.counts()
    answers: list[Any] = []
    yield answers
    (response,) = answers
    assert response.status_code < 500
    if response.status_code >= 400:
        assert response.headers["content-type"] == JSON_API
        for error in response.json()["errors"]:
            assert error["status"] == response.status_code
            assert {"id", "code", "title", "detail", "source"} <= error.keys()
        assert running.emulator.counts() == before


def nodes(value: Any) -> list[tuple[Any, Any]]:
    """Every place (container, key) in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in items for place in [(value, key), *nodes(inner)]]


@QUICK
@given(path=st.sampled_from(PATHS), body=st.binary(max_size=200))
def test_any_bytes_as_body(shared: Served, path: str, body: Any) -> None:
    with unchanged_if_refused(shared) as answers:
        answers.append(shared.wire.post(path, body))
        assert 400 <= answers[0].status_code < 500


@settings(QUICK, max_examples=200)
@given(path=st.sampled_from(PATHS), choice=st.integers(0, 1000), value=JSON)
def test_any_json_at_any_place_of_a_good_body(shared: Served, path: str, choice: int, value: Any) -> None:
    body = json.loads(json.dumps(BODIES[path]))
    places = nodes(body)
    container, key = places[choice % len(places)]
    container[key] = value
    with unchanged_if_refused(shared) as answers:
        answers.append(shared.wire.post(path, json.dumps(body).encode()))


@QUICK
@given(path=st.sampled_from(["/api/profiles", "/api/events", "/api/metrics"]), text=st.text(max_size=40))
def test_any_text_as_filter(shared: Served, path: str, text: str) -> None:
    with unchanged_if_refused(shared) as answers:
        answers.append(shared.wire.get(path, filter=text))


@QUICK
@given(
    field=st.sampled_from(
        ["id", "email", "external_id", "profile_id", "metric_id", "created", "datetime", "timestamp"]
    ),
    operator=st.sampled_from(["equals", "any", "greater-than", "less-or-equal"]),
    value=st.text(max_size=10).map(lambda text: json.dumps(text, ensure_ascii=False))
    | st.integers().map(str)
    | st.datetimes().map(lambda moment: moment.isoformat())
    | st.just("[]"),
)
def test_any_value_in_a_filter(shared: Served, field: str, operator: str, value: Any) -> None:
    for path in ("/api/profiles", "/api/events"):
        with unchanged_if_refused(shared) as answers:
            answers.append(shared.wire.get(path, filter=f"{operator}({field},{value})"))


CURSORS = st.one_of(
    st.text(max_size=30),
    st.binary(max_size=30).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")),
    st.tuples(
        st.integers() | st.text(max_size=3),
        st.text(alphabet="0123456789ABCxyz", min_size=9, max_size=12),
        st.booleans(),
    ).map(lambda parts: base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")),
    st.builds(
        lambda field, key, last: base64.urlsafe_b64encode(f"next::{field}::{key}::{last}".encode()).decode(),
        st.sampled_from(["id", "created", "email"]),
        JSON.map(json.dumps),
        st.text(max_size=5),
    ),
)


@settings(QUICK, max_examples=120)
@given(
    path=st.sampled_from(["/api/profiles", "/api/events", "/api/metrics"]),
    cursor=CURSORS,
    sort=st.sampled_from(["id", "created", "email"]),
)
def test_any_text_as_cursor(shared: Served, path: str, cursor: str, sort: str) -> None:
    parameters = {"page[cursor]": cursor} | ({"sort": sort} if path == "/api/profiles" else {})
    with unchanged_if_refused(shared) as answers:
        answers.append(shared.wire.get(path, **parameters))


@QUICK
@given(
    direction=st.sampled_from(["next", "prev"]),
    sort=st.sampled_from(["created", "updated", "email"]),
    # Halves of characters too, which JSON can escape.
    key=st.integers() | st.text(max_size=3) | st.text(st.characters(categories=["Cs"]), min_size=1, max_size=3),
    last=st.text(max_size=5),
)
def test_any_key_in_a_cursor_of_the_right_order(
    shared: Served, direction: str, sort: str, key: str | int, last: str
) -> None:
    cursor = base64.urlsafe_b64encode(f"{direction}::{sort}::{json.dumps(key)}::{last}".encode()).decode()
    with unchanged_if_refused(shared) as answers:
        answers.append(shared.wire.get("/api/profiles", sort=sort, **{"page[cursor]": cursor}))


# What an HTTP client may send in a header at all: visible latin-1 and inner spaces.
HEADER = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), min_size=1, max_size=30
)


@QUICK
@given(
    name=st.sampled_from(["Authorization", "revision", "Content-Type", "Content-Encoding", "Accept", "X-Other"]),
    value=HEADER | HEADER.map(lambda text: f"Klaviyo-API-Key {text}"),
)
def test_any_text_as_header(shared: Served, name: str, value: Any) -> None:
    with unchanged_if_refused(shared) as answers:
        body = profile_body(external_id="header")
        answers.append(shared.wire.post("/api/profile-import", body, headers={name: value.encode("latin-1")}))


@QUICK
@given(
    segments=st.lists(st.binary(max_size=8), max_size=4),
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT"]),
)
def test_any_bytes_as_path(shared: Served, segments: list[bytes], method: str) -> None:
    path = "/api" + "".join("/" + "".join(f"%{byte:02X}" for byte in segment) for segment in segments)
    with unchanged_if_refused(shared) as answers:
        answers.append(shared.wire.client.request(method, path))
        assert 400 <= answers[0].status_code < 500
