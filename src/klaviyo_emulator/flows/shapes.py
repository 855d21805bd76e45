"""Shapes of JSON values, in a notation short enough for the twenty actions of flows.

A shape is

    "string", "integer", "number", "boolean", "object", "any", "array"
                            a value of this type; objects and arrays are open
    "draft|live"            one of these words
    [shape]                 an array of it
    {"name*": shape}        an object with these members and no others: `*` required, `*?` required and may be null,
                            `=word` a default; what is not required may be null
    a function              reads the value at a pointer, and answers what is to be kept of it
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union, cast

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import Object, as_list, as_object, check_value

if TYPE_CHECKING:
    from klaviyo_emulator.errors import Refusal

Reader = Callable[[object, str], Any]
Shape = Union[str, Reader, Sequence["Shape"], Mapping[str, "Shape"]]  # noqa: UP007 - a recursive alias

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
_WORDS: Mapping[str, bool] = {"true": True, "false": False}


def read(shape: Shape, value: object, pointer: str, owner: str) -> Any:  # noqa: ANN401 - JSON
    """A value of this shape, with defaults. Raises a 400 refusal that names the member."""
    if isinstance(shape, str):
        return _scalar(shape, value, pointer)
    if callable(shape):
        return shape(value, pointer)
    if isinstance(shape, Mapping):
        return members(shape, as_object(value, pointer), pointer, owner)
    return [read(shape[0], item, f"{pointer}/{index}", owner) for index, item in enumerate(as_list(value, pointer))]


def members(shape: Mapping[str, Shape], found: Object, pointer: str, owner: str) -> Object:
    """An object with the members of a shape. `owner` is what refusals call it."""
    known: Object = {}
    for written, kind in shape.items():
        name, _, default = written.partition("=")
        bare = name.rstrip("?").rstrip("*")
        value = found.get(bare)
        if value is not None:
            known[bare] = read(kind, value, f"{pointer}/{bare}", owner)
        elif name.endswith("*") or (name.endswith("*?") and bare not in found):
            raise required(bare, pointer)
        elif default:
            known[bare] = _WORDS.get(default, default)
        elif bare in found:
            known[bare] = None
    for name in found:
        if name not in known:
            raise invalid(f"'{name}' is not a valid field for {owner}.", f"{pointer}/{name}")
    return known


def required(name: str, pointer: str) -> Refusal:
    """The refusal of a member that is missing."""
    return invalid(f"'{name}' is a required field.", f"{pointer}/{name}")


def _scalar(shape: str, value: object, pointer: str) -> object:
    parent, _, name = pointer.rpartition("/")
    if shape == "any" or shape in _TYPES:
        fits = shape == "any" or isinstance(value, _TYPES[shape])
        if not fits or (isinstance(value, bool) and shape in {"integer", "number"}):
            raise invalid(f"'{name}' must be of the type {shape}.", pointer)
        check_value(value, parent, name)
        return value
    allowed = shape.split("|")
    if value not in allowed:
        raise invalid(f"'{name}' must be one of: {', '.join(allowed)}.", pointer)
    return cast("str", value)
