# ruff: noqa: S608 - SQL is what is made here; every value is bound, and what is not is of this package
"""SQL for value filters: conditions on an expression, with every value bound as a parameter.

What is not set passes no filter but `not-set`, negative ones neither. Filters look at one type of value each: a text
filter at texts, a numeric one at numbers and so on; a text filter that asks whether a text `contains` another also
takes a list, of which one item has to be that text. Texts are compared with regard to case. A filter whose text is
null is like one whose text occurs nowhere. In events `0`, `null` and the empty text count as not set.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from klaviyo_emulator.segments.dates import bounds, seasons
from klaviyo_emulator.segments.filters import (
    Anniversary,
    CalendarMonth,
    DateFilter,
    ExistenceFilter,
    FlagFilter,
    ListItemFilter,
    ListLengthFilter,
    ListSetFilter,
    ListSubstringFilter,
    NumberFilter,
    PhoneCountryFilter,
    RelativeAnniversary,
    TextFilter,
    TextSetFilter,
    ValueFilter,
)

if TYPE_CHECKING:
    from klaviyo_emulator.segments.dates import Present
    from klaviyo_emulator.segments.filters import Recurrence

INSTANT = "segment_instant"
"""The SQL function that reads the seconds since 1970 out of a text, null where it is no instant."""
REGEX = "segment_regex"
"""The SQL function that says whether a pattern (first) is found in a text (second)."""
PHONE_COUNTRY = "segment_phone_country"
"""The SQL function that says to which country a phone number belongs."""
FUNNEL = "segment_funnel"
"""The SQL function that says whether events (first) go through the steps of a funnel (second, third)."""

NEVER = "0"
ALWAYS = "1"
_COMPARE = {
    "equals": "=",
    "not-equals": "<>",
    "greater-than": ">",
    "greater-than-or-equal": ">=",
    "less-than": "<",
    "less-than-or-equal": "<=",
}
_NEGATED = {"not-equals": "equals", "nregex": "regex"}

Parameter = str | int | float | None


@dataclass(frozen=True, slots=True)
class Query:
    """An SQL text and its named parameters."""

    sql: str
    parameters: dict[str, Parameter]


@dataclass(slots=True)
class Parameters:
    """Values that a text names: each gets a name of its own."""

    values: dict[str, Parameter] = field(default_factory=dict[str, Parameter])

    def bind(self, value: Parameter) -> str:
        """Keep a value; answers how to write it in SQL."""
        name = f"s{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def bind_all(self, values: tuple[str, ...]) -> str:
        """Keep some texts; answers a subquery of them."""
        return f"(SELECT value FROM json_each({self.bind(json.dumps(values))}))"


@dataclass(frozen=True, slots=True)
class Operand:
    """A value in SQL: its type in the words of `json_type`, itself, and where its items are when it is a list."""

    kind: str
    value: str
    items: str = ""
    """A table-valued `json_each(...)`; empty for what is never a list."""
    length: str = ""
    instant: str = ""
    """Seconds since 1970, for what is an instant by itself."""
    empty_is_unset: bool = False

    @property
    def is_set(self) -> str:
        """Whether there is a value. It may be null where there is none."""
        if self.instant:
            return f"{self.instant} IS NOT NULL"
        if self.empty_is_unset:
            return (
                f"({self.kind} <> 'null' AND NOT ({self.kind} = 'text' AND {self.value} = '') "
                f"AND NOT ({self.kind} IN ('integer', 'real') AND {self.value} = 0))"
            )
        return f"{self.kind} <> 'null'"

    @property
    def is_text(self) -> str:
        """Whether it is a text that counts as one."""
        return f"{self.kind} = 'text'" + (f" AND {self.value} <> ''" if self.empty_is_unset else "")

    @property
    def is_number(self) -> str:
        """Whether it is a number that counts as one."""
        return f"{self.kind} IN ('integer', 'real')" + (f" AND {self.value} <> 0" if self.empty_is_unset else "")


def instant_operand(expression: str) -> Operand:
    """An operand whose expression is seconds since 1970, or null."""
    return Operand("'instant'", expression, instant=expression)


def text_operand(expression: str) -> Operand:
    """An operand whose expression is a text, or null."""
    return Operand(f"CASE WHEN {expression} IS NULL THEN 'null' ELSE 'text' END", expression)


def json_operand(document: str, holder: str, name: str, parameters: Parameters, *, of_event: bool = False) -> Operand:
    """An operand that is a member of an object within a JSON document, at `holder`: `$` or a path below it.

    A name that JSON writes with escapes has no path that all versions of SQLite understand; it is searched for.
    """
    if json.dumps(name) == f'"{name}"':
        path = parameters.bind(f'{holder}."{name}"')
        at = f"{document}, {path}"
        return Operand(
            f"json_type({at})",
            f"json_extract({at})",
            f"json_each({at})",
            f"json_array_length({at})",
            empty_is_unset=of_event,
        )
    source = f"FROM json_each({document}, '{holder}') AS entry WHERE entry.key = {parameters.bind(name)}"
    array = f"(SELECT CASE entry.type WHEN 'array' THEN entry.value END {source})"
    return Operand(
        f"(SELECT entry.type {source})",
        f"(SELECT entry.value {source})",
        f"json_each({array})",
        f"json_array_length({array})",
        empty_is_unset=of_event,
    )


def filter_sql(found: ValueFilter, operand: Operand, parameters: Parameters, present: Present) -> str:
    """The SQL condition that a value passes a filter: 1, or 0 or null."""
    match found:
        case TextFilter():
            condition = _text(found, operand, parameters)
        case TextSetFilter(values, negative):
            among = f"{operand.value} {_not(negative)}IN {parameters.bind_all(values)}"
            condition = f"({operand.is_text} AND {among})"
        case PhoneCountryFilter(countries, negative):
            among = f"{PHONE_COUNTRY}({operand.value}) {_not(negative)}IN {parameters.bind_all(countries)}"
            condition = f"({operand.is_text} AND {among})"
        case NumberFilter():
            condition = f"({operand.is_number} AND {operand.value} {comparison_sql(found, parameters)})"
        case FlagFilter(value):
            condition = f"{operand.kind} = '{'true' if value else 'false'}'"
        case ExistenceFilter(is_set):
            condition = operand.is_set if is_set else f"NOT coalesce({operand.is_set}, 0)"
        case ListItemFilter() | ListSetFilter() | ListSubstringFilter() | ListLengthFilter():
            condition = _list(found, operand, parameters) if operand.items else NEVER
        case _ if operand.instant:
            condition = date_sql(found, operand.instant, parameters, present)
        case _:
            instant = f"{INSTANT}({operand.value})"
            condition = f"({operand.is_text} AND {date_sql(found, instant, parameters, present)})"
    return condition


def comparison_sql(found: NumberFilter, parameters: Parameters) -> str:
    """The operator and the number of a numeric filter."""
    return f"{_COMPARE[found.operator]} {parameters.bind(found.value)}"


def date_sql(found: DateFilter, instant: str, parameters: Parameters, present: Present) -> str:
    """The SQL condition that an instant, in seconds since 1970 or null, passes a date filter."""
    if isinstance(found, RelativeAnniversary | Anniversary | CalendarMonth):
        return _recurrence(found, instant, parameters, present)
    limits = bounds(found, present)
    match limits.first, limits.last:
        case None, None:
            return f"{instant} IS NOT NULL"
        case None, last:
            return f"{instant} <= {parameters.bind(last)}"
        case first, None:
            return f"{instant} >= {parameters.bind(first)}"
        case first, last:
            return f"{instant} BETWEEN {parameters.bind(first)} AND {parameters.bind(last)}"


def _recurrence(found: Recurrence, instant: str, parameters: Parameters, present: Present) -> str:
    key = f"strftime('%m-%d %H:%M:%S', {instant}, 'unixepoch')"
    parts: list[str] = []
    for season in seasons(found, present):
        part = f"{key} BETWEEN {parameters.bind(season.first)} AND {parameters.bind(season.last)}"
        parts.append(part if season.leap_day else f"({part} AND {key} NOT GLOB '02-29*')")
    return f"({' OR '.join(parts)})" if parts else NEVER


def _text(found: TextFilter, operand: Operand, parameters: Parameters) -> str:
    operator = _NEGATED.get(found.operator) or found.operator.removeprefix("not-")
    negative = operator != found.operator
    if found.value is None:
        return f"({operand.is_text})" if negative else NEVER
    text = parameters.bind(found.value)
    size = len(found.value)
    match operator:
        case "equals":
            holds = f"{operand.value} = {text}"
        case "contains":
            holds = f"instr({operand.value}, {text}) > 0"
        case "starts-with":
            holds = f"substr({operand.value}, 1, {size}) = {text}"
        case "ends-with":
            holds = f"substr({operand.value}, -{size}) = {text}" if size else ALWAYS
        case _:
            holds = f"{REGEX}({text}, {operand.value})"
    condition = f"({operand.is_text} AND {_not(negative)}({holds}))"
    if operator == "contains" and operand.items:
        item = ListItemFilter(found.value, negative)
        condition = f"({condition} OR {_list(item, operand, parameters)})"
    return condition


def _list(
    found: ListItemFilter | ListSetFilter | ListSubstringFilter | ListLengthFilter,
    operand: Operand,
    parameters: Parameters,
) -> str:
    match found:
        case ListLengthFilter(comparison):
            holds = f"{operand.length} {comparison_sql(comparison, parameters)}"
            negative = False
        case ListItemFilter(value, negative):
            holds = _some_item(operand, _is_item(value, parameters))
        case ListSubstringFilter(value, negative):
            containing = NEVER if value is None else f"instr(item.value, {parameters.bind(value)}) > 0"
            holds = _some_item(operand, f"item.type = 'text' AND {containing}")
        case ListSetFilter("any", values, negative):
            among = f"item.type = 'text' AND item.value IN {parameters.bind_all(values)}"
            holds = _some_item(operand, among)
        case ListSetFilter(_, values, negative):
            wanted = tuple(dict.fromkeys(values))
            among = f"item.type = 'text' AND item.value IN {parameters.bind_all(wanted)}"
            holds = f"(SELECT count(DISTINCT item.value) FROM {operand.items} AS item WHERE {among}) = {len(wanted)}"
    return f"({operand.kind} = 'array' AND {_not(negative)}({holds}))"


def _is_item(value: str | int | None, parameters: Parameters) -> str:
    if value is None:
        return NEVER
    if isinstance(value, str):
        return f"item.type = 'text' AND item.value = {parameters.bind(value)}"
    return f"item.type IN ('integer', 'real') AND item.value = {parameters.bind(value)}"


def _some_item(operand: Operand, condition: str) -> str:
    return f"EXISTS (SELECT 1 FROM {operand.items} AS item WHERE {condition})"


def _not(negative: bool) -> str:  # noqa: FBT001 - it is the only thing said
    return "NOT " if negative else ""
