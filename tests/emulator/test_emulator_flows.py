"""Flows that act: who enters, what they do on the way, and when."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from flow_bodies import (
    METRIC,
    delay,
    email,
    event_filter,
    linked,
    new_flow,
    new_metric,
    new_template,
    outbox,
    property_filter,
    set_status,
    split,
    track,
    webhook,
)
from people_bodies import (
    consent,
    document,
    entry,
    events_of,
    identifiers,
    new_list,
    new_profile,
    settle,
    subscription_job,
)
from webhook_receiver import receiving
from webhook_receiver import settle as settle_posts

from klaviyo_emulator.state.flow_runs import Run, list_runs

if TYPE_CHECKING:
    from emulator_wire import Served

DAY = 86_400
LONG = "fourteen days"


def runs(running: Served) -> list[Run]:
    return running.emulator.context.database.read(list_runs).result()


def words(running: Served) -> list[str]:
    """What happened, of all runs, in order."""
    return [passage.words for run in runs(running) for passage in run.log]


def addresses(running: Served) -> list[str]:
    return [one["to"] for one in outbox(running)]


def metric_flow(running: Served, *actions: Any, **more: Any) -> Any:
    """A live flow that the metric triggers."""
    return new_flow(running, *actions, trigger={"type": "metric", "id": new_metric(running)}, **more)


def test_an_event_becomes_mail_that_says_what_the_event_says(free: Served) -> None:
    template = new_template(free, "<p>{{ person.first_name }}: {{ event.Story }}, {{ event|lookup:'Last Page' }}</p>")
    flow = metric_flow(free, email("mail", template))
    new_profile(free, "kim@example.org", first_name="Kim")
    track(free, properties={"Story": "The <Moon>", "Last Page": 3})
    settle(free)
    (mail,) = outbox(free)
    assert mail["html"] == "<p>Kim: The &lt;Moon&gt;, 3</p>"
    assert mail["subject"] == "A story for Kim"
    assert mail["from"] == "Dream Flow <night@example.org>"
    assert mail["to"] == "kim@example.org"
    (received,) = [properties for metric, properties in events_of(free) if metric == "Received Email"]
    message = flow["attributes"]["definition"]["actions"][0]["data"]["message"]["id"]
    assert (received["$flow"], received["$message"], received["Message Name"]) == (flow["id"], message, "Come back")
    assert received["$flow_channel"] == "email"


def test_an_event_becomes_a_webhook(free: Served) -> None:
    with receiving() as receiver:
        metric_flow(
            free,
            webhook(
                "tell",
                f"{receiver.url}/hook/{{{{ event.Story }}}}",
                headers={"X-Secret": "s", "X-Who": "{{ email }}"},
                body='{"story": "{{ event.Story }}", "who": "{{ person.email }}"}',
            ),
        )
        track(free, properties={"Story": "moon"})
        settle_posts(free)
        (delivery,) = receiver.deliveries
    assert delivery.path == "/hook/moon"
    assert json.loads(delivery.body) == {"story": "moon", "who": "kim@example.org"}
    assert (delivery.headers["X-Secret"], delivery.headers["X-Who"]) == ("s", "kim@example.org")
    assert delivery.headers["Content-Type"] == "application/json"
    assert "Klaviyo-Signature" not in delivery.headers


def test_who_falls_silent_gets_mail_when_the_clock_says_so(free: Served) -> None:
    story = new_metric(free, "Story Generated")
    condition = {
        "type": "profile-metric",
        "metric_id": story,
        "measurement": "count",
        "measurement_filter": {"type": "numeric", "operator": "equals", "value": 0},
        "timeframe_filter": {"type": "date", "operator": "in-the-last", "unit": "hour", "quantity": 14 * 24},
    }
    definition = {"condition_groups": [{"conditions": [condition]}]}
    new_profile(free, "never@example.org")
    segment = free.wire.post("/api/segments", document("segment", {"name": LONG, "definition": definition}))
    segment_id = segment.json()["data"]["id"]
    settle(free)
    track(free, "kim@example.org", "Story Generated")
    settle(free)
    flow = new_flow(free, email("mail", new_template(free)), trigger={"type": "segment", "id": segment_id})
    free.clock.advance(10 * DAY)
    track(free, "lou@example.org", "Story Generated")
    settle(free, 4 * DAY - 3600)
    assert outbox(free) == []
    settle(free, 3600 + 1200)
    assert sorted(addresses(free)) == ["first@example.org", "kim@example.org"]
    assert [metric for metric, properties in events_of(free) if properties.get("$flow") == flow["id"]] == [
        "Received Email",
        "Received Email",
    ]
    settle(free, 30 * DAY)
    assert sorted(addresses(free)) == ["first@example.org", "kim@example.org", "lou@example.org"]
    late = outbox(free)[-1]
    assert late["to"] == "lou@example.org"
    assert late["sent"] < "2026-12-15"


def test_who_joins_a_list_enters_once(free: Served) -> None:
    list_id = new_list(free)
    new_flow(free, email("mail", new_template(free)), trigger={"type": "list", "id": list_id})
    profile = new_profile(free)
    for _ in range(2):
        added = free.wire.post(f"/api/lists/{list_id}/relationships/profiles", identifiers("profile", profile))
        assert added.status_code == 204
        settle(free)
        free.wire.send("DELETE", f"/api/lists/{list_id}/relationships/profiles", identifiers("profile", profile))
    assert addresses(free) == ["kim@example.org"]
    assert [properties["List"] for metric, properties in events_of(free) if metric == "Received Email"] == ["Parents"]


@pytest.mark.parametrize("status", ["draft", "manual"])
def test_what_is_not_live_sends_nothing(free: Served, status: str) -> None:
    flow = metric_flow(free, email("mail", new_template(free)))
    set_status(free, flow["id"], status)
    track(free)
    settle(free)
    assert outbox(free) == []
    assert words(free) == ([] if status == "draft" else ["skipped: send-email is manual"])


def test_history_triggers_nothing(free: Served) -> None:
    metric_flow(free, email("mail", new_template(free)))
    track(free, backfill=True)
    settle(free)
    assert outbox(free) == []


def test_only_matching_events_and_profiles_enter(free: Served) -> None:
    metric_id = new_metric(free)
    new_flow(
        free,
        email("mail", new_template(free)),
        trigger={"type": "metric", "id": metric_id, "trigger_filter": event_filter(metric_id, "Kind", "story")},
        profile_filter=property_filter("Plan", "family"),
    )
    for address, plan, kind in (
        ("a@x.org", "family", "song"),
        ("b@x.org", "solo", "story"),
        ("c@x.org", "family", "story"),
    ):
        new_profile(free, address, properties={"Plan": plan})
        track(free, address, properties={"Kind": kind})
    settle(free)
    assert addresses(free) == ["c@x.org"]


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (None, 3),
        ({"duration": 0, "unit": "alltime"}, 1),
        ({"duration": 2, "unit": "day"}, 2),
        ({"duration": 1, "unit": "hour"}, 3),
    ],
)
def test_who_was_here_may_come_again_as_the_criteria_say(free: Served, criteria: Any, expected: int) -> None:
    metric_flow(free, email("mail", new_template(free)), reentry_criteria=criteria)
    for _ in range(3):
        track(free)
        settle(free, DAY)
    assert len(outbox(free)) == expected


def test_delays_wait_for_a_time_of_day_in_the_profiles_zone(free: Served) -> None:
    template = new_template(free)
    metric_flow(
        free,
        delay("wait", "mail", value=1, delay_until_time="18:00:00", delay_until_weekdays=["monday"]),
        email("mail", template),
    )
    new_profile(free, location={"timezone": "America/New_York"})
    track(free)  # Friday noon in UTC
    settle(free, 3 * DAY)
    assert outbox(free) == []
    settle(free, DAY)
    (mail,) = outbox(free)
    assert mail["sent"] == "2026-11-23T23:00:00+00:00"
    assert words(free)[0] == "waits until 2026-11-23T23:00:00+00:00"


def test_splits_and_updates(free: Served) -> None:
    list_id = new_list(free)
    metric_id = new_metric(free)
    update = {
        "profile_operations": [
            {"operator": "create", "property_type": "string", "property_key": "Tier", "property_value": "gold"},
            {"operator": "update", "property_type": "list", "property_key": "Seen", "property_value": "moon"},
            {"operator": "delete", "property_key": "Plan"},
        ]
    }
    new_flow(
        free,
        split("is family", "event", "other", profile_filter=property_filter("Plan", "family")),
        split(
            "event",
            "update",
            None,
            kind="trigger-split",
            trigger_filter=event_filter(metric_id, "Kind", "story"),
            trigger_id=metric_id,
            trigger_type="metric",
        ),
        linked("update-profile", "update", "join", update),
        linked("list-update", "join", None, {"name": "Join", "on_execution": True, "list_id": list_id}),
        linked("send-sms", "other", None, {"message": {"body": "hi"}, "status": "draft"}),
        trigger={"type": "metric", "id": metric_id},
    )
    kim = new_profile(free, properties={"Plan": "family"})
    track(free, properties={"Kind": "story"})
    settle(free)
    assert words(free) == ["yes", "yes", "updated: 3 properties", "added to the list"]
    read = free.wire.get(f"/api/profiles/{kim}").json()["data"]["attributes"]["properties"]
    assert read == {"Tier": "gold", "Seen": ["moon"]}
    members = free.wire.get(f"/api/lists/{list_id}/profiles").json()["data"]
    assert [one["id"] for one in members] == [kim]
    track(free, "lou@example.org")
    settle(free)
    assert words(free)[4:] == ["no", "skipped: the emulator does not do send-sms"]
    assert [run.status for run in runs(free)] == ["finished", "finished"]


def test_an_attribute_of_a_profile_stays_a_text(free: Served) -> None:
    operations = [
        {"operator": "update", "property_type": kind, "property_key": key, "property_value": value}
        for kind, key, value in (("boolean", "last_name", True), ("numeric", "title", 1.5), ("numeric", "Nights", 2))
    ]
    metric_flow(free, linked("update-profile", "name", None, {"profile_operations": operations, "status": "draft"}))
    track(free)
    settle(free)
    profile = free.wire.get("/api/profiles", filter='equals(email,"kim@example.org")').json()["data"][0]["attributes"]
    assert (profile["last_name"], profile["title"], profile["properties"]) == ("true", "1.5", {"Nights": 2})


def test_branches_are_tried_in_order(free: Served) -> None:
    branches = [
        {"branch_id": "else", "is_else": True, "links": {"next": "c"}},
        {"branch_id": "two", "order": 2, "branch_filter": property_filter("Plan", "family"), "links": {"next": "b"}},
        {"branch_id": "one", "order": 1, "branch_filter": property_filter("Plan", "solo"), "links": {"next": "a"}},
    ]
    metric_flow(
        free,
        {"temporary_id": "branch", "type": "multi-branch-split", "data": {"name": "Plan", "branches": branches}},
        *(linked("code", name) for name in ("c", "b", "a")),
    )
    for plan in ("family", "solo", "none"):
        new_profile(free, f"{plan}@example.org", properties={"Plan": plan})
        track(free, f"{plan}@example.org")
    settle(free)
    assert [run.log[0].words for run in runs(free)] == ["branch: two", "branch: one", "branch: else"]


def test_who_may_not_get_mail_gets_none(free: Served) -> None:
    template = new_template(free)
    metric_flow(
        free,
        email("one", template, "two"),
        email("two", template, "three", transactional=True),
        email("three", template, "four", additional_filters=property_filter("Plan", "family"), transactional=True),
        email("four", template, None, smart_sending_enabled=True, transactional=True),
    )
    free.wire.post(
        "/api/profile-suppression-bulk-create-jobs",
        document(
            "profile-suppression-bulk-create-job",
            {"profiles": {"data": [{"type": "profile", "attributes": {"email": "kim@example.org"}}]}},
        ),
    )
    settle(free)
    track(free)
    settle(free)
    assert len(outbox(free)) == 1
    found = words(free)
    assert found[0] == "skipped: the profile may not get e-mail"
    assert found[1].startswith("sent: mail ")
    assert found[2] == "skipped: the profile does not pass the message's filters"
    assert found[3].startswith("skipped: smart sending")


def test_transactional_mail_goes_to_who_unsubscribed_and_not_to_a_dead_address(free: Served) -> None:
    metric_flow(free, email("mail", new_template(free), transactional=True))
    for address, action in (("kim@example.org", "unsubscribe"), ("lee@example.org", "bounce")):
        track(free, address)
        settle(free)
        mail = outbox(free)[-1]["id"]
        assert free.wire.client.post(f"/__emulator__/outbox/{mail}/{action}", json={}).status_code == 200
    for address in ("kim@example.org", "lee@example.org"):
        track(free, address, unique_id="again")
    settle(free)
    assert addresses(free) == ["kim@example.org", "lee@example.org", "kim@example.org"]
    assert words(free)[-1] == "skipped: the profile may not get e-mail"


def test_who_is_not_in_the_list_any_more_leaves(free: Served) -> None:
    parents, template = new_list(free), new_template(free)
    new_flow(free, delay("wait", "mail"), email("mail", template), trigger={"type": "list", "id": parents})
    members = f"/api/lists/{parents}/relationships/profiles"
    people = {name: new_profile(free, f"{name}@example.org") for name in ("kim", "lee", "max", "ned")}
    free.wire.post(members, identifiers("profile", *people.values()))
    settle(free)
    unsubscribed = [entry({"email": consent("UNSUBSCRIBED")}, email=f"{name}@example.org") for name in ("kim", "lee")]
    job = subscription_job(*unsubscribed, list_id=parents, action="delete")
    assert free.wire.post("/api/profile-subscription-bulk-delete-jobs", job).status_code == 202
    settle(free)
    # Who is put back did not subscribe by that.
    free.wire.post(members, identifiers("profile", people["lee"]))
    free.wire.send("DELETE", members, identifiers("profile", people["max"]))
    settle(free, DAY)
    assert addresses(free) == ["ned@example.org"]
    left = "left: the profile is not in the list any more"
    assert sorted(run.log[-1].words for run in runs(free) if run.status == "left") == [left] * 3


def test_a_changed_definition_sets_nothing_going(free: Served) -> None:
    body = document("segment", {"name": "Families", "definition": property_filter("Plan", "family")})
    segment = free.wire.post("/api/segments", body).json()["data"]["id"]
    settle(free)
    new_flow(free, email("mail", new_template(free)), trigger={"type": "segment", "id": segment})
    new_profile(free, "lee@example.org", properties={"Plan": "solo"})
    settle(free, 1200)
    body = document("segment", {"definition": property_filter("Plan", "solo")}, id=segment)
    assert free.wire.send("PATCH", f"/api/segments/{segment}", body).status_code == 200
    settle(free, 1200)
    assert len(free.wire.get(f"/api/segments/{segment}/profiles").json()["data"]) == 1
    assert outbox(free) == []
    new_profile(free, properties={"Plan": "solo"})
    settle(free, 1200)
    assert addresses(free) == ["kim@example.org"]


def test_who_is_not_in_the_segment_any_more_leaves(free: Served) -> None:
    definition = property_filter("Plan", "family")
    created = free.wire.post("/api/segments", document("segment", {"name": "Families", "definition": definition}))
    segment = created.json()["data"]["id"]
    settle(free)
    mails = (email("first", new_template(free), "wait"), delay("wait", "second"), email("second", new_template(free)))
    new_flow(free, *mails, trigger={"type": "segment", "id": segment})
    kim = new_profile(free, properties={"Plan": "family"})
    new_profile(free, "lee@example.org", properties={"Plan": "family"})
    settle(free, 1200)
    assert addresses(free) == ["kim@example.org", "lee@example.org"]
    body = document("profile", {"properties": {"Plan": "solo"}}, id=kim)
    assert free.wire.send("PATCH", f"/api/profiles/{kim}", body).status_code == 200
    settle(free, DAY)
    assert addresses(free)[2:] == ["lee@example.org"]
    assert [run.log[-1].words for run in runs(free) if run.status == "left"] == [
        "left: the profile is not in the segment any more"
    ]


def test_what_asks_for_the_output_of_code_says_no(free: Served) -> None:
    condition = {
        "type": "action-output",
        "output_config_id": 1,
        "field": "x",
        "filter": {"type": "string", "operator": "equals", "value": "y"},
    }
    asked = {"condition_groups": [{"conditions": [condition]}]}
    metric_flow(
        free,
        split("asked", "yes", "no", "action-output-split", action_output_filter=asked),
        linked("code", "yes"),
        linked("internal-service", "no"),
    )
    track(free)
    settle(free)
    assert words(free) == ["no", "skipped: the emulator does not do internal-service"]


def test_a_broken_template_and_a_wrong_address_stop_nobody(free: Served) -> None:
    metric_flow(
        free,
        email("mail", new_template(free, "{% for a in 3 %}{% endfor %}"), "tell"),
        webhook("tell", "http://example.org/plain", "alert"),
        linked(
            "send-internal-alert",
            "alert",
            None,
            {
                "message": {
                    "from_email": None,
                    "from_label": None,
                    "to_emails": ["team@example.org"],
                    "subject_line": "{{ email }} is here",
                }
            },
        ),
    )
    track(free)
    settle(free)
    found = words(free)
    assert found[0].startswith("failed: the template cannot be rendered: ")
    assert found[1].startswith("failed: it must begin with https://")
    assert found[2] == "sent: an alert to 1"
    (alert,) = outbox(free)
    assert (alert["to"], alert["subject"]) == ("team@example.org", "kim@example.org is here")


def test_a_flow_does_not_set_itself_going(free: Served) -> None:
    template = new_template(free)
    metric_flow(free, email("mail", template))
    track(free)
    settle(free)
    received = next(
        metric["id"]
        for metric in free.wire.get("/api/metrics").json()["data"]
        if metric["attributes"]["name"] == "Received Email"
    )
    for name in ("one", "two"):
        new_flow(free, email(name, template), trigger={"type": "metric", "id": received})
    track(free, "lou@example.org")
    settle(free)
    # One of the first flow, and one each of those that were set going by it and by each other.
    assert addresses(free).count("lou@example.org") == 3


def test_a_run_survives_a_merge_and_ends_with_its_profile_its_flow_and_its_action(free: Served) -> None:
    flow = metric_flow(free, delay("wait", "mail"), email("mail", new_template(free)))
    source = new_profile(free, "old@example.org")
    destination = new_profile(free, "new@example.org")
    new_profile(free, "gone@example.org")
    for address in ("old@example.org", "gone@example.org"):
        track(free, address)
    settle(free)
    merge = {
        "data": {
            "type": "profile-merge",
            "id": destination,
            "relationships": {"profiles": {"data": [{"type": "profile", "id": source}]}},
        }
    }
    assert free.wire.post("/api/profile-merge", merge).status_code == 201
    erase = {"profile": {"data": {"type": "profile", "attributes": {"email": "gone@example.org"}}}}
    assert (
        free.wire.post("/api/data-privacy-deletion-jobs", document("data-privacy-deletion-job", erase)).status_code
        == 202
    )
    settle(free, 2 * DAY)
    assert addresses(free) == ["new@example.org"]
    track(free, "kim@example.org")
    settle(free)
    mail = flow["attributes"]["definition"]["actions"][1]["id"]
    assert free.wire.send("DELETE", f"/api/flow-actions/{mail}").status_code == 204
    settle(free, 2 * DAY)
    assert words(free)[-1] == "left: the action was deleted"
    track(free, "lou@example.org")
    settle(free)
    assert free.wire.send("DELETE", f"/api/flows/{flow['id']}").status_code == 204
    settle(free, 2 * DAY)
    assert runs(free) == []
    assert addresses(free) == ["new@example.org"]


def test_who_stops_passing_the_filter_leaves(free: Served) -> None:
    metric_flow(
        free,
        delay("wait", "mail"),
        email("mail", new_template(free)),
        profile_filter=property_filter("Plan", "family"),
    )
    kim = new_profile(free, properties={"Plan": "family"})
    track(free)
    settle(free)
    body = document("profile", {"properties": {"Plan": "solo"}}, id=kim)
    assert free.wire.send("PATCH", f"/api/profiles/{kim}", body).status_code == 200
    settle(free, 2 * DAY)
    assert outbox(free) == []
    assert words(free)[-1].startswith("left: ")
    assert METRIC


def condition(kind: str, **members: Any) -> Any:
    return {"condition_groups": [{"conditions": [{"type": kind, **members}]}]}


def within(days: int) -> Any:
    return {"type": "date", "operator": "in-the-last", "unit": "day", "quantity": days}


def test_filters_know_what_was_sent_and_who_was_here(free: Served) -> None:
    ever = {"type": "date", "operator": "alltime"}
    metric_flow(
        free,
        split(
            "sent ever", "x", "sent lately", profile_filter=condition("profile-not-sent-email", timeframe_filter=ever)
        ),
        split(
            "sent lately", "x", "here", profile_filter=condition("profile-not-sent-email", timeframe_filter=within(3))
        ),
        split("here", "x", "sms", profile_filter=condition("profile-not-sent-sms", timeframe_filter=ever)),
        email("x", new_template(free)),
        linked("code", "sms"),
        profile_filter=condition("profile-not-in-flow", timeframe_filter=within(2)),
    )
    track(free)
    settle(free)
    assert words(free)[0] == "yes"
    for days in (1, 1, 1):
        settle(free, days * DAY)
        track(free)
        settle(free)
    found = [[passage.words.partition(":")[0] for passage in run.log] for run in runs(free)]
    assert found == [["yes", "sent"], ["no", "no", "yes", "sent"]]


def test_a_sample_is_a_share_and_the_same_every_time(free: Served) -> None:
    metric_flow(
        free,
        split("half", "half again", None, profile_filter=condition("profile-sample", percentage=50)),
        split("half again", "all", None, profile_filter=condition("profile-sample", percentage=50)),
        split("all", None, None, profile_filter=condition("profile-sample", percentage=100)),
    )
    for number in range(40):
        track(free, f"{number}@example.org")
    settle(free)
    found = [tuple(passage.words for passage in run.log) for run in runs(free)]
    assert set(found) == {("no",), ("yes", "yes", "yes")}
    assert 8 < found.count(("no",)) < 32


def test_a_target_date_is_a_time_of_the_next_of_its_days(free: Served) -> None:
    target = {"target_time": "08:30:00", "target_days": ["sunday"], "timezone": "Europe/Berlin"}
    metric_flow(free, linked("target-date", "wait", "code", target), linked("code", "code"))
    track(free)
    settle(free, 3 * DAY)
    assert words(free) == ["waits until 2026-11-22T07:30:00+00:00", "skipped: the emulator does not do code"]


def test_many_who_join_at_once_all_enter(free: Served) -> None:
    list_id = new_list(free)
    new_flow(free, linked("code", "code"), trigger={"type": "list", "id": list_id})
    people = [new_profile(free, f"{number}@example.org") for number in range(230)]
    added = free.wire.post(f"/api/lists/{list_id}/relationships/profiles", identifiers("profile", *people))
    assert added.status_code == 204
    settle(free)
    read = free.emulator.context.database.read(lambda connection: list_runs(connection, limit=1000))
    assert [run.status for run in read.result()] == ["finished"] * 230


def test_what_has_nothing_to_send_is_passed_by(free: Served) -> None:
    metric_flow(
        free,
        linked("send-email", "mail", "alert"),
        linked("send-internal-alert", "alert", "tell"),
        linked("send-webhook", "tell", "branch"),
        {"temporary_id": "branch", "type": "multi-branch-split"},
    )
    track(free)
    settle(free)
    assert words(free) == [
        "skipped: the message has no template",
        "skipped: the action has no message",
        "skipped: the action has no message",
        "no branch",
    ]
