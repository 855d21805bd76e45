"""Filters of dates: which ones hold, seen from now or from the calendar. All of them have the type ``date``."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from aioklaviyo.models.segment.grammar import Integer, Moment, Part

TimeUnit: TypeAlias = Literal["hour", "day", "week"]


class StaticDate(Part):
    """Before or after a date."""

    type: Literal["date"] = "date"
    operator: Literal["after", "before"]
    date: Moment


class StaticDateRange(Part):
    """Between two dates."""

    type: Literal["date"] = "date"
    operator: Literal["between-static"] = "between-static"
    start: Moment
    end: Moment


class RelativeDate(Part):
    """In the last or next ``quantity`` of ``unit``, or at least so long ago."""

    type: Literal["date"] = "date"
    operator: Literal["at-least", "in-the-last", "in-the-next"]
    unit: TimeUnit = "day"
    quantity: Integer


class InTheLast(Part):
    """In the last ``quantity`` of ``unit``, where nothing else can be asked; in flows alone."""

    type: Literal["date"] = "date"
    operator: Literal["in-the-last"] = "in-the-last"
    unit: TimeUnit = "day"
    quantity: Integer


class RelativeDateRange(Part):
    """Between ``start`` and ``end`` of ``unit`` ago."""

    type: Literal["date"] = "date"
    operator: Literal["between"] = "between"
    start: Integer
    end: Integer
    unit: TimeUnit = "day"


class RelativeAnniversary(Part):
    """A date whose anniversary was in the last, or comes in the next, ``quantity`` of ``unit``."""

    type: Literal["date"] = "date"
    operator: Literal["anniversary-last", "anniversary-next"]
    unit: TimeUnit = "day"
    quantity: Integer


class Anniversary(Part):
    """A date whose anniversary is today, or in this month."""

    type: Literal["date"] = "date"
    operator: Literal["anniversary", "anniversary-month"] = "anniversary"


class CalendarMonth(Part):
    """In a month of any year: 1 is January."""

    type: Literal["date"] = "date"
    operator: Literal["calendar-month"] = "calendar-month"
    value: Integer


class AllTime(Part):
    """Whenever."""

    type: Literal["date"] = "date"
    operator: Literal["alltime"] = "alltime"


class FlowStart(Part):
    """Since the profile entered the flow; in flows alone."""

    type: Literal["date"] = "date"
    operator: Literal["flow-start"] = "flow-start"


ProfileDate: TypeAlias = Annotated[
    StaticDate | StaticDateRange | RelativeDate | RelativeAnniversary | RelativeDateRange | CalendarMonth | Anniversary,
    Field(discriminator="operator"),
]
"""What a date of a profile may be filtered by."""
ObjectDate: TypeAlias = Annotated[
    StaticDate | StaticDateRange | RelativeDate | RelativeAnniversary | RelativeDateRange,
    Field(discriminator="operator"),
]
"""What a date of a custom object may be filtered by."""
JoinedDate: TypeAlias = Annotated[
    StaticDate | StaticDateRange | RelativeDate | RelativeDateRange, Field(discriminator="operator")
]
"""What the time of joining a list or segment may be filtered by."""
EventTime: TypeAlias = Annotated[
    StaticDate | StaticDateRange | RelativeDate | RelativeAnniversary | RelativeDateRange | AllTime,
    Field(discriminator="operator"),
]
"""What the times of events may be filtered by."""
FlowEventTime: TypeAlias = Annotated[
    StaticDate | StaticDateRange | RelativeDate | RelativeAnniversary | RelativeDateRange | AllTime | FlowStart,
    Field(discriminator="operator"),
]
"""The same within a flow."""
FunnelTime: TypeAlias = Annotated[StaticDateRange | RelativeDateRange | RelativeDate, Field(discriminator="operator")]
"""What the time of a funnel may be filtered by."""
