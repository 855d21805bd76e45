"""The values that templates work with: how they are looked into, written, counted and escaped.

A value is what JSON can say, a datetime made by a filter, or `SafeText`.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeGuard, cast

from klaviyo_emulator.templating.dates import write_date
from klaviyo_emulator.templating.errors import Excess, Failure

MAXIMUM_VALUE = 1_000_000
"""Characters of one text, or items of one list, that a template may make."""

_LONGEST_PLAIN_NUMBER = 200


class SafeText(str):
    """Text that is markup already, and is not escaped again."""

    __slots__ = ()


class Missing:
    """The type of `MISSING`."""


MISSING: Final = Missing()
"""What looking up gives for something that does not exist; unlike None, which exists and is null."""


def is_list(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    """Whether a value is a list of values."""
    return isinstance(value, list | tuple)


def is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a value has members."""
    return isinstance(value, Mapping)


def size(value: object) -> int:
    """Characters, items or members; 1 for what has no size."""
    return len(value) if isinstance(value, str) or is_list(value) or is_mapping(value) else 1


def check_size(length: int) -> None:
    """Refuse to make a text or a list of this length."""
    if length > MAXIMUM_VALUE:
        raise Excess(f"A value would have more than {MAXIMUM_VALUE:,} characters or items")


def weight(value: object) -> int:
    """Characters, items and members of a value and of all within it; beyond the bound it is not counted on."""
    found = size(value)
    waiting = [value]
    while waiting and found <= MAXIMUM_VALUE:
        container = waiting.pop()
        parts = [*container, *container.values()] if is_mapping(container) else container if is_list(container) else ()
        for part in parts:
            if isinstance(part, str):
                found += len(part)
            elif part is not None and not isinstance(part, int | float):
                found += size(part)
                waiting.append(part)
    return found


def text(value: object) -> str:
    """The value as Python writes it; safe text stays safe."""
    if isinstance(value, str):
        return value
    check_size(weight(value))
    try:
        return str(value)
    except (RecursionError, ValueError):
        raise Failure("A value is too deep or too long to be written") from None


def output_text(value: object) -> str:
    """The value as a variable writes it: floats without an exponent, datetimes in words, else like `text`."""
    if isinstance(value, float) and math.isfinite(value):
        return _plain_float(value)
    if isinstance(value, datetime):
        return write_date(value, "DATETIME_FORMAT")
    return text(value)


def escape(value: object) -> SafeText:
    """Markup that shows the value; safe text is markup already."""
    return value if isinstance(value, SafeText) else force_escape(value)


def force_escape(value: object) -> SafeText:
    """Markup that shows the value, even if it is markup already."""
    return SafeText(html.escape(text(value)))


def number(value: object) -> int | float | None:
    """A finite number, also from text that says one; None for everything else."""
    if isinstance(value, str):
        value = _read_number(value)
    if isinstance(value, int):
        return int(value)
    return value if isinstance(value, float) and math.isfinite(value) else None


def decimal_number(value: object) -> float | None:
    """Like `number`, as a float."""
    found = number(value)
    try:
        return None if found is None else float(found)
    except OverflowError:
        return None


def whole_number(value: object) -> int | None:
    """What `int` makes of a value, with the fraction cut off; None if it makes nothing."""
    if not isinstance(value, int | float | str):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


def look_up(value: object, name: str) -> object:
    """A member, an item by its number, or one of the few attributes that templates use; else `MISSING`."""
    if is_mapping(value):
        return value[name] if name in value else VIEWS[name](value) if name in VIEWS else MISSING
    if isinstance(value, datetime):
        return getattr(value, name) if name in _DATE_ATTRIBUTES else MISSING
    if isinstance(value, str) and name in _TEXT_ATTRIBUTES:
        return _TEXT_ATTRIBUTES[name](value)
    if isinstance(value, str) or is_list(value):
        return _item(value, name)
    return MISSING


def _item(value: str | list[object] | tuple[object, ...], name: str) -> object:
    try:
        return value[int(name)]
    except (ValueError, IndexError):
        return MISSING


def _keys(value: Mapping[str, object]) -> object:
    return list(value)


def _values(value: Mapping[str, object]) -> object:
    return list(value.values())


def _items(value: Mapping[str, object]) -> object:
    return list(value.items())


VIEWS: Mapping[str, Callable[[Mapping[str, object]], object]] = {"keys": _keys, "values": _values, "items": _items}
"""What an object has besides its members, each a list as long as the object."""
_TEXT_ATTRIBUTES: Mapping[str, Callable[[str], object]] = {
    "capitalize": str.capitalize,
    "casefold": str.casefold,
    "isalnum": str.isalnum,
    "isalpha": str.isalpha,
    "isdigit": str.isdigit,
    "islower": str.islower,
    "isnumeric": str.isnumeric,
    "isspace": str.isspace,
    "istitle": str.istitle,
    "isupper": str.isupper,
    "lower": str.lower,
    "lstrip": str.lstrip,
    "rstrip": str.rstrip,
    "split": str.split,
    "splitlines": str.splitlines,
    "strip": str.strip,
    "swapcase": str.swapcase,
    "title": str.title,
    "upper": str.upper,
}
_DATE_ATTRIBUTES = ("year", "month", "day", "hour", "minute", "second", "microsecond")


def _plain_float(value: float) -> str:
    written = str(value)
    if "e" not in written:
        return written
    exact = Decimal(written)
    if abs(exact.adjusted()) > _LONGEST_PLAIN_NUMBER:
        return written
    return f"{exact:f}"


def _read_number(written: str) -> int | float | None:
    try:
        return int(written)
    except ValueError:
        pass
    try:
        return float(written)
    except ValueError:
        return None


def members(value: object) -> list[object]:
    """What a loop goes over: items, characters, or an object's names."""
    if value is None:
        return []
    if isinstance(value, str) or is_list(value) or is_mapping(value):
        return list(cast("list[object]", value))
    raise Failure(f"There is nothing to go over in {text(value)[:40]!r}")
