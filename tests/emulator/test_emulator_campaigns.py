"""Sending campaigns: who gets what, when, and what is recorded of it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from campaign_bodies import (
    Ready,
    audience_of,
    campaign_body,
    email_details,
    new_template,
    outbox,
    relation,
    variation,
)
from emulator_wire import NOON, NOON_SECONDS, REPEATABLE, Served, served
from hypothesis import given, settings
from hypothesis import strategies as st
from people_bodies import document, events_of, identifiers, new_list, new_profile, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = 3600
SOON = NOON + timedelta(hours=3)
LATER = SOON.isoformat()
HALF = {"throttling_percentage": 50}


@pytest.fixture
def quick() -> Iterator[Served]:
    """An emulator without rate windows whose jobs take no time."""
    with served(limits=False, job_ms=0) as running:
        yield running


def post(running: Served, path: str, body: Any, status: int = 202) -> Any:
    answer = running.wire.post(path, body)
    assert answer.status_code == status, answer.text
    return answer.json()["data"] if answer.content else None


def status_of(running: Served, campaign: str) -> str:
    """As the older model says it."""
    return running.wire.get(f"/api/campaigns/{campaign}").json()["data"]["attributes"]["status"]


def schedule(running: Served, message: str, strategy: str, **attributes: Any) -> None:
    body = document(
        "campaign-message-schedule", {"strategy": strategy, **attributes}, relation("campaign-message", message)
    )
    running.sdk().Campaigns.schedule_campaign_message(body)


def received(running: Served) -> list[dict[str, Any]]:
    return [properties for metric, properties in events_of(running) if metric == "Received Email"]


def test_every_recipient_gets_a_mail_of_their_own(quick: Served) -> None:
    html = (
        "<p>Dear {{ first_name|default:'reader' }}, {{ person.Animal }} of {{ organization.name }}</p>{% unsubscribe %}"
    )
    ready = Ready(quick, "kim@example.org", html=html)
    lee = new_profile(quick, "lee@example.org", first_name="Lee", properties={"Animal": "Fox"})
    quick.sdk().Lists.add_profiles_to_list(ready.list_id, identifiers("profile", lee))
    ready.send(quick)
    settle(quick)
    first, second = outbox(quick)
    assert (first["to"], first["subject"]) == ("kim@example.org", "Hi there")
    assert (second["to"], second["subject"]) == ("lee@example.org", "Hi Lee")
    assert second["from"] == "Kim's Stories <stories@example.org>"
    mail = quick.wire.get(f"/__emulator__/outbox/{second['id']}").json()
    assert mail["html"].startswith("<p>Dear Lee, Fox of Emulated Account</p>")
    assert f"{quick.url}/unsubscribe/{lee}/{ready.message}" in mail["html"]
    assert received(quick)[1] == {
        "Subject": "Hi Lee",
        "Email Domain": "example.org",
        "$message": ready.message,
        "$campaign": ready.id,
        "$variation": ready.variation,
        "$campaign_channel": "email",
        "$message_send_cohort": f"{ready.message}:{NOON_SECONDS}",
        "Campaign Name": "Launch",
        **{name: value for name, value in received(quick)[1].items() if name.startswith("$event")},
    }


def test_mail_is_opened_and_clicked_as_what_it_is(quick: Served) -> None:
    ready = Ready(quick)
    ready.send(quick)
    settle(quick)
    (mail,) = outbox(quick)
    assert quick.wire.client.post(f"/__emulator__/outbox/{mail['id']}/open", json={}).status_code == 200
    opened = next(properties for metric, properties in events_of(quick) if metric == "Opened Email")
    assert (opened["$message"], opened["$campaign"]) == (ready.message, ready.id)


def test_nobody_gets_mail_against_their_will(quick: Served) -> None:
    addresses = [f"{name}@example.org" for name in ("kim", "lee", "ada", "bob")]
    ready = Ready(quick, *addresses)
    profiles = quick.sdk().Profiles
    profiles.bulk_unsubscribe_profiles(
        document(
            "profile-subscription-bulk-delete-job",
            {
                "profiles": {
                    "data": [
                        {
                            "type": "profile",
                            "attributes": {
                                "email": addresses[1],
                                "subscriptions": {"email": {"marketing": {"consent": "UNSUBSCRIBED"}}},
                            },
                        }
                    ]
                }
            },
        )
    )
    profiles.bulk_suppress_profiles(
        document(
            "profile-suppression-bulk-create-job",
            {"profiles": {"data": [{"type": "profile", "attributes": {"email": addresses[2]}}]}},
        )
    )
    settle(quick)
    new_profile(quick, "not-in-the-list@example.org")
    ready.send(quick)
    settle(quick)
    assert [mail["to"] for mail in outbox(quick)] == [addresses[0], addresses[3]]


def test_who_is_excluded_gets_nothing(quick: Served) -> None:
    ready = Ready(quick, "kim@example.org", "lee@example.org")
    outside = new_list(quick, "Outside")
    lee = quick.sdk().Profiles.get_profiles(filter='equals(email,"lee@example.org")').data[0].id
    quick.sdk().Lists.add_profiles_to_list(outside, identifiers("profile", lee))
    quick.sdk().Campaigns.update_campaign_audience(
        ready.audience, document("campaign-audience", {"definition": {"excluded": [outside]}}, id=ready.audience)
    )
    ready.send(quick)
    settle(quick)
    assert [mail["to"] for mail in outbox(quick)] == ["kim@example.org"]


def test_the_audience_of_the_first_priority_wins(quick: Served) -> None:
    ready = Ready(quick, "kim@example.org")
    campaigns = quick.sdk().Campaigns
    prefer = {"definition": {"priority": 2}}
    campaigns.update_campaign_audience(ready.audience, document("campaign-audience", prefer, id=ready.audience))
    other = campaigns.create_campaign_audience(
        document(
            "campaign-audience",
            {"definition": {"included": [ready.list_id], "priority": 1}},
            relation("campaign", ready.id),
        )
    ).data.id
    details = email_details("Preferred", template_id=ready.template)
    campaigns.create_campaign_message(
        document(
            "campaign-message",
            {"definition": {"name": "Preferred"}, "variations": [variation(details)]},
            {**relation("campaign", ready.id), **relation("campaign-audience", other)},
        )
    )
    ready.send(quick)
    settle(quick)
    assert [mail["subject"] for mail in outbox(quick)] == ["Preferred"]
    assert status_of(quick, ready.id) == "Sent"


def test_members_of_a_segment_are_who_they_are_when_it_is_sent(quick: Served) -> None:
    condition = {
        "type": "profile-property",
        "property": "properties['plan']",
        "filter": {"type": "string", "operator": "equals", "value": "gold"},
    }
    segment = post(
        quick,
        "/api/segments",
        document("segment", {"name": "Gold", "definition": {"condition_groups": [{"conditions": [condition]}]}}),
        201,
    )["id"]
    template = new_template(quick)
    body = campaign_body([segment], variation(email_details(template_id=template)))
    campaign = quick.sdk().Campaigns.create_campaign(body).data.id
    settle(quick, 60)
    new_profile(quick, "kim@example.org", properties={"plan": "gold"})
    new_profile(quick, "lee@example.org", properties={"plan": "silver"})
    quick.sdk().Campaigns.send_campaign(document("campaign-send-job", id=campaign))
    settle(quick)
    assert [mail["to"] for mail in outbox(quick)] == ["kim@example.org"]


def test_a_campaign_to_nobody_is_cancelled(quick: Served) -> None:
    template = new_template(quick)
    body = campaign_body([new_list(quick)], variation(email_details(template_id=template)))
    campaign = quick.sdk().Campaigns.create_campaign(body).data.id
    quick.sdk().Campaigns.send_campaign(document("campaign-send-job", id=campaign))
    settle(quick)
    assert status_of(quick, campaign) == "Cancelled: No Recipients"
    assert outbox(quick) == []


def test_statuses_follow_the_clock(free: Served) -> None:
    ready = Ready(free)
    assert status_of(free, ready.id) == "Draft"
    ready.send(free)
    assert status_of(free, ready.id) == "Preparing to send"
    free.clock.advance(0.2)
    assert status_of(free, ready.id) == "Sending"
    free.clock.advance(0.2)
    assert status_of(free, ready.id) == "Sent"


def test_a_template_that_fails_for_one_recipient_leaves_out_that_one(quick: Served) -> None:
    ready = Ready(quick, "kim@example.org", html="{{ person.born|date:'Y' }}{{ person.born|lookup:person.none }}ok")
    html = "{% if person.first_name %}{% for x in person.Number %}{% endfor %}{% endif %}fine"
    quick.sdk().Templates.update_template(ready.template, document("template", {"html": html}, id=ready.template))
    bad = new_profile(quick, "bad@example.org", first_name="Bad", properties={"Number": 3})
    quick.sdk().Lists.add_profiles_to_list(ready.list_id, identifiers("profile", bad))
    ready.send(quick)
    settle(quick)
    assert [mail["to"] for mail in outbox(quick)] == ["kim@example.org"]
    assert status_of(quick, ready.id) == "Sent"


def test_a_coupon_without_codes_skips_who_comes_too_late(quick: Served) -> None:
    post(quick, "/api/coupons", document("coupon", {"external_id": "SPRING"}), 201)
    code = {"unique_code": "ONE", "expires_at": "2027-01-01T00:00:00Z"}
    post(quick, "/api/coupon-codes", document("coupon-code", code, relation("coupon", "SPRING")), 200)
    ready = Ready(quick, "kim@example.org", "lee@example.org", html="{% coupon_code 'SPRING' %}")
    ready.send(quick)
    settle(quick)
    (mail,) = outbox(quick)
    assert quick.wire.get(f"/__emulator__/outbox/{mail['id']}").json()["html"] == "ONE"


def test_a_mail_that_is_not_sent_costs_no_code(quick: Served) -> None:
    post(quick, "/api/coupons", document("coupon", {"external_id": "SPRING"}), 201)
    code = {"unique_code": "ONE", "expires_at": "2027-01-01T00:00:00Z"}
    post(quick, "/api/coupon-codes", document("coupon-code", code, relation("coupon", "SPRING")), 200)
    ready = Ready(quick, html="{% coupon_code 'SPRING' %}{% coupon_code 'NONE' %}")
    ready.send(quick)
    settle(quick)
    assert outbox(quick) == []
    code = quick.wire.get("/api/coupon-codes/SPRING-ONE").json()["data"]
    assert code["attributes"]["status"] == "UNASSIGNED"


def test_a_code_goes_with_whoever_becomes_one(quick: Served) -> None:
    post(quick, "/api/coupons", document("coupon", {"external_id": "SPRING"}), 201)
    for unique_code in ("ONE", "TWO"):
        code = {"unique_code": unique_code, "expires_at": "2027-01-01T00:00:00Z"}
        post(quick, "/api/coupon-codes", document("coupon-code", code, relation("coupon", "SPRING")), 200)
    ready = Ready(quick, html="{% coupon_code 'SPRING' %}")
    ready.send(quick)
    settle(quick)
    kim, lee = outbox(quick)[0]["profile_id"], new_profile(quick, "lee@example.org")
    merge = document("profile-merge", relationships={"profiles": identifiers("profile", kim)}, id=lee)
    assert quick.wire.post("/api/profile-merge", merge).status_code == 201
    copied = post(quick, "/api/campaign-clone", document("campaign", {"new_name": "Again"}, id=ready.id), 201)
    post(quick, "/api/campaign-send-jobs", document("campaign-send-job", id=copied["id"]))
    settle(quick)
    mail = quick.wire.get(f"/__emulator__/outbox/{outbox(quick)[1]['id']}").json()
    assert (mail["to"], mail["html"]) == ("lee@example.org", "ONE")
    code = quick.wire.get("/api/coupon-codes/SPRING-ONE").json()["data"]
    assert code["relationships"]["profile"]["data"]["id"] == lee


def test_who_unsubscribes_while_it_is_sent_gets_nothing(quick: Served) -> None:
    ready = Ready(quick, "kim@example.org", "lee@example.org")
    options = {"throttling_percentage": 50, "throttle_unit": "hour"}
    starts = (NOON + timedelta(minutes=1)).isoformat()
    schedule(quick, ready.message, "throttled", send_time=starts, throttled_options=options)
    settle(quick, 60)
    suppressed = {"profiles": {"data": [{"type": "profile", "attributes": {"email": "lee@example.org"}}]}}
    job = document("profile-suppression-bulk-create-job", suppressed)
    post(quick, "/api/profile-suppression-bulk-create-jobs", job)
    settle(quick, 2 * HOUR)
    assert [mail["to"] for mail in outbox(quick)] == ["kim@example.org"]
    assert status_of(quick, ready.id) == "Sent"


def test_when_it_fails_for_all_the_campaign_says_so(quick: Served) -> None:
    ready = Ready(quick, html="{% coupon_code 'NONE' %}")
    ready.send(quick)
    settle(quick)
    assert outbox(quick) == []
    assert status_of(quick, ready.id) == "Cancelled: Misconfigured"


def test_smart_sending_waits_for_sixteen_hours(quick: Served) -> None:
    ready = Ready(quick, throttling_type="FOR_CAMPAIGNS")
    again = [quick.sdk().Campaigns.clone_campaign(document("campaign", {}, id=ready.id)).data.id for _ in range(2)]
    ready.send(quick)
    settle(quick)
    quick.sdk().Campaigns.send_campaign(document("campaign-send-job", id=again[0]))
    settle(quick)
    assert status_of(quick, again[0]) == "Cancelled: Smart Sending"
    settle(quick, 16 * HOUR)
    quick.sdk().Campaigns.send_campaign(document("campaign-send-job", id=again[1]))
    settle(quick)
    assert status_of(quick, again[1]) == "Sent"
    assert len(outbox(quick)) == 2


def test_variations_are_shared_out_and_everybody_gets_one(quick: Served) -> None:
    people = [f"reader{number}@example.org" for number in range(40)]
    list_id, template = audience_of(quick, *people), new_template(quick)
    details = [email_details(name, template_id=template) for name in ("First", "Second")]
    body = campaign_body([list_id], *(variation(one) for one in details))
    campaign = quick.sdk().Campaigns.create_campaign(body).data.id
    quick.sdk().Campaigns.send_campaign(document("campaign-send-job", id=campaign))
    settle(quick)
    mail = outbox(quick)
    assert sorted(one["to"] for one in mail) == sorted(people)
    shares = Counter(one["subject"] for one in mail)
    assert min(shares["First"], shares["Second"]) >= 8


def test_a_scheduled_message_is_sent_at_its_time(quick: Served) -> None:
    ready = Ready(quick)
    schedule(quick, ready.message, "static", send_time=(NOON + timedelta(hours=2)).isoformat())
    assert status_of(quick, ready.id) == "Scheduled"
    settle(quick, 2 * HOUR - 1)
    assert outbox(quick) == []
    settle(quick, 5 * HOUR)
    assert status_of(quick, ready.id) == "Sent"
    # However late it is run, it happened when it was due.
    assert outbox(quick)[0]["sent"] == "2026-11-20T14:00:00+00:00"


def test_a_throttled_message_goes_out_in_parts(quick: Served) -> None:
    ready = Ready(quick, *(f"reader{number}@example.org" for number in range(10)))
    options = {"throttling_percentage": 33, "throttle_unit": "minute"}
    starts = (NOON + timedelta(minutes=1)).isoformat()
    schedule(quick, ready.message, "throttled", send_time=starts, throttled_options=options)
    counts = []
    for _ in range(4):
        settle(quick, 60)
        counts.append(len(outbox(quick)))
    assert counts == [4, 8, 10, 10]
    assert status_of(quick, ready.id) == "Sent"


@pytest.mark.parametrize("tomorrow", [False, True])
def test_local_time_is_that_of_the_recipient(quick: Served, *, tomorrow: bool) -> None:
    ready = Ready(quick)
    for name, zone in (("paris", "Europe/Paris"), ("sydney", "Australia/Sydney"), ("odd", "Nowhere/At_all")):
        profile = new_profile(quick, f"{name}@example.org", location={"timezone": zone})
        quick.sdk().Lists.add_profiles_to_list(ready.list_id, identifiers("profile", profile))
    # 10:00 on the 21st by everybody's clock: 23:00 UTC on the 20th in Sydney, 09:00 UTC in Paris.
    settle(quick, 17 * HOUR)  # 05:00 UTC on the 21st
    options = {"timezone_options": {"send_past_timezones_tomorrow": tomorrow}}
    schedule(quick, ready.message, "local_timezone", send_time="2026-11-21T10:00:00+00:00", **options)
    settle(quick, 30 * HOUR)
    sent = {mail["to"].partition("@")[0]: mail["sent"] for mail in outbox(quick)}
    assert sent["paris"] == "2026-11-21T09:00:00+00:00"
    assert sent["kim"] == sent["odd"] == "2026-11-21T10:00:00+00:00"
    assert sent["sydney"] == ("2026-11-21T23:00:00+00:00" if tomorrow else "2026-11-21T05:00:00+00:00")


def test_smart_send_time_is_within_the_day(quick: Served) -> None:
    ready = Ready(quick, *(f"reader{number}@example.org" for number in range(12)))
    schedule(quick, ready.message, "smart_send_time", send_date="2026-11-22")
    settle(quick, 72 * HOUR)
    sent = [mail["sent"] for mail in outbox(quick)]
    assert len(sent) == 12
    assert {moment[:10] for moment in sent} == {"2026-11-22"}
    assert len(set(sent)) > 3


def test_many_recipients_are_sent_to_in_batches(quick: Served) -> None:
    people = [f"reader{number}@example.org" for number in range(450)]
    ready = Ready(quick)
    data = [{"type": "profile", "attributes": {"email": one}} for one in people]
    job = document(
        "profile-bulk-import-job", {"profiles": {"data": data}}, {"lists": identifiers("list", ready.list_id)}
    )
    post(quick, "/api/profile-bulk-import-jobs", job)
    settle(quick)
    ready.send(quick)
    quick.wire.get("/api/lists")
    assert len(outbox(quick, limit=1000)) == 200
    assert status_of(quick, ready.id) == "Sending"
    settle(quick, 0.5)
    assert len(outbox(quick, limit=1000)) == 400
    settle(quick, 0.5)
    assert sorted(one["to"] for one in outbox(quick, limit=1000)) == sorted([*people, "kim@example.org"])
    assert status_of(quick, ready.id) == "Sent"


def test_what_is_cancelled_half_way_stays_half_sent(quick: Served) -> None:
    ready = Ready(quick, *(f"reader{number}@example.org" for number in range(4)))
    options = {"throttling_percentage": 50, "throttle_unit": "hour"}
    starts = (NOON + timedelta(minutes=1)).isoformat()
    schedule(quick, ready.message, "throttled", send_time=starts, throttled_options=options)
    settle(quick, 60)
    assert len(outbox(quick)) == 2
    job = document("campaign-send-job", {"action": "revert"}, id=ready.id)
    assert quick.wire.send("PATCH", f"/api/campaign-send-jobs/{ready.id}", job).status_code == 409
    job = document("campaign-send-job", {"action": "cancel"}, id=ready.id)
    assert quick.wire.send("PATCH", f"/api/campaign-send-jobs/{ready.id}", job).status_code == 204
    settle(quick, 5 * HOUR)
    assert len(outbox(quick)) == 2
    assert status_of(quick, ready.id) == "Cancelled"


def test_a_message_that_was_taken_back_is_sent_at_its_new_time_only(quick: Served) -> None:
    ready = Ready(quick)
    schedule(quick, ready.message, "static", send_time=(NOON + timedelta(hours=1)).isoformat())
    revert = document("campaign-message-schedule", {"action": "revert"}, id=ready.message)
    quick.sdk().Campaigns.update_campaign_message_schedule(ready.message, revert)
    schedule(quick, ready.message, "static", send_time=(NOON + timedelta(hours=3)).isoformat())
    settle(quick, 2 * HOUR)
    assert outbox(quick) == []
    settle(quick, 2 * HOUR)
    assert len(outbox(quick)) == 1


def test_a_message_that_was_taken_back_has_forgotten_its_time(quick: Served) -> None:
    ready = Ready(quick)
    before = quick.sdk().Campaigns.get_campaign_message(ready.message).data.attributes.definition.send_options
    schedule(quick, ready.message, "throttled", send_time=LATER, throttled_options=HALF)
    planned = quick.sdk().Campaigns.get_campaign_message(ready.message).data.attributes.definition.send_options
    assert (planned.send_strategy, planned.send_time, planned.recipient_percentage) == ("throttled", SOON, 50)
    revert = document("campaign-message-schedule", {"action": "revert"}, id=ready.message)
    quick.sdk().Campaigns.update_campaign_message_schedule(ready.message, revert)
    after = quick.sdk().Campaigns.get_campaign_message(ready.message).data.attributes.definition.send_options
    assert after == before
    ready.send(quick)
    settle(quick)
    assert len(outbox(quick)) == 1


def test_a_copy_of_a_scheduled_campaign_is_sent_when_it_is_told_to(quick: Served) -> None:
    ready = Ready(quick)
    schedule(quick, ready.message, "static", send_time=LATER)
    copied = post(quick, "/api/campaign-clone", document("campaign", {"new_name": "Copy"}, id=ready.id), 201)
    post(quick, "/api/campaign-send-jobs", document("campaign-send-job", id=copied["id"]))
    settle(quick)
    assert (status_of(quick, ready.id), status_of(quick, copied["id"])) == ("Scheduled", "Sent")


def test_the_sender_is_a_template_too(quick: Served) -> None:
    ready = Ready(quick, "lee@example.org")
    details = email_details(
        template_id=ready.template, from_email="{{ organization.email }}", from_label="For {{ email }}"
    )
    body = document("campaign-variation", {"definition": {"details": details}}, id=ready.variation)
    quick.sdk().Campaigns.update_campaign_variation(ready.variation, body)
    ready.send(quick)
    settle(quick)
    (mail,) = outbox(quick)
    assert mail["from"] == "For lee@example.org <sender@emulated.test>"


def test_sms_and_push_are_events_of_who_agreed(quick: Served) -> None:
    profiles = quick.sdk().Profiles
    list_id = audience_of(quick, "kim@example.org", "lee@example.org", phone_number=None)
    consent = {"marketing": {"consent": "SUBSCRIBED"}}
    profiles.bulk_subscribe_profiles(
        document(
            "profile-subscription-bulk-create-job",
            {
                "profiles": {
                    "data": [
                        {
                            "type": "profile",
                            "attributes": {
                                "email": "lee@example.org",
                                "phone_number": "+15005550006",
                                "subscriptions": {"sms": consent},
                            },
                        }
                    ]
                }
            },
            relation("list", list_id),
        )
    )
    settle(quick)
    details = {"channel": "sms", "body": "Hi {{ email }}"}
    campaign = quick.sdk().Campaigns.create_campaign(campaign_body([list_id], variation(details))).data.id
    quick.sdk().Campaigns.send_campaign(document("campaign-send-job", id=campaign))
    settle(quick)
    (event,) = [properties for metric, properties in events_of(quick) if metric == "Received SMS"]
    assert (event["Message Body"], event["$campaign_channel"]) == ("Hi lee@example.org", "sms")
    assert outbox(quick) == []


def test_a_message_can_ignore_who_unsubscribed(quick: Served) -> None:
    ready = Ready(quick)
    options = {"definition": {"send_options": {"is_ignoring_unsubscribes": True}}}
    quick.sdk().Campaigns.update_campaign_message(
        ready.message, document("campaign-message", options, id=ready.message)
    )
    suppressed = {"profiles": {"data": [{"type": "profile", "attributes": {"email": "kim@example.org"}}]}}
    post(
        quick,
        "/api/profile-suppression-bulk-create-jobs",
        document("profile-suppression-bulk-create-job", suppressed),
    )
    settle(quick)
    ready.send(quick)
    settle(quick)
    assert len(outbox(quick)) == 1


def test_whoever_becomes_one_gets_one_mail(quick: Served) -> None:
    ready = Ready(quick, "kim@example.org", "lee@example.org")
    kim, lee = (one.id for one in quick.sdk().Profiles.get_profiles(sort="email").data)
    options = {"throttling_percentage": 50, "throttle_unit": "hour"}
    starts = (NOON + timedelta(minutes=1)).isoformat()
    schedule(quick, ready.message, "throttled", send_time=starts, throttled_options=options)
    settle(quick, 60)
    assert len(outbox(quick)) == 1
    merge = document("profile-merge", relationships={"profiles": identifiers("profile", lee)}, id=kim)
    assert quick.wire.post("/api/profile-merge", merge).status_code == 201
    settle(quick, 2 * HOUR)
    assert len(outbox(quick)) == 1
    assert status_of(quick, ready.id) == "Sent"


def test_a_template_that_was_deleted_is_sent_to_nobody(quick: Served) -> None:
    ready = Ready(quick)
    schedule(quick, ready.message, "static", send_time=(NOON + timedelta(hours=1)).isoformat())
    quick.sdk().Templates.delete_template(ready.template)
    settle(quick, 2 * HOUR)
    assert outbox(quick) == []
    assert status_of(quick, ready.id) == "Cancelled: Misconfigured"


def test_a_profile_that_is_forgotten_gets_nothing(quick: Served) -> None:
    ready = Ready(quick, "kim@example.org", "lee@example.org")
    options = {"throttling_percentage": 50, "throttle_unit": "hour"}
    starts = (NOON + timedelta(minutes=1)).isoformat()
    schedule(quick, ready.message, "throttled", send_time=starts, throttled_options=options)
    settle(quick, 60)
    forget = {"profile": {"data": {"type": "profile", "attributes": {"email": "lee@example.org"}}}}
    job = document("data-privacy-deletion-job", forget)
    assert quick.wire.post("/api/data-privacy-deletion-jobs", job).status_code == 202
    settle(quick, 2 * HOUR)
    assert [mail["to"] for mail in outbox(quick)] == ["kim@example.org"]
    assert status_of(quick, ready.id) == "Sent"


STEPS = ("send", "schedule", "revert", "cancel", "wait", "wait long", "delete", "empty", "rename")


@settings(REPEATABLE, max_examples=25)
@given(steps=st.lists(st.sampled_from(STEPS), min_size=3, max_size=14))
def test_whatever_is_done_to_a_campaign_nobody_gets_it_twice(steps: list[str]) -> None:
    with served(limits=False) as running:
        ready = Ready(running, "kim@example.org", "lee@example.org", "ada@example.org")
        path, job = f"/api/campaigns/{ready.id}", f"/api/campaign-send-jobs/{ready.id}"
        options = {"throttling_percentage": 34, "throttle_unit": "minute"}
        for step in steps:
            starts = (running.clock.moment + timedelta(minutes=1)).isoformat()
            plan = {"strategy": "throttled", "send_time": starts, "throttled_options": options}
            sent = relation("campaign-message", ready.message)
            method, at, body = {
                "send": ("POST", "/api/campaign-send-jobs", document("campaign-send-job", id=ready.id)),
                "schedule": (
                    "POST",
                    "/api/campaign-message-schedule",
                    document("campaign-message-schedule", plan, sent),
                ),
                "revert": ("PATCH", job, document("campaign-send-job", {"action": "revert"}, id=ready.id)),
                "cancel": ("PATCH", job, document("campaign-send-job", {"action": "cancel"}, id=ready.id)),
                "delete": ("DELETE", path, None),
                "empty": (
                    "PATCH",
                    f"/api/campaign-audiences/{ready.audience}",
                    document("campaign-audience", {"definition": {"included": []}}, id=ready.audience),
                ),
                "rename": ("PATCH", path, document("campaign", {"definition": {"name": "New"}}, id=ready.id)),
            }.get(step, ("GET", path, None))
            running.clock.advance({"wait": 61, "wait long": HOUR}.get(step, 0))
            answer = running.wire.send(method, at, body, headers={"revision": "2026-10-15"})
            assert answer.status_code in {200, 201, 202, 204, 400, 404, 409}, answer.text
        settle(running, 100 * HOUR)
        recipients = Counter(mail["to"] for mail in outbox(running))
        assert set(recipients.values()) <= {1}
        answer = running.wire.get(path)
        if answer.status_code == 200:
            status = answer.json()["data"]["attributes"]["status"]
            assert status in {"Draft", "Sent", "Cancelled"}
            assert (status == "Draft") <= (not recipients)
            assert (status == "Sent") <= (len(recipients) == 3)
