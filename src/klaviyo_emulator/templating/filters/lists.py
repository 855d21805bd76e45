"""Filters of lists and objects, and those that choose between values."""

from __future__ import annotations

import functools
import json
import operator
import re
from typing import TYPE_CHECKING, Any, cast

from klaviyo_emulator.templating.errors import Failure
from klaviyo_emulator.templating.filters.registry import Filter, of_text, of_value, of_value_with
from klaviyo_emulator.templating.values import (
    MISSING,
    is_list,
    is_mapping,
    look_up,
    number,
    size,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_LONGEST_PATH = 1000
_OPERATOR = re.compile("<=|=>|>=|==|!=|<|>|=")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "=>": operator.ge,
    ">=": operator.ge,
    ">": operator.gt,
}


def _default(value: object, instead: object) -> object:
    return value or instead


def _lookup(value: object, name: object) -> object:
    """A member by a name with any signs in it, or an item by its number."""
    found = look_up(value, text(name))
    return "" if found is MISSING or found is None else found


def _length(value: object) -> int:
    return size(value) if isinstance(value, str) or is_list(value) or is_mapping(value) else 0


def _at_end(index: int, *, keeps_safety: bool) -> Filter:
    def call(value: object) -> object:
        if not isinstance(value, str) and not is_list(value):
            raise Failure(f"There is no first or last item in {text(value)[:40]!r}")
        return value[index] if value else ""

    return of_value(call, keeps_safety=keeps_safety, reads_all=False)


def _slice(value: object, bounds: object) -> object:
    if not isinstance(value, str) and not is_list(value):
        return value
    try:
        return value[slice(*[int(bound) if bound else None for bound in text(bounds).split(":")])]
    except (ValueError, TypeError):
        return value


def _items(value: object) -> list[object]:
    if is_list(value) or isinstance(value, str):
        return list(value)
    return list(value) if is_mapping(value) else []


def _member(item: object, path: str) -> object:
    if len(path) > _LONGEST_PATH:
        raise Failure(f"The name of a member has more than {_LONGEST_PATH:,} characters")
    for name in path.split("."):
        item = look_up(item, name)
    return item


def _sorted_by(*, reverse: bool) -> Filter:
    """Django's sorting of objects by a member; nothing if one has not got it, or they cannot be compared."""

    def call(value: object, name: object) -> object:
        items = _items(value)
        keys = [_member(item, text(name)) for item in items]
        if MISSING in keys or not (is_list(value) or isinstance(value, str) or is_mapping(value)):
            return ""
        ordered = _ordered(list(zip(keys, items, strict=True)), reverse=reverse)
        return "" if ordered is None else ordered

    return of_value_with(call)


def _ordered(pairs: list[tuple[object, object]], *, reverse: bool = False) -> list[object] | None:
    try:
        pairs.sort(key=lambda pair: cast("Any", pair[0]), reverse=reverse)
    except (TypeError, RecursionError):
        return None
    return [item for _, item in pairs]


def _sort(value: object, name: object, key: Callable[[object], object]) -> object:
    """Liquid's sorting: what has no such member comes last, and what cannot be compared stays as it is."""
    if not is_list(value):
        return value
    keyed = [(item if name is None else _member(item, text(name)), item) for item in value]
    known = [(key(member), item) for member, item in keyed if member is not MISSING and member is not None]
    rest = [item for member, item in keyed if member is MISSING or member is None]
    ordered = _ordered(known)
    return value if ordered is None else [*ordered, *rest]


def _unique(value: object, name: object) -> object:
    if not is_list(value):
        return value
    seen: set[str] = set()
    kept: list[object] = []
    for item in value:
        key = _written_key(item if name is None else _member(item, text(name)))
        if key not in seen:
            seen.add(key)
            kept.append(item)
    return kept


def _written_key(value: object) -> str:
    return f"{type(value).__name__} {text(value)}"


def _map(value: object, name: object) -> object:
    found = [_member(item, text(name)) for item in _items(value)]
    return [None if member is MISSING else member for member in found]


def _where(value: object, term: object, *, known: Iterable[str]) -> list[object]:
    """The objects of a list that fulfil `member operator value`."""
    condition = text(term)
    sign = _OPERATOR.search(condition)
    if sign is None or sign[0] not in known:
        raise Failure(f"{condition[:40]!r} is no condition of the form 'member operator value'")
    name, compare, wanted = condition[: sign.start()].strip(), _OPERATORS[sign[0]], condition[sign.end() :].strip()
    return [item for item in _items(value) if is_mapping(item) and _fulfils(_member(item, name), compare, wanted)]


def _fulfils(member: object, compare: Callable[[Any, Any], bool], wanted: str) -> bool:
    if member is MISSING or member is None:
        return False
    first, second = number(member), number(wanted)
    if first is not None and second is not None:
        return compare(first, second)
    return compare(text(member), wanted)


def _in_words(value: object) -> object:
    """`apple, banana and orange`."""
    if not is_list(value):
        return value
    shown = [text(item) for item in value]
    return " and ".join([", ".join(shown[:-1]), *shown[-1:]] if len(shown) > 1 else shown)


def _parse(value: str) -> object:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return ""


_LENGTH = of_value(_length, reads_all=False)

LIST_FILTERS: Mapping[str, Filter] = {
    "compact": of_value(lambda value: [item for item in _items(value) if item is not None]),
    "count": _LENGTH,
    "default": of_value_with(_default, reads_all=False),
    "default_if_none": of_value_with(lambda value, instead: instead if value is None else value, reads_all=False),
    "dictfilter": of_value_with(functools.partial(_where, known=("<", "<=", "==", "!=", "=>", ">=", ">"))),
    "dictsort": _sorted_by(reverse=False),
    "dictsortreversed": _sorted_by(reverse=True),
    "first": _at_end(0, keeps_safety=False),
    "last": _at_end(-1, keeps_safety=True),
    "length": _LENGTH,
    "list_to_string": of_value(_in_words),
    "list_where": of_value_with(functools.partial(_where, known=("=",))),
    "lookup": of_value_with(_lookup, reads_all=False),
    "make_list": of_text(list),
    "map": of_value_with(_map),
    "reverse": of_value(lambda value: value[::-1] if isinstance(value, str) or is_list(value) else value),
    "size": _LENGTH,
    "slice": of_value_with(_slice, keeps_safety=True, reads_all=False),
    "sort": of_value_with(lambda value, name: _sort(value, name, lambda member: member), optional=True),
    "sort_natural": of_value_with(
        lambda value, name: _sort(value, name, lambda member: text(member).casefold()), optional=True
    ),
    "string_to_object": of_text(_parse),
    "uniq": of_value_with(_unique, optional=True),
}
