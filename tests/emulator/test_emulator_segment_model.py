"""Segments against a model: any definition, any account, any history."""

from __future__ import annotations

import json

from emulator_wire import REPEATABLE
from hypothesis import given, settings
from hypothesis import strategies as st
from segment_judge import Judge
from segment_world import (
    ALWAYS,
    DAY,
    HOUR,
    IS_FALSE,
    IS_TRUE,
    POINTER,
    Json,
    World,
    can,
    cannot,
    dated,
    existence,
    funnel,
    groups,
    in_groups,
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
from klaviyo_emulator.segments.definition import Definition, parse_definition
from klaviyo_emulator.state import consents, segmentation
from klaviyo_emulator.state.members import add_members, remove_members

NAMES = ["theme", "minutes", "tags", "größe", "day", "a b"]
SCALARS = st.sampled_from(["sea", "Sea", "sea wood", "", 0, 1, 7, 2.5, True, False, None, "2026-11-20", "1990-11-19"])
VALUES = SCALARS | st.lists(st.sampled_from(["sea", "wood", 7, None]), max_size=3)
TEXTS = st.sampled_from(["sea", "Sea", "ea", "", "wood", "2026"])
UNITS = st.sampled_from(["hour", "day", "week"])
QUANTITIES = st.integers(0, 3) | st.sampled_from([50, 400])
STATIC = st.sampled_from(["2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-20T12:00:00Z", "1990-11-19"])
COMPARISONS = st.builds(
    number,
    st.sampled_from(
        ["equals", "not-equals", "greater-than", "greater-than-or-equal", "less-than", "less-than-or-equal"]
    ),
    st.sampled_from([-1, 0, 1, 2, 2.5, 7]),
)
TEXT_FILTERS = st.builds(
    text,
    st.sampled_from(
        [
            f"{negation}{name}"
            for name in ("equals", "contains", "starts-with", "ends-with")
            for negation in ("", "not-")
        ]
    ),
    TEXTS | st.none(),
) | st.builds(text, st.sampled_from(["regex", "nregex"]), st.sampled_from(["^s", "a$", "e.*o", ""]))
TEXT_SETS = st.builds(text, st.sampled_from(["in", "not-in"]), st.lists(TEXTS, max_size=2))
EXISTENCES = st.builds(existence, st.sampled_from(["is-set", "not-set"]))
LENGTHS = st.builds(
    listed, st.sampled_from(["length-equals", "length-greater-than", "length-less-than-or-equal"]), st.integers(0, 2)
)
INTERVALS = st.one_of(
    st.builds(
        lambda operator, unit, quantity: dated(operator, unit=unit, quantity=quantity),
        st.sampled_from(["in-the-last", "in-the-next", "at-least"]),
        UNITS,
        QUANTITIES,
    ),
    st.builds(
        lambda start, end, unit: dated("between", start=start, end=end, unit=unit), QUANTITIES, QUANTITIES, UNITS
    ),
    st.builds(lambda operator, at: dated(operator, date=at), st.sampled_from(["before", "after"]), STATIC),
    st.builds(lambda start, end: dated("between-static", start=start, end=end), STATIC, STATIC),
)
ANNIVERSARIES = st.builds(
    lambda operator, unit, quantity: dated(operator, unit=unit, quantity=quantity),
    st.sampled_from(["anniversary-last", "anniversary-next"]),
    UNITS,
    QUANTITIES,
)
DATES = st.one_of(
    INTERVALS,
    ANNIVERSARIES,
    st.builds(dated, st.sampled_from(["anniversary", "anniversary-month"])),
    st.builds(lambda month: dated("calendar-month", value=month), st.sampled_from([2, 11])),
)
PROFILE_FILTERS = st.one_of(
    TEXT_FILTERS,
    TEXT_SETS,
    COMPARISONS,
    st.sampled_from([IS_TRUE, IS_FALSE]),
    EXISTENCES,
    LENGTHS,
    DATES,
    st.builds(listed, st.sampled_from(["contains", "not-contains"]), st.sampled_from(["sea", 7, None])),
)
EVENT_FILTERS = st.one_of(
    TEXT_FILTERS,
    TEXT_SETS,
    COMPARISONS,
    st.sampled_from([IS_TRUE, IS_FALSE]),
    EXISTENCES,
    LENGTHS,
    st.builds(
        listed,
        st.sampled_from(["contains-any", "contains-all", "not-contains-any", "not-contains-all"]),
        st.lists(TEXTS, max_size=2),
    ),
    st.builds(listed, st.sampled_from(["contains-substring", "not-contains-substring"]), TEXTS | st.none()),
)
METRIC_FILTERS = st.none() | st.lists(
    st.fixed_dictionaries(
        {"property": st.sampled_from([*NAMES, "$value", "$event_id"]), "filter": EVENT_FILTERS | st.none()}
    ),
    max_size=2,
)
CONDITIONS = st.one_of(
    st.builds(
        of_property,
        st.sampled_from(
            [*(f"properties['{name}']" for name in NAMES), "email", "first_name", "location['city']", "created"]
        ),
        PROFILE_FILTERS,
    ),
    st.builds(
        of_metric,
        st.sampled_from(["A", "B"]),
        COMPARISONS,
        st.just(ALWAYS) | INTERVALS | ANNIVERSARIES,
        st.sampled_from(["count", "count", "sum"]),
        METRIC_FILTERS,
    ),
    st.builds(
        lambda ids, frame: in_groups(*ids, timeframe_filter=frame),
        st.sampled_from([("G1",), ("G1", "G2")]),
        st.none() | INTERVALS,
    ),
    st.builds(lambda ids: in_groups(*ids, is_member=False), st.sampled_from([("G1",), ("G1", "G2")])),
    st.sampled_from(
        [
            can("email", "any"),
            can("email", "subscribed"),
            cannot("email", "any"),
            cannot("email", "unsubscribed"),
            can("email", "never_subscribed"),
            region("european_union"),
            region("united_states", inside=False),
        ]
    ),
)
DEFINITIONS = st.lists(st.lists(CONDITIONS, min_size=1, max_size=3), min_size=1, max_size=2).map(
    lambda found: groups(*found)
)
AGES = st.sampled_from([-HOUR, 0, 1, HOUR, 12 * HOUR, 12 * HOUR + 1, DAY, 13 * HOUR + DAY, 7 * DAY, 365 * DAY])
PEOPLE = st.fixed_dictionaries(
    {
        "email": st.sampled_from([None, "a", "B"]),
        "details": st.fixed_dictionaries(
            {},
            optional={
                "first_name": TEXTS,
                "location": st.fixed_dictionaries(
                    {}, optional={"city": TEXTS, "country": st.sampled_from(["DE", "US", "Peru", ""])}
                ),
                "properties": st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3),
            },
        ),
        "events": st.lists(
            st.tuples(
                st.sampled_from(["A", "B"]),
                AGES,
                st.sampled_from([None, 0, 2, 2.5]),
                st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=2),
            ),
            max_size=4,
        ),
        "groups": st.dictionaries(st.sampled_from(["G1", "G2"]), AGES, max_size=2),
        "consent": st.sampled_from(["", "subscribe", "unsubscribe", "suppress"]),
    }
)


def populate(world: World, people: list[Json]) -> None:
    for index, person in enumerate(people):
        name = f"p{index}"
        email = {"email": f"{person['email']}{index}@x.org"} if person["email"] else {}
        world.profile(name, identifiers=email, **person["details"])
        change_person(world, name, person)


def change_person(world: World, name: str, person: Json) -> None:
    for metric, age, value, properties in person["events"]:
        world.events(name, world.new_event(metric, age, value, properties))
    for group, age in person["groups"].items():
        add_members(world.connection, world.mint, group, [world.seq(name)], at=world.now - age)
    match person["consent"]:
        case "subscribe":
            grant = consents.Grant(at=world.now)
            consents.subscribe(world.connection, world.mint, world.found(name), [consents.EMAIL], grant)
        case "unsubscribe":
            consents.unsubscribe(world.connection, world.mint, world.found(name), [consents.EMAIL], at=world.now)
        case "suppress":
            consents.suppress(world.connection, world.mint, [world.found(name)])
        case _:
            pass


def with_metrics(definition: Json, world: World) -> Json:
    """The definition with the ids of metrics where their names are."""
    written = json.dumps(definition)
    for name in ("A", "B"):
        written = written.replace(f'"metric_id": "{name}"', f'"metric_id": "{world.metric(name)}"')
    return json.loads(written)


@settings(REPEATABLE, max_examples=120)
@given(people=st.lists(PEOPLE, max_size=4), definitions=st.lists(DEFINITIONS, min_size=1, max_size=6))
def test_segments_agree_with_taking_one_profile_after_the_other(people: list[Json], definitions: list[Json]) -> None:
    world = World()
    populate(world, people)
    judge = Judge(world)
    for definition in definitions:
        real = with_metrics(definition, world)
        assert world.who(real) == judge.who(definition), real


@settings(REPEATABLE, max_examples=60)
@given(
    people=st.lists(PEOPLE, min_size=1, max_size=3),
    definition=DEFINITIONS,
    changes=st.lists(st.tuples(st.integers(0, 3), PEOPLE, st.sampled_from([0, HOUR, DAY, 8 * DAY])), max_size=4),
)
def test_refreshing_comes_to_the_same_as_starting_anew(
    people: list[Json], definition: Json, changes: list[tuple[int, Json, int]]
) -> None:
    world = World()
    populate(world, people)
    kept: set[int] = set()
    for index, person, seconds in changes:
        name = f"p{index}"
        world.clock.advance(seconds)
        world.profile(name, **person["details"])
        change_person(world, name, person)
        if person["consent"] == "suppress":
            remove_members(world.connection, "G1", [world.seq(name)])
        parsed = parse_definition(with_metrics(definition, world), POINTER)
        before = set(kept)
        change = segmentation.refresh(world.connection, "SEGM01", parsed, world.now)
        fresh = set(world.members(parsed))
        rows = world.connection.execute("SELECT profile FROM member WHERE group_id = 'SEGM01'")
        kept = {row[0] for row in rows}
        assert kept == fresh
        assert (set(change.entered), set(change.left)) == (fresh - before, before - fresh)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["date", "string"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
VALID = DEFINITIONS | st.sampled_from(
    [
        one(funnel(step("A"), step("B", exists=False, metric_filters=[{"property": "x"}]), window="DAYS_1")),
        one(can("email", "subscribed", {"field": "method", "method": "form", "filter": text("in", ["x"])})),
        one(cannot("email", "any", since("bounce_date", 1))),
        one(whatsapp("whatsapp_marketing", "explicitly_reachable", since("recorded_date", 1))),
        one(predicted("channel_affinity", number("equals", 1), measurement="priority", predicted_channel="sms")),
        one(predicted("predicted_gender", text("equals", "uncertain"))),
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> Json:
    """A definition of which one member, at any depth, is something else or is missing."""
    definition = json.loads(json.dumps(draw(VALID)))
    holder: Json = {"whole": definition}
    key: Json = "whole"
    while isinstance(holder[key], dict | list) and holder[key] and draw(st.integers(0, 3)):
        holder = holder[key]
        key = draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
    if key == "whole":
        return draw(JSON)
    if isinstance(holder, dict) and draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = draw(JSON)
    return definition


@settings(REPEATABLE, max_examples=250)
@given(definition=JSON | damaged())
def test_whatever_is_read_is_refused_with_400_or_can_be_evaluated(definition: Json) -> None:
    found = read(definition)
    if isinstance(found, Problem):
        assert found.status == 400
        assert str(found.pointer).startswith(POINTER)
        return
    world = SHARED
    members = world.members(found)
    assert all(world.is_member(found, seq) == (seq in members) for seq in (1, 2))


def read(definition: Json) -> Definition | Problem:
    try:
        return parse_definition(definition, POINTER)
    except Refusal as refusal:
        return refusal.problem


def _shared() -> World:
    world = World()
    world.event("ann", "A", theme="sea")
    world.profile("bob", properties={"theme": ["sea"], "day": "1990-11-19"})
    return world


SHARED = _shared()
