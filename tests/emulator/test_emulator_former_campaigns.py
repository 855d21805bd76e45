"""Campaigns by the older model, revision 2026-07-15, over plain HTTP. Every answer is judged by Klaviyo's own file."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from campaign_bodies import Ready, audience_of, new_template, outbox, relation
from emulator_wire import NOON, Served, error_of
from people_bodies import document, identifiers, new_list, settle

if TYPE_CHECKING:
    from collections.abc import Callable

EMAIL = {
    "channel": "email",
    "label": "Hello",
    "content": {"subject": "Hi {{ email }}", "from_email": "stories@example.org", "from_label": "Stories"},
}
SMS = {"channel": "sms", "content": {"body": "Hi"}, "render_options": {"add_org_prefix": False}}
PUSH = {
    "channel": "mobile_push",
    "notification_type": "standard",
    "content": {"title": "New", "body": "Hi", "action_buttons": [{"label": "Open", "action_type": "open_app"}]},
    "kv_pairs": {"story": "7"},
    "options": {
        "on_open": {"type": "open_web_url", "web_url": "https://example.org"},
        "badge": {"display": True, "badge_options": {"badge_config": "set_count", "value": "3"}},
        "play_sound": True,
    },
}
SILENT = {"channel": "mobile_push", "notification_type": "silent", "kv_pairs": {"story": "7"}}
TRACKING = {
    "add_tracking_params": True,
    "custom_tracking_params": [
        {"type": "static", "name": "utm_source", "value": "klaviyo"},
        {"type": "dynamic", "name": "utm_medium", "value": "campaign_name"},
    ],
    "is_tracking_clicks": False,
    "is_tracking_opens": True,
}
LATER = (NOON + timedelta(hours=2)).isoformat()


def body_of(included: list[str], definition: Any = None, **attributes: Any) -> dict[str, Any]:
    message = {"type": "campaign-message", "attributes": {"definition": EMAIL if definition is None else definition}}
    given = {"name": "Launch", "audiences": {"included": included}, "campaign-messages": {"data": [message]}}
    return document("campaign", {**given, **attributes})


def created(running: Served, body: Any) -> dict[str, Any]:
    answer = running.wire.post("/api/campaigns", body)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def message_id(campaign: dict[str, Any]) -> str:
    return campaign["relationships"]["campaign-messages"]["data"][0]["id"]


def read(running: Served, path: str, **query: Any) -> Any:
    answer = running.wire.get(path, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def attributes_of(running: Served, campaign: str) -> dict[str, Any]:
    return read(running, f"/api/campaigns/{campaign}")["attributes"]


def assign(running: Served, message: str, template: str) -> Any:
    body = document("campaign-message", relationships=relation("template", template), id=message)
    answer = running.wire.post("/api/campaign-message-assign-template", body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def send(running: Served, campaign: str) -> None:
    answer = running.wire.post("/api/campaign-send-jobs", document("campaign-send-job", id=campaign))
    assert answer.status_code == 202, answer.text


def patch(running: Served, path: str, body: Any) -> Any:
    return running.wire.send("PATCH", path, body)


def test_a_campaign_is_made_read_changed_copied_and_deleted(free: Served) -> None:
    list_id, other = new_list(free), new_list(free, "Others")
    strategy = {"method": "static", "datetime": LATER, "options": {"is_local": False}}
    made = created(
        free,
        body_of(
            [list_id],
            send_strategy=strategy,
            send_options={"use_smart_sending": False},
            tracking_options=TRACKING,
        ),
    )
    attributes = made["attributes"]
    assert (attributes["name"], attributes["status"], attributes["archived"]) == ("Launch", "Draft", False)
    assert attributes["audiences"] == {"included": [list_id], "excluded": []}
    assert attributes["send_strategy"] == strategy
    assert attributes["send_options"] == {"use_smart_sending": False}
    assert attributes["tracking_options"] == TRACKING
    assert attributes["scheduled_at"] is attributes["send_time"] is None
    message = read(free, f"/api/campaign-messages/{message_id(made)}", include="campaign,template,image")
    assert message["attributes"]["definition"]["label"] == "Hello"
    assert message["attributes"]["definition"]["content"]["subject"] == "Hi {{ email }}"
    assert message["relationships"]["template"]["data"] is None
    (listed,) = read(free, f"/api/campaigns/{made['id']}/campaign-messages")
    assert listed["attributes"] == message["attributes"]
    assert read(free, f"/api/campaigns/{made['id']}/relationships/campaign-messages")[0]["id"] == message_id(made)
    assert read(free, f"/api/campaign-messages/{message_id(made)}/campaign")["attributes"] == attributes
    assert read(free, f"/api/campaign-messages/{message_id(made)}/relationships/campaign")["id"] == made["id"]
    changes = {
        "name": "Later",
        "audiences": {"excluded": [other]},
        "send_strategy": {"method": "smart_send_time", "date": "2026-12-01"},
        "send_options": {"use_smart_sending": True},
        "tracking_options": {"is_tracking_opens": False},
    }
    answer = patch(free, f"/api/campaigns/{made['id']}", document("campaign", changes, id=made["id"]))
    changed = answer.json()["data"]["attributes"]
    assert (changed["name"], changed["send_strategy"]) == ("Later", changes["send_strategy"])
    assert changed["audiences"] == {"included": [list_id], "excluded": [other]}
    assert changed["tracking_options"] == {**TRACKING, "is_tracking_opens": False}
    clone = free.wire.post("/api/campaign-clone", document("campaign", {"new_name": "Again"}, id=made["id"]))
    assert clone.status_code == 201
    copied = clone.json()["data"]
    assert copied["attributes"]["name"] == "Again"
    assert copied["attributes"]["send_strategy"] == changes["send_strategy"]
    assert free.wire.send("DELETE", f"/api/campaigns/{made['id']}").status_code == 204
    error_of(free.wire.get(f"/api/campaigns/{made['id']}"), 404)
    error_of(free.wire.get(f"/api/campaign-messages/{message_id(made)}"), 404)


def test_the_channel_is_a_filter_that_is_needed(free: Served) -> None:
    list_id = new_list(free)
    ids = {}
    for name, definition in (("Mail", EMAIL), ("Text", SMS), ("Push", PUSH)):
        ids[name] = created(free, body_of([list_id], definition, name=name))["id"]

    def names(found: str, **query: Any) -> list[str]:
        return [one["attributes"]["name"] for one in read(free, "/api/campaigns", filter=found, **query)]

    assert names("equals(messages.channel,'email')") == ["Mail"]
    assert names("equals(messages.channel,'sms')") == ["Text"]
    assert names("equals(messages.channel,'mobile_push'),equals(status,'Draft')") == ["Push"]
    assert names("equals(messages.channel,'email'),any(status,['Sent','Scheduled'])") == []
    assert names("and(equals(messages.channel,'email'),contains(name,'Mai'))", include="campaign-messages") == ["Mail"]
    assert names("equals(messages.channel,'email'),equals(archived,false)", sort="-scheduled_at") == ["Mail"]
    assert error_of(free.wire.get("/api/campaigns"), 400)["source"] == {"parameter": "filter"}
    other = free.wire.get("/api/campaigns", filter="equals(status,'Draft')")
    assert error_of(other, 400)["source"] == {"parameter": "filter"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda a: a.update(name=" "), "/data/attributes/name"),
        (lambda a: a["audiences"].update(included=["NOPE01"]), "/data/attributes/audiences/included/0"),
        (lambda a: a["audiences"].update(excluded=a["audiences"]["included"]), "/data/attributes/audiences/excluded"),
        (lambda a: a["campaign-messages"]["data"].clear(), "/data/attributes/campaign-messages/data"),
        (lambda a: a.update(send_strategy={"method": "static"}), "/data/attributes/send_strategy/datetime"),
        (
            lambda a: a.update(send_strategy={"method": "throttled", "datetime": LATER}),
            "/data/attributes/send_strategy/throttle_percentage",
        ),
        (lambda a: a.update(send_strategy={"method": "smart_send_time"}), "/data/attributes/send_strategy/date"),
        (
            lambda a: a.update(send_strategy={"method": "static", "datetime": "9999-12-31T23:59:59-11:00"}),
            "/data/attributes/send_strategy/datetime",
        ),
        (
            lambda a: a.update(send_strategy={"method": "immediate", "date": "2026-12-01"}),
            "/data/attributes/send_strategy/date",
        ),
        (
            lambda a: a.update(tracking_options={"custom_tracking_params": TRACKING["custom_tracking_params"][:1]}),
            "/data/attributes/tracking_options/custom_tracking_params",
        ),
        (
            lambda a: a.update(
                tracking_options={
                    "custom_tracking_params": [
                        {"type": "dynamic", "name": name, "value": "x"} for name in ("utm_source", "utm_medium")
                    ]
                }
            ),
            "/data/attributes/tracking_options/custom_tracking_params/0/value",
        ),
    ],
)
def test_a_campaign_is_refused(free: Served, change: Callable[[Any], Any], pointer: str) -> None:
    body = body_of([new_list(free)])
    change(body["data"]["attributes"])
    assert error_of(free.wire.post("/api/campaigns", body), 400)["source"] == {"pointer": pointer}
    assert read(free, "/api/campaigns", filter="equals(messages.channel,'email')") == []


@pytest.mark.parametrize(
    ("definition", "below"),
    [
        ({"channel": "fax"}, "/channel"),
        ({"channel": "email", "body": "x"}, "/body"),
        ({"channel": "email", "content": {"body": "x"}}, "/content/body"),
        ({"channel": "email", "content": {"from_email": "nobody"}}, "/content/from_email"),
        ({"channel": "email", "content": []}, "/content"),
        ({"channel": "sms", "content": {"subject": "x"}}, "/content/subject"),
        (
            {"channel": "sms", "content": {"body": "x"}, "render_options": {"shorten_links": 1}},
            "/render_options/shorten_links",
        ),
        ({"channel": "mobile_push", "notification_type": "loud"}, "/notification_type"),
        ({"channel": "mobile_push", "content": {"title": "x"}}, "/content/body"),
        ({"channel": "mobile_push", "notification_type": "silent", "content": {"body": "x"}}, "/content"),
        (
            {"channel": "mobile_push", "content": {"body": "x"}, "options": {"on_open": {"type": "x"}}},
            "/options/on_open/type",
        ),
    ],
)
def test_a_message_is_refused(free: Served, definition: Any, below: str) -> None:
    answer = free.wire.post("/api/campaigns", body_of([new_list(free)], definition))
    pointer = f"/data/attributes/campaign-messages/data/0/attributes/definition{below}"
    assert error_of(answer, 400)["source"] == {"pointer": pointer}


@pytest.mark.parametrize("definition", [EMAIL, SMS, PUSH, SILENT])
def test_a_message_says_again_what_it_was_told(free: Served, definition: dict[str, Any]) -> None:
    made = created(free, body_of([new_list(free)], definition))
    shown = read(free, f"/api/campaign-messages/{message_id(made)}")["attributes"]["definition"]
    assert contains(shown, definition)


def contains(shown: Any, given: Any) -> bool:
    if isinstance(given, dict):
        return all(name in shown and contains(shown[name], value) for name, value in given.items())
    return bool(shown == given)


def test_a_message_is_changed_in_its_channel(free: Served) -> None:
    message = message_id(created(free, body_of([new_list(free)])))
    definition = {"channel": "email", "label": "New", "content": {"subject": "Soon"}}
    body = document("campaign-message", {"definition": definition}, id=message)
    shown = patch(free, f"/api/campaign-messages/{message}", body).json()["data"]["attributes"]["definition"]
    assert shown["label"] == "New"
    assert shown["content"]["subject"] == "Soon"
    assert shown["content"]["from_label"] == "Stories"
    other = document("campaign-message", {"definition": SMS}, id=message)
    error = error_of(patch(free, f"/api/campaign-messages/{message}", other), 400)
    assert error["source"] == {"pointer": "/data/attributes/definition/channel"}
    unknown = document("campaign-message", {}, relation("image", "7"), id=message)
    error_of(patch(free, f"/api/campaign-messages/{message}", unknown), 400)
    error_of(free.wire.get(f"/api/campaign-messages/{message}/image"), 404)
    assert read(free, f"/api/campaign-messages/{message}/relationships/image") is None


def test_a_campaign_is_sent_with_its_template(free: Served) -> None:
    list_id = audience_of(free, "kim@example.org")
    made = created(free, body_of([list_id]))
    assigned = assign(free, message_id(made), new_template(free, "<p>{{ person.email }}</p>"))
    assert assigned["attributes"]["label"] == "Hello"
    assert assigned["attributes"]["content"]["subject"] == "Hi {{ email }}"
    template = assigned["relationships"]["template"]["data"]["id"]
    assert read(free, f"/api/campaign-messages/{message_id(made)}/template")["id"] == template
    assert read(free, f"/api/campaign-messages/{message_id(made)}/relationships/template")["id"] == template
    send(free, made["id"])
    assert read(free, f"/api/campaign-send-jobs/{made['id']}")["attributes"]["status"] == "queued"
    settle(free)
    assert read(free, f"/api/campaign-send-jobs/{made['id']}")["attributes"]["status"] == "complete"
    (mail,) = outbox(free)
    assert mail["subject"] == "Hi kim@example.org"
    attributes = attributes_of(free, made["id"])
    assert attributes["status"] == "Sent"
    assert attributes["send_time"] == NOON.isoformat()
    (sent,) = read(free, f"/api/campaigns/{made['id']}/campaign-messages")
    assert sent["attributes"]["send_times"] == [{"datetime": NOON.isoformat(), "is_local": False}]
    rename = document("campaign", {"name": "Done"}, id=made["id"])
    assert patch(free, f"/api/campaigns/{made['id']}", rename).status_code == 200
    change = document("campaign", {"audiences": {"included": []}}, id=made["id"])
    error_of(patch(free, f"/api/campaigns/{made['id']}", change), 409)


@pytest.mark.parametrize(
    ("strategy", "due"),
    [
        ({"method": "static", "datetime": LATER, "options": {"is_local": False}}, LATER),
        ({"method": "static", "datetime": LATER, "options": {"is_local": True}}, LATER),
        ({"method": "throttled", "datetime": LATER, "throttle_percentage": 50}, LATER),
        ({"method": "smart_send_time", "date": "2026-11-22"}, "2026-11-22"),
    ],
)
def test_a_campaign_waits_as_its_strategy_says(free: Served, strategy: Any, due: str) -> None:
    list_id = audience_of(free, "kim@example.org")
    made = created(free, body_of([list_id], send_strategy=strategy))
    assign(free, message_id(made), new_template(free))
    send(free, made["id"])
    settle(free, 3600)
    attributes = attributes_of(free, made["id"])
    assert attributes["scheduled_at"] == NOON.isoformat()
    assert attributes["send_strategy"] == strategy
    assert outbox(free) == []
    settle(free, 72 * 3600)
    (mail,) = outbox(free)
    assert mail["sent"].startswith(due[:10])
    assert attributes_of(free, made["id"])["status"] == "Sent"


def test_a_scheduled_campaign_is_taken_back_or_cancelled(free: Served) -> None:
    list_id = audience_of(free, "kim@example.org")
    strategy = {"method": "static", "datetime": LATER}
    made = created(free, body_of([list_id], send_strategy=strategy))
    assign(free, message_id(made), new_template(free))
    send(free, made["id"])
    assert attributes_of(free, made["id"])["status"] == "Scheduled"
    for action, status in (("revert", "Draft"), ("cancel", "Cancelled")):
        job = document("campaign-send-job", {"action": action}, id=made["id"])
        assert patch(free, f"/api/campaign-send-jobs/{made['id']}", job).status_code == 204
        assert attributes_of(free, made["id"])["status"] == status
        if action == "revert":
            send(free, made["id"])
    settle(free, 72 * 3600)
    assert outbox(free) == []


def test_recipients_are_estimated(free: Served) -> None:
    made = created(free, body_of([audience_of(free, "kim@example.org", "lee@example.org")]))
    job = document("campaign-recipient-estimation-job", id=made["id"])
    assert free.wire.post("/api/campaign-recipient-estimation-jobs", job).status_code == 202
    settle(free)
    found = read(free, f"/api/campaign-recipient-estimation-jobs/{made['id']}")
    assert found["attributes"]["status"] == "complete"
    estimation = read(free, f"/api/campaign-recipient-estimations/{made['id']}")
    assert estimation["attributes"] == {"estimated_recipient_count": 2}


def test_tags_are_those_of_either_model(free: Served) -> None:
    made = created(free, body_of([new_list(free)]))
    tag = free.wire.post("/api/tags", document("tag", {"name": "spring"})).json()["data"]["id"]
    tagged = free.wire.post(f"/api/tags/{tag}/relationships/campaigns", identifiers("campaign", made["id"]))
    assert tagged.status_code == 204
    assert read(free, f"/api/campaigns/{made['id']}/tags")[0]["id"] == tag
    assert read(free, f"/api/campaigns/{made['id']}/relationships/tags")[0]["id"] == tag
    included = free.wire.get(f"/api/campaigns/{made['id']}", include="tags,campaign-messages").json()["included"]
    assert {item["type"] for item in included} == {"tag", "campaign-message"}


def test_what_one_model_makes_the_other_sees(free: Served) -> None:
    former = created(free, body_of([new_list(free)], tracking_options={"add_tracking_params": True}))
    campaigns = free.sdk().Campaigns
    later = campaigns.get_campaign(former["id"], include=["campaign-audiences", "campaign-messages"])
    assert later.data.attributes.definition.name == "Launch"
    (message,) = campaigns.get_messages_for_campaign(former["id"]).data
    assert message.id == message_id(former)
    assert message.attributes.definition.tracking_options.is_add_utm is True
    assert message.attributes.definition.send_options.throttling_type == "throttle-for-campaigns-and-flows"
    (variation,) = campaigns.get_variations_for_campaign_message(message.id).data
    assert variation.attributes.definition.details["subject"] == "Hi {{ email }}"
    ready = Ready(free)
    attributes = attributes_of(free, ready.id)
    assert attributes["audiences"]["included"] == [ready.list_id]
    assert attributes["send_strategy"] == {"method": "immediate"}
    assert attributes["send_options"] == {"use_smart_sending": False}
    shown = read(free, f"/api/campaign-messages/{ready.message}")
    assert shown["attributes"]["definition"]["content"]["from_email"] == "stories@example.org"
    assert shown["relationships"]["template"]["data"]["id"] == ready.template


@pytest.mark.parametrize(
    ("schedule", "strategy"),
    [
        ({"strategy": "static", "send_time": LATER}, {"method": "static", "options": {"is_local": False}}),
        (
            {
                "strategy": "local_timezone",
                "send_time": LATER,
                "timezone_options": {"send_past_timezones_tomorrow": True},
            },
            {"method": "static", "options": {"is_local": True, "send_past_recipients_immediately": False}},
        ),
        (
            {"strategy": "throttled", "send_time": LATER, "throttled_options": {"throttling_percentage": 20}},
            {"method": "throttled", "throttle_percentage": 20},
        ),
        (
            {"strategy": "throttled", "send_time": LATER, "throttled_options": {"throttling_percentage": 21}},
            {"method": "unsupported"},
        ),
        (
            {"strategy": "smart_send_time", "send_date": "2026-12-01"},
            {"method": "smart_send_time", "date": "2026-12-01"},
        ),
    ],
)
def test_a_schedule_of_the_later_model_is_a_strategy(free: Served, schedule: Any, strategy: Any) -> None:
    ready = Ready(free)
    body = document("campaign-message-schedule", schedule, relation("campaign-message", ready.message))
    free.sdk().Campaigns.schedule_campaign_message(body)
    shown = attributes_of(free, ready.id)["send_strategy"]
    if "send_time" in schedule and strategy["method"] != "unsupported":
        strategy = {**strategy, "datetime": LATER}
    assert shown == strategy


@pytest.mark.parametrize(
    ("strategy", "shown"),
    [
        ({"method": "immediate"}, {"method": "static", "datetime": LATER}),
        ({"method": "static", "datetime": "2026-12-24T12:00:00+00:00"}, {"method": "static", "datetime": LATER}),
        ({"method": "static", "datetime": LATER}, {"method": "static", "datetime": LATER}),
    ],
)
def test_the_schedule_of_the_later_model_counts(free: Served, strategy: Any, shown: Any) -> None:
    made = created(free, body_of([audience_of(free, "kim@example.org")], send_strategy=strategy))
    assign(free, message_id(made), new_template(free))
    schedule = {"strategy": "static", "send_time": LATER}
    body = document("campaign-message-schedule", schedule, relation("campaign-message", message_id(made)))
    free.sdk().Campaigns.schedule_campaign_message(body)
    found = attributes_of(free, made["id"])["send_strategy"]
    assert found["method"] == shown["method"]
    assert datetime.fromisoformat(found["datetime"]) == datetime.fromisoformat(shown["datetime"])


def test_a_new_name_changes_no_message(free: Served) -> None:
    made = created(free, body_of([new_list(free)]))
    settle(free, 60)
    answer = patch(free, f"/api/campaigns/{made['id']}", document("campaign", {"name": "New"}, id=made["id"]))
    assert answer.status_code == 200
    message = read(free, f"/api/campaign-messages/{message_id(made)}")["attributes"]
    assert message["updated_at"] == message["created_at"]
