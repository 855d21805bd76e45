"""Every operation of segments, driven by the official SDK: what it accepts, what it refuses, and who is in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flow_bodies
import pytest
from emulator_wire import event_body, served
from flow_bodies import email, new_flow, new_metric, new_template, outbox
from openapi_client.exceptions import ApiException
from segment_world import dated, number, one, predicted, text

if TYPE_CHECKING:
    from emulator_wire import Served

METRIC = "Story Generated"
DAY = 86_400


def quiet(metric_id: str, days: int = 14) -> dict[str, Any]:
    """No event of a metric in so many days."""
    condition = {
        "type": "profile-metric",
        "metric_id": metric_id,
        "measurement": "count",
        "measurement_filter": {"type": "numeric", "operator": "equals", "value": 0},
        "timeframe_filter": {"type": "date", "operator": "in-the-last", "unit": "day", "quantity": days},
    }
    return {"condition_groups": [{"conditions": [condition]}]}


def with_property(name: str, value: str) -> dict[str, Any]:
    condition = {
        "type": "profile-property",
        "property": f"properties['{name}']",
        "filter": {"type": "string", "operator": "equals", "value": value},
    }
    return {"condition_groups": [{"conditions": [condition]}]}


def in_segment(*segment_ids: str, is_member: bool = True) -> dict[str, Any]:
    condition = {"type": "profile-group-membership", "is_member": is_member, "group_ids": list(segment_ids)}
    return {"condition_groups": [{"conditions": [condition]}]}


def segment_body(segment_id: str | None = None, **attributes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "segment", "attributes": attributes}
    if segment_id is not None:
        data["id"] = segment_id
    return {"data": data}


def refused(status: int, call: Any, *arguments: Any, **options: Any) -> ApiException:
    with pytest.raises(ApiException) as caught:
        call(*arguments, **options)
    assert caught.value.status == status
    return caught.value


def track(free: Served, email: str) -> None:
    assert free.wire.post("/api/events", event_body(email=email, metric=METRIC)).status_code == 202


def metric_id(free: Served) -> str:
    return free.wire.get("/api/metrics").json()["data"][0]["id"]


def new_person(free: Served, email: str, **properties: str) -> str:
    body = {"data": {"type": "profile", "attributes": {"email": email, "properties": properties}}}
    return free.wire.post("/api/profiles", body).json()["data"]["id"]


def new_segment(free: Served, definition: dict[str, Any]) -> str:
    return free.sdk().Segments.create_segment(segment_body(name="Some", definition=definition)).data.id


def emails(free: Served, segment: str) -> list[str]:
    return [one.attributes.email for one in free.sdk().Segments.get_profiles_for_segment(segment).data]


def test_a_profile_enters_when_nothing_was_heard_of_it_and_leaves_when_it_is_back(free: Served) -> None:
    segments = free.sdk().Segments
    track(free, "emily@example.org")
    track(free, "sarah@example.org")
    made = segments.create_segment(segment_body(name="Quiet", definition=quiet(metric_id(free)))).data
    assert made.attributes.is_processing
    free.clock.advance(1)
    assert not segments.get_segment(made.id).data.attributes.is_processing
    assert emails(free, made.id) == []
    free.clock.advance(10 * DAY)
    track(free, "sarah@example.org")
    free.clock.advance(6 * DAY)
    assert emails(free, made.id) == ["emily@example.org"]
    (member,) = segments.get_profile_ids_for_segment(made.id).data
    assert [one.id for one in free.sdk().Profiles.get_segments_for_profile(member.id).data] == [made.id]
    assert segments.get_segment(made.id, additional_fields_segment=["profile_count"]).data.attributes.profile_count == 1
    track(free, "emily@example.org")
    assert emails(free, made.id) == []
    assert free.sdk().Profiles.get_segment_ids_for_profile(member.id).data == []


def test_a_segment_is_renamed_redefined_and_deactivated(free: Served) -> None:
    segments = free.sdk().Segments
    for plan, address in (("free", "emily@example.org"), ("family", "john@example.org")):
        body = {"data": {"type": "profile", "attributes": {"email": address, "properties": {"plan": plan}}}}
        free.wire.post("/api/profiles", body)
    made = segments.create_segment(segment_body(name="Free", definition=with_property("plan", "free"))).data.id
    free.clock.advance(1)
    assert emails(free, made) == ["emily@example.org"]
    changed = segment_body(made, name="Families", definition=with_property("plan", "family"), is_starred=True)
    assert segments.update_segment(made, changed).data.attributes.is_starred
    assert emails(free, made) == ["emily@example.org"], "until the new definition is processed"
    free.clock.advance(1)
    assert emails(free, made) == ["john@example.org"]
    assert not segments.update_segment(made, segment_body(made, is_active=False)).data.attributes.is_active
    late = {"data": {"type": "profile", "attributes": {"email": "late@example.org", "properties": {"plan": "family"}}}}
    free.wire.post("/api/profiles", late)
    assert emails(free, made) == ["john@example.org"], "an inactive segment stays as it is"
    assert [one.id for one in segments.get_segments(filter="equals(is_active,false)").data] == [made]


def test_a_segment_of_segments_sees_who_is_in_them_now(free: Served) -> None:
    people = {name: new_person(free, f"{name}@example.org", plan="free") for name in ("emily", "john")}
    plan = new_segment(free, with_property("plan", "free"))
    inside, outside = new_segment(free, in_segment(plan)), new_segment(free, in_segment(plan, is_member=False))
    around = new_segment(free, in_segment(inside))
    free.clock.advance(1)
    assert emails(free, around) == ["emily@example.org", "john@example.org"], "though nobody looked at the inner ones"
    assert emails(free, outside) == []
    change = {"data": {"type": "profile", "id": people["john"], "attributes": {"properties": {"plan": "family"}}}}
    assert free.wire.send("PATCH", f"/api/profiles/{people['john']}", change).status_code == 200
    assert (emails(free, around), emails(free, outside)) == (["emily@example.org"], ["john@example.org"])
    redefined = segment_body(plan, definition=with_property("plan", "family"))
    assert free.wire.send("PATCH", f"/api/segments/{plan}", redefined).status_code == 200
    free.clock.advance(1)
    assert (emails(free, around), emails(free, outside)) == (["john@example.org"], ["emily@example.org"])


def test_the_segments_of_a_profile_cost_no_look_at_everybody(free: Served) -> None:
    emily = new_person(free, "emily@example.org", plan="free")
    new_person(free, "john@example.org", plan="free")
    plan = new_segment(free, with_property("plan", "free"))
    around = new_segment(free, in_segment(plan))
    free.clock.advance(1)
    asked = free.clock().strftime("%Y-%m-%dT%H:%M:%S+00:00")
    segments = free.wire.get(f"/api/profiles/{emily}/relationships/segments").json()["data"]
    assert {one["id"] for one in segments} == {plan, around}
    free.clock.advance(60)
    members = free.wire.get(f"/api/segments/{around}/profiles").json()["data"]
    joined = {one["attributes"]["email"]: one["attributes"]["joined_group_at"] for one in members}
    assert joined["emily@example.org"] == asked < joined["john@example.org"]


def test_segments_may_name_each_other(free: Served) -> None:
    new_person(free, "emily@example.org")
    first = new_segment(free, with_property("plan", "free"))
    second = new_segment(free, in_segment(first))
    assert free.wire.send(
        "PATCH", f"/api/segments/{first}", segment_body(first, definition=in_segment(second))
    ).is_success
    free.clock.advance(1)
    assert (emails(free, first), emails(free, second)) == ([], [])


def test_who_is_in_a_new_segment_is_known_as_soon_as_it_is_processed(free: Served) -> None:
    new_person(free, "emily@example.org", plan="free")
    segment = new_segment(free, with_property("plan", "free"))
    free.clock.advance(0.1)
    assert emails(free, segment) == [], "still processed"
    free.clock.advance(0.5)
    assert emails(free, segment) == ["emily@example.org"], "within the same second"


def test_who_is_in_a_segment_of_segments_when_its_flow_goes_live_is_no_news(free: Served) -> None:
    new_person(free, "emily@example.org", plan="free")
    outer = new_segment(free, in_segment(new_segment(free, with_property("plan", "free"))))
    free.clock.advance(1)
    new_flow(free, email("mail", new_template(free)), trigger={"type": "segment", "id": outer})
    new_person(free, "john@example.org", plan="free")
    free.clock.advance(3600)
    assert [mail["to"] for mail in outbox(free)] == ["john@example.org"]


def test_the_filter_of_a_flow_sees_who_is_in_a_segment_now(free: Served) -> None:
    metric = new_metric(free)
    new_person(free, "emily@example.org", plan="free")
    new_person(free, "john@example.org", plan="family")
    families = new_segment(free, with_property("plan", "family"))
    free.clock.advance(1)
    without = in_segment(families, is_member=False)
    new_flow(free, email("mail", new_template(free)), trigger={"type": "metric", "id": metric}, profile_filter=without)
    flow_bodies.track(free, "emily@example.org")
    flow_bodies.track(free, "john@example.org")
    free.clock.advance(60)
    assert [mail["to"] for mail in outbox(free)] == ["emily@example.org"]


@pytest.mark.parametrize(
    ("predicted", "condition"),
    [
        ({"predicted_clv": 12}, predicted("predicted_clv", number("greater-than", 10))),
        ({"predicted_gender": "likely_female"}, predicted("predicted_gender", text("equals", "likely_female"))),
        (
            {"channel_affinity": {"sms": "low"}},
            predicted("channel_affinity", text("equals", "low"), measurement="rank", predicted_channel="sms"),
        ),
        (
            {"ranked_channel_affinity": ["sms", "email"]},
            predicted("channel_affinity", number("equals", 2), measurement="priority", predicted_channel="email"),
        ),
        (
            {"expected_date_of_next_order": "2026-11-25"},
            predicted("expected_date_of_next_purchase", dated("in-the-next", unit="week", quantity=1)),
        ),
    ],
)
def test_segments_ask_for_what_the_control_api_predicts(free: Served, predicted: Any, condition: Any) -> None:
    new_person(free, "emily@example.org")
    new_person(free, "john@example.org")
    segment = new_segment(free, one(condition))
    body = {"emily@example.org": predicted}
    assert free.wire.client.put("/__emulator__/predictions", json=body).status_code == 200
    free.clock.advance(1)
    assert emails(free, segment) == ["emily@example.org"]


def test_a_segment_is_tagged_listed_and_deleted(free: Served) -> None:
    segments, tags = free.sdk().Segments, free.sdk().Tags
    first, second = (
        segments.create_segment(segment_body(name=name, definition=with_property("plan", name))).data.id
        for name in ("b", "a")
    )
    tag = tags.create_tag({"data": {"type": "tag", "attributes": {"name": "Sleep"}}}).data.id
    tags.tag_segments(tag, {"data": [{"type": "segment", "id": first}]})
    assert [one.id for one in segments.get_tags_for_segment(first).data] == [tag]
    assert [one.id for one in segments.get_tag_ids_for_segment(first).data] == [tag]
    assert [one.id for one in segments.get_segments(sort="name").data] == [second, first]
    assert [one["id"] for one in segments.get_segments(include=["tags"]).included] == [tag]
    assert segments.get_flows_triggered_by_segment(first).data == []
    assert segments.get_ids_for_flows_triggered_by_segment(first).data == []
    assert segments.delete_segment(first) is None
    assert tags.get_segment_ids_for_tag(tag).data == []
    assert [one.id for one in segments.get_segments().data] == [second]


def test_live_segments_take_minutes_and_say_that_they_are_done() -> None:
    with served(limits=False, behaviour="live") as running:
        segments = running.sdk().Segments
        body = {"data": {"type": "profile", "attributes": {"email": "kim@example.org", "properties": {"plan": "free"}}}}
        running.wire.post("/api/profiles", body)
        made = segments.create_segment(segment_body(name="Free", definition=with_property("plan", "free"))).data
        assert not made.attributes.is_processing
        running.clock.advance(8 * 60)
        assert emails(running, made.id) == []
        running.clock.advance(61)
        assert emails(running, made.id) == ["kim@example.org"]
        assert [one.id for one in segments.get_segments(filter="equals(is_starred,true)").data] == [made.id]


def test_what_cannot_be(free: Served) -> None:
    segments = free.sdk().Segments
    good = with_property("plan", "free")
    made = segments.create_segment(segment_body(name="Free", definition=good)).data.id
    distance = {
        "type": "profile-postal-code-distance",
        "country_code": "US",
        "postal_code": "02110",
        "unit": "miles",
        "filter": {"type": "numeric", "operator": "less-than", "value": 5},
    }
    unevaluated = {"condition_groups": [{"conditions": [distance]}]}
    error = refused(400, segments.create_segment, segment_body(name="Near", definition=unevaluated))
    assert "profile-postal-code-distance" in str(error.body)
    error = refused(400, segments.create_segment, segment_body(name="Quiet", definition=quiet("NOPE01")))
    assert "/data/attributes/definition/condition_groups/0/conditions/0/metric_id" in str(error.body)
    refused(400, segments.create_segment, segment_body(name=" ", definition=good))
    refused(400, segments.update_segment, made, segment_body(made, is_active=False, name="Other"))
    refused(400, segments.update_segment, made, segment_body("other", name="Other"))
    refused(404, segments.update_segment, "NOPE01", segment_body("NOPE01", name="Other"))
    refused(400, segments.get_segments, sort="color")
    for name in (
        "get_segment",
        "delete_segment",
        "get_profiles_for_segment",
        "get_profile_ids_for_segment",
        "get_tags_for_segment",
        "get_tag_ids_for_segment",
        "get_flows_triggered_by_segment",
        "get_ids_for_flows_triggered_by_segment",
    ):
        refused(404, getattr(segments, name), "NOPE01")
