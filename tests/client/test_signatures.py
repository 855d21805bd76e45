"""The signatures of the areas say what Klaviyo takes: no parameter too few, none too many, and the right words."""

import inspect
import pkgutil
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, cached_property
from importlib import import_module
from typing import Any, Literal, get_args, get_origin
from urllib.parse import parse_qs

import pytest

from aioklaviyo import Api, Filter, Klaviyo, KlaviyoError, filters, resources
from aioklaviyo.calls import Caller, Reply
from aioklaviyo.operations import Call, Operation
from aioklaviyo.resources.area import Area
from client.emulated import LATER, operations_of
from klaviyo_emulator.operations import Reading
from klaviyo_emulator.operations import operations as described

AREAS = sorted(name for name, made in vars(Api).items() if isinstance(made, cached_property))
SHAPING = ("filter", "sort", "include", "page_size", "cursor", "fields", "additional_fields")
"""The parameters that all areas call alike."""
HELPER = re.compile(r"wait|wait_.+|find|find_many|.+_all|.*refresh_.+|estimate_.+")
"""The names of methods that make calls of their own choice, as many as it takes."""


@dataclass(frozen=True)
class Method:
    """A public method of an area."""

    area: str
    name: str
    function: Callable[..., Any]
    owner: type

    def __str__(self) -> str:
        return f"{self.area}.{self.name}"

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        found = dict(inspect.signature(self.function).parameters)
        del found["self"]
        return found


def methods_of(area: str) -> Iterator[Method]:
    made = getattr(Klaviyo("pk_1"), area)
    for name, function in inspect.getmembers(type(made), inspect.isfunction):
        if not name.startswith("_"):
            yield Method(area, name, function, type(made))


METHODS = [method for area in AREAS for method in methods_of(area)]
ALL_METHODS = pytest.mark.parametrize("method", METHODS, ids=str)


class _Recorder(Caller):
    """Writes calls down, and sends nothing."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller._machinery, caller.options)
        self.calls: list[Call] = []

    @override
    async def send(self, call: Call, deadline_seconds: float | None = None) -> Reply:
        self.calls.append(call)
        raise KlaviyoError("Not sent", CallRecord(call.method, call.path))


def literals(annotation: Any) -> set[str]:
    """The words a parameter may be, or may hold."""
    if get_origin(annotation) is Literal:
        return {word for word in get_args(annotation) if isinstance(word, str)}
    if isinstance(annotation, (list, tuple)):
        return set[str]().union(*map(literals, annotation))
    return set[str]().union(*map(literals, get_args(annotation)))


def value_for(name: str, parameter: inspect.Parameter) -> Any:
    """Something to pass for it; None where nobody knows."""
    if name == "filter":
        return filters.equals("id", "x")
    words = sorted(literals(parameter.annotation))
    if get_origin(parameter.annotation) is Sequence:
        return tuple(words) or (("id",) if get_args(parameter.annotation) == (str,) else None)
    return words[0] if words else {"page_size": 1, "cursor": "c"}.get(name)


async def call_of(method: Method, *, with_options: bool) -> Call | None:
    """What the method sends when it is given ids and, perhaps, all of its options; None if it needs other things."""
    ids: list[str] = []
    options: dict[str, Any] = {}
    for name, parameter in method.parameters.items():
        is_needed = parameter.default is parameter.empty
        if not is_needed and not with_options:
            continue
        value = value_for(name, parameter)
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            ids.append("x1" if parameter.annotation in {str, str | None} else value)
        else:
            options[name] = value
        if is_needed and None in (ids[-1:] or [0], value if parameter.kind is parameter.KEYWORD_ONLY else 0):
            return None
    klaviyo = Klaviyo("pk_1")
    klaviyo._caller = recorder = _Recorder(klaviyo._caller)
    begun = getattr(getattr(klaviyo, method.area), method.name)(*ids, **options)
    with suppress(KlaviyoError, StopAsyncIteration):
        await (begun if inspect.isawaitable(begun) else anext(begun))
    return recorder.calls[0] if recorder.calls else None


def wanted(reading: Reading) -> set[str]:
    """The parameters a method must have for all that Klaviyo takes."""
    taken = {
        "filter": reading.filters,
        "sort": reading.sorts,
        "include": reading.includes,
        "page_size": reading.maximum_size,
        "cursor": reading.cursor,
        "fields": reading.fields,
        "additional_fields": reading.additional,
    }
    return {name for name, facts in taken.items() if facts}


def words_taken(name: str, reading: Reading) -> set[str]:
    match name:
        case "sort":
            return {direction + attribute for attribute in reading.sorts for direction in ("", "-")}
        case "include":
            return set(reading.includes)
        case _:
            return set[str]().union(*reading.additional.values())


def sent_as(name: str, reading: Reading) -> set[str]:
    """The names a parameter may have in the query."""
    match name:
        case "fields":
            return {f"fields[{kind}]" for kind in reading.fields}
        case "additional_fields":
            return {f"additional-fields[{kind}]" for kind in reading.additional}
        case "page_size":
            return {"page[size]"}
        case "cursor":
            return {"page[cursor]"}
        case _:
            return {name}


def deviations_of_read(method: Method, call: Call) -> Iterator[str]:
    reading = described()[call.operation_id].reading(LATER)
    offered = method.parameters.keys() & set(SHAPING)
    needed = wanted(reading)
    sent = parse_qs(call.query).keys()
    for name in sorted(needed | offered):
        reaches_klaviyo = bool(sent_as(name, reading) & sent)
        if name not in needed:
            yield f"{method} offers {name}, which {call.operation_id} does not take"
        elif not reaches_klaviyo:
            yield f"{method} {'does not send' if name in offered else 'does not offer'} {name} ({call.operation_id})"
        elif name in offered and name in {"sort", "include", "additional_fields"}:
            ours, theirs = literals(method.parameters[name].annotation), words_taken(name, reading)
            if ours != theirs:
                yield (
                    f"{method} lacks {sorted(theirs - ours)} and has {sorted(ours - theirs)} of {name} "
                    f"({call.operation_id})"
                )


@ALL_METHODS
async def test_a_read_offers_what_klaviyo_takes(method: Method) -> None:
    calls = [await read_call(method, with_options=with_options) for with_options in (True, False)]
    if calls[0] is None or calls[0].method != "GET" or method.name.endswith(MANY):
        return
    assert list(deviations_of_read(method, calls[0])) == []
    if calls[1] is not None:
        # Nothing is sent that nobody asked for.
        assert calls[1].query == ""
