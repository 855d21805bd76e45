"""Every operation of segments, driven by the official SDK: what it accepts, what it refuses, and who is in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from emulator_wire import event_body, served
from openapi_client.exceptions import ApiException

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
    for plan, email in (("free", "emily@example.org"), ("family", "john@example.org")):
        body = {"data": {"type": "profile", "attributes": {"email": email, "properties": {"plan": plan}}}}
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
