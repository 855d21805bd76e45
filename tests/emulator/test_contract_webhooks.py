"""Webhooks and their topics: every operation through the official SDK."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from emulator_specification import Checker
from emulator_wire import NOON, SPECIFICATION, Served, error_of, event_body, served
from klaviyo_api import KlaviyoAPI
from openapi_client.exceptions import ApiException, BadRequestException, NotFoundException
from webhook_receiver import SECRET, listen, webhook_body

OPENED = "event:klaviyo.opened_email"
CLICKED = "event:klaviyo.clicked_email"
URL = "https://receiver.example/hooks/klaviyo?token=abc"


class TestTopics:
    def test_are_the_system_s_and_one_of_each_metric(self, free: Served) -> None:
        webhooks = free.sdk().Webhooks
        before = {topic.id for topic in webhooks.get_webhook_topics().data}
        assert {OPENED, CLICKED, "event:klaviyo.unsubscribed_from_email_marketing"} <= before
        for metric, service in (("Story Generated", None), ("Viewed  Product (EU)", None), ("Order", "Shopify")):
            body = event_body(metric=metric)
            body["data"]["attributes"]["metric"]["data"]["attributes"]["service"] = service
            free.sdk().Events.create_event(body)
        after = {topic.id for topic in webhooks.get_webhook_topics().data}
        assert after - before == {"event:api.story_generated", "event:api.viewed_product_eu", "event:shopify.order"}

    def test_one_is_read(self, free: Served) -> None:
        assert free.sdk().Webhooks.get_webhook_topic(OPENED).data.id == OPENED
        answer = free.wire.get(f"/api/webhook-topics/{OPENED.replace(':', '%3A')}").json()
        assert answer["data"] == {
            "type": "webhook-topic",
            "id": OPENED,
            "attributes": {},
            "links": {"self": f"https://a.klaviyo.com/api/webhook-topics/{OPENED}/"},
        }

    def test_an_unknown_one_is_not_found(self, free: Served) -> None:
        with pytest.raises(NotFoundException):
            free.sdk().Webhooks.get_webhook_topic("event:api.story_generated")


class TestWebhooks:
    def test_are_made_read_changed_and_deleted(self, free: Served) -> None:
        webhooks = free.sdk().Webhooks
        made = webhooks.create_webhook(webhook_body(URL, OPENED, CLICKED, description="What was read"))
        attributes = made.data.attributes
        assert (attributes.name, attributes.description, attributes.enabled) == ("Hook", "What was read", True)
        assert attributes.endpoint_url == "https://receiver.example/*****"
        assert attributes.created_at == attributes.updated_at == NOON
        free.clock.advance(60)
        changed = webhooks.update_webhook(
            made.data.id,
            webhook_body("https://other.example/", OPENED, identifier=made.data.id, name="Other", enabled=False),
        )
        assert changed.data.attributes.endpoint_url == "https://other.example/*****"
        assert (changed.data.attributes.name, changed.data.attributes.enabled) == ("Other", False)
        assert changed.data.attributes.updated_at == NOON + timedelta(seconds=60)
        assert [topic.id for topic in changed.data.relationships.webhook_topics.data] == [OPENED]
        listed = webhooks.get_webhooks(include=["webhook-topics"])
        assert [webhook.id for webhook in listed.data] == [made.data.id]
        assert [topic.id for topic in listed.included] == [OPENED]
        read = webhooks.get_webhook(made.data.id, include=["webhook-topics"])
        assert read.data.attributes == changed.data.attributes
        webhooks.delete_webhook(made.data.id)
        assert webhooks.get_webhooks().data == []

    def test_times_have_microseconds_and_the_relationship_no_links(self, free: Served) -> None:
        (listed,) = [free.wire.get(f"/api/webhooks/{listen(free, URL, OPENED)}").json()["data"]]
        assert listed["attributes"]["created_at"] == "2026-11-20T12:00:00.250000+00:00"
        assert listed["relationships"] == {"webhook-topics": {"data": [{"type": "webhook-topic", "id": OPENED}]}}

    def test_a_secret_is_never_shown(self, free: Served) -> None:
        webhook = listen(free, URL, OPENED)
        patched = free.wire.send("PATCH", f"/api/webhooks/{webhook}", webhook_body("", identifier=webhook, name="X"))
        for answer in (patched, free.wire.get("/api/webhooks"), free.wire.get(f"/api/webhooks/{webhook}")):
            assert answer.status_code == 200
            assert SECRET not in answer.text
            assert "abc" not in answer.text

    def test_unknown_ones_are_not_found(self, free: Served) -> None:
        webhooks = free.sdk().Webhooks
        for call in (
            webhooks.get_webhook,
            webhooks.delete_webhook,
            lambda one: webhooks.update_webhook(one, webhook_body("", identifier=one, name="X")),
        ):
            with pytest.raises(NotFoundException) as caught:
                call("01M1PAC5N9PMXJ7672AC8B75VN")
            assert "Webhook with id 01M1PAC5N9PMXJ7672AC8B75VN not found." in str(caught.value.body)

    def test_there_are_ten_at_most(self, free: Served) -> None:
        for _ in range(10):
            listen(free, URL, OPENED)
        with pytest.raises(BadRequestException):
            listen(free, URL, OPENED)
        assert len(free.sdk().Webhooks.get_webhooks().data) == 10

    @pytest.mark.parametrize(
        "url",
        [
            "https://receiver.example",
            "https://receiver.example:8443/x?y=z",
            "http://localhost:8080/hooks",
            "http://127.0.0.1/",
            "http://[::1]:9000/",
        ],
    )
    def test_https_and_this_machine_are_reached(self, free: Served, url: str) -> None:
        host = url.split("/")[2]
        body = webhook_body(url, OPENED)
        made = free.wire.post("/api/webhooks", body).json()
        assert made["data"]["attributes"]["endpoint_url"] == f"{url.split(':', maxsplit=1)[0]}://{host}/*****"

    @pytest.mark.parametrize(
        ("attributes", "member"),
        [
            ({"endpoint_url": "http://receiver.example/"}, "endpoint_url"),
            ({"endpoint_url": "http://127.0.0.1.receiver.example/"}, "endpoint_url"),
            ({"endpoint_url": "ftp://receiver.example/"}, "endpoint_url"),
            ({"endpoint_url": "file:///etc/passwd"}, "endpoint_url"),
            ({"endpoint_url": "receiver.example"}, "endpoint_url"),
            ({"endpoint_url": "https://"}, "endpoint_url"),
            ({"endpoint_url": "https://kim:pass@receiver.example/"}, "endpoint_url"),
            ({"endpoint_url": "https://receiver.example/a b"}, "endpoint_url"),
            ({"endpoint_url": "https://receiver.example/\r\nX: y"}, "endpoint_url"),
            ({"endpoint_url": "https://receiver.example:port/"}, "endpoint_url"),
            ({"endpoint_url": f"https://receiver.example/{'x' * 2048}"}, "endpoint_url"),
            ({"endpoint_url": ""}, "endpoint_url"),
            ({"secret_key": "fifteen letters"}, "secret_key"),
            ({"secret_key": ""}, "secret_key"),
            ({"name": " "}, "name"),
            ({"name": None}, "name"),
            ({"enabled": False}, "enabled"),
            ({"created_at": "2026-11-20T12:00:00Z"}, "created_at"),
        ],
    )
    def test_what_cannot_be_a_webhook_is_refused(self, free: Served, attributes: dict[str, Any], member: str) -> None:
        refused = free.wire.post("/api/webhooks", webhook_body(URL, OPENED, **attributes))
        assert error_of(refused, 400)["source"] == {"pointer": f"/data/attributes/{member}"}
        assert free.sdk().Webhooks.get_webhooks().data == []

    def test_topics_must_be_there_and_exist(self, free: Served) -> None:
        none = webhook_body(URL, OPENED)
        none["data"]["relationships"]["webhook-topics"]["data"] = []
        at = "/data/relationships/webhook-topics/data"
        assert error_of(free.wire.post("/api/webhooks", none), 400)["source"] == {"pointer": at}
        unknown = webhook_body(URL, OPENED, "event:klaviyo.nonsense")
        assert error_of(free.wire.post("/api/webhooks", unknown), 400)["source"] == {"pointer": f"{at}/1/id"}
        error_of(free.wire.post("/api/webhooks", webhook_body(URL)), 400)
        webhook = listen(free, URL, OPENED)
        path = f"/api/webhooks/{webhook}"
        changed = webhook_body("", "event:klaviyo.nonsense", identifier=webhook, name="X")
        error_of(free.wire.send("PATCH", path, changed), 400)
        kept = free.wire.get(path).json()["data"]
        assert kept["attributes"]["name"] == "Hook"
        assert [topic["id"] for topic in kept["relationships"]["webhook-topics"]["data"]] == [OPENED]

    @pytest.mark.parametrize(
        "attributes", [{"name": ""}, {"secret_key": "short"}, {"endpoint_url": "http://a.example/"}]
    )
    def test_a_change_that_cannot_be_is_refused(self, free: Served, attributes: dict[str, Any]) -> None:
        webhook = listen(free, URL, OPENED)
        with pytest.raises(BadRequestException):
            free.sdk().Webhooks.update_webhook(webhook, webhook_body("", identifier=webhook, **attributes))

    @pytest.mark.parametrize(("behaviour", "left"), [("spec", None), ("live", "Mine")])
    def test_null_takes_the_description_away_but_not_live(self, behaviour: str, left: str | None) -> None:
        with served(limits=False, behaviour=behaviour) as klaviyo:
            webhook = listen(klaviyo, URL, OPENED, description="Mine")
            path = f"/api/webhooks/{webhook}"
            nulls = dict.fromkeys(["name", "endpoint_url", "secret_key", "enabled", "description"])
            changed = klaviyo.wire.send("PATCH", path, webhook_body("", identifier=webhook, **nulls))
            attributes = changed.json()["data"]["attributes"]
            assert attributes["description"] == left
            assert (attributes["name"], attributes["enabled"]) == ("Hook", True)


class TestAccess:
    def test_live_private_keys_need_advanced_kdp(self) -> None:
        with served(limits=False, behaviour="live", advanced_kdp=False) as live:
            webhooks = live.sdk().Webhooks
            one = "01M1PAC5N9PMXJ7672AC8B75VN"
            for call in (
                webhooks.get_webhooks,
                webhooks.get_webhook_topics,
                lambda: webhooks.get_webhook(one),
                lambda: webhooks.get_webhook_topic(OPENED),
                lambda: webhooks.delete_webhook(one),
                lambda: webhooks.create_webhook(webhook_body(URL, OPENED)),
                lambda: webhooks.update_webhook(one, webhook_body("", identifier=one, name="X")),
            ):
                with pytest.raises(ApiException) as caught:
                    call()
                assert caught.value.status == 403
                (error,) = json.loads(str(caught.value.body))["errors"]
                assert error["detail"] == "You must have Advanced KDP enabled to use this endpoint."
            with_token: Any = KlaviyoAPI("", access_token="tok123", max_retries=1, test_host=live.url).Webhooks
            assert with_token.create_webhook(webhook_body(URL, OPENED)).data.id

    @pytest.mark.parametrize(
        "settings", [{"behaviour": "live"}, {"advanced_kdp": False}, {"behaviour": "spec", "advanced_kdp": True}]
    )
    def test_others_may(self, settings: dict[str, Any]) -> None:
        with served(limits=False, **settings) as klaviyo:
            assert listen(klaviyo, URL, OPENED)


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="Klaviyo's OpenAPI file lies beside the checkout of its authors")
def test_answers_are_what_klaviyo_s_file_says(free: Served) -> None:
    checker, wire = Checker(), free.wire
    made = webhook_body(URL, OPENED, CLICKED)
    webhook = checker.check("create_webhook", wire.post("/api/webhooks", made), made)["data"]["id"]
    path = f"/api/webhooks/{webhook}"
    changed = webhook_body("", OPENED, identifier=webhook, enabled=False)
    checker.check("update_webhook", wire.send("PATCH", path, changed), changed)
    assert checker.check("get_webhooks", wire.get("/api/webhooks", include="webhook-topics"))["included"]
    assert checker.check("get_webhook", wire.get(path, include="webhook-topics"))["included"]
    assert checker.check("get_webhook_topics", wire.get("/api/webhook-topics"))["data"]
    assert checker.check("get_webhook_topic", wire.get(f"/api/webhook-topics/{OPENED}"))["data"]
    checker.check("delete_webhook", wire.client.delete(path))
