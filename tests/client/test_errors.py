"""The error tree: what it says, what it never says, and that it covers everything."""

import copy
import inspect
import pickle
from collections.abc import Awaitable, Callable

import pytest

import aioklaviyo
from aioklaviyo import (
    CallRecord,
    Conflict,
    ConnectionFailed,
    ErrorDetail,
    Filter,
    InvalidRequest,
    Klaviyo,
    KlaviyoError,
    NewEvent,
    OutcomeUnknown,
    PayloadTooLarge,
    ProfileAttributes,
    ProfileRef,
    RateLimited,
    RequestRejected,
    UnexpectedResponse,
    filters,
)
from aioklaviyo import errors as errors_module
from client.client_calls import ANN
from client.client_server import Connect, Reply, Reset, Serve, Step, problem

SECRETS = ("pk_secret", "ann@example.org", "ann%40example.org", "Said of", "additional-fields", "subscriptions")


@pytest.mark.parametrize(
    "step",
    [
        Reply(400, problem(400, source={"pointer": "/data/attributes/email"})),
        Reply(409, problem(409, "duplicate_profile", meta={"duplicate_profile_id": "01M1"})),
        Reply(401, problem(401, "ann@example.org", id="ann@example.org")),
        Reply(400, problem(400, source={"pointer": "/data/ann@example.org"})),
        Reply(429, problem(429), {"Retry-After": "99"}),
        Reply(500, problem(500), {"x-request-id": "ann@example.org"}),
        Reply(201, {"data": {"type": "profile", "id": "1", "attributes": {"created": "ann@example.org"}}}),
        Reply(201, {"data": "ann@example.org"}),
        Reset(),
    ],
)
async def test_no_error_shows_a_key_an_address_or_a_query(serve: Serve, connect: Connect, step: Step) -> None:
    server = await serve(step)
    client = await connect(server.url, max_attempts=1)
    shown: list[str] = []
    for call in (
        client.profiles.create(ANN, additional_fields=("subscriptions",)),
        client.profiles.get("ann@example.org", additional_fields=("subscriptions",)),
        client.profiles.update("a%40b@example.org", ANN, additional_fields=("subscriptions",)),
        anext(client.profiles.list(filter=filters.equals("email", "ann@example.org"))),
    ):
        with pytest.raises(KlaviyoError) as caught:
            await call
        # What hangs behind an error is printed with it.
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        shown.append(str(caught.value) + repr(caught.value))
    for text in shown:
        assert not [secret for secret in SECRETS if secret in text]


async def test_the_message_leads_with_what_happened(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(404, problem(404, "not_found", source={"pointer": "/data/"}), {"cf-ray": "8f"}))
    client = await connect(server.url)
    with pytest.raises(KlaviyoError) as caught:
        await client.profiles.get("01M1")
    assert str(caught.value) == (
        "Klaviyo refused the request; not_found at /data/; GET /api/profiles/01M1; status 404; request id 8f; 1 attempt"
    )
    assert repr(caught.value).startswith("NotFound('Klaviyo refused")


async def test_an_error_keeps_what_is_needed_to_act_on_it(serve: Serve, connect: Connect) -> None:
    entry = {
        "id": "e-1",
        "status": "409",
        "code": "duplicate_profile",
        "title": "Conflict.",
        "detail": "A profile already exists with one of these identifiers.",
        "source": {"pointer": "/data/attributes", "parameter": "filter"},
        "links": {"about": "x"},
        "meta": {"duplicate_profile_id": "01M1"},
    }
    server = await serve(Reply(409, {"errors": [entry, "nonsense", {"status": "4o9", "source": None}]}))
    client = await connect(server.url)
    with pytest.raises(Conflict) as caught:
        await client.profiles.create(ANN)
    error = caught.value
    assert error.duplicate_profile_id == "01M1"
    assert (error.method, error.path, error.status, error.request_id, error.attempts) == (
        "POST",
        "/api/profiles",
        409,
        "e-1",
        1,
    )
    detail = error.errors[0]
    assert (detail.id, detail.code, detail.status, detail.pointer) == (
        "e-1",
        "duplicate_profile",
        409,
        "/data/attributes",
    )
    assert (detail.parameter, detail.title, dict(detail.links)) == ("filter", "Conflict.", {"about": "x"})
    assert detail.detail is not None
    assert error.errors[1] == ErrorDetail()


async def test_a_conflict_may_name_no_duplicate(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(409, problem(409, meta=[])))
    client = await connect(server.url)
    with pytest.raises(Conflict) as caught:
        await client.profiles.upsert(ANN)
    assert caught.value.duplicate_profile_id is None


async def test_a_payload_too_large_is_told_apart(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(413, body=b"<html>too large</html>"))
    client = await connect(server.url)
    with pytest.raises(PayloadTooLarge) as caught:
        await client.profiles.create(ANN)
    assert caught.value.errors == ()


async def test_what_cannot_be_sent_is_refused_here_and_names_the_place(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(202))
    client = await connect(server.url)
    unwritable = NewEvent(metric="M", profile=ProfileRef(id="1"), properties={"x": float("nan")}, unique_id="u")
    calls = [
        client.profiles.get(""),
        client.profiles.get(".."),
        client.events.get("."),
        client.profiles.create(ProfileAttributes(first_name="Ann")),
        client.profiles.upsert(ProfileAttributes(email=None)),
        client.events.create(unwritable),
        client.request("POST", "/api/x", json={"at": object()}),
        *(
            client.request("GET", path)
            for path in ("api", "//evil/x", "/a?b=1", "/a#b", "/a b", "/é", "/a/../b", "/\r\n")
        ),
    ]
    for call in calls:
        with pytest.raises(InvalidRequest) as caught:
            await call
        assert caught.value.attempts == 0
        assert caught.value.status is None
        assert caught.value.errors[0].pointer or caught.value.errors[0].parameter
        assert isinstance(caught.value, ValueError)
        assert str(caught.value).startswith("Not sent: ")
    assert server.received == []


@pytest.mark.parametrize(
    ("place", "call"),
    [
        ("id", lambda c, cut: c.profiles.get(cut)),
        ("id", lambda c, cut: c.profiles.update(cut, ANN)),
        ("fields[account]", lambda c, cut: c.accounts.get(fields=("timezone", cut))),
        ("fields[metric]", lambda c, cut: c.metrics.get("SkDfHe", fields=(cut,))),
        ("page[cursor]", lambda c, cut: anext(c.profiles.list(cursor=cut))),
        ("filter", lambda c, cut: anext(c.metrics.list(filter=Filter(cut)))),
        ("sort", lambda c, cut: anext(c.events.list(sort=cut))),
        ("additional-fields[profile]", lambda c, cut: c.profiles.create(ANN, additional_fields=(cut,))),
        ("additional-fields[profile]", lambda c, cut: c.profiles.update("01M1", ANN, additional_fields=(cut,))),
        ("additional-fields[profile]", lambda c, cut: c.profiles.upsert(ANN, additional_fields=(cut,))),
        ("page[size]", lambda c, cut: c.request("GET", "/api/lists", params={"page[size]": cut})),
        ("private \ud800", lambda c, cut: c.request("GET", "/api/lists", params={cut: 1})),
    ],
)
async def test_half_a_character_is_refused_and_its_place_is_named(
    serve: Serve, connect: Connect, place: str, call: Callable[[Klaviyo, str], Awaitable[object]]
) -> None:
    server = await serve(Reply(200))
    client = await connect(server.url)
    with pytest.raises(InvalidRequest, match="valid Unicode") as caught:
        await call(client, "private \ud800")
    assert [error.parameter for error in caught.value.errors] == [place]
    assert "private" not in str(caught.value)
    # A UnicodeEncodeError would carry the whole text along.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert server.received == []


def test_the_tree_is_the_one_that_is_drawn() -> None:
    drawn = errors_module.__doc__ or ""
    classes = [kind for _, kind in inspect.getmembers(errors_module, inspect.isclass) if issubclass(kind, KlaviyoError)]
    for kind in classes:
        assert kind.__name__ in drawn
        assert kind.__name__ in aioklaviyo.__all__
        assert kind.__doc__


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("Throttled", CallRecord("GET", "/api/x", 429, "r", 2), 7.0),
        OutcomeUnknown("Lost", CallRecord("POST", "/api/x", errors=(ErrorDetail(code="c"),))),
        ConnectionFailed("Gone", CallRecord("GET", "/api/x")),
    ],
)
def test_an_error_survives_copying_and_pickling(error: KlaviyoError) -> None:
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert (str(twin), twin.record) == (str(error), error.record)
        assert getattr(twin, "retry_after_seconds", None) == getattr(error, "retry_after_seconds", None)


@pytest.mark.parametrize(
    ("status", "kind"), [(422, RequestRejected), (304, UnexpectedResponse), (None, UnexpectedResponse)]
)
def test_a_status_without_a_class_of_its_own(status: int | None, kind: type[KlaviyoError]) -> None:
    assert type(errors_module.refusal(CallRecord("GET", "/api/x", status))) is kind
