"""Filters of numbers. Klaviyo's work with floats, and with text that says a number; Django's are Django's."""

from __future__ import annotations

import math
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from typing import TYPE_CHECKING

from klaviyo_emulator.templating.errors import Failure
from klaviyo_emulator.templating.filters.registry import Filter, of_value, of_value_with
from klaviyo_emulator.templating.values import (
    SafeText,
    decimal_number,
    is_list,
    is_mapping,
    number,
    text,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAXIMUM_DECIMALS = 100
"""Decimals that a number can be written with."""

_LONGEST_NUMBER = 200
_EXACT = Context(prec=2 * (MAXIMUM_DECIMALS + _LONGEST_NUMBER), traps=[InvalidOperation])
_CALCULATING = Context(prec=50, traps=[InvalidOperation, DivisionByZero, Overflow])
_PLURAL_FORMS = 2
_YES_AND_NO = 2
_YES_NO_AND_MAYBE = 3


def _add(value: object, other: object) -> object:
    """Whole numbers are added with their fractions cut off; else texts or lists are put together."""
    first, second = whole_number(value), whole_number(other)
    if first is not None and second is not None:
        return first + second
    if isinstance(value, str) and isinstance(other, str):
        both_safe = isinstance(value, SafeText) and isinstance(other, SafeText)
        return SafeText(value + other) if both_safe else str(value) + str(other)
    if is_list(value) and is_list(other):
        return [*value, *other]
    return ""


def _calculation(calculate: Callable[[Decimal, Decimal], Decimal]) -> Filter:
    """A float from two numbers; 0.0 where there is none. Decimals, so that 1.1 less 1 is 0.1."""

    def call(value: object, other: object) -> object:
        first, second = decimal_number(value), decimal_number(other)
        if first is None or second is None:
            return 0.0
        try:
            made = float(calculate(Decimal(str(first)), Decimal(str(second))))
        except (ArithmeticError, ValueError):
            return 0.0
        return made if math.isfinite(made) else 0.0

    return of_value_with(call)


def _rounding(mode: str) -> Filter:
    """To whole numbers or to some decimals; the result is text, with a decimal at least."""

    def call(value: object, decimals: object) -> object:
        places = 0 if decimals is None else whole_number(decimals)
        found = decimal_number(value)
        if found is None or places is None:
            return ""
        return _rounded(found, places, mode)

    return of_value_with(call, optional=True)


def _whole(mode: str) -> Filter:
    def call(value: object) -> object:
        found = decimal_number(value)
        return "" if found is None else _rounded(found, 0, mode)

    return of_value(call)


def _rounded(value: float, places: int, mode: str) -> str:
    _check_decimals(places)
    return str(float(Decimal(str(value)).quantize(_unit(places), mode, _EXACT)))


def _unit(places: int) -> Decimal:
    return Decimal((0, (1,), -places))


def _check_decimals(places: int) -> None:
    if abs(places) > MAXIMUM_DECIMALS:
        raise Failure(f"A number cannot be written with more than {MAXIMUM_DECIMALS} decimals")


def _bound(choose: Callable[[Sequence[int | float]], int | float]) -> Filter:
    def call(value: object, other: object) -> object:
        first, second = number(value), number(other)
        return value if first is None or second is None else choose([first, second])

    return of_value_with(call)


def _absolute(value: object) -> object:
    found = number(value)
    return value if found is None else abs(found)


def _comparison(compare: Callable[[int | float, int | float], bool]) -> Filter:
    def call(value: object, other: object) -> object:
        first, second = number(value), number(other)
        return first is not None and second is not None and compare(first, second)

    return of_value_with(call)


def _float_format(value: object, argument: object) -> object:
    """Django's: rounded half up, decimals only where there are any if the argument is negative, `g` for groups."""
    wanted, grouped = _decimals(argument)
    exact = _exact(value)
    if exact is None:
        return ""
    if wanted is None or not exact.is_finite() or abs(exact.adjusted()) > _LONGEST_NUMBER:
        return text(value)
    _check_decimals(wanted)
    if wanted <= 0 and exact == exact.to_integral_value(context=_EXACT):
        wanted = 0
    places = abs(wanted)
    rounded = exact.quantize(_unit(places), ROUND_HALF_UP, _EXACT)
    # Zero has no sign, whatever was rounded to it.
    return SafeText(_written(rounded or abs(rounded), places, grouped=grouped))


def _decimals(argument: object) -> tuple[int | None, bool]:
    """The decimals (None if the argument does not say them), and whether digits are grouped."""
    if argument is None:
        return -1, False
    if not isinstance(argument, str):
        return whole_number(argument), False
    digits = argument.rstrip("gu")
    suffixes = argument[len(digits) :]
    return whole_number(digits or -1), "g" in suffixes


def _exact(value: object) -> Decimal | None:
    if isinstance(value, bool):
        value = int(value)
    try:
        return Decimal(text(value).strip())
    except InvalidOperation:
        return None


def _written(value: Decimal, places: int, *, grouped: bool) -> str:
    return f"{value:,.{places}f}" if grouped else f"{value:.{places}f}"


def _percentize(value: object, decimals: object) -> str:
    places = 0 if decimals is None else whole_number(decimals)
    found = decimal_number(value)
    if found is None or places is None:
        return ""
    _check_decimals(places)
    percent = _EXACT.multiply(Decimal(str(found)), 100)
    rounded = percent.quantize(_unit(places), ROUND_HALF_UP, _EXACT)
    return f"{_written(rounded, max(places, 0), grouped=False)}%"


def _sum(value: object) -> float:
    items = value if is_list(value) else []
    try:
        return math.fsum(found for found in map(decimal_number, items) if found is not None)
    except OverflowError:
        return 0.0


def _divisible(value: object, by: object) -> bool:
    dividend, divisor = whole_number(value), whole_number(by)
    if dividend is None or not divisor:
        raise Failure("'divisibleby' needs two whole numbers, and the second must not be 0")
    return dividend % divisor == 0


def _pluralize(value: object, forms: object) -> object:
    """An ending for a number or for the length of a list: `s`, `es` or `y,ies`."""
    endings = ("s" if forms is None else text(forms)).split(",")
    if len(endings) > _PLURAL_FORMS:
        return ""
    singular, plural = endings if len(endings) == _PLURAL_FORMS else ("", endings[0])
    if is_list(value) or is_mapping(value):
        return singular if len(value) == 1 else plural
    if not isinstance(value, int | float | str):
        return ""
    try:
        return singular if float(value) == 1 else plural
    except (ValueError, OverflowError):
        return ""


def _yes_no(value: object, answers: object) -> object:
    choices = ("yes,no,maybe" if answers is None else text(answers)).split(",")
    if len(choices) < _YES_AND_NO:
        return value
    if value is None:
        return choices[-1] if len(choices) == _YES_NO_AND_MAYBE else choices[1]
    return choices[0] if value else choices[1]


def _get_digit(value: object, position: object) -> object:
    """A digit of a whole number, counted from the right."""
    found, place = whole_number(value), whole_number(position)
    if found is None or place is None:
        return value
    digits = text(abs(found))
    if place < 1:
        return found
    return int(digits[-place]) if place <= len(digits) else 0


def _remainder(dividend: Decimal, divisor: Decimal) -> Decimal:
    """With the sign of the divisor, as in Python."""
    times = _CALCULATING.divide(dividend, divisor).to_integral_value(ROUND_FLOOR, _EXACT)
    return _EXACT.subtract(dividend, _EXACT.multiply(divisor, times))


_PLUS = _calculation(_CALCULATING.add)
_MINUS = _calculation(_CALCULATING.subtract)
_REMAINDER = _calculation(_remainder)

NUMBER_FILTERS: Mapping[str, Filter] = {
    "abs": of_value(_absolute),
    "add": of_value_with(_add),
    "at_least": _bound(max),
    "at_most": _bound(min),
    "ceil": _whole(ROUND_CEILING),
    "divide": _calculation(_CALCULATING.divide),
    "divisibleby": of_value_with(_divisible),
    "floatadd": _PLUS,
    "floatformat": of_value_with(_float_format, optional=True, keeps_safety=True),
    "floatsub": _MINUS,
    "floor": _whole(ROUND_FLOOR),
    "get_digit": of_value_with(_get_digit),
    "gt": _comparison(lambda first, second: first > second),
    "gte": _comparison(lambda first, second: first >= second),
    "lt": _comparison(lambda first, second: first < second),
    "lte": _comparison(lambda first, second: first <= second),
    "minus": _MINUS,
    "modulo": _REMAINDER,
    "multiply": _calculation(_CALCULATING.multiply),
    "percentize": of_value_with(_percentize, optional=True),
    "pluralize": of_value_with(_pluralize, optional=True),
    "plus": _PLUS,
    "remainder": _REMAINDER,
    "round": _whole(ROUND_HALF_UP),
    "round_down": _rounding(ROUND_FLOOR),
    "round_up": _rounding(ROUND_CEILING),
    "sum_list": of_value(_sum),
    "yesno": of_value_with(_yes_no, optional=True),
}
