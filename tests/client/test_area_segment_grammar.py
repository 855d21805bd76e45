"""The grammar of definitions: the models say what Klaviyo's specification says, no more and no less."""

import asyncio
import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioklaviyo import NewEvent, ProfileRef
from aioklaviyo.models import segment
from aioklaviyo.models.flow_definition import (
    Action,
    ConditionalSplitData,
    EmailMessage,
    FlowFilter,
    LowInventoryTrigger,
    MetricTrigger,
    PriceDropTrigger,
    Trigger,
)
from aioklaviyo.models.segment import (
    CalendarMonth,
    ChannelPriority,
    ChannelRank,
    ConditionGroup,
    ExplicitPermission,
    FunnelStep,
    GroupMembership,
    MarketingConsent,
    MetricFilter,
    MetricFunnel,
    NoGroupMembership,
    Permissions,
    PhoneCountryFilter,
    PredictedDate,
    PredictedGender,
    PredictedNumber,
    ProfileMetric,
    ProfileProperty,
    RcsCapable,
    Region,
    RelativeAnniversary,
    RelativeDate,
    RelativeDateRange,
    SegmentDefinition,
    SmsSubscribed,
    StringFilter,
)
from aioklaviyo.models.segment.grammar import Part
from client.emulated import account
from client.parts import Chosen, describes, every_document, every_value, parts, values
from client.specification import STABLE

specified = pytest.mark.skipif(not STABLE.exists(), reason="the specification is not here")
COUNT = st.integers(0, 400)
METRIC, GROUP = st.just("METRIC"), st.just(("GROUP",))
# What the emulator keeps has to name what is there, and to make sense.
SENSIBLE: Chosen = {
    (CalendarMonth, "value"): st.integers(1, 12),
    (FunnelStep, "metric_id"): METRIC,
    (GroupMembership, "group_ids"): GROUP,
    (MetricFilter, "property"): st.sampled_from(["Kind", "$value"]),
    (MetricFunnel, "steps"): st.builds(
        lambda first, more: (first.model_copy(update={"metric_exists": True}), *more),
        st.deferred(lambda: parts(FunnelStep, SENSIBLE)),
        st.deferred(lambda: st.lists(parts(FunnelStep, SENSIBLE), max_size=2)),
    ),
    (NoGroupMembership, "group_ids"): GROUP,
    (Permissions, "permission"): st.deferred(lambda: parts(ExplicitPermission, SENSIBLE)),
    (PhoneCountryFilter, "value"): st.just(("AT", "US")),
    (ProfileMetric, "metric_id"): METRIC,
    (ProfileProperty, "property"): st.sampled_from(["email", "created", "location['city']", "properties['a b']"]),
    (RelativeAnniversary, "quantity"): COUNT,
    (RelativeDate, "quantity"): COUNT,
    (RelativeDateRange, "end"): COUNT,
    (RelativeDateRange, "start"): COUNT,
    (SmsSubscribed, "filters"): st.deferred(
        lambda: values(SmsSubscribed.model_fields["filters"].annotation, SENSIBLE).filter(
            lambda found: not any(isinstance(each, RcsCapable) for each in found or ())
        )
    ),
    (StringFilter, "value"): st.sampled_from([None, "", "ann", "'\"\\"]),
}
# All conditions but those about what the emulator does not have: places on earth and custom objects.
EVALUATED: list[type[Part]] = [
    ChannelPriority,
    ChannelRank,
    GroupMembership,
    MarketingConsent,
    MetricFunnel,
    NoGroupMembership,
    Permissions,
    PredictedDate,
    PredictedGender,
    PredictedNumber,
    ProfileMetric,
    ProfileProperty,
    Region,
]


# Whose conditions may be in which filter, the types leave to Klaviyo.
OF_EACH = {
    (EmailMessage, "additional_filters"): [None],
    (ConditionalSplitData, "profile_filter"): [None],
    (LowInventoryTrigger, "trigger_filter"): [None],
    (MetricTrigger, "trigger_filter"): [None],
    (PriceDropTrigger, "trigger_filter"): [None],
}
SEGMENTS = {"$ref": "#/components/schemas/SegmentDefinition"}
FLOWS = {"$ref": "#/components/schemas/FlowDefinition.profile_filter"}


@cache
def _schemas() -> Any:
    found = json.loads(STABLE.read_text(encoding="utf-8"))["components"]["schemas"]
    asked = found["FlowDefinition"]["properties"]["profile_filter"]
    return {**found, "FlowDefinition.profile_filter": asked}


def _without_nulls(value: Any) -> Any:
    """Optional members that are null are left out; ``value`` is one that is never optional."""
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if name == "value" or inner is not None}
    return value


@specified
@pytest.mark.parametrize(("kind", "schema"), [(SegmentDefinition, SEGMENTS), (FlowFilter, FLOWS)])
def test_everything_that_can_be_built_is_in_the_specification(kind: type[Part], schema: Any) -> None:
    for built in every_value(kind):
        wired = json.loads(json.dumps(built.wire()))
        for group in wired["condition_groups"]:
            for condition in group["conditions"]:
                alone = {"condition_groups": [{"conditions": [condition]}]}
                assert describes(schema, alone, _schemas()), condition
        assert describes(schema, wired, _schemas())
        assert kind.model_validate(wired) == built


@specified
@pytest.mark.parametrize(("kind", "schema"), [(SegmentDefinition, SEGMENTS), (FlowFilter, FLOWS)])
def test_everything_in_the_specification_is_read_and_written_as_it_is(kind: type[Part], schema: Any) -> None:
    documents = [document for document in every_document(schema, _schemas()) if document is not None]
    assert len(json.dumps(documents)) > 20_000
    for document in documents:
        assert kind.model_validate(document).wire() == _without_nulls(document)


@specified
@pytest.mark.parametrize(("alias", "member"), [(Trigger, "triggers"), (Action, "actions")])
def test_every_trigger_and_action_that_can_be_built_is_in_the_specification(alias: Any, member: str) -> None:
    schema = _schemas()["FlowDefinition"]["properties"][member]["items"]
    built = every_value(alias, OF_EACH)
    assert len(built) > 10
    for part in built:
        wired = json.loads(json.dumps(part.wire()))
        assert describes(schema, wired, _schemas()), wired
        assert type(part).model_validate(wired) == part


@specified
def test_what_is_not_in_the_specification_is_told() -> None:
    good = Region(region="united_states").wire()
    for wrong in (
        {},
        {**good, "region": "atlantis"},
        {**good, "in_region": 1},
        {**good, "more": None},
        {"type": "luck"},
        [good],
    ):
        assert not describes(SEGMENTS, {"condition_groups": [{"conditions": [wrong]}]}, _schemas())
    assert describes(SEGMENTS, {"condition_groups": [{"conditions": [good]}]}, _schemas())


def test_a_segment_is_read_as_it_was_written() -> None:
    conditions = st.lists(st.one_of(*(parts(kind, SENSIBLE) for kind in EVALUATED)), min_size=1, max_size=12)
    groups = st.lists(st.builds(ConditionGroup, conditions=conditions.map(tuple)), min_size=1, max_size=4)
    seen: set[type[Part]] = set()

    @settings(max_examples=25)
    @given(st.builds(SegmentDefinition, condition_groups=groups.map(tuple)))
    def check(definition: SegmentDefinition) -> None:
        seen.update(type(condition) for group in definition.condition_groups for condition in group.conditions)
        asyncio.run(_write_and_read(definition))

    check()
    assert seen == set(EVALUATED)


async def _write_and_read(definition: SegmentDefinition) -> None:
    async with account() as here:
        klaviyo = here.klaviyo
        await klaviyo.events.create(NewEvent(metric="Read", profile=ProfileRef(email="ann@example.org"), unique_id="1"))
        metric = await anext(klaviyo.metrics.list())
        group = await klaviyo.lists.create("Letters")
        text = json.dumps(definition.wire()).replace('"METRIC"', f'"{metric.id}"').replace('"GROUP"', f'"{group.id}"')
        wanted = SegmentDefinition.model_validate_json(text)
        made = await klaviyo.segments.create("Generated", wanted)
        assert made.definition == wanted
        read = await klaviyo.segments.get(made.id)
        assert read.definition == wanted


def test_who_only_looks_does_not_pay_for_the_grammar() -> None:
    resources = ("segments", "flows", "flow_actions", "flow_messages", "tags")
    names = ", ".join(f"aioklaviyo.resources.{name}" for name in resources)
    code = f"import sys, {names}; print(*sys.modules)"
    brought = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "aioklaviyo.models.flow" in brought
    assert not brought & {"aioklaviyo.models.flow_definition", "aioklaviyo.models.segment.conditions"}


def test_every_name_has_a_home_and_no_other_has() -> None:
    assert dir(segment) == segment.__all__
    for name in segment.__all__:
        assert getattr(segment, name) is not None
    for name in ("Everybody", "Part", "at_least_once"):
        with pytest.raises(AttributeError, match=name):
            getattr(segment, name)
