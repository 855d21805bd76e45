"""Family decisions, pure: what is in force, which evening it is, what may be stored."""

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from dreamflow.families.model import LedgerEntry, Purpose
from dreamflow.kit.errors import FieldError

NIGHT_ENDS: Final = timedelta(hours=4)
MOST_CHILDREN: Final = 100
LONGEST_NAME: Final = 60
YOUNGEST, OLDEST = 1, 16
_LONGEST_SUBTAG: Final = 8  # BCP 47, section 2.1

_JOINERS: Final = "\u200c\u200d"  # shape letters and emoji in many scripts
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def in_force(entries: Iterable[LedgerEntry]) -> Mapping[Purpose, LedgerEntry]:
    """The consents that hold, each with the entry that gave it.

    Args:
        entries: of one family, oldest first.
    """
    latest = {entry.purpose: entry for entry in entries}
    return {purpose: entry for purpose, entry in latest.items() if entry.granted}


def evening_of(moment: datetime, zone: ZoneInfo) -> date:
    """The date of the evening a moment belongs to: nights last until 04:00 local."""
    return (moment.astimezone(zone).replace(tzinfo=None) - NIGHT_ENDS).date()


def check_child(name: str, age: int) -> tuple[str, tuple[FieldError, ...]]:
    """A name to store, and what is wrong with it or the age.

    Any script is welcome and kept byte for byte; only the white space around it goes.
    """
    trimmed = name.strip()
    errors: list[FieldError] = []
    if all(sign.isspace() or sign in _JOINERS for sign in trimmed):
        errors.append(FieldError("/name", "A child needs a name."))
    elif len(trimmed) > LONGEST_NAME:
        errors.append(FieldError("/name", f"A name has at most {LONGEST_NAME} characters."))
    elif any(unicodedata.category(sign) in _INVISIBLE and sign not in _JOINERS for sign in trimmed):
        errors.append(FieldError("/name", "A name has visible characters only."))
    if not YOUNGEST <= age <= OLDEST:
        errors.append(FieldError("/age", f"An age is {YOUNGEST} to {OLDEST} years."))
    return trimmed, tuple(errors)


def check_home(time_zone: str | None, locale: str | None) -> tuple[FieldError, ...]:
    """What is wrong with a time zone or a locale; none means not given."""
    errors: list[FieldError] = []
    if time_zone is not None and time_zone not in _time_zones():
        errors.append(FieldError("/time_zone", "This is not an IANA time zone such as Europe/London."))
    if locale is not None and not _is_language_tag(locale):
        errors.append(FieldError("/locale", "This is not a language tag such as en or en-GB."))
    return tuple(errors)


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _is_language_tag(tag: str) -> bool:
    language, *rest = tag.split("-")
    return (
        tag.isascii()
        and language.isalpha()
        and len(language) in (2, 3)
        and all(part.isalnum() and len(part) <= _LONGEST_SUBTAG for part in rest)
    )
