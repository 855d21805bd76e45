"""Checking a request body against what its operation takes: `bodies.tsv` as a tree of parts.

A body that passes has every required member, no unknown one, and each of its type, so that a handler reads without
fear. Null stands for absence wherever a member is not required. What the facts cannot say is left to handlers: limits,
members that exclude each other, and the insides of a `variant`, an object whose members depend on its kind.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

from klaviyo_emulator.clock import parse_instant
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.operations import facts_of
from klaviyo_emulator.payload import (
    MAXIMUM_NESTING,
    MAXIMUM_STRING_BYTES,
    as_list,
    as_object,
    check_value,
    is_storable,
    is_too_long,
    properties,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Kind = Literal[
    "string", "integer", "number", "boolean", "datetime", "date", "object", "open", "variant", "array", "any"
]
"""`open` is any object; of an `object` the members are known."""

DOCUMENT = "document"
VARIANT_NESTING = 20
"""How many levels deep the values of a variant may be; its parts are told apart by the handler."""
_DATA = "/data"
_TOP_LEVEL = frozenset({"data", "included", "jsonapi", "links", "meta"})
_ITEM = "[]"
_SAME = "same-as"


@dataclass(slots=True)
class Part:
    """A member of a body, with what may lie in it."""

    kind: Kind
    label: str
    """As refusals name it: `'name'`, or `An item of 'names'`."""
    resource: str
    """The type of the resource that it lies in or is, as refusals name it."""
    required: bool = False
    nullable: bool = False
    values: tuple[Any, ...] = ()
    members: dict[str, Part] = field(default_factory=dict[str, "Part"])
    needed: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])
    """The names of required members, each with whether null will do."""
    item: Part | None = None


def check(operation_id: str, revision: str, document: object) -> Any:  # noqa: ANN401 - an object or a list, which the operation decides
    """The `data` of a body: an object, or a list for several resources or identifiers.

    Raises a 400 refusal that names the member, and KeyError for an operation that takes no JSON.
    """
    part = part_of(operation_id, revision)
    root = as_object(document, _DATA)
    for name in root:
        if name not in _TOP_LEVEL:
            raise invalid(_unknown(name, DOCUMENT), f"/{_escaped(name)}")
    data = root.get("data")
    if data is None:
        if part.nullable and "data" in root:
            return None
        raise invalid(_missing("data"), _DATA)
    _CHECKS[part.kind](part, data, _DATA)
    return data


@cache
def part_of(operation_id: str, revision: str) -> Part:
    """The `data` of an operation's body in one of REVISIONS. Raises KeyError for an operation that takes no JSON."""
    rows = facts_of("bodies.tsv", operation_id, revision)
    if rows and rows[0][1] == _SAME:
        operation, known = rows[0][0].split()
        return part_of(operation, known)
    return _grown(rows)


def _grown(rows: Sequence[Sequence[str]]) -> Part:
    """The tree of some rows, in which what lies in a part comes after it."""
    parts: dict[str, Part] = {}
    for pointer, word, need, values in rows:
        above, _, name = pointer.rpartition("/")
        parent = parts.get(above)
        kind = cast("Kind", word)
        part = Part(
            kind,
            label=f"An item of '{above.rpartition('/')[2]}'" if name == _ITEM else f"'{name}'",
            resource=parent.resource if parent else DOCUMENT,
            required=need.startswith("required"),
            nullable=need.endswith("null"),
            values=_values(kind, values),
        )
        parts[pointer] = part
        if parent is None:
            continue
        if name == _ITEM:
            parent.item = part
            continue
        parent.members[name] = part
        if part.required:
            parent.needed.append((name, part.nullable))
        if name == "type" and len(part.values) == 1:
            parent.resource = part.values[0]
    return parts[_DATA]


def _values(kind: Kind, text: str) -> tuple[Any, ...]:
    words = text.split("|") if text else []
    return tuple(words) if kind == "string" else tuple(json.loads(word) for word in words)


def _check_object(part: Part, value: object, at: str) -> None:
    found = as_object(value, at)
    members = part.members
    kind = members.get("type")
    if kind and found.get("type") is not None:
        # First, so that a resource of another type is called that, and not by a member it should not have.
        _CHECKS[kind.kind](kind, found["type"], f"{at}/type")
    for name, item in found.items():
        if name not in members:
            raise invalid(_unknown(name, part.resource), f"{at}/{_escaped(name)}")
        if item is not None:
            member = members[name]
            _CHECKS[member.kind](member, item, f"{at}/{name}")
    for name, nullable in part.needed:
        if found.get(name) is None and not (nullable and name in found):
            raise invalid(_missing(name), f"{at}/{name}")


def _check_array(part: Part, value: object, at: str) -> None:
    item = part.item
    if item is None:
        return
    test = _CHECKS[item.kind]
    for place, found in enumerate(as_list(value, at)):
        test(item, found, f"{at}/{place}")


def _check_string(part: Part, value: object, at: str) -> None:
    if not isinstance(value, str):
        raise invalid(f"{part.label} must be a string.", at)
    if part.values:
        _check_choice(part, value, at)
    elif is_too_long(value):
        raise invalid(f"{part.label} is longer than {MAXIMUM_STRING_BYTES} bytes.", at)


def _check_integer(part: Part, value: object, at: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not is_storable(value):
        raise invalid(f"{part.label} must be an integer.", at)
    _check_choice(part, value, at)


def _check_number(part: Part, value: object, at: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_storable(value):
        raise invalid(f"{part.label} must be a number.", at)
    _check_choice(part, value, at)


def _check_boolean(part: Part, value: object, at: str) -> None:
    if not isinstance(value, bool):
        raise invalid(f"{part.label} must be a boolean.", at)
    _check_choice(part, value, at)


def _check_datetime(part: Part, value: object, at: str) -> None:
    if not isinstance(value, str) or parse_instant(value) is None:
        raise invalid(f"{part.label} must be an ISO 8601 datetime.", at)


def _check_date(part: Part, value: object, at: str) -> None:
    try:
        date.fromisoformat(cast("str", value))
    except (TypeError, ValueError):
        raise invalid(f"{part.label} must be an ISO 8601 date.", at) from None


def _check_choice(part: Part, value: object, at: str) -> None:
    if not part.values or value in part.values:
        return
    if len(part.values) == 1:
        raise invalid(f"{part.label} must be '{part.values[0]}'.", at)
    allowed = ", ".join(map(str, part.values))
    raise invalid(f"'{value}' is not a valid value for {part.label}. Valid are: {allowed}", at)


def _check_open(_part: Part, value: object, at: str) -> None:
    properties(value, at)


def _check_variant(_part: Part, value: object, at: str) -> None:
    for name, item in as_object(value, at).items():
        check_value(item, at, name, 1 + MAXIMUM_NESTING - VARIANT_NESTING)


def _check_any(_part: Part, value: object, at: str) -> None:
    above, _, name = at.rpartition("/")
    check_value(value, above, name)


_CHECKS: dict[Kind, Callable[[Part, object, str], None]] = {
    "string": _check_string,
    "integer": _check_integer,
    "number": _check_number,
    "boolean": _check_boolean,
    "datetime": _check_datetime,
    "date": _check_date,
    "object": _check_object,
    "open": _check_open,
    "variant": _check_variant,
    "array": _check_array,
    "any": _check_any,
}


def _missing(name: str) -> str:
    return f"'{name}' is a required field."


def _unknown(name: str, resource: str) -> str:
    return f"'{name}' is not a valid field for the resource '{resource}'."


def _escaped(name: str) -> str:
    """A member's name as a JSON pointer has it."""
    return name.replace("~", "~0").replace("/", "~1")
