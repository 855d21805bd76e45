"""Segment definitions read: every form of the grammar, and refusals where something else stands."""

from __future__ import annotations

import json

import pytest
from emulator_wire import SPECIFICATION
from segment_world import (
    ALWAYS,
    IS_TRUE,
    POINTER,
    Json,
    World,
    can,
    dated,
    existence,
    funnel,
    groups,
    in_groups,
    in_the_last,
    listed,
    number,
    of_metric,
    of_property,
    one,
    predicted,
    region,
    since,
    step,
    text,
    whatsapp,
)

from klaviyo_emulator.errors import Problem, Refusal
from klaviyo_emulator.segments.definition import (
    MAXIMUM_CONDITIONS,
    MAXIMUM_FILTERS,
    MAXIMUM_METRIC_FILTERS,
    NOT_EVALUATED,
    parse_definition,
)
from klaviyo_emulator.segments.regex import MAXIMUM_PATTERN

AT = f"{POINTER}/condition_groups/0/conditions/0"


def test_a_definition_names_what_it_refers_to() -> None:
    definition = groups(
        [of_metric("METR01", number("equals", 0)), in_groups("LIST01", "LIST02")],
        [region("united_states"), funnel(step("METR02"), step("METR03"))],
    )
    assert [tuple(item) for item in parse_definition(definition, POINTER).references()] == [
        ("metric", "METR01", "/condition_groups/0/conditions/0/metric_id"),
        ("group", "LIST01", "/condition_groups/0/conditions/1/group_ids/0"),
        ("group", "LIST02", "/condition_groups/0/conditions/1/group_ids/1"),
        ("metric", "METR02", "/condition_groups/1/conditions/1/steps/0/metric_id"),
        ("metric", "METR03", "/condition_groups/1/conditions/1/steps/1/metric_id"),
    ]


def refusal_of(definition: Json) -> Problem | None:
    try:
        parse_definition(definition, POINTER)
    except Refusal as refusal:
        return refusal.problem
    return None


def refused(definition: Json) -> tuple[str, str]:
    """Pointer and detail of the refusal of a definition."""
    problem = refusal_of(definition)
    assert problem is not None
    assert (problem.status, problem.code) == (400, "invalid")
    return str(problem.pointer), problem.detail


GOOD_METRIC = of_metric("METR01", number("equals", 0))
GOOD_PROPERTY = of_property("email", text("equals", "x"))


def without(found: Json, name: str) -> Json:
    return {key: value for key, value in found.items() if key != name}


@pytest.mark.parametrize(
    ("definition", "place"),
    [
        (None, ""),
        ([], ""),
        ("x", ""),
        ({}, "/condition_groups"),
        ({"condition_groups": None}, "/condition_groups"),
        ({"condition_groups": {}}, "/condition_groups"),
        ({"condition_groups": []}, "/condition_groups"),
        ({"condition_groups": [], "other": 1}, "/other"),
        ({"condition_groups": [5]}, "/condition_groups/0"),
        ({"condition_groups": [{}]}, "/condition_groups/0/conditions"),
        ({"condition_groups": [{"conditions": []}]}, "/condition_groups/0/conditions"),
        ({"condition_groups": [{"conditions": 1}]}, "/condition_groups/0/conditions"),
        ({"condition_groups": [{"conditions": [1], "logic": "OR"}]}, "/condition_groups/0/logic"),
        (groups([GOOD_METRIC], [GOOD_METRIC, 7]), "/condition_groups/1/conditions/1"),
        (groups([GOOD_METRIC], [GOOD_METRIC, {}]), "/condition_groups/1/conditions/1/type"),
        (one({"type": "nonsense"}), "/condition_groups/0/conditions/0/type"),
        (one({"type": 5}), "/condition_groups/0/conditions/0/type"),
        (one(*[GOOD_METRIC] * (MAXIMUM_CONDITIONS + 1)), "/condition_groups/0/conditions"),
        (groups([GOOD_METRIC], [GOOD_METRIC] * MAXIMUM_CONDITIONS), "/condition_groups/1/conditions"),
    ],
)
def test_malformed_definitions_are_refused(definition: Json, place: str) -> None:
    assert refused(definition)[0] == POINTER + place


@pytest.mark.parametrize(
    ("condition", "place"),
    [
        (without(GOOD_PROPERTY, "property"), "/property"),
        (without(GOOD_PROPERTY, "filter"), "/filter"),
        (GOOD_PROPERTY | {"extra": 1}, "/extra"),
        (GOOD_PROPERTY | {"property": 5}, "/property"),
        (GOOD_PROPERTY | {"property": ""}, "/property"),
        (GOOD_PROPERTY | {"property": "Favorite Color"}, "/property"),
        (GOOD_PROPERTY | {"property": "properties['']"}, "/property"),
        (GOOD_PROPERTY | {"property": "properties['a']['b']"}, "/property"),
        (GOOD_PROPERTY | {"property": "location['planet']"}, "/property"),
        (GOOD_PROPERTY | {"filter": []}, "/filter"),
        (GOOD_PROPERTY | {"filter": {"type": "string"}}, "/filter/operator"),
        (GOOD_PROPERTY | {"filter": {"operator": "equals"}}, "/filter/type"),
        (GOOD_PROPERTY | {"filter": text("like", "x")}, "/filter/operator"),
        (GOOD_PROPERTY | {"filter": text("equals", 5)}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": {"type": "string", "operator": "equals"}}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": text("equals", "x") | {"other": 1}}, "/filter/other"),
        (GOOD_PROPERTY | {"filter": text("in", "x")}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": text("in", None)}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": text("in", ["x", 5])}, "/filter/value/1"),
        (GOOD_PROPERTY | {"filter": text("in", ["x", None])}, "/filter/value/1"),
        (GOOD_PROPERTY | {"filter": text("phone-country-code-in", ["US", "+49"])}, "/filter/value/1"),
        (GOOD_PROPERTY | {"filter": text("regex", "(")}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": text("regex", "x" * (MAXIMUM_PATTERN + 1))}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": number("equals", "5")}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": IS_TRUE | {"type": "numeric"}}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": number("equals", None)}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": number("equals", 2**63)}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": IS_TRUE | {"value": 1}}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": listed("contains", 1.5)}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": listed("contains", [])}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": listed("contains-any", ["x"])}, "/filter/operator"),
        (GOOD_PROPERTY | {"filter": listed("length-equals", 1.5)}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": existence("set")}, "/filter/operator"),
        (GOOD_PROPERTY | {"filter": existence("is-set") | {"value": 1}}, "/filter/value"),
        (GOOD_PROPERTY | {"filter": dated("alltime")}, "/filter/operator"),
        (GOOD_PROPERTY | {"filter": dated("before", date="soon")}, "/filter/date"),
        (GOOD_PROPERTY | {"filter": dated("before", date=None)}, "/filter/date"),
        (GOOD_PROPERTY | {"filter": dated("between-static", start="2023-01-01")}, "/filter/end"),
        (GOOD_PROPERTY | {"filter": dated("in-the-last", unit="month", quantity=1)}, "/filter/unit"),
        (GOOD_PROPERTY | {"filter": dated("in-the-last", unit="day", quantity=-1)}, "/filter/quantity"),
        (GOOD_PROPERTY | {"filter": dated("in-the-last", unit="day", quantity=1.5)}, "/filter/quantity"),
        (GOOD_PROPERTY | {"filter": dated("in-the-last", unit="day")}, "/filter/quantity"),
        (GOOD_PROPERTY | {"filter": dated("between", start=1, end=None, unit="day")}, "/filter/end"),
        (GOOD_PROPERTY | {"filter": dated("calendar-month", value=13)}, "/filter/value"),
        (without(GOOD_METRIC, "metric_id"), "/metric_id"),
        (without(GOOD_METRIC, "measurement"), "/measurement"),
        (without(GOOD_METRIC, "measurement_filter"), "/measurement_filter"),
        (without(GOOD_METRIC, "timeframe_filter"), "/timeframe_filter"),
        (GOOD_METRIC | {"measurement": "unique"}, "/measurement"),
        (GOOD_METRIC | {"measurement_filter": text("equals", "x")}, "/measurement_filter/type"),
        (GOOD_METRIC | {"timeframe_filter": dated("calendar-month", value=1)}, "/timeframe_filter/operator"),
        (GOOD_METRIC | {"timeframe_filter": dated("flow-start")}, "/timeframe_filter/operator"),
        (GOOD_METRIC | {"metric_filters": {}}, "/metric_filters"),
        (GOOD_METRIC | {"metric_filters": [{"filter": None}]}, "/metric_filters/0/property"),
        (
            GOOD_METRIC | {"metric_filters": [{"property": "x", "filter": dated("anniversary")}]},
            "/metric_filters/0/filter/type",
        ),
        (
            GOOD_METRIC | {"metric_filters": [{"property": "x", "filter": listed("contains", "x")}]},
            "/metric_filters/0/filter/operator",
        ),
        (GOOD_METRIC | {"metric_filters": [{"property": "x"}] * (MAXIMUM_METRIC_FILTERS + 1)}, "/metric_filters"),
        (in_groups(), "/group_ids"),
        (without(in_groups("X"), "is_member"), "/is_member"),
        (without(in_groups("X"), "group_ids"), "/group_ids"),
        (in_groups("X") | {"group_ids": ["X", 5]}, "/group_ids/1"),
        (in_groups("X", is_member=False, timeframe_filter=in_the_last(1)), "/timeframe_filter"),
        (in_groups("X", timeframe_filter=dated("anniversary")), "/timeframe_filter/operator"),
        (region("mars"), "/region"),
        (without(region("united_states"), "in_region"), "/in_region"),
        ({"type": "profile-marketing-consent"}, "/consent"),
        (can("fax", "any"), "/consent/channel"),
        (can("email", "unsubscribed"), "/consent/consent_status/subscription"),
        (can("sms", "any"), "/consent/consent_status/subscription"),
        (can("push", "subscribed"), "/consent/consent_status/subscription"),
        (can("email", "any", since("status_date", 1)), "/consent/consent_status/filters/0"),
        (can("email", "subscribed", since("bounce_date", 1)), "/consent/consent_status/filters/0/field"),
        (
            can("email", "subscribed", {"field": "status_date"}),
            "/consent/consent_status/filters/0/filter",
        ),
        (
            can("email", "subscribed", {"field": "method", "method": "carrier_deactivation"}),
            "/consent/consent_status/filters/0/method",
        ),
        (
            can("sms", "subscribed", {"field": "method", "method": "sftp", "filter": text("in", ["x"])}),
            "/consent/consent_status/filters/0/filter",
        ),
        (whatsapp("sms_marketing", "explicitly_reachable"), "/channel"),
        (whatsapp("whatsapp_marketing", "reachable"), "/permission/reachable_status"),
        (whatsapp("whatsapp_marketing", "explicitly_reachable", since("x", 1)), "/permission/filters/0/field"),
        (predicted("luck", number("equals", 1)), "/dimension"),
        (predicted("predicted_clv", text("equals", "x")), "/filter/type"),
        (predicted("predicted_gender", text("equals", "other")), "/filter/value"),
        (predicted("predicted_gender", text("contains", "uncertain")), "/filter/operator"),
        (predicted("channel_affinity", number("equals", 1)), "/predicted_channel"),
        (
            predicted("channel_affinity", number("less-than", 1), measurement="priority", predicted_channel="sms"),
            "/filter/operator",
        ),
        (
            predicted("channel_affinity", text("equals", "best"), measurement="rank", predicted_channel="sms"),
            "/filter/value",
        ),
        (funnel(), "/steps"),
        (funnel(*[step("X")] * 11), "/steps"),
        (funnel(step("X", exists=False)), "/steps/0/metric_exists"),
        (funnel(step("X"), window="DAYS_2"), "/completion_window_seconds"),
        (funnel(step("X"), timeframe=ALWAYS), "/timeframe_filter/operator"),
        (funnel(step("X"), without(step("X"), "metric_id")), "/steps/1/metric_id"),
        (without(funnel(step("X")), "steps"), "/steps"),
    ],
)
def test_malformed_conditions_are_refused_where_they_are(condition: Json, place: str) -> None:
    assert refused(one(condition))[0] == AT + place


@pytest.mark.parametrize(
    ("condition", "name", "place"),
    [
        ({"type": "profile-postal-code-distance", "postal_code": "02110"}, "profile-postal-code-distance", "/type"),
        ({"type": "profile-has-custom-object"}, "profile-has-custom-object", "/type"),
        (
            whatsapp("whatsapp_marketing", "implicitly_reachable"),
            "implicitly_reachable",
            "/permission/reachable_status",
        ),
        (
            whatsapp("whatsapp_marketing", "implicitly_unreachable"),
            "implicitly_unreachable",
            "/permission/reachable_status",
        ),
        (
            whatsapp("whatsapp_marketing", "implicitly_or_explicitly_reachable"),
            "implicitly_or_explicitly_reachable",
            "/permission/reachable_status",
        ),
        (
            whatsapp("whatsapp_marketing", "implicitly_or_explicitly_unreachable"),
            "implicitly_or_explicitly_unreachable",
            "/permission/reachable_status",
        ),
        (
            can("sms", "subscribed", {"field": "is_rcs_capable", "filter": IS_TRUE}),
            "is_rcs_capable",
            "/consent/consent_status/filters/0/field",
        ),
    ],
)
def test_what_is_not_evaluated_is_refused_by_name(condition: Json, name: str, place: str) -> None:
    pointer, detail = refused(one(condition))
    assert pointer == AT + place
    assert detail.startswith(f"The emulator does not evaluate '{name}'")
    assert name in NOT_EVALUATED


def test_every_refusal_by_name_is_tested() -> None:
    (mark,) = test_what_is_not_evaluated_is_refused_by_name.pytestmark  # type: ignore[attr-defined]
    assert {case[1] for case in mark.args[1]} == set(NOT_EVALUATED)


def test_every_form_of_the_specification_is_read_or_refused_by_name() -> None:
    if not SPECIFICATION.is_file():
        pytest.skip("the specification does not stand beside the checkout")
    schemas = json.loads(SPECIFICATION.read_text())["components"]["schemas"]
    seen: set[str] = set()
    for definition in _samples({"$ref": "#/components/schemas/SegmentDefinition"}, schemas):
        (condition,) = definition["condition_groups"][0]["conditions"]
        seen.add(condition["type"])
        problem = refusal_of(definition)
        if problem is not None and problem.pointer != f"{AT}/steps/0/metric_exists":
            assert any(f"does not evaluate '{name}'" in problem.detail for name in NOT_EVALUATED), (condition, problem)
    assert len(seen) == 10


def _samples(schema: Json, schemas: Json) -> list[Json]:
    """Instances of a schema in which every alternative and every optional member occurs at least once."""
    match schema:
        case {"$ref": reference}:
            samples = _samples(schemas[reference.rpartition("/")[2]], schemas)
        case {"oneOf": options}:
            samples = [sample for option in options for sample in _samples(option, schemas)]
        case {"enum": values}:
            samples = values
        case {"type": "object"}:
            members = {name: _samples(found, schemas) for name, found in schema["properties"].items()}
            least = {name: members[name][0] for name in schema["required"]}
            samples = [least, *({**least, name: sample} for name, found in members.items() for sample in found)]
        case {"type": "array"}:
            samples = [[sample] for sample in _samples(schema["items"], schemas)]
        case {"type": "string"}:
            samples = [schema.get("example", "US")]
        case {"type": "integer" | "number"}:
            samples = [5]
        case {"type": "boolean"}:
            samples = [True, False]
        case _:
            samples = [None]
    return [*samples, None] if schema.get("nullable") and samples != [None] else samples


def test_a_definition_as_large_as_it_may_be_is_evaluated() -> None:
    world = World()
    world.event("ann", x="y")
    many = [{"property": f"größe {index}", "filter": text("contains", "x")} for index in range(MAXIMUM_METRIC_FILTERS)]
    count = MAXIMUM_FILTERS // MAXIMUM_METRIC_FILTERS
    steps = [step(world.metric(), metric_filters=many) for _ in range(9)]
    conditions = [of_metric(world.metric(), number("greater-than", 0), filters=many) for _ in range(count)]
    assert world.who(groups(*[[condition] for condition in conditions])) == ""
    assert world.who(one(*conditions)) == ""
    assert world.who(one(*[GOOD_PROPERTY] * MAXIMUM_CONDITIONS)) == ""
    pointer, detail = refused(one(*conditions, *[funnel(*steps)] * 3))
    assert (pointer, detail.endswith("metric filters in a definition.")) == (f"{POINTER}/condition_groups", True)
