"""The query of a request, checked against what its operation takes. Unknown parameters and values are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode

from klaviyo_emulator.errors import invalid_parameter
from klaviyo_emulator.filters import Condition, FilterError, check, parse
from klaviyo_emulator.operations import PARAMETER_RATES, Rate, Reading

CURSOR = "page[cursor]"
SIZE = "page[size]"
_TYPED = re.compile(r"(fields|additional-fields)\[([^\]]*)\]")
_MAXIMUM_PARAMETERS = 100
_SIZE = re.compile(r"\d{1,9}", re.ASCII)

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Sort:
    """One field and a direction."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a request asks for, after all checks but the cursor's, whose form is its listing's own."""

    filters: tuple[Condition, ...] = ()
    sort: Sort = Sort("")
    size: int = 0
    cursor: str | None = None
    include: frozenset[str] | None = None
    """None where no `include` was sent, so that no `included` is answered."""
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    additional: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    others: Mapping[str, str] = field(default_factory=dict[str, str])
    """The parameters of the operation's own, as they were sent."""

    def parameter_rates(self, path: str) -> dict[str, Rate]:
        """The further windows that this query of the operation with this path is charged to."""
        asked = {f"additional-fields[{kind}]={name}" for kind, names in self.additional.items() for name in names}
        if path.startswith("/api/profiles/"):
            asked |= {f"include={name}" for name in self.include or ()}
        return {name: rate for name, rate in PARAMETER_RATES.items() if name in asked}


def read_pairs(query_string: bytes) -> Pairs:
    """Decode a query string, keeping order. Raises a 400 refusal when it is not UTF-8 or far too long."""
    if not query_string:
        return ()
    try:
        return parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAXIMUM_PARAMETERS,
        )
    except UnicodeError:
        raise invalid_parameter("The query is not percent-encoded UTF-8.", "query") from None
    except ValueError:
        raise invalid_parameter(f"The query has more than {_MAXIMUM_PARAMETERS} parameters.", "query") from None


def write_pairs(pairs: Pairs) -> str:
    """Encode a query as Klaviyo writes it in links: every reserved character percent-encoded, order kept."""
    return urlencode(pairs, quote_via=quote, safe="")


def with_cursor(pairs: Pairs, cursor: str) -> Pairs:
    """The same query for another page."""
    return (*((name, value) for name, value in pairs if name != CURSOR), (CURSOR, cursor))


def read_query(pairs: Pairs, reading: Reading) -> Query:
    """Check a query. Raises a 400 refusal that names the parameter."""
    values: dict[str, str] = {}
    fields: dict[str, frozenset[str]] = {}
    additional: dict[str, frozenset[str]] = {}
    for name, value in pairs:
        if name in values:
            raise invalid_parameter(f"'{name}' is given more than once.", name)
        values[name] = value
        typed = _TYPED.fullmatch(name)
        if typed and typed[1] == "fields" and typed[2] in reading.fields:
            fields[typed[2]] = _words(name, value, reading.fields[typed[2]])
        elif typed and typed[1] == "additional-fields" and typed[2] in reading.additional:
            additional[typed[2]] = _words(name, value, reading.additional[typed[2]])
        elif reading.others.get(name):
            _words(name, value, frozenset(reading.others[name]))
        elif name not in reading.others and not _takes(reading, name):
            raise invalid_parameter(f"'{name}' is not a valid query parameter for this endpoint.", name)
    for name in sorted(reading.required - values.keys()):
        raise invalid_parameter(f"'{name}' is a required query parameter.", name)
    return Query(
        filters=_filters(values["filter"], reading) if "filter" in values else (),
        sort=_sort(values.get("sort", reading.default_sort), reading),
        size=_size(values[SIZE], reading) if SIZE in values else reading.default_size,
        cursor=values.get(CURSOR),
        include=_words("include", values["include"], frozenset(reading.includes)) if "include" in values else None,
        fields=fields,
        additional=additional,
        others={name: values[name] for name in reading.others if name in values},
    )


def _takes(reading: Reading, name: str) -> bool:
    match name:
        case "filter":
            return bool(reading.filters)
        case "sort":
            return bool(reading.sorts)
        case "include":
            return bool(reading.includes)
        case "page[cursor]":
            return reading.cursor
        case "page[size]":
            return reading.maximum_size > 0
        case _:
            return False


def _words(parameter: str, text: str, known: frozenset[str]) -> frozenset[str]:
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    for word in words:
        if word not in known:
            allowed = ", ".join(sorted(known))
            raise invalid_parameter(f"'{word}' is not a valid value for {parameter}. Valid are: {allowed}", parameter)
    return frozenset(words)


def _filters(text: str, reading: Reading) -> tuple[Condition, ...]:
    try:
        return check(parse(text), reading.filters)
    except FilterError as error:
        raise invalid_parameter(str(error), "filter") from None


def _sort(text: str, reading: Reading) -> Sort:
    name = text.removeprefix("-")
    if reading.sorts and name not in reading.sorts:
        allowed = ", ".join(reading.sorts)
        raise invalid_parameter(f"'{text}' is not a valid sort. Valid are, also with '-': {allowed}", "sort")
    return Sort(name, text.startswith("-"))


def _size(text: str, reading: Reading) -> int:
    size = int(text) if _SIZE.fullmatch(text) else 0
    if not 1 <= size <= reading.maximum_size:
        raise invalid_parameter(f"Page size must be an integer between 1 and {reading.maximum_size}.", SIZE)
    return size
