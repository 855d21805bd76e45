"""The filter grammar on its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from emulator_wire import REPEATABLE
from hypothesis import given
from hypothesis import strategies as st
from klaviyo_api.filter_builder import FilterBuilder

from klaviyo_emulator.filters import OPERATORS, Condition, FieldRule, FilterError, Value, check, parse

NAMES = st.from_regex(r"[a-z_][a-z_]{0,8}(\.[a-z_]{1,8}){0,3}", fullmatch=True)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
SCALARS = st.one_of(
    st.text(),
    st.integers(-(10**18) + 1, 10**18 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.datetimes(min_value=datetime(1000, 1, 1), timezones=ZONES),  # noqa: DTZ001 - the zones come from beside
)
VALUES = SCALARS | st.lists(SCALARS, max_size=4).map(tuple)
CONDITIONS = st.one_of(
    st.builds(Condition, st.sampled_from([name for name in OPERATORS if name != "has"]), NAMES, VALUES),
    st.builds(Condition, st.just("has"), NAMES),
)


def render(conditions: tuple[Condition, ...]) -> str:
    """Write a filter as a client would."""
    return ",".join(
        f"{condition.operator}({condition.field})"
        if condition.operator == "has" and condition.value is None
        else f"{condition.operator}({condition.field},{render_value(condition.value)})"
        for condition in conditions
    )


def render_value(value: Value) -> str:
    match value:
        case tuple():
            return "[" + ",".join(map(render_value, value)) + "]"
        case str():
            return '"' + re.sub(r'([\\"])', r"\\\1", value) + '"'
        case bool():
            return str(value).lower()
        case None:
            return "null"
        case datetime():
            return value.isoformat()
        case _:
            return repr(value)


@REPEATABLE
@given(st.lists(CONDITIONS, min_size=1, max_size=4).map(tuple))
def test_what_is_written_is_read_back(conditions: tuple[Condition, ...]) -> None:
    assert parse(render(conditions)) == conditions


@REPEATABLE
@given(st.lists(CONDITIONS, min_size=1, max_size=3).map(tuple), st.integers(1, 9))
def test_and_means_what_a_comma_means(conditions: tuple[Condition, ...], depth: int) -> None:
    text = render(conditions)
    assert parse("and(" * depth + text + ")" * depth) == parse(text)


@REPEATABLE
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        conditions = parse(text)
    except FilterError:
        return
    assert parse(render(conditions)) == conditions


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("equals(email,'it''s')", None),
        (r"equals(email,'it\'s')", Condition("equals", "email", "it's")),
        (r'equals(email,"a\\b\n")', Condition("equals", "email", "a\\b\\n")),
        (r'equals(name,"M\u00fcller")', Condition("equals", "name", "Müller")),
        (r'equals(name,"\ud83d\ude00\u00E9")', Condition("equals", "name", "😀é")),
        (r'equals(name,"a\\u00fc")', Condition("equals", "name", r"a\u00fc")),
        (r'equals(name,"\ud83d")', None),
        (r'equals(name,"\ude00\ud83d")', None),
        (r'equals(name,"\u00f")', Condition("equals", "name", r"\u00f")),
        ('equals( email , "a b" ) ', Condition("equals", "email", "a b")),
        ("any(id,['01A', \"01B\"])", Condition("any", "id", ("01A", "01B"))),
        ("has(profile)", Condition("has", "profile")),
        ("equals(a,null)", Condition("equals", "a", None)),
        ("equals(a,-1.5e3)", Condition("equals", "a", -1500.0)),
        ("equals(a,1e999)", None),
        (
            "less-than(t,2012-04-21T11:30:00-04:00)",
            Condition("less-than", "t", datetime(2012, 4, 21, 15, 30, tzinfo=UTC)),
        ),
        ("less-than(t,2023-02-07)", Condition("less-than", "t", datetime(2023, 2, 7, tzinfo=UTC))),
        (
            "less-than(t,2023-02-07T01:02:03.123456789Z)",
            Condition("less-than", "t", datetime(2023, 2, 7, 1, 2, 3, 123456, tzinfo=UTC)),
        ),
        ("less-than(t,2023-02-30)", None),
        ('equals(messages.channel,"email")', Condition("equals", "messages.channel", "email")),
        ("or(equals(a,1),equals(b,1))", None),
        ("not(equals(a,1))", None),
        ("equals(a,[1,[2]])", None),
        ("equals(a,[1,)", None),
        ("equals(a,1)equals(b,1)", None),
        ("equals(a,1),", None),
        ("and()", None),
        ("and(" * 11 + "has(a)" + ")" * 11, None),
        ("equals(,1)", None),
        ("equals", None),
        ("", None),
    ],
)
def test_examples(text: str, condition: Condition | None) -> None:
    if condition is None:
        with pytest.raises(FilterError):
            parse(text)
    else:
        assert parse(text) == (condition,)


@pytest.mark.parametrize("value", ["O'Neil", 'the"one"', "back\\slash", "M\u00fcller", "\U0001f600", "(a,[b])", "100%"])
def test_what_the_official_sdk_writes_is_read(value: str) -> None:
    """It writes a string as JSON, and the strings of a list as Python does; it leaves out blanks."""
    builder = FilterBuilder()
    builder.equals("name", value)
    builder.any("name", [value, "x"])
    builder.greater_than("created", datetime(2026, 11, 20, 12, tzinfo=UTC))
    builder.equals("archived", False)  # noqa: FBT003 - how it is called
    builder.has("profile")
    assert parse(builder.build()) == (
        Condition("equals", "name", value),
        Condition("any", "name", (value, "x")),
        Condition("greater-than", "created", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        Condition("equals", "archived", False),  # noqa: FBT003
        Condition("has", "profile"),
    )


RULES = {
    "name": FieldRule(single=frozenset({"contains"})),
    "is_active": FieldRule("boolean", single=frozenset({"equals"})),
    "count": FieldRule("number", single=frozenset({"less-than"}), many=frozenset({"any"})),
}


def test_a_wrong_operator_has_klaviyos_words() -> None:
    with pytest.raises(FilterError) as caught:
        check(parse('equals(name,"x")'), RULES)
    assert str(caught.value) == "'equals' is not an allowed filter operator for name.  Allowed operators are contains"


@pytest.mark.parametrize(
    "text", ["equals(is_active,1)", "less-than(count,true)", "any(count,['a'])", "contains(name,null)"]
)
def test_values_must_have_the_fields_type(text: str) -> None:
    with pytest.raises(FilterError, match="is needed"):
        check(parse(text), RULES)


def test_values_of_the_right_type() -> None:
    text = "equals(is_active,true),less-than(count,2.5),any(count,[1,2])"
    assert check(parse(text), RULES) == parse(text)
