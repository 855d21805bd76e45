"""Which instants pass a date filter at a given time, in whole seconds and UTC.

Days and weeks are counted in calendar days: "in the last 3 days" begins at midnight three days before today, "at least
3 days ago" ends there, "between 3 and 5 days ago" holds both of these days whole, "in the next 3 days" ends with the
third day after today. Hours are counted from the present. What looks back includes the present second, what looks
ahead begins after it. An instant at midnight in a static filter stands for its whole day: "after" begins with the day
that follows, "between" ends with the end's day; "before" ends with midnight. The return of a 29 February is in leap
years only.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import EPOCH
from klaviyo_emulator.segments.filters import (
    DAY,
    HOUR,
    Anniversary,
    CalendarMonth,
    RelativeAnniversary,
    RelativeDate,
    RelativeRange,
    SinceFlowStart,
    StaticDate,
    StaticDateRange,
)

if TYPE_CHECKING:
    from datetime import datetime

    from klaviyo_emulator.segments.filters import Interval, Recurrence

_EARLIEST = -62_135_596_800
_LATEST = 253_402_300_799
"""The first second of the year 1, and the last of the year 9999."""
_MANY_DAYS = 9 * 366
"""So many days hold every day of a year, a 29 February too."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The first and the last second that pass; None where there is no bound."""

    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """When a definition is evaluated, and when somebody entered the flow it belongs to, in whole seconds."""

    now: int
    flow_start: int | None = None

    @property
    def midnight(self) -> int:
        """When today began."""
        return self.now - self.now % DAY


@dataclass(frozen=True, slots=True)
class Season:
    """A part of a year: keys of the form `MM-DD hh:mm:ss`, from the first to the last."""

    first: str
    last: str
    leap_day: bool = True
    """Whether a 29 February is part of it, where it lies between the two."""


_WHOLE_YEAR = Season("01-01 00:00:00", "12-31 23:59:59")


def bounds(found: Interval, present: Present) -> Bounds:
    """The seconds that pass a filter which is no recurrence."""
    match found:
        case StaticDate("before", at):
            result = Bounds(None, at - 1)
        case StaticDate(_, at):
            result = Bounds(at + (1 if at % DAY else DAY), None)
        case StaticDateRange(start, end):
            result = Bounds(start, end if end % DAY else end + DAY - 1)
        case RelativeDate(operator, unit, quantity):
            result = _relative(operator, unit, quantity, present)
        case RelativeRange(start, end, unit):
            near, far = sorted((start, end))
            if unit == HOUR:
                result = Bounds(present.now - far * unit, present.now - near * unit)
            else:
                result = Bounds(present.midnight - far * unit, present.midnight - near * unit + DAY - 1)
        case SinceFlowStart():
            # What set the flow going does not count as something that happened since.
            result = Bounds(None if present.flow_start is None else present.flow_start + 1, None)
        case _:
            result = Bounds()
    return Bounds(_clamp(result.first), _clamp(result.last))


def seasons(found: Recurrence, present: Present) -> list[Season]:
    """The parts of a year that pass a recurrence."""
    match found:
        case CalendarMonth(month):
            return [_month(month)]
        case Anniversary(whole_month):
            today = _moment(_within(present.now))
            return [_month(today.month) if whole_month else _day(today)]
        case RelativeAnniversary(operator, unit, quantity):
            window = _relative(operator.replace("anniversary", "in-the"), unit, quantity, present)
            return _seasons_between(_within(window.first or 0), _within(window.last or 0))


def _relative(operator: str, unit: int, quantity: int, present: Present) -> Bounds:
    by_day = unit % DAY == 0
    past = (present.midnight if by_day else present.now) - quantity * unit
    match operator:
        case "in-the-last":
            return Bounds(past, present.now)
        case "in-the-next":
            end = present.midnight + DAY - 1 if by_day else present.now
            return Bounds(present.now + 1, end + quantity * unit)
        case _:
            return Bounds(None, past - 1)


def _seasons_between(first: int, last: int) -> list[Season]:
    """The parts of the years that two seconds lie in."""
    if last < first:
        return []
    if last - first >= _MANY_DAYS * DAY:
        return [_WHOLE_YEAR]
    begin, end = _moment(first), _moment(last)
    return [
        Season(
            _key(begin) if year == begin.year else _WHOLE_YEAR.first,
            _key(end) if year == end.year else _WHOLE_YEAR.last,
            leap_day=calendar.isleap(year),
        )
        for year in range(begin.year, end.year + 1)
    ]


def _month(month: int) -> Season:
    return Season(f"{month:02d}-01 00:00:00", f"{month:02d}-31 23:59:59")


def _day(moment: datetime) -> Season:
    return Season(f"{moment:%m-%d} 00:00:00", f"{moment:%m-%d} 23:59:59")


def _key(moment: datetime) -> str:
    return f"{moment:%m-%d %H:%M:%S}"


def _moment(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)


def _within(second: int) -> int:
    return max(_EARLIEST, min(_LATEST, second))


def _clamp(second: int | None) -> int | None:
    return None if second is None else _within(second)
