"""Filters: read back by a parser of Klaviyo's grammar, whatever they were given."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioklaviyo import Filter, filters

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
hostile = st.sampled_from(['"', "\\", '\\"', '"),equals(id,"x', "')", "+", " ", "%22", "a\nb", "]", ",", "😀", "\x00"])
strings = texts | st.lists(hostile | texts, max_size=6).map("".join)
moments = st.datetimes(timezones=st.timezones() | st.just(dt.UTC))
values = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | strings | moments
)
fields = st.from_regex(r"[a-z_$][a-z0-9_$-]{0,8}(\.[a-z0-9_$-]{1,8}){0,3}", fullmatch=True)
OPERATORS: dict[str, Callable[[str, Any], Filter]] = {
    "equals": filters.equals,
    "less-than": filters.less_than,
    "less-or-equal": filters.less_or_equal,
    "greater-than": filters.greater_than,
    "greater-or-equal": filters.greater_or_equal,
    "contains": filters.contains,
    "starts-with": filters.starts_with,
    "ends-with": filters.ends_with,
}
LIST_OPERATORS: dict[str, Callable[[str, Any], Filter]] = {
    "any": filters.any_of,
    "equals": filters.equals,
    "contains-any": filters.contains_any,
    "contains-all": filters.contains_all,
}
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
BARE = re.compile(r"[^,()\[\]\"]+")
HEAD = re.compile(r"([a-z-]+)\(([A-Za-z0-9_$.-]+)")


class Parser:
    """The documented grammar, written for the tests alone."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        assert found is not None, self.text[self.at :]
        self.at = found.end()
        return found

    def skip(self, mark: str) -> bool:
        is_there = self.text.startswith(mark, self.at)
        self.at += len(mark) if is_there else 0
        return is_there

    def expressions(self) -> list[tuple[str, str, Any]]:
        found = [self.expression()]
        while self.skip(","):
            found.append(self.expression())
        assert self.at == len(self.text), "something follows the expression"
        return found

    def expression(self) -> tuple[str, str, Any]:
        head = self.take(HEAD)
        value = self.value() if self.skip(",") else ...
        assert self.skip(")")
        return head[1], head[2], value

    def value(self) -> Any:
        if self.skip("["):
            listed = [self.value()]
            while self.skip(","):
                listed.append(self.value())
            assert self.skip("]")
            return listed
        if self.text.startswith('"', self.at):
            return re.sub(r"\\(.)", r"\1", self.take(STRING)[1], flags=re.DOTALL)
        bare = self.take(BARE)[0]
        if bare in {"null", "true", "false"}:
            return {"null": None, "true": True, "false": False}[bare]
        if re.match(r"\d{4}-\d\d-\d\dT", bare):
            return dt.datetime.fromisoformat(bare)
        return float(bare) if any(mark in bare for mark in ".e") else int(bare)


@given(operator=st.sampled_from(sorted(OPERATORS)), field=fields, value=values)
def test_what_goes_in_comes_out(operator: str, field: str, value: Any) -> None:
    parsed = Parser(OPERATORS[operator](field, value).expression).expressions()
    assert parsed == [(operator, field, value)]
    assert type(parsed[0][2]) is type(value)


@given(operator=st.sampled_from(sorted(LIST_OPERATORS)), field=fields, listed=st.lists(values, min_size=1, max_size=5))
def test_lists_go_through_too(operator: str, field: str, listed: list[Any]) -> None:
    for given_as in (list, tuple):
        expression = LIST_OPERATORS[operator](field, given_as(listed)).expression
        assert Parser(expression).expressions() == [(operator, field, listed)]


@given(st.lists(strings, min_size=1, max_size=5))
def test_joined_filters_stay_as_many_as_they_were(given_texts: list[str]) -> None:
    joined = filters.all_of(filters.has("profile"), *[filters.equals("email", text) for text in given_texts])
    parsed = Parser(filters.all_of(joined).expression).expressions()
    assert parsed == [("has", "profile", ...), *[("equals", "email", text) for text in given_texts]]


@given(st.text().filter(lambda text: not re.fullmatch(r"[A-Za-z_$][\w$-]*(\.[\w$-]+)*", text, re.ASCII)))
def test_a_field_that_is_no_name_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="field"):
        filters.equals(field, 1)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (dt.datetime(2026, 1, 1), ValueError),  # noqa: DTZ001 - naive on purpose
        ("\ud800", ValueError),
        ([], ValueError),
        ([["a"]], TypeError),
        (b"bytes", TypeError),
        ({"a": 1}, TypeError),
        ({1, 2}, TypeError),
        (dt.date(2026, 1, 1), TypeError),
    ],
)
def test_a_value_klaviyo_does_not_know_is_refused(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        filters.equals("email", value)


def test_an_empty_or_single_thing_is_not_a_list() -> None:
    with pytest.raises(ValueError, match="empty"):
        filters.any_of("id", [])
    with pytest.raises(TypeError, match="one string"):
        filters.any_of("id", "abc")
    with pytest.raises(ValueError, match="at least one"):
        filters.all_of()


def test_an_expression_reads_as_it_is_sent() -> None:
    since = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    both = filters.all_of(filters.equals("email", 'a"b'), filters.greater_than("created", since))
    assert str(both) == 'equals(email,"a\\"b"),greater-than(created,2026-11-01T00:00:00+00:00)'
