"""Webhook deliveries: only Klaviyo's own bytes are read, and one bad entry does not take the others along."""

import copy
import datetime as dt
import hashlib
import hmac
import json
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict
from starlette.datastructures import Headers

from aioklaviyo import KlaviyoError, webhooks
from aioklaviyo.webhooks import (
    MAX_AGE,
    MAX_SKEW,
    Delivery,
    MalformedDelivery,
    SignatureMismatch,
    StaleDelivery,
    SystemTopic,
    Topic,
    WebhookRejected,
    has_secret,
    parse,
    verify,
)
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import RunningEmulator, running_emulator

SECRET = "klaviyo-test-secret"
WEBHOOK = "01M1PAAR5HBCRHA3NN9NG5WRTA"
SENT = dt.datetime(2026, 11, 22, 19, 50, 12, 268993, tzinfo=dt.UTC)
# As observed: five hours off.
TIMESTAMP = "Mon, 23 Nov 2026 00:50:12 GMT"
META = {
    "timestamp": SENT.isoformat(),
    "klaviyo_webhook_id": WEBHOOK,
    "klaviyo_account_id": "AbC123",
    "version": "2026-07-15",
}

VECTOR_TIMESTAMP = "Thu, 04 Jan 2024 18:05:25 GMT"
VECTOR_ID = "a8b890458b4bbfaa26d961471b83c101d6de23bd826e7e5173a15310985ec3cb"
VECTOR_BODY = (
    b'{"data":[{"external_id":"4L3cwQae2TX","topic":"event:klaviyo.sent_sms"}],"meta":'
    b'{"klaviyo_webhook_id":"a8b890458b4bbfaa26d961471b83c101d6de23bd826e7e5173a15310985ec3cb"}}'
)
VECTOR_HEADERS = {
    "Klaviyo-Signature": "5aa0e720d80b3a04ca04baf3c65cdfe31da57504af69fee8da29c35d45f0596b",
    "Klaviyo-Timestamp": VECTOR_TIMESTAMP,
    "Klaviyo-Webhook-Id": VECTOR_ID,
}


def payload(event_id: str = "7qWkPz2mXyA", *included: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """What reading an event answers."""
    event = {
        "type": "event",
        "id": event_id,
        "attributes": {
            "uuid": "3f2b7c00-cc51-11f1-8001-0a1b2c3d4e5f",
            "datetime": "2026-11-22T19:16:46+00:00",
            "timestamp": 1795375006,
            "event_properties": {"method": "FORM", "$event_id": "1795375006"},
            **attributes,
        },
        "relationships": {
            "metric": {"data": {"type": "metric", "id": "SkDfHe"}},
            "profile": {"data": {"type": "profile", "id": "01M1PAAR5HBCRHA3NN9NG5WRTB"}},
        },
        "links": {"self": f"https://a.klaviyo.com/api/events/{event_id}/"},
    }
    return {"data": event, "included": list(included)} if included else {"data": event}


def entry(
    event_id: str = "7qWkPz2mXyA", topic: str = "event:klaviyo.opened_email", **attributes: Any
) -> dict[str, Any]:
    return {"external_id": event_id, "topic": topic, "payload": payload(event_id, **attributes)}


def encoded(*entries: Any, **meta: Any) -> bytes:
    return json.dumps({"data": list(entries), "meta": {**META, **meta}}).encode()


def signed(body: bytes, secret: str = SECRET, timestamp: str = TIMESTAMP, webhook_id: str = WEBHOOK) -> dict[str, str]:
    signature = hmac.new(secret.encode(), body + timestamp.encode(), hashlib.sha256).hexdigest()
    return {"Klaviyo-Signature": signature, "Klaviyo-Timestamp": timestamp, "Klaviyo-Webhook-Id": webhook_id}


def accepted(body: bytes) -> Delivery:
    return verify(signed(body), body, SECRET, now=SENT)


BODY = encoded(entry(subject="größe"))
HEADERS = signed(BODY)


class TestSignature:
    def test_the_documented_vector_is_accepted(self) -> None:
        delivery = verify(VECTOR_HEADERS, VECTOR_BODY, SECRET, max_age=None)
        assert delivery.webhook_id == VECTOR_ID
        assert (delivery.account_id, delivery.sent_at, delivery.revision) == (None, None, None)
        # It is cut short in Klaviyo's text: the one entry has no payload.
        assert [(damaged.external_id, damaged.topic) for damaged in delivery.damaged] == [
            ("4L3cwQae2TX", SystemTopic.SENT_SMS)
        ]

    def test_the_clock_of_the_header_does_not_matter(self) -> None:
        for timestamp in ("Mon, 23 Nov 2026 00:50:12 GMT", "2026-11-22T19:50:12+00:00", "1795375812", "yesterday"):
            delivery = verify(signed(BODY, timestamp=timestamp), BODY, SECRET, now=SENT)
            assert delivery.sent_at == SENT

    @pytest.mark.parametrize("make", [dict, CIMultiDict, Headers])
    @pytest.mark.parametrize("spell", [str, str.lower, str.upper])
    def test_names_of_headers_may_be_written_in_any_case(self, make: Any, spell: Any) -> None:
        headers = make({spell(name): value for name, value in HEADERS.items()} | {"content-type": "application/json"})
        assert verify(headers, BODY, SECRET, now=SENT).webhook_id == WEBHOOK

    @pytest.mark.parametrize("name", HEADERS)
    @pytest.mark.parametrize("value", ["", " ", "Größe", "\ud800", "0" * 64, b"bytes", None, 5, ["a"]])
    def test_an_odd_header_is_refused(self, name: str, value: Any) -> None:
        headers: dict[str, Any] = {**HEADERS, name: value}
        with pytest.raises(SignatureMismatch):
            verify(headers, BODY, SECRET, now=SENT)

    @pytest.mark.parametrize("name", HEADERS)
    def test_a_missing_header_is_refused(self, name: str) -> None:
        headers = {other: value for other, value in HEADERS.items() if other != name}
        with pytest.raises(SignatureMismatch, match=f"{name} is there 0 times"):
            verify(headers, BODY, SECRET, now=SENT)

    def test_a_signature_over_an_empty_timestamp_is_refused(self) -> None:
        with pytest.raises(SignatureMismatch, match="Klaviyo-Timestamp is empty"):
            verify(signed(BODY, timestamp=""), BODY, SECRET, now=SENT)

    @pytest.mark.parametrize("name", HEADERS)
    def test_a_header_that_is_there_twice_is_refused(self, name: str) -> None:
        twice = CIMultiDict([*HEADERS.items(), (name.lower(), HEADERS[name])])
        in_two_cases = {**HEADERS, name.lower(): HEADERS[name]}
        for headers in (twice, in_two_cases):
            with pytest.raises(SignatureMismatch, match=f"{name} is there 2 times"):
                verify(headers, BODY, SECRET, now=SENT)

    def test_headers_that_are_not_text_are_no_headers(self) -> None:
        headers: dict[Any, Any] = {name.encode(): value.encode() for name, value in HEADERS.items()} | {1: "2"}
        with pytest.raises(SignatureMismatch):
            verify(headers, BODY, SECRET, now=SENT)

    @given(at=st.integers(0, len(BODY) - 1), flip=st.integers(1, 255))
    def test_one_changed_byte_of_the_body_is_refused(self, at: int, flip: int) -> None:
        body = bytearray(BODY)
        body[at] ^= flip
        with pytest.raises(SignatureMismatch):
            verify(HEADERS, bytes(body), SECRET, now=SENT)

    @given(name=st.sampled_from(sorted(HEADERS)), at=st.integers(0, 25), put=st.characters())
    def test_one_changed_character_of_a_header_is_refused(self, name: str, at: int, put: str) -> None:
        value = HEADERS[name]
        changed = value[:at] + put + value[at + 1 :]
        if changed == value:
            return
        with pytest.raises(SignatureMismatch):
            verify({**HEADERS, name: changed}, BODY, SECRET, now=SENT)

    @given(cut=st.integers(0, len(BODY)), more=st.binary(max_size=3))
    def test_a_body_cut_short_or_made_longer_is_refused(self, cut: int, more: bytes) -> None:
        body = BODY[:cut] + more
        if body == BODY:
            return
        with pytest.raises(SignatureMismatch):
            verify(HEADERS, body, SECRET, now=SENT)

    def test_bytes_moved_between_body_and_timestamp_are_refused(self) -> None:
        body = encoded(entry())
        whole = body + TIMESTAMP.encode()
        signature = signed(body)
        for cut in range(1, len(whole)):
            if cut == len(body):
                continue
            # The signature is right, and must not be enough.
            headers = {**signature, "Klaviyo-Timestamp": whole[cut:].decode()}
            with pytest.raises(MalformedDelivery):
                verify(headers, whole[:cut], SECRET, now=SENT)

    @given(secret=st.text(st.characters(codec="utf-8"), min_size=1), text=st.text(st.characters(codec="utf-8")))
    def test_any_secret_and_any_text_round_trip(self, secret: str, text: str) -> None:
        body = encoded(entry(event_properties={text: text}))
        (notice,) = verify(signed(body, secret), body, secret, now=SENT).notices
        assert notice.event.event_properties == {text: text}

    def test_the_signature_is_looked_at_before_the_body(self) -> None:
        with pytest.raises(SignatureMismatch):
            verify(HEADERS, b"not json", SECRET, now=SENT)

    def test_another_webhook_in_the_header_than_in_the_body_is_refused(self) -> None:
        with pytest.raises(SignatureMismatch, match="not the webhook that the body names"):
            verify(signed(BODY, webhook_id="01M1PAAR5HBCRHA3NN9NG5WRTC"), BODY, SECRET, now=SENT)


class TestSecrets:
    def test_while_a_secret_is_replaced_both_are_good(self) -> None:
        for current in ("the old one", "the new one"):
            headers = signed(BODY, current)
            for secrets in (["the new one", "the old one"], ("the old one", "the new one")):
                assert verify(headers, BODY, secrets, now=SENT).webhook_id == WEBHOOK
            with pytest.raises(SignatureMismatch):
                verify(headers, BODY, ["a third one", "a fourth one"], now=SENT)

    def test_every_secret_is_compared_in_constant_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        compared: list[Any] = []
        compare = hmac.compare_digest

        def spy(one: Any, other: Any) -> bool:
            compared.append((one, other))
            return compare(one, other)

        monkeypatch.setattr(hmac, "compare_digest", spy)
        secrets = [SECRET, "the old one"]
        verify(HEADERS, BODY, secrets, now=SENT)
        given_one = HEADERS["Klaviyo-Signature"].encode()
        assert compared == [(given_one, signed(BODY, one)["Klaviyo-Signature"].encode()) for one in secrets]
        compared.clear()
        assert has_secret({"X": SECRET}, "x", secrets)
        assert compared == [(SECRET.encode(), one.encode()) for one in secrets]

    @pytest.mark.parametrize("secret", ["", [], [""], (SECRET, "")])
    def test_an_empty_secret_is_the_receivers_mistake(self, secret: Any) -> None:
        empty = signed(BODY, "") if secret else HEADERS
        with pytest.raises(ValueError, match="secret"):
            verify(empty, BODY, secret, now=SENT)
        with pytest.raises(ValueError, match="secret"):
            has_secret({"X-Secret": ""}, "X-Secret", secret)

    @pytest.mark.parametrize("secret", [None, b"klaviyo", [None], [SECRET, 5]])
    def test_a_secret_that_is_not_text_is_the_receivers_mistake(self, secret: Any) -> None:
        with pytest.raises(TypeError):
            verify(HEADERS, BODY, secret, now=SENT)

    def test_a_secret_with_half_a_character_matches_nothing(self) -> None:
        with pytest.raises(SignatureMismatch):
            verify(HEADERS, BODY, "half \ud83d", now=SENT)

    @pytest.mark.parametrize("body", [BODY.decode(), json.loads(BODY), bytearray(BODY), None])
    def test_a_body_that_is_not_the_bytes_that_came_is_the_receivers_mistake(self, body: Any) -> None:
        with pytest.raises(TypeError, match="bytes"):
            verify(HEADERS, body, SECRET, now=SENT)


class TestFlowSecret:
    def test_the_header_must_hold_one_of_the_secrets(self) -> None:
        headers = {"x-flow-secret": "the new one"}
        assert has_secret(headers, "X-Flow-Secret", "the new one")
        assert has_secret(headers, "X-Flow-Secret", ["the old one", "the new one"])
        assert not has_secret(headers, "X-Flow-Secret", "the old one")
        assert not has_secret(headers, "X-Flow-Secre", "the new one")

    @pytest.mark.parametrize("value", ["", "the new one ", "the new", "Größe", b"the new one", None])
    def test_anything_else_in_the_header_is_not_the_secret(self, value: Any) -> None:
        headers: dict[str, Any] = {"X-Flow-Secret": value}
        assert not has_secret(headers, "X-Flow-Secret", ["the new one", "Größe"])

    def test_a_header_that_is_there_twice_is_not_the_secret(self) -> None:
        headers = CIMultiDict([("X-Flow-Secret", "the new one"), ("X-Flow-Secret", "the new one")])
        assert not has_secret(headers, "X-Flow-Secret", "the new one")


class TestAge:
    def test_the_limits_are_three_days_back_and_five_minutes_ahead(self) -> None:
        assert dt.timedelta(hours=72) == MAX_AGE
        assert dt.timedelta(minutes=5) == MAX_SKEW

    @pytest.mark.parametrize("age", [MAX_AGE, dt.timedelta(), -MAX_SKEW])
    def test_within_the_limits_it_is_accepted(self, age: dt.timedelta) -> None:
        assert verify(HEADERS, BODY, SECRET, now=SENT + age).sent_at == SENT

    @pytest.mark.parametrize(
        "age", [MAX_AGE + dt.timedelta(microseconds=1), -MAX_SKEW - dt.timedelta(microseconds=1), dt.timedelta(9999)]
    )
    def test_beyond_them_it_is_refused(self, age: dt.timedelta) -> None:
        with pytest.raises(StaleDelivery) as caught:
            verify(HEADERS, BODY, SECRET, now=SENT + age)
        assert caught.value.age == age

    def test_the_limit_can_be_set_and_lifted(self) -> None:
        later = SENT + dt.timedelta(minutes=6)
        with pytest.raises(StaleDelivery, match="Sent 360 s before now"):
            verify(HEADERS, BODY, SECRET, now=later, max_age=dt.timedelta(minutes=5))
        assert verify(HEADERS, BODY, SECRET, now=later, max_age=dt.timedelta(minutes=6)).notices
        assert verify(HEADERS, BODY, SECRET, now=SENT + dt.timedelta(9999), max_age=None).notices
        assert verify(HEADERS, BODY, SECRET, max_age=None).notices

    def test_a_time_to_come_is_told_apart(self) -> None:
        with pytest.raises(StaleDelivery, match="Sent 600 s after now"):
            verify(HEADERS, BODY, SECRET, now=SENT - dt.timedelta(minutes=10))

    def test_the_present_may_be_told_in_any_zone(self) -> None:
        berlin = dt.timezone(dt.timedelta(hours=2))
        assert verify(HEADERS, BODY, SECRET, now=SENT.astimezone(berlin), max_age=dt.timedelta()).sent_at == SENT

    @pytest.mark.parametrize(
        ("written", "moment"),
        [
            ("2026-11-22T19:50:12.268993+00:00", SENT),
            ("2026-11-22T19:50:12.268993Z", SENT),
            ("2026-11-22 15:50:12.268993-04:00", SENT),
            ("2026-11-22T19:50:12.268993", SENT),
            ("2026-11-22T19:50:12", SENT.replace(microsecond=0)),
        ],
    )
    def test_a_moment_is_read_however_it_is_written(self, written: str, moment: dt.datetime) -> None:
        sent_at = accepted(encoded(timestamp=written)).sent_at
        assert sent_at == moment  # so it is aware: a naive one equals none that is

    @pytest.mark.parametrize("written", [None, "", "soon", 1795375006, ["2026"], "2026-13-01T00:00:00Z"])
    def test_an_age_that_cannot_be_told_is_refused_unless_any_is_good(self, written: Any) -> None:
        body = encoded(entry(), timestamp=written)
        with pytest.raises(MalformedDelivery, match=r"meta\.timestamp"):
            verify(signed(body), body, SECRET, now=SENT)
        assert verify(signed(body), body, SECRET, max_age=None).sent_at is None

    def test_a_limit_without_a_present_is_the_receivers_mistake(self) -> None:
        unchecked: Any = verify
        with pytest.raises(TypeError, match="now is needed"):
            unchecked(HEADERS, BODY, SECRET)
        with pytest.raises(ValueError, match="aware"):
            verify(HEADERS, BODY, SECRET, now=SENT.replace(tzinfo=None))
        with pytest.raises(ValueError, match="negative"):
            verify(HEADERS, BODY, SECRET, now=SENT, max_age=dt.timedelta(seconds=-1))


class TestReading:
    def test_a_delivery_says_whose_it_is_and_when_it_was_sent(self) -> None:
        delivery = accepted(BODY)
        assert delivery == parse(BODY)
        assert (delivery.webhook_id, delivery.account_id) == (WEBHOOK, "AbC123")
        assert (delivery.sent_at, delivery.revision) == (SENT, "2026-07-15")
        assert delivery.damaged == ()

    def test_a_notice_has_the_event_that_reading_it_would_give(self) -> None:
        (notice,) = accepted(encoded(entry("7qWk"))).notices
        assert (notice.external_id, notice.topic) == ("7qWk", "event:klaviyo.opened_email")
        event = notice.event
        assert (event.id, event.timestamp, event.unique_id) == ("7qWk", 1795375006, "1795375006")
        assert event.datetime == dt.datetime(2026, 11, 22, 19, 16, 46, tzinfo=dt.UTC)
        assert (event.metric_id, event.profile_id) == ("SkDfHe", "01M1PAAR5HBCRHA3NN9NG5WRTB")
        assert (event.metric, event.profile) == (None, None)

    def test_what_is_included_is_resolved(self) -> None:
        metric = {"type": "metric", "id": "SkDfHe", "attributes": {"name": "Opened Email"}}
        person = {"type": "profile", "id": "01M1PAAR5HBCRHA3NN9NG5WRTB", "attributes": {"email": "ann@example.org"}}
        whole = {**entry(), "payload": payload("7qWkPz2mXyA", metric, person)}
        (notice,) = accepted(encoded(whole)).notices
        assert notice.event.metric is not None
        assert notice.event.metric.name == "Opened Email"
        assert notice.event.profile is not None
        assert notice.event.profile.email == "ann@example.org"

    def test_a_thousand_events_arrive_in_order(self) -> None:
        ids = [f"event-{number}" for number in range(1000)]
        delivery = accepted(encoded(*(entry(one, event_properties={"n": one}) for one in ids)))
        assert [notice.external_id for notice in delivery.notices] == ids
        assert [notice.event.event_properties["n"] for notice in delivery.notices] == ids
        assert delivery.damaged == ()

    def test_an_empty_batch_is_a_delivery(self) -> None:
        delivery = accepted(encoded())
        assert (delivery.notices, delivery.damaged) == ((), ())

    def test_what_klaviyo_adds_later_is_no_obstacle(self) -> None:
        added = {**entry(new_attribute=1), "new": {"member": True}}
        (notice,) = accepted(encoded(added, another="one")).notices
        assert notice.event.model_extra == {"new_attribute": 1}

    def test_half_a_character_does_not_spoil_the_batch(self) -> None:
        (notice, other) = accepted(encoded(entry("1", event_properties={"Subject": "cut \ud83d"}), entry("2"))).notices
        assert notice.event.event_properties == {"Subject": "cut \ufffd"}
        assert other.external_id == "2"

    @pytest.mark.parametrize(
        ("damaged", "defect"),
        [
            (None, "not an object"),
            ("text", "not an object"),
            ([], "not an object"),
            ({}, "payload: the document is not an object"),
            ({**entry(), "payload": None}, "payload: the document is not an object"),
            ({**entry(), "payload": {"data": None}}, "payload: data is not an object"),
            ({**entry(), "payload": {"data": []}}, "payload: data is not an object"),
            ({**entry(), "payload": {"data": {"type": "event"}}}, "payload: data has no type or no id"),
            ({**entry(), "payload": {"data": {"type": "profile", "id": "1"}}}, "payload: data is not an event"),
            ({**entry(), "payload": {**payload(), "included": [1]}}, "payload: included[0] is not an object"),
            (entry(timestamp="ann@example.org"), "payload: unreadable at timestamp"),
            ({**entry(), "external_id": None}, "external_id is missing"),
            ({**entry(), "external_id": ""}, "external_id is missing"),
            ({**entry(), "external_id": 5}, "external_id is missing"),
            ({**entry(), "topic": ["event"]}, "topic is missing"),
        ],
    )
    def test_a_damaged_entry_is_kept_apart_from_the_others(self, damaged: Any, defect: str) -> None:
        delivery = accepted(encoded(entry("1"), damaged, entry("2")))
        assert [notice.external_id for notice in delivery.notices] == ["1", "2"]
        (kept,) = delivery.damaged
        assert (kept.index, kept.defect, kept.entry) == (1, defect, damaged)

    def test_a_damaged_entry_still_says_what_it_can(self) -> None:
        (kept,) = accepted(encoded({**entry("7qWk", "event:api.story"), "payload": "gone"})).damaged
        assert kept.external_id == "7qWk"
        assert kept.topic is not None
        assert kept.topic.metric == "story"

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )
    places = st.sampled_from(
        [
            ("topic",),
            ("external_id",),
            ("payload",),
            ("payload", "data"),
            ("payload", "included"),
            ("payload", "data", "id"),
            ("payload", "data", "attributes"),
            ("payload", "data", "attributes", "timestamp"),
            ("payload", "data", "attributes", "datetime"),
            ("payload", "data", "attributes", "event_properties"),
            ("payload", "data", "relationships"),
            ("payload", "data", "relationships", "metric"),
        ]
    )

    @given(place=places, value=json_values)
    @example(place=("payload", "data", "attributes", "timestamp"), value=10**400)
    @example(place=("payload", "data", "attributes", "datetime"), value=1e308)
    def test_whatever_stands_in_an_entry_its_neighbours_are_read(self, place: tuple[str, ...], value: Any) -> None:
        odd = copy.deepcopy(entry("odd"))
        inner: Any = odd
        for name in place[:-1]:
            inner = inner[name]
        inner[place[-1]] = value
        delivery = accepted(encoded(entry("1"), odd, entry("2")))
        assert len(delivery.notices) + len(delivery.damaged) == 3
        assert (delivery.notices[0].external_id, delivery.notices[-1].external_id) == ("1", "2")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"not json",
            b"\xff\xfe",
            b"null",
            b"[]",
            b'"text"',
            b"{}",
            b'{"data":[]}',
            b'{"meta":{"klaviyo_webhook_id":"1"}}',
            b'{"data":{},"meta":{"klaviyo_webhook_id":"1"}}',
            b'{"data":[],"meta":[]}',
            b'{"data":[],"meta":{}}',
            b'{"data":[],"meta":{"klaviyo_webhook_id":null}}',
            b'{"data":[],"meta":{"klaviyo_webhook_id":""}}',
            b'{"data":[],"meta":{"klaviyo_webhook_id":1}}',
            BODY + b"{}",
            b"[" * 100_000,
        ],
    )
    def test_a_signed_body_that_is_no_delivery_is_malformed(self, body: bytes) -> None:
        with pytest.raises(MalformedDelivery):
            verify(signed(body), body, SECRET, max_age=None)


class TestTopics:
    @pytest.mark.parametrize(
        ("topic", "integration", "metric"),
        [
            ("event:klaviyo.opened_email", "klaviyo", "opened_email"),
            ("event:api.story_generated", "api", "story_generated"),
            ("event:shopify.placed.order", "shopify", "placed.order"),
            ("event:api.größe", "api", "größe"),
            ("event: email_delivered", None, None),
            ("event:api.", None, None),
            ("event:.metric", None, None),
            ("profile:klaviyo.merged", None, None),
            ("something new", None, None),
        ],
    )
    def test_any_topic_is_kept_and_its_parts_are_told_where_it_has_them(
        self, topic: str, integration: str | None, metric: str | None
    ) -> None:
        (notice,) = accepted(encoded(entry(topic=topic))).notices
        assert notice.topic == topic
        assert (notice.topic.integration, notice.topic.metric) == (integration, metric)

    def test_a_system_topic_is_its_text(self) -> None:
        (notice,) = accepted(encoded(entry(topic="event:klaviyo.sent_sms"))).notices
        handlers = {SystemTopic.SENT_SMS: "sent", SystemTopic.OPENED_EMAIL: "opened"}
        assert handlers[SystemTopic(notice.topic)] == "sent"
        handlers_by_text: dict[str, str] = {**handlers}
        assert handlers_by_text[notice.topic] == "sent"
        match notice.topic:
            case SystemTopic.OPENED_EMAIL:
                pytest.fail("not this one")
            case SystemTopic.SENT_SMS:
                pass
            case _:
                pytest.fail("an unknown one")
        assert f"{SystemTopic.SENT_SMS}" == json.loads(json.dumps(SystemTopic.SENT_SMS)) == "event:klaviyo.sent_sms"

    def test_every_system_topic_is_klaviyos_and_is_named_as_it_is_spelled(self) -> None:
        assert len(SystemTopic) == 41
        for topic in SystemTopic:
            assert isinstance(topic, Topic)
            assert (topic.integration, topic.metric) == ("klaviyo", topic.name.lower())


class TestRefusals:
    def test_each_refusal_says_what_to_answer(self) -> None:
        statuses = {kind: kind.answer_status for kind in (SignatureMismatch, StaleDelivery, MalformedDelivery)}
        assert statuses == {
            SignatureMismatch: HTTPStatus.UNAUTHORIZED,
            StaleDelivery: HTTPStatus.FORBIDDEN,
            MalformedDelivery: HTTPStatus.BAD_REQUEST,
        }
        assert set(statuses) == set(WebhookRejected.__subclasses__())
        assert not issubclass(WebhookRejected, KlaviyoError)

    def test_no_refusal_and_no_repr_tells_what_was_sent(self) -> None:
        person = entry(event_properties={"email": "ann@example.org"}, email="ann@example.org")
        body = encoded(person, entry(timestamp="ann@example.org"), {"external_id": "1", "email": "ann@example.org"})
        headers = signed(body, "the secret")
        refusals: list[WebhookRejected] = []
        for arguments in (
            {"headers": {**headers, "Klaviyo-Timestamp": "ann@example.org"}, "now": SENT},
            {"headers": {**headers, "Klaviyo-Signature": "ann@example.org"}, "now": SENT},
            {"headers": {**headers, "Klaviyo-Webhook-Id": "ann@example.org"}, "now": SENT},
            {"headers": headers, "now": SENT + dt.timedelta(9)},
            {"headers": signed(b'"ann@example.org', "the secret"), "body": b'"ann@example.org', "now": SENT},
        ):
            with pytest.raises(WebhookRejected) as caught:
                verify(**{"body": body, "secret": "the secret", **arguments})
            refusals.append(caught.value)
        delivery = verify(headers, body, "the secret", now=SENT)
        # An error that was at hand would hold the body.
        assert [(refusal.__cause__, refusal.__context__) for refusal in refusals] == [(None, None)] * 5
        told = [f"{refusal} {refusal!r}" for refusal in refusals] + [repr(delivery)]
        for text in told:
            assert "ann@" not in text
            assert "the secret" not in text
            assert headers["Klaviyo-Signature"] not in text
        assert len(delivery.damaged) == 2

    @pytest.mark.parametrize("refusal", [SignatureMismatch("no"), StaleDelivery(dt.timedelta(9)), MalformedDelivery()])
    def test_a_refusal_survives_being_pickled(self, refusal: WebhookRejected) -> None:
        same = pickle.loads(pickle.dumps(refusal))
        assert (type(same), str(same), vars(same)) == (type(refusal), str(refusal), vars(refusal))


def test_the_front_door_has_these_names() -> None:
    errors = {"MalformedDelivery", "SignatureMismatch", "StaleDelivery", "WebhookRejected"}
    values = {"MAX_AGE", "MAX_SKEW", "DamagedNotice", "Delivery", "Notice", "Secrets", "SystemTopic", "Topic"}
    assert set(webhooks.__all__) == errors | values | {"has_secret", "parse", "verify"}
    assert all(hasattr(webhooks, name) for name in webhooks.__all__)


def test_it_stands_without_the_rest_of_the_client() -> None:
    """A receiver that calls nothing does not load what calls are made with."""
    code = "import sys, aioklaviyo.webhooks; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run((sys.executable, "-c", code), text=True, capture_output=True, check=True)
    loaded = set(done.stdout.split())
    assert "pydantic" in loaded
    assert loaded.isdisjoint({"aiohttp", "yarl", "multidict", "opentelemetry", "redis", "asyncio", "starlette"})


# From here on the sender is real: an emulated Klaviyo that signs with code of its own, over a socket.

SEVEN_HUNDRED = 700


@pytest.fixture
def live() -> Iterator[RunningEmulator]:
    """With the clock of its header five hours off, as Klaviyo's is."""
    with running_emulator(EmulatorConfig(limits=False, behaviour="live")) as running:
        running.set(SENT)
        yield running


@asynccontextmanager
async def receiver(secrets: list[str], live: RunningEmulator) -> AsyncIterator[tuple[str, list[Delivery], list[int]]]:
    """A server as the documentation has it: its URL, what it accepted, and what it answered."""
    deliveries: list[Delivery] = []
    answers: list[int] = []

    async def handle(request: web.Request) -> web.Response:
        status = HTTPStatus.OK
        try:
            deliveries.append(verify(request.headers, await request.read(), secrets, now=live.clock()))
        except WebhookRejected as rejected:
            status = rejected.answer_status
        answers.append(status)
        return web.Response(status=status)

    app = web.Application(client_max_size=10_000_000)
    app.router.add_post("/hook", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}/hook", deliveries, answers
    finally:
        await runner.cleanup()


def bulk(*unique_ids: str, email: str = "ann@example.org") -> dict[str, Any]:
    metric = {"data": {"type": "metric", "attributes": {"name": "Story Generated"}}}
    events = [
        {"type": "event", "attributes": {"metric": metric, "unique_id": one, "properties": {"größe": "😀"}}}
        for one in unique_ids
    ]
    person = {"data": {"type": "profile", "attributes": {"email": email}}}
    attributes = {"profile": person, "events": {"data": events}}
    item = {"type": "event-bulk-create", "attributes": attributes}
    return {
        "data": {
            "type": "event-bulk-create-job",
            "attributes": {"events-bulk-create": {"data": [item]}},
        }
    }


async def test_what_a_klaviyo_sends_over_a_socket_is_accepted_and_nothing_of_it_is_lost(live: RunningEmulator) -> None:
    secrets = [SECRET]
    headers = {"Authorization": "Klaviyo-API-Key pk_1", "revision": "2026-07-15"}
    async with (
        receiver(secrets, live) as (url, deliveries, answers),
        aiohttp.ClientSession(live.url, headers=headers) as session,
    ):

        async def send(method: str, path: str, document: dict[str, Any]) -> dict[str, Any]:
            async with session.request(method, path, json=document) as answer:
                assert answer.ok, await answer.text()
                return await answer.json(content_type=None) if answer.status == HTTPStatus.CREATED else {}

        # A metric has a topic once there is an event of it.
        await send("POST", "/api/event-bulk-create-jobs", bulk("before"))
        topics = [{"type": "webhook-topic", "id": "event:api.story_generated"}]
        hook = {"name": "Hook", "endpoint_url": url, "secret_key": SECRET}
        relationships = {"webhook-topics": {"data": topics}}
        made = await send(
            "POST", "/api/webhooks", {"data": {"type": "webhook", "attributes": hook, "relationships": relationships}}
        )
        webhook_id = made["data"]["id"]

        wanted = [f"story-{number}" for number in range(2 * SEVEN_HUNDRED)]
        await send("POST", "/api/event-bulk-create-jobs", bulk(*wanted[:SEVEN_HUNDRED]))
        await send("POST", "/api/event-bulk-create-jobs", bulk(*wanted[SEVEN_HUNDRED:]))
        live.clock.advance(dt.timedelta(seconds=1))
        await live.emulator.settle()

        assert answers == [HTTPStatus.OK, HTTPStatus.OK]
        assert [len(delivery.notices) for delivery in deliveries] == [1000, 400]
        assert {delivery.damaged for delivery in deliveries} == {()}
        assert {delivery.webhook_id for delivery in deliveries} == {webhook_id}
        assert {delivery.account_id for delivery in deliveries} == {live.emulator.account_id}
        assert {delivery.sent_at for delivery in deliveries} == {SENT + dt.timedelta(seconds=1)}
        notices = [notice for delivery in deliveries for notice in delivery.notices]
        assert [notice.event.unique_id for notice in notices] == wanted
        assert {(notice.topic.integration, notice.topic.metric) for notice in notices} == {("api", "story_generated")}
        assert all(notice.event.id == notice.external_id for notice in notices)
        assert all(notice.event.event_properties["größe"] == "😀" for notice in notices)

        # The secret is replaced: first the receiver knows only the old one, then both.
        replaced = {"type": "webhook", "id": webhook_id, "attributes": {"secret_key": "quite another secret"}}
        await send("PATCH", f"/api/webhooks/{webhook_id}", {"data": replaced})
        for unique_id in ("refused", "accepted"):
            await send("POST", "/api/event-bulk-create-jobs", bulk(unique_id))
            live.clock.advance(dt.timedelta(seconds=1))
            await live.emulator.settle()
            secrets.append("quite another secret")
        assert answers[2:] == [HTTPStatus.UNAUTHORIZED, HTTPStatus.OK]
        assert [notice.event.unique_id for notice in deliveries[-1].notices] == ["accepted"]
