"""Times of day and days of the week in a time zone: until when a delay waits."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import as_list

if TYPE_CHECKING:
    from collections.abc import Collection

PROFILE = "profile"
"""Instead of a time zone: the profile's own."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)


def check_time(value: object, pointer: str) -> object:
    """The value, which must be a time of day such as `18:00:00`."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise invalid("A time of day is needed, such as 18:00:00.", pointer)
    return value


def check_time_zone(value: object, pointer: str) -> object:
    """The value, which must name a time zone, or be `profile`."""
    if not isinstance(value, str) or (value != PROFILE and zone_named(value) is None):
        raise invalid("A time zone is needed, such as Europe/Berlin, or 'profile'.", pointer)
    return value


def check_weekdays(value: object, pointer: str) -> object:
    """The value, which must be a list of days of the week."""
    for index, day in enumerate(as_list(value, pointer)):
        if day not in WEEKDAYS:
            raise invalid(f"A day must be one of: {', '.join(WEEKDAYS)}.", f"{pointer}/{index}")
    return value


def zone_named(name: object) -> tzinfo | None:
    """The time zone of this name, None if there is none."""
    return ZoneInfo(str(name)) if name in _names() else UTC if name == "UTC" else None


def following(moment: datetime, zone: tzinfo, at: str | None, days: Collection[str] | None) -> datetime:
    """The first instant from `moment` on that is one of the days and, if a time is given, exactly at this time."""
    local = moment.astimezone(zone)
    for ahead in range(2 * len(WEEKDAYS)):
        day = local.date() + timedelta(days=ahead)
        if days and WEEKDAYS[day.weekday()] not in days:
            continue
        if at is None:
            found = local if ahead == 0 else datetime.combine(day, time(), zone)
        else:
            found = datetime.combine(day, time.fromisoformat(at), zone)
        found = found.astimezone(UTC)
        if found >= moment:
            return found
    return moment


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())
