"""What a report is asked for: a range of time, what to group by, what to keep, and which statistics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from klaviyo_emulator.clock import parse_instant, whole_seconds
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.filters import FilterError, check, parse
from klaviyo_emulator.intervals import Interval, bucket_starts, instant, year_later

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from klaviyo_emulator.filters import Condition, FieldRule
    from klaviyo_emulator.payload import Object

AT = "/data/attributes"
ZONE = ZoneInfo("UTC")
"""The time zone of the account."""
MAXIMUM_ITEMS = 100
"""Values that one filter may list."""
_TIMEFRAME = f"{AT}/timeframe"
_INTERVALS: Mapping[str, tuple[Interval, timedelta]] = {
    "hourly": ("hour", timedelta(days=7)),
    "daily": ("day", timedelta(days=60)),
    "weekly": ("week", timedelta(weeks=52)),
    "monthly": ("month", timedelta(weeks=52)),
}
"""The lengths of buckets, and how long a range may be with them."""
_DAY = timedelta(days=1)
_YEARS = range(1990, 2200)


@dataclass(frozen=True, slots=True)
class Range:
    """A range of local times; `end` is not part of it. `named` is whether a key stands for it."""

    start: datetime
    end: datetime
    named: bool

    @property
    def edges(self) -> list[int]:
        """Its ends in whole seconds."""
        return [whole_seconds(instant(self.start, ZONE)), whole_seconds(instant(self.end, ZONE))]


@dataclass(frozen=True, slots=True)
class Buckets:
    """The parts of a range: when each begins, as it is answered, and the edges between them in whole seconds."""

    starts: list[datetime]
    edges: list[int]


def read_range(attributes: Object, now: datetime) -> Range:
    """The range of a report. Raises a 400 refusal.

    Named ranges end with today: `last_7_days` are today and the six days before, `last_3_months` go back to the day
    after today's date three months ago. `this_week` began on Monday.
    """
    timeframe: Object = attributes["timeframe"]
    key: str | None = timeframe.get("key")
    bounds = [timeframe.get("start"), timeframe.get("end")]
    if (key is None) == (bounds == [None, None]) or (key is None and None in bounds):
        raise invalid("Either 'key', or 'start' and 'end', are needed.", _TIMEFRAME)
    if key is not None:
        today = now.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        return Range(*_RANGES[key](today), named=True)
    start, end = (
        _local(str(text), f"{_TIMEFRAME}/{name}") for text, name in zip(bounds, ("start", "end"), strict=True)
    )
    if end <= start:
        raise invalid("The timeframe ends before it begins.", f"{_TIMEFRAME}/end")
    if end > year_later(start):
        raise invalid("The timeframe must not be longer than a year.", _TIMEFRAME)
    return Range(start, end, named=False)


def read_buckets(attributes: Object, found: Range) -> Buckets:
    """The parts of a range by the interval that is asked for. Raises a 400 refusal for a range that is too long."""
    interval: str = attributes["interval"]
    if interval not in _INTERVALS:
        raise invalid(f"'interval' must be one of: {', '.join(_INTERVALS)}.", f"{AT}/interval")
    length, longest = _INTERVALS[interval]
    # A named year is taken in months, although it is a day longer than 52 weeks.
    if found.end - found.start > longest and not (found.named and longest > timedelta(days=60)):
        raise invalid(f"With the interval {interval} the timeframe is at most {longest.days} days.", _TIMEFRAME)
    starts = bucket_starts(found.start, found.end, length, ZONE)
    first, last = found.edges
    return Buckets(starts, [first, *(whole_seconds(start) for start in starts[1:]), last])


def read_statistics(attributes: Object, known: Mapping[str, object]) -> list[str]:
    """The statistics that are asked for, each once. Raises a 400 refusal."""
    statistics = list(dict.fromkeys(attributes["statistics"]))
    if not statistics:
        raise invalid("At least one statistic is needed.", f"{AT}/statistics")
    for index, name in enumerate(statistics):
        if name not in known:
            raise invalid(f"'{name}' is not a statistic.", f"{AT}/statistics/{index}")
    return statistics


def read_groups(attributes: Object, default: Sequence[str], known: Sequence[str], required: Sequence[str]) -> list[str]:
    """What to group by. Raises a 400 refusal."""
    given: list[str] | None = attributes.get("group_by")
    if not given:
        return list(default)
    for index, name in enumerate(given):
        if name not in known:
            raise invalid(f"'{name}' cannot be grouped by. Possible are: {', '.join(known)}.", f"{AT}/group_by/{index}")
    for name in required:
        if name not in given:
            raise invalid(f"'{name}' has to be grouped by.", f"{AT}/group_by")
    return list(dict.fromkeys(given))


def read_filter(attributes: Object, rules: Mapping[str, FieldRule]) -> tuple[Condition, ...]:
    """The conditions of the filter. Raises a 400 refusal."""
    text: str = attributes.get("filter") or ""
    if not text:
        return ()
    try:
        conditions = check(parse(text), rules)
    except FilterError as error:
        raise invalid(str(error), f"{AT}/filter") from None
    names = [condition.field for condition in conditions]
    for condition in conditions:
        if names.count(condition.field) > 1:
            raise invalid(f"'{condition.field}' can be filtered once only.", f"{AT}/filter")
        if isinstance(condition.value, tuple) and len(condition.value) > MAXIMUM_ITEMS:
            raise invalid(f"A filter lists at most {MAXIMUM_ITEMS} values.", f"{AT}/filter")
    return conditions


def values_of(condition: Condition) -> set[object]:
    """What a condition compares with."""
    return set(condition.value) if isinstance(condition.value, tuple) else {condition.value}


def _local(text: str, pointer: str) -> datetime:
    """A wall time: its offset is ignored, it is a time in the account's zone."""
    moment = parse_instant(text)
    if moment is None or moment.year not in _YEARS:
        raise invalid(f"A date and time from {_YEARS[0]} to {_YEARS[-1]} is needed.", pointer)
    return moment.replace(tzinfo=None)


def _days(count: int) -> Callable[[datetime], tuple[datetime, datetime]]:
    return lambda today: (today - (count - 1) * _DAY, today + _DAY)


def _months(count: int) -> Callable[[datetime], tuple[datetime, datetime]]:
    return lambda today: (_months_before(today + _DAY, count), today + _DAY)


def _months_before(day: datetime, count: int) -> datetime:
    months = day.year * 12 + day.month - 1 - count
    first = day.replace(year=months // 12, month=months % 12 + 1, day=1)
    following = (first + 31 * _DAY).replace(day=1)
    return min(first + (day.day - 1) * _DAY, following - _DAY)


def _monday(day: datetime) -> datetime:
    return day - day.weekday() * _DAY


def _first(day: datetime) -> datetime:
    return day.replace(day=1)


_RANGES: Mapping[str, Callable[[datetime], tuple[datetime, datetime]]] = {
    "today": lambda today: (today, today + _DAY),
    "yesterday": lambda today: (today - _DAY, today),
    "this_week": lambda today: (_monday(today), today + _DAY),
    "last_week": lambda today: (_monday(today) - 7 * _DAY, _monday(today)),
    "this_month": lambda today: (_first(today), today + _DAY),
    "last_month": lambda today: (_first(_first(today) - _DAY), _first(today)),
    "this_year": lambda today: (today.replace(month=1, day=1), today + _DAY),
    "last_year": lambda today: (
        today.replace(year=today.year - 1, month=1, day=1),
        today.replace(month=1, day=1),
    ),
    "last_7_days": _days(7),
    "last_30_days": _days(30),
    "last_90_days": _days(90),
    "last_365_days": _days(365),
    "last_3_months": _months(3),
    "last_12_months": _months(12),
}
FIRST_SEGMENT_DATA = datetime(2023, 6, 1, tzinfo=UTC).replace(tzinfo=None)
"""Klaviyo knows nothing of segments from before."""
