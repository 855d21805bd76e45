"""Dates in words: Django's format letters, the directives of Klaviyo's `today`, and reading what people write.

English only, as Klaviyo says of its own names. Nothing here depends on the locale of the machine.
"""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from klaviyo_emulator.clock import EPOCH, parse_instant
from klaviyo_emulator.templating.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_ASSOCIATED_PRESS_MONTHS = (
    "Jan.",
    "Feb.",
    "March",
    "April",
    "May",
    "June",
    "July",
    "Aug.",
    "Sept.",
    "Oct.",
    "Nov.",
    "Dec.",
)
_NAMED_FORMATS = {
    "DATE_FORMAT": "N j, Y",
    "TIME_FORMAT": "P",
    "DATETIME_FORMAT": "N j, Y, P",
    "YEAR_MONTH_FORMAT": "F Y",
    "MONTH_DAY_FORMAT": "F j",
    "SHORT_DATE_FORMAT": "m/d/Y",
    "SHORT_DATETIME_FORMAT": "m/d/Y P",
}
_NOON = 12
_TEEN = 10
_ORDINALS = {1: "st", 2: "nd", 3: "rd"}
_SPELLINGS = ("%m/%d/%Y", "%m-%d-%Y", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y")
_LONGEST_DATE = 100
_LONGEST_PATTERN = 1000
_DATE_ONLY = "%Y-%m-%d"


def write_date(moment: datetime, pattern: str) -> str:
    """A moment by Django's format letters, or by the name of one of Django's formats. Raises Failure if too long."""
    _check_length(pattern)
    pieces = _LETTER.split(_NAMED_FORMATS.get(pattern, pattern))
    for index, piece in enumerate(pieces):
        pieces[index] = _LETTERS[piece](moment) if index % 2 else _ESCAPED.sub(r"\1", piece)
    return "".join(pieces)


def write_by_directives(moment: datetime, pattern: str) -> str:
    """A moment by the directives of `strftime`. Raises Failure for one that is not known, or if there are too many."""
    _check_length(pattern)

    def replace(match: re.Match[str]) -> str:
        write = _DIRECTIVES.get(match[2])
        if write is None:
            raise Failure(f"'{match[0]}' is no directive of a date")
        written = write(moment)
        return (written.lstrip("0 ") or "0") if match[1] else written

    return _DIRECTIVE.sub(replace, pattern)


def _check_length(pattern: str) -> None:
    if len(pattern) > _LONGEST_PATTERN:
        raise Failure(f"The pattern of a date has more than {_LONGEST_PATTERN:,} characters")


def read_date(written: str) -> datetime | None:
    """A moment from ISO 8601 or a common American spelling; without an offset in UTC. None for other text."""
    return _read(written)[0]


def shift_days(written: str, days: int) -> str | None:
    """The date some days later, spelled as it came. None for text that is no date, or if there is no such day."""
    moment, spelling = _read(written)
    if moment is None:
        return None
    try:
        later = moment + timedelta(days=days)
    except OverflowError:
        return None
    return write_by_directives(later, spelling) if spelling else later.isoformat()


def _read(written: str) -> tuple[datetime | None, str]:
    """The moment, and the pattern of its spelling; no pattern for ISO 8601 with a time."""
    stripped = written.strip()
    if len(stripped) > _LONGEST_DATE:
        return None, ""
    moment = parse_instant(stripped)
    if moment is not None:
        return moment, _DATE_ONLY if _ONLY_A_DATE.fullmatch(stripped) else ""
    for spelling in _SPELLINGS:
        try:
            return datetime.strptime(stripped, spelling).replace(tzinfo=UTC), spelling
        except ValueError:
            continue
    return None, ""


def _hour_of_twelve(moment: datetime) -> int:
    return moment.hour % _NOON or _NOON


def _meridiem(moment: datetime) -> str:
    return "a.m." if moment.hour < _NOON else "p.m."


def _hour_and_minutes(moment: datetime) -> str:
    return f"{_hour_of_twelve(moment)}:{moment.minute:02}" if moment.minute else str(_hour_of_twelve(moment))


def _clock_time(moment: datetime) -> str:
    if moment.minute == 0 and moment.hour in {0, _NOON}:
        return "noon" if moment.hour else "midnight"
    return f"{_hour_and_minutes(moment)} {_meridiem(moment)}"


def _ordinal_suffix(moment: datetime) -> str:
    return "th" if moment.day // _TEEN == 1 else _ORDINALS.get(moment.day % 10, "th")


def _offset_seconds(moment: datetime) -> int:
    return int((moment.utcoffset() or timedelta()).total_seconds())


def _offset(moment: datetime) -> str:
    seconds = _offset_seconds(moment)
    return f"{'-' if seconds < 0 else '+'}{abs(seconds) // 3600:02}{abs(seconds) // 60 % 60:02}"


def _internet_date(moment: datetime) -> str:
    day = f"{WEEKDAYS[moment.weekday()][:3]}, {moment.day:02} {MONTHS[moment.month - 1][:3]} {moment.year:04}"
    return f"{day} {moment:%H:%M:%S} {_offset(moment)}"


def _epoch_seconds(moment: datetime) -> str:
    return str((moment - EPOCH) // timedelta(seconds=1))


_LETTERS: Mapping[str, Callable[[datetime], str]] = {
    "a": _meridiem,
    "A": lambda moment: "AM" if moment.hour < _NOON else "PM",
    "b": lambda moment: MONTHS[moment.month - 1][:3].lower(),
    "c": datetime.isoformat,
    "d": lambda moment: f"{moment.day:02}",
    "D": lambda moment: WEEKDAYS[moment.weekday()][:3],
    "e": lambda moment: moment.tzname() or "",
    "E": lambda moment: MONTHS[moment.month - 1],
    "f": _hour_and_minutes,
    "F": lambda moment: MONTHS[moment.month - 1],
    "g": lambda moment: str(_hour_of_twelve(moment)),
    "G": lambda moment: str(moment.hour),
    "h": lambda moment: f"{_hour_of_twelve(moment):02}",
    "H": lambda moment: f"{moment.hour:02}",
    "i": lambda moment: f"{moment.minute:02}",
    "I": lambda moment: "1" if moment.dst() else "0",
    "j": lambda moment: str(moment.day),
    "l": lambda moment: WEEKDAYS[moment.weekday()],
    "L": lambda moment: str(isleap(moment.year)),
    "m": lambda moment: f"{moment.month:02}",
    "M": lambda moment: MONTHS[moment.month - 1][:3],
    "n": lambda moment: str(moment.month),
    "N": lambda moment: _ASSOCIATED_PRESS_MONTHS[moment.month - 1],
    "o": lambda moment: str(moment.isocalendar().year),
    "O": _offset,
    "P": _clock_time,
    "r": _internet_date,
    "s": lambda moment: f"{moment.second:02}",
    "S": _ordinal_suffix,
    "t": lambda moment: str(monthrange(moment.year, moment.month)[1]),
    "T": lambda moment: moment.tzname() or "",
    "u": lambda moment: f"{moment.microsecond:06}",
    "U": _epoch_seconds,
    "w": lambda moment: str(moment.isoweekday() % 7),
    "W": lambda moment: str(moment.isocalendar().week),
    "y": lambda moment: f"{moment.year % 100:02}",
    "Y": lambda moment: f"{moment.year:04}",
    "z": lambda moment: str(moment.timetuple().tm_yday),
    "Z": lambda moment: str(_offset_seconds(moment)),
}
_DIRECTIVES: Mapping[str, Callable[[datetime], str]] = {
    "%": lambda _: "%",
    "a": _LETTERS["D"],
    "A": _LETTERS["l"],
    "b": _LETTERS["M"],
    "B": _LETTERS["F"],
    "d": _LETTERS["d"],
    "e": lambda moment: f"{moment.day:2}",
    "f": _LETTERS["u"],
    "H": _LETTERS["H"],
    "I": _LETTERS["h"],
    "j": lambda moment: f"{moment.timetuple().tm_yday:03}",
    "m": _LETTERS["m"],
    "M": _LETTERS["i"],
    "p": _LETTERS["A"],
    "S": _LETTERS["s"],
    "u": lambda moment: str(moment.isoweekday()),
    "V": lambda moment: f"{moment.isocalendar().week:02}",
    "w": _LETTERS["w"],
    "y": _LETTERS["y"],
    "Y": _LETTERS["Y"],
    "z": _offset,
    "Z": _LETTERS["T"],
}
_LETTER = re.compile(rf"(?<!\\)([{''.join(_LETTERS)}])")
_ESCAPED = re.compile(r"\\(.)")
_DIRECTIVE = re.compile(r"%(-?)(.?)", re.DOTALL)
_ONLY_A_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
