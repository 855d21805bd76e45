"""Reading members of a JSON body: each is there, has its type, and is within its limit, or a 400 names its pointer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from klaviyo_emulator.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Collection

Object = dict[str, Any]

MAXIMUM_STRING_BYTES = 100 * 1024
MAXIMUM_ARRAY_ITEMS = 4000
MAXIMUM_NESTING = 10
MAXIMUM_EVENT_PROPERTIES = 400
_UTF8_BYTES = 4
_INTEGER = 1 << 63


def as_object(value: object, pointer: str) -> Object:
    """The value, which must be an object."""
    if not isinstance(value, dict):
        raise invalid("An object is needed.", pointer)
    return cast("Object", value)


def as_list(value: object, pointer: str) -> list[Any]:
    """The value, which must be an array."""
    if not isinstance(value, list):
        raise invalid("An array is needed.", pointer)
    return cast("list[Any]", value)


def member(parent: Object, name: str, pointer: str) -> Object:
    """A required object."""
    value = parent.get(name)
    if value is None:
        raise invalid(f"'{name}' is a required field.", f"{pointer}/{name}")
    return as_object(value, f"{pointer}/{name}")


def resource(value: object, kind: str, pointer: str) -> Object:
    """A resource object of the type `kind`."""
    found = as_object(value, pointer)
    if found.get("type") != kind:
        raise invalid(f"'type' must be '{kind}'.", f"{pointer}/type")
    return found


def document_resource(document: object, kind: str) -> Object:
    """The resource in a document's `data`."""
    return resource(as_object(document, "/data").get("data"), kind, "/data")


def related_id(found: Object, name: str) -> str | None:
    """The id at the other end of a to-one relationship of a checked resource; None where it names nothing."""
    relationships: Object = found.get("relationships") or {}
    relationship: Object = relationships.get(name) or {}
    target: Object | None = relationship.get("data")
    return None if target is None else str(target["id"])


def related_ids(found: Object, name: str) -> list[str]:
    """The ids at the other end of a to-many relationship of a checked resource, each once and in order."""
    relationships: Object = found.get("relationships") or {}
    relationship: Object = relationships.get(name) or {}
    targets: list[Object] = relationship.get("data") or []
    return list(dict.fromkeys(str(target["id"]) for target in targets))


def only(parent: Object, known: Collection[str], kind: str, pointer: str) -> None:
    """Refuse a member that the resource does not have."""
    for name in parent:
        if name not in known:
            raise invalid(f"'{name}' is not a valid field for the resource '{kind}'.", f"{pointer}/{name}")


def text(parent: Object, name: str, pointer: str) -> str | None:
    """A string, or None when it is absent or null."""
    value = parent.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid(f"'{name}' must be a string.", f"{pointer}/{name}")
    if is_too_long(value):
        raise invalid(f"'{name}' is longer than {MAXIMUM_STRING_BYTES} bytes.", f"{pointer}/{name}")
    return value


def filled(parent: Object, name: str, pointer: str) -> str:
    """A string that is known to be there, and must hold more than blanks."""
    value: str = parent[name]
    if not value.strip():
        raise invalid(f"'{name}' must not be empty.", f"{pointer}/{name}")
    return value


def number(parent: Object, name: str, pointer: str) -> int | float | None:
    """A finite number of at most 64 bits, or None when it is absent or null."""
    value = parent.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_storable(value):
        raise invalid(f"'{name}' must be a number.", f"{pointer}/{name}")
    return value


def flag(parent: Object, name: str, pointer: str) -> bool | None:
    """A boolean, or None when it is absent or null."""
    value = parent.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"'{name}' must be a boolean.", f"{pointer}/{name}")
    return value


def properties(value: object, pointer: str, maximum: int | None = None) -> Object:
    """Custom properties within the limits of values: strings, arrays, nesting, integers."""
    found = as_object(value, pointer)
    if maximum is not None and len(found) > maximum:
        raise invalid(f"There are more than {maximum} properties.", pointer)
    for name, item in found.items():
        if is_too_long(name):
            raise invalid(f"A property name is longer than {MAXIMUM_STRING_BYTES} bytes.", pointer)
        check_value(item, pointer, name)
    return found


def check_value(value: object, pointer: str, name: str, depth: int = 1) -> None:
    """Refuse a property value beyond a limit; `depth` counts the object or array that it lies in."""
    match value:
        case str():
            if is_too_long(value):
                raise invalid(f"A string is longer than {MAXIMUM_STRING_BYTES} bytes.", f"{pointer}/{name}")
        case bool() | None:
            pass
        case int() | float():
            if not is_storable(value):
                raise invalid("A number must be finite, and an integer within 64 bits.", f"{pointer}/{name}")
        case _:
            if depth >= MAXIMUM_NESTING:
                raise invalid(f"Values are nested more than {MAXIMUM_NESTING} levels deep.", f"{pointer}/{name}")
            if isinstance(value, list) and len(cast("list[Any]", value)) > MAXIMUM_ARRAY_ITEMS:
                raise invalid(f"An array has more than {MAXIMUM_ARRAY_ITEMS} items.", f"{pointer}/{name}")
            items = cast("Object", value).values() if isinstance(value, dict) else cast("list[Any]", value)
            for item in items:
                check_value(item, pointer, name, depth + 1)


def is_too_long(value: str) -> bool:
    """Whether a string has more bytes than a string may have."""
    length = len(value)
    if length * _UTF8_BYTES <= MAXIMUM_STRING_BYTES:
        return False
    return length > MAXIMUM_STRING_BYTES or len(value.encode("utf-8")) > MAXIMUM_STRING_BYTES


def is_storable(value: float) -> bool:
    """Whether a number can be kept and written again."""
    return -_INTEGER <= value < _INTEGER if isinstance(value, int) else math.isfinite(value)
