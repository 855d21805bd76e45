"""Filters of dates."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from klaviyo_emulator.templating.dates import read_date, shift_days, write_date
from klaviyo_emulator.templating.errors import Failure
from klaviyo_emulator.templating.filters.registry import Filter, of_value, of_value_with
from klaviyo_emulator.templating.values import text, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from klaviyo_emulator.templating.state import State


def _formatted(default: str) -> Filter:
    """Django's: text is no date, and gives nothing; `format_date_string` must come before."""

    def call(value: object, pattern: object) -> str:
        if not isinstance(value, datetime):
            return ""
        return write_date(value, default if pattern is None else text(pattern))

    return of_value_with(call, optional=True)


def _parsed(value: object) -> object:
    if value is None or value == "" or isinstance(value, datetime):
        return value
    return _moment(value)


def _moment(value: object) -> datetime:
    moment = value if isinstance(value, datetime) else read_date(text(value))
    if moment is None:
        raise Failure(f"{text(value)[:40]!r} is no date")
    return moment


def _days_later(value: object, days: object) -> object:
    """A date that many days later, in the form in which it came."""
    amount = whole_number(days)
    if value is None or value == "" or amount is None:
        return value
    try:
        later = value + timedelta(days=amount) if isinstance(value, datetime) else shift_days(text(value), amount)
    except OverflowError:
        later = None
    if later is None:
        raise Failure(f"There is no date {amount} days after {text(value)[:40]!r}")
    return later


def _weeks_since(value: object, until: object, state: State) -> object:
    if value is None or value == "":
        return ""
    return ((state.now if until is None else _moment(until)) - _moment(value)) // timedelta(weeks=1)


_PARSED = of_value(_parsed)

TIME_FILTERS: Mapping[str, Filter] = {
    "date": _formatted("DATE_FORMAT"),
    "datetime_from_string": _PARSED,
    "days_later": of_value_with(_days_later),
    "format_date_string": _PARSED,
    "time": _formatted("TIME_FORMAT"),
    "weeks_since": Filter(_weeks_since, takes_argument=True),
}
