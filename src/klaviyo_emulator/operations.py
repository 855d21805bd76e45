"""What each operation is: facts only, as data.

`operations.tsv` names every operation of revision 2026-07-15 and those that the official SDK 25 adds in 2026-10-15,
with method, path, rate windows, scopes, first revision and area. `readings.tsv` says which query parameters each takes;
an operation without rows of its own for 2026-10-15 takes those of 2026-07-15. Both are written by
`tools/emulator-facts`. What they mean is read when an operation is first called.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, get_args

from klaviyo_emulator.filters import FieldRule, ValueType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REVISIONS = ("2026-07-15", "2026-10-15")
"""The revisions whose shapes are spoken, oldest first; each also as `.pre`."""

MINUTE_SECONDS = 60
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests fit in each fixed window."""

    burst: int
    steady: int
    daily: int | None = None

    def windows(self) -> tuple[tuple[int, int], ...]:
        """(requests, seconds) of each window, shortest first."""
        windows = ((self.burst, 1), (self.steady, MINUTE_SECONDS))
        return windows if self.daily is None else (*windows, (self.daily, DAY_SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Which query parameters an operation takes beyond none."""

    filters: Mapping[str, FieldRule] = field(default_factory=dict[str, FieldRule])
    sorts: tuple[str, ...] = ()
    default_sort: str = ""
    default_size: int = 0
    """How many resources a page has; 0 where there are no pages."""
    maximum_size: int = 0
    """0 where there is no `page[size]`."""
    cursor: bool = False
    includes: tuple[str, ...] = ()
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    additional: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Parameters of the operation's own, such as `company_id`, with the values they may have, none for any."""
    required: frozenset[str] = frozenset()
    """The parameters that must be there."""


NOTHING = Reading()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the API."""

    id: str
    method: str
    path: str
    rate: Rate | None
    scopes: frozenset[str]
    since: str
    area: str
    """What it belongs to, as the official SDK divides the API: `Profiles`, `Custom Objects`; `Client` for `/client`."""

    def reading(self, revision: str) -> Reading:
        """The query parameters it takes in one of REVISIONS."""
        return _reading(self.id, revision)


LOCATION_FIELDS = (
    "address1",
    "address2",
    "city",
    "country",
    "latitude",
    "longitude",
    "region",
    "zip",
    "timezone",
    "ip",
)
"""What a profile's `location` has, in the order it is written."""
PREDICTIVE_FIELDS = (
    "historic_number_of_orders",
    "predicted_number_of_orders",
    "average_days_between_orders",
    "average_order_value",
    "historic_clv",
    "predicted_clv",
    "total_clv",
    "churn_probability",
    "expected_date_of_next_order",
    "ranked_channel_affinity",
)
"""What a profile's `predictive_analytics` has, in the order it is written."""

PARAMETER_RATES: Mapping[str, Rate] = {
    "additional-fields[list]=profile_count": Rate(1, 15),
    "additional-fields[profile]=predictive_analytics": Rate(10, 150),
    "additional-fields[segment]=profile_count": Rate(1, 15),
    "include=lists": Rate(1, 15),
    "include=segments": Rate(1, 15),
}
"""Windows that a query parameter is charged to besides its operation's, shared by all operations that take it.

Those of `include` are of profiles: an import job includes its lists at its own rate.
"""


@cache
def operations() -> Mapping[str, Operation]:
    """Every known operation by its id."""
    rows = csv.DictReader(_table("operations.tsv"), delimiter="\t")
    return {row["operation"]: _operation(row) for row in rows}


@cache
def facts(table: str) -> Mapping[tuple[str, str], Sequence[Sequence[str]]]:
    """The rows of a table of facts by operation and revision, each without these two."""
    found: dict[tuple[str, str], list[list[str]]] = {}
    for line in _table(table)[1:]:
        operation, revision, *row = line.split("\t")
        found.setdefault((operation, revision), []).append(row)
    return found


def facts_of(table: str, operation_id: str, revision: str) -> Sequence[Sequence[str]]:
    """The rows of an operation in a revision: those of the latest that has rows of its own, or none."""
    rows = facts(table)
    for known in reversed(REVISIONS[: REVISIONS.index(revision) + 1]):
        if (operation_id, known) in rows:
            return rows[operation_id, known]
    return ()


def _table(name: str) -> list[str]:
    return files("klaviyo_emulator").joinpath(name).read_text(encoding="utf-8").splitlines()


def _operation(row: Mapping[str, str]) -> Operation:
    limits = [] if row["rate"] == "-" else [int(number) for number in row["rate"].split("/")]
    return Operation(
        id=row["operation"],
        method=row["method"],
        path=row["path"],
        rate=Rate(*limits) if limits else None,
        scopes=frozenset() if row["scopes"] == "-" else frozenset(row["scopes"].split()),
        since=row["since"],
        area=row["area"],
    )


@cache
def _reading(operation_id: str, revision: str) -> Reading:
    by_name: dict[str, dict[str, str]] = {}
    for what, name, values in facts_of("readings.tsv", operation_id, revision):
        by_name.setdefault(what, {})[name] = values
    values_of_filters = by_name.get("values", {})
    default_size, maximum_size = [int(number) for number in _only(by_name, "size", "0 0").split()]
    return Reading(
        filters={
            name: _rule(text.split(), values_of_filters.get(name)) for name, text in by_name.get("filter", {}).items()
        },
        sorts=tuple(_only(by_name, "sort").split()),
        default_sort=_only(by_name, "order"),
        default_size=default_size,
        maximum_size=maximum_size,
        cursor="cursor" in by_name,
        includes=tuple(_only(by_name, "include").split()),
        fields={name: _field_names(name, text) for name, text in by_name.get("fields", {}).items()},
        additional={name: frozenset(text.split()) for name, text in by_name.get("additional", {}).items()},
        others={name: _choices(text) for name, text in by_name.get("other", {}).items()},
        required=frozenset(_only(by_name, "required").split()),
    )


def _only(by_name: Mapping[str, Mapping[str, str]], what: str, otherwise: str = "") -> str:
    return by_name.get(what, {}).get("", otherwise)


def _choices(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


def _rule(words: Sequence[str], choices: str | None) -> FieldRule:
    """A rule as it is written: `string equals any[] has()`, brackets for a list of values, parentheses for no value."""
    kind = next(known for known in get_args(ValueType) if known == words[0])
    operators = words[1:]
    return FieldRule(
        kind,
        single=frozenset(name for name in operators if name[-1] not in "])"),
        many=frozenset(name[:-2] for name in operators if name.endswith("[]")),
        bare=frozenset(name[:-2] for name in operators if name.endswith("()")),
        values=frozenset(_choices(choices or "")),
    )


def _field_names(name: str, text: str) -> frozenset[str]:
    """The names of a row; `=operation revision` stands for those of the same type there."""
    if text.startswith("="):
        operation_id, revision = text[1:].split()
        return _reading(operation_id, revision).fields[name]
    return frozenset(text.split())
