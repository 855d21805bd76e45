"""Buckets of time in a time zone: where hours, days, weeks and months begin, daylight saving time and all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from collections.abc import Iterator

Interval = Literal["hour", "day", "week", "month"]

_NOT_TAKEN = frozenset({"Factory", "Europe/Kyiv", "Pacific/Kanton"})
_DECEMBER = 12


@cache
def known_zones() -> frozenset[str]:
    """The names of the time zones that Klaviyo takes, as they are spelled."""
    return frozenset(available_timezones()) - _NOT_TAKEN


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """A local time without zone as an instant of UTC. One that the clocks skip counts as if they had not."""
    return local.replace(tzinfo=zone).astimezone(UTC)


def year_later(local: datetime) -> datetime:
    """The same day and time of the next year; after 29 February comes 1 March."""
    try:
        return local.replace(year=local.year + 1)
    except ValueError:
        return local.replace(year=local.year + 1, month=3, day=1)


def bucket_starts(first: datetime, last: datetime, interval: Interval, zone: ZoneInfo) -> list[datetime]:
    """The beginnings, in UTC, of the buckets that a range of local times touches; `last` is not part of the range.

    A week begins on Monday. The first bucket begins before the range where the range does not begin with a bucket.
    """
    end = instant(last, zone)
    found: list[datetime] = []
    for start in _starts(first, interval, zone):
        if start >= end:
            break
        found.append(start)
    return found


def _starts(first: datetime, interval: Interval, zone: ZoneInfo) -> Iterator[datetime]:
    local = first.replace(minute=0, second=0, microsecond=0)
    if interval == "hour":
        # An hour is an hour, also where the clocks show it twice.
        start = instant(local, zone)
        while True:
            yield start
            start += timedelta(hours=1)
    local = local.replace(hour=0)
    if interval == "week":
        local -= timedelta(days=local.weekday())
    elif interval == "month":
        local = local.replace(day=1)
    while True:
        yield instant(local, zone)
        local = _next_month(local) if interval == "month" else local + timedelta(days=7 if interval == "week" else 1)


def _next_month(local: datetime) -> datetime:
    if local.month == _DECEMBER:
        return local.replace(year=local.year + 1, month=1)
    return local.replace(month=local.month + 1)
