"""Segment definitions evaluated: who matches, and who enters and leaves.

What is expected of dates and of values that are not set follows the examples of Klaviyo's help pages on both.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from segment_world import (
    DAY,
    HOUR,
    IS_FALSE,
    IS_TRUE,
    POINTER,
    STORY,
    Json,
    World,
    can,
    cannot,
    custom,
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

from klaviyo_emulator.errors import Refusal
from klaviyo_emulator.segments.compilation import compile_event_filters
from klaviyo_emulator.segments.countries import REGIONS, phone_country
from klaviyo_emulator.segments.dates import Present
from klaviyo_emulator.segments.definition import parse_condition_groups, parse_definition, parse_event_filters
from klaviyo_emulator.state import consents, segmentation
from klaviyo_emulator.state.members import add_members
from klaviyo_emulator.state.new_events import NewEvent
from klaviyo_emulator.state.predictions import set_prediction

SUMMER = datetime(2023, 6, 17, 15, tzinfo=UTC)
"""The "today" of the examples in Klaviyo's help pages."""

# Properties of profiles.


@pytest.fixture
def people() -> World:
    world = World()
    world.profile(
        "ann",
        identifiers={"email": "Ann@Example.org", "phone_number": "+12125550123"},
        first_name="Ann",
        location={"city": "Boston", "country": "United States", "zip": "02110", "latitude": 42.4},
        properties={
            "Favorite Color": "red",
            "a.b": "dotted",
            "it's": "quoted",
            'say "hi"': "double",
            "größe": "groß",
            "score": 7,
            "ratio": 0.5,
            "vip": True,
            "tags": ["gold", "early", 5],
            "born": "1990-06-14",
        },
    )
    world.profile(
        "bob",
        identifiers={"email": "bob@example.org", "phone_number": "+14165550123"},
        first_name="Bob",
        organization="Dreams",
        location={"city": "Toronto", "country": "CA"},
        properties={
            "Favorite Color": "blue",
            "score": 0,
            "vip": False,
            "tags": [],
            "empty": "",
            "nothing": None,
            "numeral": "7",
            "größe": 3,
        },
    )
    world.profile("cy", identifiers={"email": "cy@example.net", "phone_number": "+4917012345678"})
    return world


@pytest.mark.parametrize(
    ("name", "found", "expected"),
    [
        # Not set: no filter holds of it but `not-set`, negative ones neither.
        ("properties['Favorite Color']", text("equals", "red"), "ann"),
        ("properties['Favorite Color']", text("not-equals", "red"), "bob"),
        ("properties['Favorite Color']", text("equals", "Red"), ""),
        ("properties['Favorite Color']", text("contains", "e"), "ann bob"),
        ("properties['Favorite Color']", text("contains", ""), "ann bob"),
        ("properties['Favorite Color']", text("not-contains", "lu"), "ann"),
        ("properties['Favorite Color']", text("starts-with", "re"), "ann"),
        ("properties['Favorite Color']", text("starts-with", "red roses"), ""),
        ("properties['Favorite Color']", text("not-starts-with", "re"), "bob"),
        ("properties['Favorite Color']", text("ends-with", "lue"), "bob"),
        ("properties['Favorite Color']", text("ends-with", ""), "ann bob"),
        ("properties['Favorite Color']", text("not-ends-with", "lue"), "ann"),
        ("properties['Favorite Color']", text("in", ["red", "green"]), "ann"),
        ("properties['Favorite Color']", text("in", []), ""),
        ("properties['Favorite Color']", text("not-in", ["red", "green"]), "bob"),
        ("properties['Favorite Color']", text("regex", "^b.*e$"), "bob"),
        ("properties['Favorite Color']", text("nregex", "^b.*e$"), "ann"),
        ("properties['Favorite Color']", text("equals", None), ""),
        ("properties['Favorite Color']", text("not-equals", None), "ann bob"),
        ("properties['Favorite Color']", existence("is-set"), "ann bob"),
        ("properties['Favorite Color']", existence("not-set"), "cy"),
        ("properties['nothing']", existence("is-set"), ""),
        ("properties['empty']", existence("is-set"), "bob"),
        ("properties['empty']", text("equals", ""), "bob"),
        # One type of value each.
        ("properties['score']", number("equals", 7), "ann"),
        ("properties['score']", number("not-equals", 7), "bob"),
        ("properties['score']", number("equals", 0), "bob"),
        ("properties['score']", number("greater-than", 0), "ann"),
        ("properties['score']", number("greater-than-or-equal", 0), "ann bob"),
        ("properties['score']", number("less-than", 7), "bob"),
        ("properties['score']", number("less-than-or-equal", 7.0), "ann bob"),
        ("properties['ratio']", number("less-than", 0.6), "ann"),
        ("properties['score']", text("equals", "7"), ""),
        ("properties['numeral']", number("equals", 7), ""),
        ("properties['numeral']", text("equals", "7"), "bob"),
        ("properties['vip']", IS_TRUE, "ann"),
        ("properties['vip']", IS_FALSE, "bob"),
        ("properties['vip']", number("equals", 1), ""),
        ("properties['vip']", text("not-equals", "x"), ""),
        # Lists; `contains` of a text takes them too.
        ("properties['tags']", listed("contains", "gold"), "ann"),
        ("properties['tags']", listed("contains", "gol"), ""),
        ("properties['tags']", listed("contains", 5), "ann"),
        ("properties['tags']", listed("contains", None), ""),
        ("properties['tags']", listed("not-contains", "gold"), "bob"),
        ("properties['tags']", listed("not-contains", 5), "bob"),
        ("properties['tags']", listed("not-contains", None), "ann bob"),
        ("properties['tags']", listed("length-equals", 0), "bob"),
        ("properties['tags']", listed("length-greater-than", 2), "ann"),
        ("properties['tags']", listed("length-greater-than-or-equal", 0), "ann bob"),
        ("properties['tags']", listed("length-less-than", 3), "bob"),
        ("properties['tags']", listed("length-less-than-or-equal", 3), "ann bob"),
        ("properties['tags']", text("contains", "gold"), "ann"),
        ("properties['tags']", text("contains", "gol"), ""),
        ("properties['tags']", text("not-contains", "gold"), "bob"),
        ("properties['tags']", text("equals", "gold"), ""),
        ("properties['score']", listed("length-equals", 1), ""),
        # Names.
        ("properties['a.b']", text("equals", "dotted"), "ann"),
        ("properties.a.b", text("equals", "dotted"), "ann"),
        ("properties['it\\'s']", text("equals", "quoted"), "ann"),
        ("properties['it's']", text("equals", "quoted"), "ann"),
        ('properties["it\'s"]', text("equals", "quoted"), "ann"),
        ("properties['say \"hi\"']", text("starts-with", "dou"), "ann"),
        ("properties['größe']", text("equals", "groß"), "ann"),
        ("properties['größe']", number("equals", 3), "bob"),
        ("properties['größe']", existence("not-set"), "cy"),
        ("properties['größe']", listed("contains", "groß"), ""),
        ("first_name", text("equals", "Ann"), "ann"),
        ("organization", existence("is-set"), "bob"),
        ("external_id", text("in", ["ann", "cy"]), "ann cy"),
        ("email", text("ends-with", "@example.org"), "bob"),
        ("email", text("ends-with", "@Example.org"), "ann"),
        ("email", text("equals", "ann@example.org"), ""),
        ("email", text("in", ["ann@example.org", "bob@example.org"]), "bob"),
        ("email", listed("length-equals", 1), ""),
        ("phone_number", existence("is-set"), "ann bob cy"),
        ("phone_number", text("phone-country-code-in", ["US"]), "ann"),
        ("phone_number", text("phone-country-code-in", ["ca", "DE"]), "bob cy"),
        ("phone_number", text("phone-country-code-not-in", ["US", "DE"]), "bob"),
        ("location['city']", text("equals", "Boston"), "ann"),
        ("location.city", text("not-equals", "Boston"), "bob"),
        ("location['latitude']", number("greater-than", 40), "ann"),
        ("location['zip']", text("in", ["02110"]), "ann"),
        # Dates: texts that are one, and the profile's own.
        ("properties['born']", dated("before", date="1990-06-15T00:00:00Z"), "ann"),
        ("properties['born']", dated("before", date="1990-06-14T00:00:00Z"), ""),
        ("properties['Favorite Color']", dated("before", date="2030-01-01"), ""),
        ("created", in_the_last(0), "ann bob cy"),
        ("created", dated("at-least", unit="hour", quantity=0), ""),
        ("created", text("not-equals", "x"), ""),
        ("updated", existence("is-set"), "ann bob cy"),
        ("last_event_date", existence("not-set"), "ann bob cy"),
        ("last_event_date", dated("at-least", unit="day", quantity=0), ""),
    ],
)
def test_properties_of_profiles(people: World, name: str, found: Json, expected: str) -> None:
    assert people.who(one(of_property(name, found))) == expected


def test_the_id_and_dates_of_profiles(people: World) -> None:
    bob = people.found("bob")
    assert people.who(one(of_property("id", text("equals", bob.id)))) == "bob"
    people.clock.advance(3 * DAY)
    people.event("cy")
    people.profile("dee")
    assert people.who(one(of_property("created", in_the_last(2)))) == "dee"
    assert people.who(one(of_property("updated", in_the_last(2)))) == "cy dee"
    assert people.who(one(of_property("last_event_date", in_the_last(1)))) == "cy"


def test_groups_are_all_needed_and_one_condition_of_each(people: World) -> None:
    red, blue = custom("Favorite Color", text("equals", "red")), custom("Favorite Color", text("equals", "blue"))
    vip = custom("vip", IS_TRUE)
    assert people.who(groups([red, blue])) == "ann bob"
    assert people.who(groups([red], [blue])) == ""
    assert people.who(groups([red, blue], [vip])) == "ann"
    # Either may be unknown: what is not set is neither true nor in the way of another.
    nobody = custom("no such", text("equals", "x"))
    assert people.who(groups([nobody, blue])) == "bob"
    assert people.who(groups([nobody], [blue])) == ""


@pytest.mark.parametrize(
    ("country", "european", "american"),
    [
        ("Germany", True, False),
        (" germany ", True, False),
        ("DE", True, False),
        ("DEU", True, False),
        ("Czech Republic", True, False),
        ("US", False, True),
        ("United States", False, True),
        ("usa", False, True),
        ("United Kingdom", False, False),
        ("GB", False, False),
        ("", None, None),
        (None, None, None),
    ],
)
def test_regions_know_countries_by_name_and_code(
    country: str | None, *, european: bool | None, american: bool | None
) -> None:
    world = World()
    world.profile("ann", location={"country": country, "city": "X"})
    for name, inside in (("european_union", european), ("united_states", american)):
        assert world.who(one(region(name))) == ("ann" if inside else "")
        # Without a country one is neither in a region nor outside.
        assert world.who(one(region(name, inside=False))) == ("ann" if inside is False else "")


def test_the_union_has_27_members() -> None:
    assert len({name for name in REGIONS["european_union"] if len(name) == 2}) == 27
    assert len({name for name in REGIONS["european_union"] if len(name) == 3}) == 27


@pytest.mark.parametrize(
    ("phone", "country"),
    [
        ("+12125550123", "US"),
        ("+14165550123", "CA"),
        ("+18765550123", "JM"),
        ("+17875550123", "PR"),
        ("+442071234567", "GB"),
        ("+441534123456", "JE"),
        ("+4917012345678", "DE"),
        ("+79161234567", "RU"),
        ("+77011234567", "KZ"),
        ("+390612345678", "IT"),
        ("+390669812345", "VA"),
        ("+35312345678", "IE"),
        ("+8613812345678", "CN"),
        ("+819012345678", "JP"),
        ("+0000000000", None),
        ("", None),
    ],
)
def test_a_phone_number_belongs_to_the_country_of_its_longest_prefix(phone: str, country: str | None) -> None:
    assert phone_country(phone) == country


# Dates: the instants that pass, as the help pages give them for 17 June 2023, 15:00 UTC.

WINDOWS = [
    (in_the_last(3), ["2023-06-14T00:00:00", "2023-06-17T15:00:00"], ["2023-06-13T23:59:59", "2023-06-17T15:00:01"]),
    (in_the_last(0), ["2023-06-17T00:00:00"], ["2023-06-16T23:59:59"]),
    (in_the_last(1, "week"), ["2023-06-10T00:00:00"], ["2023-06-09T23:59:59"]),
    (in_the_last(3, "hour"), ["2023-06-17T12:00:00", "2023-06-17T15:00:00"], ["2023-06-17T11:59:59"]),
    (
        dated("at-least", unit="day", quantity=3),
        ["2023-06-13T23:59:59", "1999-01-01T00:00:00"],
        ["2023-06-14T00:00:00", "2023-06-18T00:00:00"],
    ),
    (dated("at-least", unit="hour", quantity=3), ["2023-06-17T11:59:59"], ["2023-06-17T12:00:00"]),
    (dated("at-least", unit="week", quantity=1), ["2023-06-09T23:59:59"], ["2023-06-10T00:00:00"]),
    (
        dated("between", start=3, end=5, unit="day"),
        ["2023-06-12T00:00:00", "2023-06-14T23:59:59"],
        ["2023-06-11T23:59:59", "2023-06-15T00:00:00"],
    ),
    (dated("between", start=5, end=3, unit="day"), ["2023-06-12T00:00:00"], ["2023-06-15T00:00:00"]),
    (
        dated("between", start=1, end=2, unit="hour"),
        ["2023-06-17T13:00:00", "2023-06-17T14:00:00"],
        ["2023-06-17T12:59:59", "2023-06-17T14:00:01"],
    ),
    (
        dated("in-the-next", unit="day", quantity=3),
        ["2023-06-17T15:00:01", "2023-06-20T23:59:59"],
        ["2023-06-17T00:00:00", "2023-06-17T15:00:00", "2023-06-21T00:00:00"],
    ),
    (
        dated("in-the-next", unit="hour", quantity=2),
        ["2023-06-17T15:00:01", "2023-06-17T17:00:00"],
        ["2023-06-17T15:00:00", "2023-06-17T17:00:01"],
    ),
    (dated("before", date="2023-06-10T00:00:00+00:00"), ["2023-06-09T23:59:59"], ["2023-06-10T00:00:00"]),
    (dated("after", date="2023-06-10T00:00:00+00:00"), ["2023-06-11T00:00:00"], ["2023-06-10T23:59:59"]),
    (dated("after", date="2023-06-10T02:00:00+02:00"), ["2023-06-11T00:00:00"], ["2023-06-10T23:59:59"]),
    (dated("after", date="2023-06-10T08:30:00Z"), ["2023-06-10T08:30:01"], ["2023-06-10T08:30:00"]),
    (
        dated("between-static", start="2023-06-10T00:00:00Z", end="2023-06-15T00:00:00Z"),
        ["2023-06-10T00:00:00", "2023-06-15T23:59:59"],
        ["2023-06-09T23:59:59", "2023-06-16T00:00:00"],
    ),
    (
        dated("between-static", start="2023-06-10T10:00:00Z", end="2023-06-15T10:00:00Z"),
        ["2023-06-10T10:00:00", "2023-06-15T10:00:00"],
        ["2023-06-10T09:59:59", "2023-06-15T10:00:01"],
    ),
]
RETURNS = [
    (dated("anniversary"), ["1990-06-17T00:00:00", "2001-06-17T23:59:59"], ["1990-06-16T23:59:59", "1990-06-18"]),
    (
        dated("anniversary-next", unit="day", quantity=3),
        ["1990-06-17T15:00:01", "1990-06-20T23:59:59"],
        ["1990-06-17", "1990-06-17T15:00:00", "1990-06-21"],
    ),
    (
        dated("anniversary-last", unit="day", quantity=3),
        ["1990-06-14", "1990-06-17T15:00:00"],
        ["1990-06-13T23:59:59", "1990-06-17T15:00:01"],
    ),
    (dated("anniversary-last", unit="hour", quantity=2), ["1990-06-17T13:00:00"], ["1990-06-17T12:59:59"]),
    (dated("anniversary-next", unit="week", quantity=40), ["1990-01-15", "1990-03-23"], ["1990-06-16", "1990-03-24"]),
    (dated("anniversary-last", unit="day", quantity=5000), ["1990-06-17T16:00:00", "1988-02-29"], []),
    (dated("anniversary-month"), ["1990-06-01", "1990-06-30T23:59:59"], ["1990-05-31T23:59:59", "1990-07-01"]),
    (dated("calendar-month", value=8), ["1990-08-01", "2030-08-31T23:59:59"], ["1990-07-31", "1990-09-01"]),
    (dated("calendar-month", value=2), ["1988-02-29"], ["1988-03-01"]),
    # 2023 has no 29 February, so that the return of one is in no window of it.
    (dated("anniversary-last", unit="week", quantity=20), ["1990-02-28", "1990-03-01"], ["1988-02-29"]),
]


@pytest.mark.parametrize(("found", "inside", "outside"), WINDOWS + RETURNS)
def test_windows_of_dates(found: Json, inside: list[str], outside: list[str]) -> None:
    world = World(SUMMER)
    for name in [*inside, *outside]:
        world.profile(name, properties={"day": name})
    assert world.who(one(custom("day", found))) == " ".join(sorted(inside))


@pytest.mark.parametrize(
    ("found", "inside", "outside"), [case for case in WINDOWS if case[0]["operator"] != "at-least"]
)
def test_windows_of_events_and_of_memberships(found: Json, inside: list[str], outside: list[str]) -> None:
    world = World(SUMMER)
    for name in [*inside, *outside]:
        at = int(datetime.fromisoformat(f"{name}+00:00").timestamp())
        world.events(name, NewEvent(STORY, None, at, None, None, None, "{}"))
        add_members(world.connection, world.mint, "LIST01", [world.seq(name)], at=at)
    expected = " ".join(sorted(inside))
    assert world.who(one(of_metric(world.metric(), number("greater-than", 0), found))) == expected
    if found["operator"] != "in-the-next":
        assert world.who(one(in_groups("LIST01", timeframe_filter=found))) == expected


def test_a_leap_day_returns_in_leap_years_only() -> None:
    leap = one(custom("day", dated("anniversary-last", unit="day", quantity=10)))
    today = one(custom("day", dated("anniversary")))
    for moment, in_window, on_day in (
        (datetime(2024, 3, 3, 12, tzinfo=UTC), "ann", ""),
        (datetime(2023, 3, 3, 12, tzinfo=UTC), "", ""),
        (datetime(2024, 2, 29, 12, tzinfo=UTC), "ann", "ann"),
        (datetime(2100, 3, 1, 12, tzinfo=UTC), "", ""),
    ):
        world = World(moment)
        world.profile("ann", properties={"day": "2000-02-29"})
        assert world.who(leap) == in_window
        assert world.who(today) == on_day


def test_windows_over_new_year() -> None:
    world = World(datetime(2026, 1, 3, 12, tzinfo=UTC))
    for name in ("1990-12-29", "1990-12-31T23:59:59", "1990-01-03", "1990-01-04", "1990-12-28"):
        world.profile(name, properties={"day": name})
    expected = "1990-01-03 1990-12-29 1990-12-31T23:59:59"
    assert world.who(one(custom("day", dated("anniversary-last", unit="day", quantity=5)))) == expected


def test_windows_without_end_do_no_harm() -> None:
    world = World()
    world.profile("ann", properties={"day": "1990-01-01"})
    world.event("ann")
    huge = 2**63 - 1
    for found in (in_the_last(huge, "week"), dated("in-the-next", unit="week", quantity=huge)):
        world.who(one(custom("day", found), of_metric(world.metric(), number("equals", 1), found)))
    assert world.who(one(custom("day", in_the_last(huge, "week")))) == "ann"
    assert world.who(one(custom("day", dated("between", unit="week", start=0, end=huge)))) == "ann"


# Metrics.


def test_counts_of_a_metric() -> None:
    world = World()
    for name, count in (("none", 0), ("one", 1), ("three", 3)):
        world.profile(name)
        for index in range(count):
            world.event(name, ago=index * DAY)
            world.event(name, "Other", ago=index * DAY)
    for comparison, expected in (
        (number("equals", 0), "none"),
        (number("less-than", 1), "none"),
        (number("less-than-or-equal", 0.5), "none"),
        (number("not-equals", 0), "one three"),
        (number("greater-than", 0), "one three"),
        (number("greater-than-or-equal", 1), "one three"),
        (number("greater-than-or-equal", 0), "none one three"),
        (number("equals", 1), "one"),
        (number("not-equals", 1), "none three"),
        (number("greater-than", 1), "three"),
        (number("less-than", 3), "none one"),
        (number("less-than-or-equal", 3), "none one three"),
        (number("equals", 2.5), ""),
        (number("less-than", -1), ""),
        (number("greater-than", -1), "none one three"),
    ):
        assert world.who(one(of_metric(world.metric(), comparison))) == expected, comparison
        # A filter that everything passes makes for another query, and the same answer.
        passing = [{"property": "$event_id", "filter": existence("is-set")}]
        assert world.who(one(of_metric(world.metric(), comparison, filters=passing))) == expected, comparison
    recent = of_metric(world.metric(), number("greater-than-or-equal", 2), in_the_last(1))
    assert world.who(one(recent)) == "three"
    assert world.who(one(of_metric("NOBODY", number("equals", 0)))) == "none one three"
    assert world.who(one(of_metric("NOBODY", number("greater-than", 0)))) == ""


def test_sums_of_a_metric() -> None:
    world = World()
    world.profile("none")
    for name, values in (("poor", [None, 1]), ("rich", [100, 50.5]), ("odd", [-5, 5])):
        for index, value in enumerate(values):
            world.event(name, "Placed Order", ago=index * DAY, value=value)
    order = world.metric("Placed Order")

    def of_sum(comparison: Json, timeframe: Json = None) -> str:
        return world.who(one(of_metric(order, comparison, timeframe, "sum")))

    assert of_sum(number("greater-than", 1)) == "rich"
    assert of_sum(number("equals", 150.5)) == "rich"
    assert of_sum(number("equals", 0)) == "none odd"
    assert of_sum(number("less-than-or-equal", 1)) == "none odd poor"
    assert of_sum(number("not-equals", 0)) == "poor rich"
    assert of_sum(number("greater-than", 60), in_the_last(0)) == "rich"


@pytest.fixture
def readers() -> World:
    world = World()
    world.event("ann", theme="sea", minutes=12, tags=["calm", "blue"], twice=["calm", "calm"], done=True)
    world.event("bob", theme="Sea wood", minutes=0, tags=[], done=False, value=3)
    world.event("cy", theme="", minutes=None, tags=["calm"], value=0, **{"$extra": "x", "größe": 1})
    return world


@pytest.mark.parametrize(
    ("name", "found", "expected"),
    [
        ("theme", text("equals", "sea"), "ann"),
        ("theme", text("not-equals", "sea"), "bob"),
        ("theme", text("contains", "ea"), "ann bob"),
        ("theme", text("contains", ""), "ann bob"),
        ("theme", text("in", ["sea", ""]), "ann"),
        ("theme", text("not-in", ["sea"]), "bob"),
        ("theme", text("regex", "[Ss]ea$"), "ann"),
        # 0, null and the empty text count as never set.
        ("theme", existence("is-set"), "ann bob"),
        ("theme", existence("not-set"), "cy"),
        ("minutes", existence("is-set"), "ann"),
        ("minutes", existence("not-set"), "bob cy"),
        ("minutes", number("equals", 0), ""),
        ("minutes", number("less-than", 100), "ann"),
        ("minutes", number("not-equals", 5), "ann"),
        ("$value", number("greater-than-or-equal", 0), "bob"),
        ("$value", existence("is-set"), "bob"),
        ("$value", number("equals", 3), "bob"),
        ("$value_currency", text("equals", "EUR"), "bob cy"),
        ("$event_id", existence("is-set"), "ann bob cy"),
        ("$event_id", text("equals", "nothing"), ""),
        ("$extra", existence("is-set"), ""),
        ("$extra", existence("not-set"), "ann bob cy"),
        ("done", IS_TRUE, "ann"),
        ("done", IS_FALSE, "bob"),
        ("done", existence("is-set"), "ann bob"),
        ("größe", number("equals", 1), "cy"),
        ("größe", existence("not-set"), "ann bob"),
        ("tags", listed("contains-any", ["blue", "red"]), "ann"),
        ("tags", listed("contains-all", ["blue", "calm", "blue"]), "ann"),
        ("tags", listed("contains-all", []), "ann bob cy"),
        ("twice", listed("contains-all", ["calm", "blue"]), ""),
        ("tags", listed("not-contains-any", ["blue", "red"]), "bob cy"),
        ("tags", listed("not-contains-all", ["blue", "calm"]), "bob cy"),
        ("tags", listed("contains-substring", "al"), "ann cy"),
        ("tags", listed("contains-substring", None), ""),
        ("tags", listed("not-contains-substring", "lu"), "bob cy"),
        ("tags", listed("length-equals", 0), "bob"),
        ("tags", text("contains", "calm"), "ann cy"),
        ("theme", None, "ann bob cy"),
    ],
)
def test_properties_of_events(readers: World, name: str, found: Json, expected: str) -> None:
    filters = [{"property": name, "filter": found}]
    metric = readers.metric()
    assert readers.who(one(of_metric(metric, number("greater-than", 0), filters=filters))) == expected
    assert readers.who(one(of_metric(metric, number("equals", 1), filters=filters))) == expected
    others = " ".join(name for name in ("ann", "bob", "cy") if name not in expected.split())
    assert readers.who(one(of_metric(metric, number("equals", 0), filters=filters))) == others
    parsed = parse_event_filters(filters, "/filters")
    query = compile_event_filters(parsed, Present(0))
    chosen = f"SELECT external_id FROM event JOIN profile ON profile.seq = profile WHERE event.seq IN ({query.sql})"
    matched = [name for (name,) in readers.connection.execute(chosen, query.parameters)]
    assert " ".join(sorted(matched)) == expected


def test_all_filters_of_a_metric_have_to_hold_of_one_event() -> None:
    world = World()
    world.event("ann", theme="sea", minutes=5)
    world.event("ann", theme="wood", minutes=15)
    world.event("bob", theme="sea", minutes=15)
    filters = [
        {"property": "theme", "filter": text("equals", "sea")},
        {"property": "minutes", "filter": number("greater-than", 10)},
    ]
    assert world.who(one(of_metric(world.metric(), number("greater-than", 0), filters=filters))) == "bob"


def test_what_is_stored_without_escapes_is_found_too() -> None:
    world = World()
    raw = '{"gr\u00f6\u00dfe":"sch\u00f6n"}'
    world.events("ann", NewEvent(STORY, None, None, None, None, None, raw))
    filters = [{"property": "größe", "filter": text("equals", "schön")}]
    assert world.who(one(of_metric(world.metric(), number("equals", 1), filters=filters))) == "ann"


# Funnels.


def test_funnels_keep_order_and_time() -> None:
    world = World()
    for name, events in {
        "both": [("A", 50), ("B", 40)],
        "late": [("A", 500), ("B", 40)],
        "wrong": [("A", 40), ("B", 50)],
        "same": [("A", 40), ("B", 40)],
        "twice": [("A", 500), ("A", 50), ("B", 40)],
        "never": [("A", 50)],
        "spoilt": [("A", 50), ("C", 45), ("B", 40)],
    }.items():
        for metric, hours in events:
            world.event(name, metric, ago=hours * HOUR)
    first, second, third = (world.metric(name) for name in "ABC")
    both = [step(first), step(second)]
    assert world.who(one(funnel(*both))) == "both late same spoilt twice"
    assert world.who(one(funnel(*both, window="DAYS_1"))) == "both same spoilt twice"
    assert world.who(one(funnel(*both, window="HOURS_1"))) == "same"
    assert world.who(one(funnel(*both, timeframe=in_the_last(10)))) == "both same spoilt twice"
    without = [step(first), step(third, exists=False), step(second)]
    assert world.who(one(funnel(*without))) == "both late same twice"
    unfinished = [step(first), step(second, exists=False)]
    assert world.who(one(funnel(*unfinished))) == "never wrong"
    assert world.who(one(funnel(*unfinished, window="DAYS_1"))) == "late never twice wrong"
    filtered = [step(first), step(second, metric_filters=[{"property": "x", "filter": existence("is-set")}])]
    assert world.who(one(funnel(*filtered))) == ""
    assert world.who(one(funnel(step(first), step(first)))) == "twice"


# Groups, consent, predictions.


def test_membership_of_lists_and_segments() -> None:
    world = World()
    ann, bob, cy = (world.profile(name) for name in ("ann", "bob", "cy"))
    add_members(world.connection, world.mint, "LIST01", [ann], at=world.now - 10 * DAY)
    add_members(world.connection, world.mint, "SEGM01", [ann, bob])
    assert cy
    assert world.who(one(in_groups("LIST01"))) == "ann"
    assert world.who(one(in_groups("LIST01", "SEGM01"))) == "ann bob"
    assert world.who(one(in_groups("LIST01", is_member=False))) == "bob cy"
    assert world.who(one(in_groups("LIST01", "SEGM01", is_member=False))) == "cy"
    assert world.who(one(in_groups("LIST01", timeframe_filter=in_the_last(5)))) == ""
    assert world.who(one(in_groups("LIST01", "SEGM01", timeframe_filter=in_the_last(5)))) == "ann bob"
    assert world.who(one(in_groups("NOBODY"))) == ""
    assert world.who(one(in_groups("NOBODY", is_member=False))) == "ann bob cy"


@pytest.fixture
def audience() -> World:
    world = World()
    for name in ("never", "sub", "unsub", "bounced", "hand", "left"):
        world.profile(
            name, identifiers={"email": f"{name}@example.org", "phone_number": f"+49170{len(name)}{ord(name[0])}00"}
        )
    world.profile("phone", identifiers={"phone_number": "+4917099999"})
    then = world.now - 10 * DAY
    channels = (consents.EMAIL, consents.SMS, consents.PUSH, "whatsapp.marketing")
    for name in ("sub", "bounced", "left"):
        consents.subscribe(
            world.connection,
            world.mint,
            world.found(name),
            channels,
            consents.Grant(at=then, custom_method_detail="Fair" if name == "sub" else None),
        )
    consents.unsubscribe(world.connection, world.mint, world.found("unsub"), channels, at=world.now - DAY)
    consents.mark_undeliverable(world.connection, world.seq("bounced"), consents.HARD_BOUNCE, world.now - 5 * DAY)
    consents.suppress(world.connection, world.mint, [world.found("hand")], at=world.now - 2 * DAY)
    world.connection.execute(
        "INSERT INTO suppression (profile, list_id, reason, at) VALUES (?, 'LIST01', 'HARD_BOUNCE', ?)",
        (world.seq("hand"), world.now),
    )
    # Suppressed for one list only, which does not count for the account.
    add_members(world.connection, world.mint, "LIST01", [world.seq("left")])
    consents.unsubscribe(
        world.connection, world.mint, world.found("left"), [consents.EMAIL], at=world.now, list_id="LIST01"
    )
    world.connection.execute(
        "UPDATE consent SET double_optin = 1, method = 'FORM', method_detail = 'FORM42' WHERE profile = ?",
        (world.seq("left"),),
    )
    return world


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (can("email", "any"), "left never sub"),
        (can("email", "subscribed"), "left sub"),
        (can("email", "never_subscribed"), "never"),
        (cannot("email", "any"), "bounced hand phone unsub"),
        (cannot("email", "subscribed"), "bounced"),
        (cannot("email", "unsubscribed"), "unsub"),
        (cannot("email", "never_subscribed"), "hand phone"),
        (cannot("email", "any", {"field": "bounce_date", "filter": existence("is-set")}), "bounced"),
        (cannot("email", "any", since("bounce_date", 5)), "bounced"),
        (cannot("email", "any", since("bounce_date", 4)), ""),
        (cannot("email", "any", since("manual_suppression_date", 2)), "hand"),
        (cannot("email", "any", since("manual_suppression_date", 1)), ""),
        (cannot("email", "any", since("invalid_email_date", 100)), ""),
        (cannot("email", "subscribed", since("bounce_date", 5)), "bounced"),
        (cannot("email", "unsubscribed", since("status_date", 1)), "unsub"),
        (cannot("email", "unsubscribed", since("status_date", 0)), ""),
        (can("email", "subscribed", since("status_date", 10)), "left sub"),
        (can("email", "subscribed", since("status_date", 9)), ""),
        (
            can("email", "subscribed", {"field": "custom_source", "filter": text("equals", "Fair")}),
            "sub",
        ),
        (
            can("email", "subscribed", {"field": "is_double_opt_in", "filter": IS_TRUE}),
            "left",
        ),
        (
            can("email", "subscribed", {"field": "is_double_opt_in", "filter": IS_FALSE}),
            "sub",
        ),
        (can("email", "subscribed", {"field": "method", "method": "api"}), "sub"),
        (can("email", "subscribed", {"field": "method", "method": "form"}), "left"),
        (
            can("email", "subscribed", {"field": "method", "method": "form", "filter": text("in", ["FORM42"])}),
            "left",
        ),
        (
            can("email", "subscribed", {"field": "method", "method": "form", "filter": text("in", ["F"])}),
            "",
        ),
        (can("email", "subscribed", {"field": "method", "method": "form", "filter": text("in", [])}), "left"),
        (can("sms", "subscribed"), "bounced left sub"),
        (cannot("sms", "any"), "hand never phone unsub"),
        (cannot("sms", "unsubscribed"), "unsub"),
        (cannot("sms", "never_subscribed"), "hand never phone"),
        (can("push", "any"), "bounced left sub"),
        (can("push", "any", since("status_date", 9)), ""),
        (cannot("push", "any"), "hand never phone unsub"),
        (whatsapp("whatsapp_marketing", "explicitly_reachable"), "bounced left sub"),
        (whatsapp("whatsapp_marketing", "explicitly_unreachable"), "unsub"),
        (whatsapp("whatsapp_transactional", "explicitly_reachable"), ""),
        (whatsapp("whatsapp_marketing", "explicitly_reachable", since("effective_date", 10)), "bounced left sub"),
        (whatsapp("whatsapp_marketing", "explicitly_reachable", since("recorded_date", 9)), ""),
        (
            whatsapp("whatsapp_marketing", "explicitly_reachable", {"field": "subscribe_method", "method": "form"}),
            "left",
        ),
    ],
)
def test_consent(audience: World, condition: Json, expected: str) -> None:
    assert audience.who(one(condition)) == expected


def test_whom_marketing_reaches_is_what_the_consent_says(audience: World) -> None:
    reached = audience.who(one(can("email", "any"))).split()
    for name in ("never", "sub", "unsub", "bounced", "hand", "left"):
        assert consents.can_receive_email(audience.connection, audience.seq(name)) == (name in reached)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (predicted("predicted_clv", number("greater-than", 10)), "ann"),
        (predicted("historic_number_of_orders", number("equals", 0)), "bob"),
        (predicted("churn_probability", number("less-than", 1)), ""),
        (predicted("predicted_gender", text("equals", "likely_female")), "ann"),
        (predicted("predicted_gender", text("not-equals", "likely_female")), "bob"),
        (predicted("expected_date_of_next_purchase", dated("in-the-next", unit="week", quantity=1)), "ann"),
        (predicted("expected_date_of_next_purchase", dated("calendar-month", value=11)), "ann"),
        (
            predicted("channel_affinity", number("equals", 2), measurement="priority", predicted_channel="sms"),
            "ann",
        ),
        (predicted("channel_affinity", number("equals", 1), measurement="priority", predicted_channel="sms"), "bob"),
        (predicted("channel_affinity", number("equals", 0), measurement="priority", predicted_channel="push"), ""),
        (predicted("channel_affinity", text("equals", "high"), measurement="rank", predicted_channel="email"), "ann"),
        (predicted("channel_affinity", text("not-equals", "high"), measurement="rank", predicted_channel="email"), ""),
    ],
)
def test_predictions(condition: Json, expected: str) -> None:
    world = World()
    world.profile("cy")
    set_prediction(
        world.connection,
        world.profile("ann"),
        {
            "predicted_clv": 12.5,
            "predicted_gender": "likely_female",
            "expected_date_of_next_order": "2026-11-24T00:00:00+00:00",
            "ranked_channel_affinity": ["email", "sms"],
            "channel_affinity": {"email": "high"},
        },
    )
    set_prediction(
        world.connection,
        world.profile("bob"),
        {
            "historic_number_of_orders": 0,
            "predicted_clv": None,
            "predicted_gender": "uncertain",
            "ranked_channel_affinity": ["sms"],
        },
    )
    assert world.who(one(condition)) == expected


# Flows.


def test_the_profile_filter_of_a_flow_can_begin_with_the_flow() -> None:
    world = World()
    world.event("ann", ago=HOUR)
    world.event("bob", ago=0)
    since_start = of_metric(world.metric(), number("equals", 0), dated("flow-start"))
    parsed = parse_definition(one(since_start), POINTER, in_flow=True)
    start = world.now - HOUR

    def passes(name: str) -> bool:
        return segmentation.profile_matches(world.connection, parsed, world.seq(name), world.now, flow_start=start)

    # What set the flow going at its start is not counted.
    assert [passes(name) for name in ("ann", "bob")] == [True, False]
    with pytest.raises(Refusal):
        parse_definition(one(since_start), POINTER)


def test_only_a_flow_may_have_no_conditions() -> None:
    world = World()
    seq = world.profile("ann")
    assert segmentation.profile_matches(
        world.connection, parse_condition_groups([], "/x", in_flow=True), seq, world.now
    )
    with pytest.raises(Refusal):
        parse_condition_groups([], "/x")


# Members that are kept.


def test_members_enter_and_leave_with_events_and_with_time() -> None:
    world = World()
    ann, bob = world.profile("ann"), world.profile("bob")
    world.event("ann")
    quiet = parse_definition(one(of_metric(world.metric(), number("equals", 0), in_the_last(14))), POINTER)

    def refresh(**more: Json) -> segmentation.Change:
        return segmentation.refresh(world.connection, "SEGM01", quiet, world.now, **more)

    def joined() -> dict[int, int]:
        return dict(world.connection.execute("SELECT profile, joined FROM member WHERE group_id = 'SEGM01'").fetchall())

    first = world.now
    assert refresh() == segmentation.Change([bob], [])
    assert refresh() == segmentation.Change([], [])
    world.clock.advance(13 * DAY)
    world.event("bob")
    assert refresh(only=[ann]) == segmentation.Change([], [])
    assert joined() == {bob: first}
    assert refresh(only=[bob]) == segmentation.Change([], [bob])
    # Today and the 14 days before it are "the last 14 days"; ann's day is the 15th at midnight.
    world.clock.advance(DAY)
    assert refresh() == segmentation.Change([], [])
    world.clock.advance(DAY / 2)
    assert refresh() == segmentation.Change([ann], [])
    assert joined() == {ann: world.now}
    # The members of another segment are not touched, nor is who joined before.
    add_members(world.connection, world.mint, "SEGM02", [ann, bob])
    world.clock.advance(DAY)
    assert refresh() == segmentation.Change([], [])
    assert joined() == {ann: world.now - DAY}
    assert len(world.connection.execute("SELECT 1 FROM member WHERE group_id = 'SEGM02'").fetchall()) == 2
    # Who is no profile any more is no member.
    world.connection.execute("DELETE FROM profile WHERE seq = ?", (ann,))
    assert refresh() == segmentation.Change([], [ann])
