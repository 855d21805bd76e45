"""The filters that conditions hold: what a value is compared with, read from JSON and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from klaviyo_emulator.clock import parse_instant, whole_seconds
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import Object, as_list, as_object, flag, is_storable, number, only, text
from klaviyo_emulator.segments.regex import RegexError, compiled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from klaviyo_emulator.errors import Refusal

RESOURCE = "segment"
HOUR = 3600
DAY = 24 * HOUR
UNITS: Mapping[str, int] = {"hour": HOUR, "day": DAY, "week": 7 * DAY}
_MONTHS = 12
_COUNTRY_LETTERS = 2
_REGEX = frozenset({"regex", "nregex"})


@dataclass(frozen=True, slots=True)
class TextFilter:
    """A text compared with another, with regard to case. A value of None is like no text."""

    operator: str
    value: str | None


@dataclass(frozen=True, slots=True)
class TextSetFilter:
    """A text that is, or is not, one of several."""

    values: tuple[str, ...]
    negative: bool


@dataclass(frozen=True, slots=True)
class PhoneCountryFilter:
    """A phone number that is, or is not, of one of some countries: ISO 3166 codes of two letters."""

    countries: tuple[str, ...]
    negative: bool


@dataclass(frozen=True, slots=True)
class NumberFilter:
    """A number compared with another."""

    operator: str
    value: float

    def accepts(self, measured: float) -> bool:
        """Whether a number passes."""
        match self.operator:
            case "equals":
                return measured == self.value
            case "not-equals":
                return measured != self.value
            case "greater-than":
                return measured > self.value
            case "greater-than-or-equal":
                return measured >= self.value
            case "less-than":
                return measured < self.value
            case _:
                return measured <= self.value


@dataclass(frozen=True, slots=True)
class FlagFilter:
    """A boolean that is true, or false."""

    value: bool


@dataclass(frozen=True, slots=True)
class ExistenceFilter:
    """A value that is there, or is not."""

    is_set: bool


@dataclass(frozen=True, slots=True)
class ListItemFilter:
    """A list that holds, or does not hold, an item."""

    value: str | int | None
    negative: bool


@dataclass(frozen=True, slots=True)
class ListSetFilter:
    """A list that holds any, or all, of some texts; or that does not."""

    quantity: Literal["any", "all"]
    values: tuple[str, ...]
    negative: bool


@dataclass(frozen=True, slots=True)
class ListSubstringFilter:
    """A list of which some text, or none, contains another."""

    value: str | None
    negative: bool


@dataclass(frozen=True, slots=True)
class ListLengthFilter:
    """A list whose length is compared with a number."""

    comparison: NumberFilter


@dataclass(frozen=True, slots=True)
class StaticDate:
    """Before or after an instant, in whole seconds."""

    operator: str
    at: int


@dataclass(frozen=True, slots=True)
class StaticDateRange:
    """From one instant to another, in whole seconds."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class RelativeDate:
    """`in-the-last`, `in-the-next` or `at-least` (ago) some hours, days or weeks."""

    operator: str
    unit: int
    quantity: int


@dataclass(frozen=True, slots=True)
class RelativeRange:
    """Between two numbers of hours, days or weeks ago, in either order."""

    start: int
    end: int
    unit: int


@dataclass(frozen=True, slots=True)
class RelativeAnniversary:
    """A day whose return in some year is in the last, or in the next, hours, days or weeks."""

    operator: str
    unit: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Anniversary:
    """A day of today's month and day, or of today's month, in any year."""

    whole_month: bool


@dataclass(frozen=True, slots=True)
class CalendarMonth:
    """A day of a month, 1 to 12, in any year."""

    month: int


@dataclass(frozen=True, slots=True)
class AllTime:
    """At any time."""


@dataclass(frozen=True, slots=True)
class SinceFlowStart:
    """After somebody entered the flow."""


Interval = StaticDate | StaticDateRange | RelativeDate | RelativeRange | AllTime | SinceFlowStart
Recurrence = RelativeAnniversary | Anniversary | CalendarMonth
DateFilter = Interval | Recurrence
ValueFilter = (
    TextFilter
    | TextSetFilter
    | PhoneCountryFilter
    | NumberFilter
    | FlagFilter
    | ExistenceFilter
    | ListItemFilter
    | ListSetFilter
    | ListSubstringFilter
    | ListLengthFilter
    | DateFilter
)


@dataclass(frozen=True, slots=True)
class _Form:
    """One shape of a filter: its `type`, its operators, its further members, and how these are read."""

    kind: str
    operators: frozenset[str]
    members: frozenset[str]
    read: Callable[[str, Object, str], ValueFilter]


def _text_filter(operator: str, found: Object, pointer: str) -> TextFilter:
    value = text(found, "value", pointer)
    if operator in _REGEX and value is not None:
        try:
            compiled(value)
        except RegexError as error:
            raise invalid(str(error), f"{pointer}/value") from None
    return TextFilter(operator, value)


def _text_set(operator: str, found: Object, pointer: str) -> TextSetFilter:
    return TextSetFilter(texts(found, "value", pointer), negative=operator == "not-in")


def _phone_country(operator: str, found: Object, pointer: str) -> PhoneCountryFilter:
    countries = texts(found, "value", pointer)
    for index, country in enumerate(countries):
        if len(country) != _COUNTRY_LETTERS or not country.isascii() or not country.isalpha():
            detail = "A country is needed as its ISO 3166 code of two letters, such as 'US'."
            raise invalid(detail, f"{pointer}/value/{index}")
    return PhoneCountryFilter(tuple(country.upper() for country in countries), negative=operator.endswith("not-in"))


def _number_filter(operator: str, found: Object, pointer: str) -> NumberFilter:
    value = number(found, "value", pointer)
    if value is None:
        raise required("value", pointer)
    return NumberFilter(operator, value)


def _flag_filter(_operator: str, found: Object, pointer: str) -> FlagFilter:
    return FlagFilter(boolean(found, "value", pointer))


def _existence(operator: str, _found: Object, _pointer: str) -> ExistenceFilter:
    return ExistenceFilter(operator == "is-set")


def _list_item(operator: str, found: Object, pointer: str) -> ListItemFilter:
    value = found.get("value")
    if isinstance(value, int) and not isinstance(value, bool):
        value = integer(found, "value", pointer)
    else:
        value = text(found, "value", pointer)
    return ListItemFilter(value, negative=operator.startswith("not-"))


def _list_set(operator: str, found: Object, pointer: str) -> ListSetFilter:
    values = texts(found, "value", pointer)
    return ListSetFilter("all" if operator.endswith("-all") else "any", values, negative=operator.startswith("not-"))


def _list_substring(operator: str, found: Object, pointer: str) -> ListSubstringFilter:
    return ListSubstringFilter(text(found, "value", pointer), negative=operator.startswith("not-"))


def _list_length(operator: str, found: Object, pointer: str) -> ListLengthFilter:
    return ListLengthFilter(NumberFilter(operator.removeprefix("length-"), integer(found, "value", pointer)))


def _static_date(operator: str, found: Object, pointer: str) -> StaticDate:
    return StaticDate(operator, _instant(found, "date", pointer))


def _static_range(_operator: str, found: Object, pointer: str) -> StaticDateRange:
    return StaticDateRange(_instant(found, "start", pointer), _instant(found, "end", pointer))


def _relative_date(operator: str, found: Object, pointer: str) -> RelativeDate:
    return RelativeDate(operator, _unit(found, pointer), _quantity(found, "quantity", pointer))


def _relative_range(_operator: str, found: Object, pointer: str) -> RelativeRange:
    start, end = _quantity(found, "start", pointer), _quantity(found, "end", pointer)
    return RelativeRange(start, end, _unit(found, pointer))


def _relative_anniversary(operator: str, found: Object, pointer: str) -> RelativeAnniversary:
    return RelativeAnniversary(operator, _unit(found, pointer), _quantity(found, "quantity", pointer))


def _anniversary(operator: str, _found: Object, _pointer: str) -> Anniversary:
    return Anniversary(whole_month=operator == "anniversary-month")


def _calendar_month(_operator: str, found: Object, pointer: str) -> CalendarMonth:
    month = integer(found, "value", pointer)
    if not 1 <= month <= _MONTHS:
        raise invalid("'value' must be a month, 1 to 12.", f"{pointer}/value")
    return CalendarMonth(month)


def _all_time(_operator: str, _found: Object, _pointer: str) -> AllTime:
    return AllTime()


def _since_flow_start(_operator: str, _found: Object, _pointer: str) -> SinceFlowStart:
    return SinceFlowStart()


def _form(kind: str, operators: str, members: str, read: Callable[[str, Object, str], ValueFilter]) -> _Form:
    return _Form(kind, frozenset(operators.split()), frozenset(members.split()), read)


_LENGTHS = "length-equals length-greater-than length-greater-than-or-equal length-less-than length-less-than-or-equal"
_FORMS: Mapping[str, _Form] = {
    "text": _form(
        "string",
        "equals not-equals contains not-contains starts-with not-starts-with ends-with not-ends-with regex nregex",
        "value",
        _text_filter,
    ),
    "text-set": _form("string", "in not-in", "value", _text_set),
    "phone": _form("string", "phone-country-code-in phone-country-code-not-in", "value", _phone_country),
    "number": _form(
        "numeric",
        "equals not-equals greater-than greater-than-or-equal less-than less-than-or-equal",
        "value",
        _number_filter,
    ),
    "boolean": _form("boolean", "equals", "value", _flag_filter),
    "existence": _form("existence", "is-set not-set", "", _existence),
    "list-item": _form("list", "contains not-contains", "value", _list_item),
    "list-set": _form("list", "contains-any contains-all not-contains-any not-contains-all", "value", _list_set),
    "list-substring": _form("list", "contains-substring not-contains-substring", "value", _list_substring),
    "list-length": _form("list", _LENGTHS, "value", _list_length),
    "static": _form("date", "before after", "date", _static_date),
    "static-range": _form("date", "between-static", "start end", _static_range),
    "relative": _form("date", "in-the-last in-the-next at-least", "unit quantity", _relative_date),
    "relative-range": _form("date", "between", "start end unit", _relative_range),
    "relative-anniversary": _form("date", "anniversary-last anniversary-next", "unit quantity", _relative_anniversary),
    "anniversary": _form("date", "anniversary anniversary-month", "", _anniversary),
    "calendar": _form("date", "calendar-month", "value", _calendar_month),
    "all-time": _form("date", "alltime", "", _all_time),
    "flow-start": _form("date", "flow-start", "", _since_flow_start),
    "text-equals": _form("string", "equals", "value", _text_filter),
    "text-in": _form("string", "in", "value", _text_set),
    "text-is": _form("string", "equals not-equals", "value", _text_filter),
    "number-equals": _form("numeric", "equals", "value", _number_filter),
    "is-set": _form("existence", "is-set", "", _existence),
}
_INTERVALS = ("static", "static-range", "relative", "relative-range")
DATES = (*_INTERVALS, "relative-anniversary", "anniversary", "calendar")
"""What the date of a profile may be filtered by."""
JOINED = _INTERVALS
"""What the time of joining a group may be filtered by."""
EVENT_TIMES = (*_INTERVALS, "relative-anniversary", "all-time")
"""What the times of events may be filtered by."""
FLOW_TIMES = (*EVENT_TIMES, "flow-start")
"""The same within a flow."""
FUNNEL_TIMES = ("static-range", "relative", "relative-range")
"""What the time of a funnel may be filtered by."""
PROFILE_VALUES = (
    "text", "text-set", "phone", "number", "boolean", "list-item", "list-length", "existence", *DATES,
)  # fmt: skip
"""What a property of a profile may be filtered by."""
EVENT_VALUES = ("text", "text-set", "number", "boolean", "list-set", "list-substring", "list-length", "existence")
"""What a property of an event may be filtered by."""


def read_filter(value: object, pointer: str, allowed: Sequence[str]) -> ValueFilter:
    """A filter of one of the allowed forms. Raises a 400 refusal that names the member."""
    if value is None:
        parent, _, name = pointer.rpartition("/")
        raise required(name, parent)
    found = as_object(value, pointer)
    forms = [_FORMS[name] for name in allowed]
    kind = choice(found, "type", pointer, sorted({form.kind for form in forms}))
    forms = [form for form in forms if form.kind == kind]
    operator = choice(found, "operator", pointer, sorted({name for form in forms for name in form.operators}))
    form = next(form for form in forms if operator in form.operators)
    only(found, {"type", "operator", *form.members}, RESOURCE, pointer)
    for name in sorted(form.members):
        if name not in found:
            raise required(name, pointer)
    return form.read(operator, found, pointer)


def read_date_filter(value: object, pointer: str, allowed: Sequence[str]) -> DateFilter:
    """A filter of one of the allowed forms, all of which are forms of dates. Raises a 400 refusal."""
    found = read_filter(value, pointer, allowed)
    if not isinstance(found, DateFilter):
        raise invalid("A date filter is needed.", pointer)
    return found


def read_number_filter(value: object, pointer: str) -> NumberFilter:
    """A filter that compares a number. Raises a 400 refusal."""
    found = read_filter(value, pointer, ("number",))
    if not isinstance(found, NumberFilter):
        raise invalid("A numeric filter is needed.", pointer)
    return found


def required(name: str, pointer: str) -> Refusal:
    """The refusal of a member that is missing."""
    return invalid(f"'{name}' is a required field.", f"{pointer}/{name}")


def choice(found: Object, name: str, pointer: str, allowed: Sequence[str]) -> str:
    """A required string out of some."""
    value = text(found, name, pointer)
    if value is None:
        raise required(name, pointer)
    if value not in allowed:
        raise invalid(f"'{name}' must be one of: {', '.join(allowed)}.", f"{pointer}/{name}")
    return value


def boolean(found: Object, name: str, pointer: str) -> bool:
    """A required boolean."""
    value = flag(found, name, pointer)
    if value is None:
        raise required(name, pointer)
    return value


def integer(found: Object, name: str, pointer: str) -> int:
    """A required integer of at most 64 bits; a float without a fraction counts as one, as in JSON."""
    value = number(found, name, pointer)
    if value is None:
        raise required(name, pointer)
    if int(value) != value or not is_storable(int(value)):
        raise invalid(f"'{name}' must be an integer.", f"{pointer}/{name}")
    return int(value)


def texts(found: Object, name: str, pointer: str) -> tuple[str, ...]:
    """A required list of strings."""
    if found.get(name) is None:
        raise required(name, pointer)
    values: list[str] = []
    for index, value in enumerate(as_list(found[name], f"{pointer}/{name}")):
        item = text({str(index): value}, str(index), f"{pointer}/{name}")
        if item is None:
            raise invalid("A string is needed.", f"{pointer}/{name}/{index}")
        values.append(item)
    return tuple(values)


def _instant(found: Object, name: str, pointer: str) -> int:
    value = text(found, name, pointer)
    if value is None:
        raise required(name, pointer)
    moment = parse_instant(value)
    if moment is None:
        raise invalid(f"'{name}' must be an ISO 8601 date and time.", f"{pointer}/{name}")
    return whole_seconds(moment)


def _unit(found: Object, pointer: str) -> int:
    return UNITS[choice(found, "unit", pointer, sorted(UNITS))]


def _quantity(found: Object, name: str, pointer: str) -> int:
    value = integer(found, name, pointer)
    if value < 0:
        raise invalid(f"'{name}' must not be negative.", f"{pointer}/{name}")
    return value
