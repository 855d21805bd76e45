"""Filter expressions that say what they were given, whatever characters it holds.

::

    filters.equals("email", "o'neil+x@example.org")
    filters.all_of(filters.any_of("external_id", ids), filters.greater_than("updated", since))

Text is quoted and its quotes and backslashes are escaped, names are checked: a value can end neither its quotes nor
its expression. Klaviyo knows neither "or" nor "not".
"""

import datetime as dt
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from typing_extensions import override

Value: TypeAlias = str | bool | int | float | dt.datetime | None
"""One value. A datetime must be aware; None is null."""

_FIELD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*(\.[A-Za-z0-9_$-]+)*")
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"'})


@dataclass(frozen=True, slots=True)
class Filter:
    """A finished expression; made by the functions of this module."""

    expression: str

    @override
    def __str__(self) -> str:
        return self.expression


def equals(field: str, value: Value | Sequence[Value]) -> Filter:
    """``field`` is ``value`` (of some fields, one of a list of values)."""
    return _compare("equals", field, value)


def any_of(field: str, values: Sequence[Value]) -> Filter:
    """``field`` is one of ``values``, of which there must be at least one."""
    return _compare("any", field, _listed(values))


def less_than(field: str, value: Value) -> Filter:
    """``field`` is before or below ``value``."""
    return _compare("less-than", field, value)


def less_or_equal(field: str, value: Value) -> Filter:
    """``field`` is ``value``, or before or below it."""
    return _compare("less-or-equal", field, value)


def greater_than(field: str, value: Value) -> Filter:
    """``field`` is after or above ``value``."""
    return _compare("greater-than", field, value)


def greater_or_equal(field: str, value: Value) -> Filter:
    """``field`` is ``value``, or after or above it."""
    return _compare("greater-or-equal", field, value)


def contains(field: str, value: str) -> Filter:
    """``field`` has ``value`` in it."""
    return _compare("contains", field, value)


def contains_any(field: str, values: Sequence[str]) -> Filter:
    """``field`` has one of ``values`` in it."""
    return _compare("contains-any", field, _listed(values))


def contains_all(field: str, values: Sequence[str]) -> Filter:
    """``field`` has all of ``values`` in it."""
    return _compare("contains-all", field, _listed(values))


def starts_with(field: str, value: str) -> Filter:
    """``field`` begins with ``value``."""
    return _compare("starts-with", field, value)


def ends_with(field: str, value: str) -> Filter:
    """``field`` ends with ``value``."""
    return _compare("ends-with", field, value)


def has(field: str) -> Filter:
    """``field`` exists, such as the ``profile`` of an event."""
    return Filter(f"has({_name(field)})")


def all_of(*filters: Filter) -> Filter:
    """Every one of ``filters`` holds."""
    if not filters:
        raise ValueError("all_of needs at least one filter")
    # A comma is Klaviyo's "and"; expressions joined so can be joined again.
    return Filter(",".join(part.expression for part in filters))


def _compare(operator: str, field: str, value: Value | Sequence[Value]) -> Filter:
    return Filter(f"{operator}({_name(field)},{_rendered(value)})")


def _name(field: str) -> str:
    if not _FIELD.fullmatch(field):
        raise ValueError("a field is a dotted name of letters, digits, '_', '-' and '$'")
    return field


def _listed(values: Sequence[Value]) -> Sequence[Value]:
    # A string is a sequence of strings to a type checker; nobody means its letters.
    if isinstance(values, str):
        raise TypeError("values must be a list of values, not one string")
    return list(values)


def _rendered(value: Value | Sequence[Value]) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dt.datetime):
        return _moment(value)
    if isinstance(value, (int, float)):
        return _number(value)
    return _list(value)


def _list(values: Sequence[Value]) -> str:
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"a filter cannot hold a {type(values).__name__}")
    if not values:
        raise ValueError("a list of values must not be empty")
    if any(isinstance(value, (list, tuple)) for value in values):
        raise TypeError("a list of values cannot hold lists")
    return f"[{','.join(_rendered(value) for value in values)}]"


def _moment(value: dt.datetime) -> str:
    if value.utcoffset() is None:
        raise ValueError("a datetime must be aware")
    return value.isoformat()


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("a number must be finite")
    return repr(value)


def _quoted(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("text must be valid Unicode") from None
    return f'"{text.translate(_ESCAPED)}"'
