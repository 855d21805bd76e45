"""Segments over a real socket."""

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from aioklaviyo import InvalidRequest, NewEvent, NotFound, OutcomeUnknown, ProfileAttributes, ProfileRef, filters
from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.segment import (
    ConditionGroup,
    GroupMembership,
    MarketingConsent,
    NoGroupMembership,
    ProfileMetric,
    ProfileProperty,
    ReceivesEmail,
    Region,
    RelativeDate,
    SegmentDefinition,
    StaticDate,
    StringFilter,
    custom_property,
)
from aioklaviyo.models.segment.segment import segment_from
from client.client_server import Connect, Reply, Reset, Serve
from client.emulated import account, body_of, resources

THERE = SegmentDefinition.all_of(Region(region="united_states"))
FAMILIES = ProfileProperty(property=custom_property("plan"), filter=StringFilter(value="family"))


async def test_every_operation_of_segments_does_what_it_says() -> None:
    async with account() as here:
        segments, profiles = here.klaviyo.segments, here.klaviyo.profiles
        ann = (await profiles.upsert(ProfileAttributes(email="ann@example.org", properties={"plan": "family"}))).profile
        await profiles.upsert(ProfileAttributes(email="ben@example.org", properties={"plan": "free"}))
        definition = SegmentDefinition.all_of(FAMILIES)
        made = await segments.create("Families", definition, is_starred=True)
        assert (made.name, made.definition, made.is_starred, made.is_active) == ("Families", definition, True, True)
        here.emulator.advance(seconds=1)
        read = await segments.get(made.id, additional_fields=("profile_count",), include=("tags", "flow-triggers"))
        assert (read.profile_count, read.tags, read.flow_triggers, read.is_processing) == (1, (), (), False)
        assert (await segments.get(made.id)).tags is None
        members = segments.members(
            made.id,
            filter=filters.any_of("profile_id", [ann.id]),
            sort="-joined_group_at",
            page_size=100,
            additional_fields=("subscriptions",),
            fields=("email", "subscriptions"),
        )
        (member,) = [member async for member in members]
        assert (member.id, member.email, member.subscriptions is not None) == (ann.id, "ann@example.org", True)
        assert [found async for found in segments.member_ids(made.id, sort="joined_group_at", page_size=1)] == [ann.id]

        everybody = SegmentDefinition.all_of(ConditionGroup.any_of(FAMILIES, _plan("free")))
        changed = await segments.update(made.id, name="All plans", definition=everybody, is_starred=False)
        assert (changed.name, changed.definition, changed.is_starred) == ("All plans", everybody, False)
        here.emulator.advance(seconds=1)
        assert len([found async for found in segments.members(made.id)]) == 2
        assert (await segments.update(made.id, is_active=False)).is_active is False
        assert (await segments.update(made.id, is_active=True, is_starred=True)).is_active is True

        tag = await here.klaviyo.tags.create("Night")
        await here.klaviyo.tags.tag_segments(tag.id, [made.id])
        trigger = {"triggers": [{"type": "segment", "id": made.id}], "actions": [], "entry_action_id": None}
        flow = await here.klaviyo.flows.create("Welcome", trigger)
        assert [found.name async for found in segments.tags(made.id, fields=("name",))] == ["Night"]
        assert [found async for found in segments.tag_ids(made.id)] == [tag.id]
        assert [found.name async for found in segments.flow_triggers(made.id, fields=("name",))] == ["Welcome"]
        assert [found async for found in segments.flow_trigger_ids(made.id)] == [flow.id]
        since = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        wanted = filters.all_of(
            filters.any_of("name", ["All plans"]),
            filters.greater_than("created", since),
            filters.equals("is_active", value=True),
            filters.equals("is_starred", value=True),
        )
        listed = segments.list(filter=wanted, sort="-name", include=("tags", "flow-triggers"), page_size=10)
        (found,) = [found async for found in listed]
        assert ([each.name for each in found.tags or ()], [each.id for each in found.flow_triggers or ()]) == (
            ["Night"],
            [flow.id],
        )
        assert found.definition == everybody

        await segments.delete(made.id)
        with pytest.raises(NotFound):
            await segments.get(made.id)
        assert here.succeeded() >= resources("segments")
        here.check()


def _plan(name: str) -> ProfileProperty:
    return ProfileProperty(property=custom_property("plan"), filter=StringFilter(value=name))


async def test_groups_all_hold_and_of_a_group_one_condition() -> None:
    async with account() as here:
        klaviyo = here.klaviyo
        for name, plan in (("ann", "family"), ("ben", "family"), ("cat", "free")):
            await klaviyo.profiles.upsert(ProfileAttributes(email=f"{name}@example.org", properties={"plan": plan}))
        for name in ("ann", "cat"):
            profile = ProfileRef(email=f"{name}@example.org")
            await klaviyo.events.create(NewEvent(metric="Read", profile=profile, unique_id=name))
        metric = await anext(klaviyo.metrics.list())
        left = await klaviyo.lists.create("Left")
        read = ProfileMetric(metric_id=metric.id, timeframe_filter=RelativeDate(operator="in-the-last", quantity=30))
        outside = NoGroupMembership(group_ids=[left.id])
        definition = SegmentDefinition.all_of(ConditionGroup.any_of(_plan("family"), _plan("plus")), read, outside)
        made = await klaviyo.segments.create("Readers", definition)
        here.emulator.advance(seconds=1)
        assert [member.email async for member in klaviyo.segments.members(made.id)] == ["ann@example.org"]
        here.check()


async def test_a_definition_may_be_plain_json() -> None:
    async with account() as here:
        raw: dict[str, Any] = THERE.wire()
        made = await here.klaviyo.segments.create("There", raw)
        assert body_of(here.sent[0]) == {
            "data": {"type": "segment", "attributes": {"name": "There", "definition": raw}}
        }
        assert made.definition == THERE
        changed = await here.klaviyo.segments.update(made.id, definition=raw)
        assert changed.definition == THERE
        here.check()


async def test_a_name_with_quotes_names_a_property() -> None:
    async with account() as here:
        name = r"Kim's \ \"choice\""
        await here.klaviyo.profiles.upsert(ProfileAttributes(email="ann@example.org", properties={name: "x"}))
        named = ProfileProperty(property=custom_property(name), filter=StringFilter(value="x"))
        made = await here.klaviyo.segments.create("Choice", SegmentDefinition.all_of(named))
        here.emulator.advance(seconds=1)
        assert len([member async for member in here.klaviyo.segments.member_ids(made.id)]) == 1
    assert custom_property("Favourite Colour") == "properties['Favourite Colour']"


@pytest.mark.parametrize(
    "unknown",
    [
        {"type": "profile-mood", "mood": "good"},
        {"type": "profile-region", "region": "atlantis", "in_region": True},
        {"type": "profile-region", "region": "united_states", "in_region": True, "since": None},
        {"type": "profile-property", "property": "email", "filter": {"type": "string", "operator": "like", "value": 1}},
    ],
)
async def test_a_definition_that_is_not_known_here_is_read_as_it_is(
    serve: Serve, connect: Connect, unknown: dict[str, Any]
) -> None:
    raw = {"condition_groups": [{"conditions": [Region(region="united_states").wire(), unknown]}]}
    document = {"data": {"type": "segment", "id": "S", "attributes": {"name": "x", "definition": raw}}}
    server = await serve(Reply(document=document))
    client = await connect(server.url)
    found = await client.segments.get("S")
    assert found.definition == raw
    await client.segments.update("S", definition=raw)
    assert server.received[1].json["data"]["attributes"]["definition"] == raw


def test_a_segment_with_little_in_it_can_be_read() -> None:
    bare = segment_from(Resource("segment", "S", {"definition": None, "mood": "good"}, {}))
    assert (bare.definition, bare.name, bare.profile_count, bare.tags) == (None, None, None, None)
    assert bare.model_extra == {"mood": "good"}
    with pytest.raises(ValidationError, match="must be an object"):
        segment_from(Resource("segment", "S", {"definition": "everybody"}, {}))


async def test_a_segment_is_deactivated_by_that_alone() -> None:
    async with account() as here:
        with pytest.raises(InvalidRequest) as caught:
            await here.klaviyo.segments.update("SEGMNT", is_active=False, name="Other")
        assert caught.value.errors[0].pointer == "/data/attributes/is_active"
        assert here.sent == []


async def test_to_create_is_not_repeated_and_to_change_is(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset())
    client = await connect(server.url)
    with pytest.raises(OutcomeUnknown):
        await client.segments.create("There", THERE)
    assert len(server.received) == 1
    again = await serve(Reset(), Reply(document={"data": {"type": "segment", "id": "S", "attributes": {"name": "x"}}}))
    assert (await (await connect(again.url)).segments.update("S", name="x")).name == "x"
    assert len(again.received) == 2


def test_few_words_make_a_condition() -> None:
    assert MarketingConsent(consent=ReceivesEmail()).wire() == {
        "type": "profile-marketing-consent",
        "consent": {"channel": "email", "can_receive_marketing": True, "consent_status": {"subscription": "any"}},
    }
    assert ProfileMetric(metric_id="METRIC").wire() == {
        "type": "profile-metric",
        "metric_id": "METRIC",
        "measurement": "count",
        "measurement_filter": {"type": "numeric", "operator": "greater-than-or-equal", "value": 1},
        "timeframe_filter": {"type": "date", "operator": "alltime"},
    }
    assert StringFilter(value=None).wire() == {"type": "string", "operator": "equals", "value": None}
    assert GroupMembership(group_ids=["LIST01"]).group_ids == ("LIST01",)


def test_what_cannot_be_meant_is_refused() -> None:
    naive = dt.datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(ValidationError, match="must be aware"):
        StaticDate(operator="after", date=naive)
    for wrong in (
        {"operator": "equals", "value": 7},
        {"operator": "equals"},
        {"operator": "almost", "value": "x"},
        {"operator": "equals", "value": "x", "case": "upper"},
    ):
        with pytest.raises(ValidationError):
            StringFilter.model_validate(wrong)
    for group_ids in ("LIST01", [7]):
        with pytest.raises(ValidationError):
            GroupMembership.model_validate({"group_ids": group_ids})
    with pytest.raises(ValidationError) as caught:
        GroupMembership.model_validate({"group_ids": ["LIST01"], "is_member": "ann@example.org"})
    assert "ann@example.org" not in str(caught.value)


def test_a_date_without_an_offset_is_utc_when_read() -> None:
    read = StaticDate.model_validate({"type": "date", "operator": "after", "date": "2026-01-01T00:00:00"})
    assert read.date == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert read.wire() == {"type": "date", "operator": "after", "date": "2026-01-01T00:00:00+00:00"}
