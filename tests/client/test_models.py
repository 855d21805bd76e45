"""What is read tolerates what the live API sends; what is written tells absent from null."""

import contextlib
import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aioklaviyo import UNSET, CallRecord, LocationAttributes, ProfileAttributes, UnexpectedResponse, Unset, jsonapi
from aioklaviyo.calls import Reply as Answered
from aioklaviyo.jsonapi import MalformedDocumentError, Resource
from aioklaviyo.models.account import account_from
from aioklaviyo.models.event import event_from
from aioklaviyo.models.job import Job
from aioklaviyo.models.metric import metric_from
from aioklaviyo.models.profile import Profile, profile_from
from aioklaviyo.operations import Call
from client.client_server import Connect, Reply, Serve, profile

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
SUBSCRIPTIONS: dict[str, Any] = {
    "email": {
        "marketing": {
            "can_receive_email_marketing": True,
            "consent": "NEVER_SUBSCRIBED",
            "consent_timestamp": None,
            "last_updated": None,
            "method": None,
            "double_optin": None,
            "suppression": [{"reason": "SPAM_COMPLAINT", "timestamp": "2026-09-04T13:39:33+00:00"}],
            "list_suppressions": [],
        },
        "click_tracking": {"consent": "A_NEW_ONE", "can_receive": True, "metadata": None, "valid_until": None},
    },
    "sms": None,
    "mobile_push": {"marketing": {"can_receive_push_marketing": False, "consent": "NEVER_SUBSCRIBED"}},
    "whatsapp": None,
}


async def test_a_profile_with_everything(serve: Serve, connect: Connect) -> None:
    person = profile(
        email="ann@example.org",
        created="2026-09-04T13:39:33+00:00",
        updated="2026-09-04T13:39:33",
        last_event_date=None,
        location={"city": None, "latitude": "48.2", "longitude": 16.4, "moon": 1},
        properties={"plan": "plus", "deep": {"x": [None]}},
        subscriptions=SUBSCRIPTIONS,
        predictive_analytics={"historic_clv": 12, "ranked_channel_affinity": ["email"]},
        brand_new={"x": 1},
    )
    server = await serve(Reply(document={"data": person}))
    client = await connect(server.url)
    found = await client.profiles.get(
        "01M1", additional_fields=("subscriptions", "predictive_analytics"), fields=("id",)
    )
    assert found.created == found.updated == dt.datetime(2026, 9, 4, 13, 39, 33, tzinfo=dt.UTC)
    assert found.location is not None
    assert (found.location.latitude, found.location.longitude) == ("48.2", 16.4)
    assert found.properties["deep"] == {"x": [None]}
    assert found.subscriptions is not None
    assert found.subscriptions.email is not None
    assert found.subscriptions.email.marketing is not None
    assert found.subscriptions.email.marketing.consent == "NEVER_SUBSCRIBED"
    assert found.subscriptions.email.marketing.suppression is not None
    assert found.subscriptions.email.marketing.suppression[0].reason == "SPAM_COMPLAINT"
    assert found.subscriptions.whatsapp is None
    assert found.predictive_analytics is not None
    assert found.predictive_analytics.historic_clv == 12
    assert found.model_extra == {"brand_new": {"x": 1}}
    with pytest.raises(ValidationError):
        found.email = "other"


@pytest.mark.parametrize("name", [name for name in Profile.model_fields if name != "id"])
def test_every_attribute_of_a_profile_may_be_null(name: str) -> None:
    read = profile_from(Resource("profile", "1", {name: None}, {}))
    assert getattr(read, name) == ({} if name == "properties" else None)


def test_resources_may_come_bare() -> None:
    bare = Resource("x", "1", {}, {})
    for made in (account_from(bare), event_from(bare), metric_from(bare), profile_from(bare)):
        assert made.id == "1"


async def test_the_account(serve: Serve, connect: Connect) -> None:
    address = {"address1": None, "city": "Wien"}
    contact = {"default_sender_name": "DF", "organization_name": "Dream", "street_address": address}
    attributes = {"test_account": True, "contact_information": contact, "timezone": "Europe/Vienna"}
    server = await serve(
        Reply(document={"data": [{"type": "account", "id": "AbC123", "attributes": attributes}]}),
        Reply(document={"data": []}),
    )
    client = await connect(server.url)
    account = await client.accounts.get(fields=("timezone", "contact_information.organization_name"))
    assert server.received[0].query == {"fields[account]": "timezone,contact_information.organization_name"}
    assert (account.id, account.timezone, account.test_account) == ("AbC123", "Europe/Vienna", True)
    assert account.contact_information is not None
    assert account.contact_information.street_address is not None
    assert account.contact_information.street_address.city == "Wien"
    with pytest.raises(UnexpectedResponse, match="data is empty"):
        await client.accounts.get()


async def test_one_metric(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(document={"data": {"type": "metric", "id": "SkDfHe", "attributes": {"name": "Story"}}}))
    client = await connect(server.url)
    assert (await client.metrics.get("SkDfHe", fields=("name",))).name == "Story"
    assert server.received[0].target == "/api/metrics/SkDfHe?fields%5Bmetric%5D=name"


def test_unset_is_absent_and_none_is_null() -> None:
    assert ProfileAttributes().wire() == {}
    written = ProfileAttributes(email="a@b.c", title=None, location=LocationAttributes(city=None, zip="1010"))
    assert written.wire() == {"email": "a@b.c", "title": None, "location": {"city": None, "zip": "1010"}}
    assert ProfileAttributes(properties=None).wire() == {"properties": None}
    assert repr(UNSET) == "UNSET"
    assert UNSET is Unset.UNSET
    assert not UNSET


def test_a_misspelt_attribute_is_refused_without_quoting_values() -> None:
    with pytest.raises(ValidationError) as caught:
        ProfileAttributes.model_validate({"e_mail": "ann@example.org"})
    assert "ann@example.org" not in str(caught.value)
    assert "e_mail" in str(caught.value)


def test_what_was_handed_over_is_copied() -> None:
    properties = {"a": [1]}
    written = ProfileAttributes(email="a@b.c", properties=properties)
    properties["a"].append(2)
    assert written.wire()["properties"] == {"a": [1]}


@given(json_values)
def test_any_document_is_read_or_refused_in_one_way(document: Any) -> None:
    for read in (jsonapi.single, jsonapi.collection, jsonapi.next_cursor):
        with contextlib.suppress(MalformedDocumentError):
            read(document)
    assert isinstance(jsonapi.error_details(document), tuple)
    assert jsonapi.decode(jsonapi.encode(document)) == document


@given(
    data=st.fixed_dictionaries(
        {"type": st.just("event"), "id": st.just("1")},
        optional={"attributes": json_values, "relationships": json_values},
    ),
    attributes=st.dictionaries(st.sampled_from(sorted(Profile.model_fields)), json_values, max_size=4),
    included=json_values,
)
async def test_nonsense_in_an_answer_is_a_typed_error(
    data: dict[str, Any], attributes: dict[str, Any], included: Any
) -> None:
    answers: list[tuple[Any, Any]] = [
        (event_from, {"data": data, "included": included}),
        (profile_from, {"data": {**data, "attributes": attributes}}),
    ]
    call = Call("get_x", "GET", "/api/x", "/api/x", is_repeatable=True)
    for parse, document in answers:
        reply = Answered(call, CallRecord("GET", "/api/x", 200), document, was_ambiguous=False)
        with contextlib.suppress(UnexpectedResponse):
            reply.one(parse)


@given(st.binary(max_size=40))
def test_any_bytes_are_decoded_or_refused_in_one_way(body: bytes) -> None:
    with contextlib.suppress(MalformedDocumentError):
        jsonapi.decode(body)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000])
def test_a_body_that_is_not_json(body: bytes) -> None:
    with pytest.raises(MalformedDocumentError):
        jsonapi.decode(body)


def test_a_cut_emoji_does_not_make_a_page_unreadable() -> None:
    body = json.dumps({"cut": "\ud83d", "whole": "\U0001f600", "text": "é"}).encode()
    assert jsonapi.decode(body) == {"cut": "\ufffd", "whole": "\U0001f600", "text": "é"}


def test_an_odd_explanation_of_a_job_takes_none_of_the_others_along() -> None:
    errors = [
        {"id": 7, "code": None, "source": "/data/0", "meta": ["SKU-1"]},
        {"title": "Taken", "source": {"pointer": "/data/attributes/items/data/3"}, "meta": {"id": "SKU-3"}},
    ]
    job = Job.model_validate({"id": "j", "status": "complete", "errors": errors})
    assert job.errors is not None
    odd, plain = job.errors
    assert (odd.id, odd.code, odd.source, odd.meta, odd.pointer) == ("7", None, None, None, None)
    assert (plain.title, plain.meta, plain.pointer) == ("Taken", {"id": "SKU-3"}, "/data/attributes/items/data/3")
