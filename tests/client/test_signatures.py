"""The signatures of the areas say what Klaviyo takes: no parameter too few, none too many, and the right words."""

import inspect
import pkgutil
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Literal, get_args, get_origin
from urllib.parse import parse_qs

from typing_extensions import override

from aioklaviyo import Api, CallRecord, Klaviyo, KlaviyoError, filters, resources
from aioklaviyo.calls import Caller, Reply
from aioklaviyo.operations import Call, Operation
from client.emulated import LATER, operations_of
from klaviyo_emulator.operations import Reading
from klaviyo_emulator.operations import operations as described

AREAS = sorted(name for name, made in vars(Api).items() if isinstance(made, cached_property))
SHAPING = ("filter", "sort", "include", "page_size", "cursor", "fields", "additional_fields")
"""The parameters that all areas call alike."""
HELPER = re.compile(r"wait|wait_.+|find|find_many|.+_all")
"""The names of methods that make calls of their own choice, as many as it takes."""


@dataclass(frozen=True)
class Method:
    """A public method of an area."""

    area: str
    name: str
    function: Callable[..., Any]
    owner: type

    @override
    def __str__(self) -> str:
        return f"{self.area}.{self.name}"

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        found = dict(inspect.signature(self.function).parameters)
        del found["self"]
        return {
            name: parameter.replace(annotation=meant(parameter.annotation, self.owner))
            for name, parameter in found.items()
        }


def meant(annotation: Any, owner: type) -> Any:
    """An annotation with the types that an area puts for the variables of the class it is made of."""
    types_of = {
        variable: stated
        for kind in owner.__mro__
        for base in vars(kind).get("__orig_bases__", ())
        for variable, stated in zip(getattr(get_origin(base), "__parameters__", ()), get_args(base), strict=False)
    }
    variables = getattr(annotation, "__parameters__", ())
    return annotation[tuple(types_of[variable] for variable in variables)] if variables else annotation


def methods_of(area: str) -> Iterator[Method]:
    made = getattr(Klaviyo("pk_1"), area)
    for name, function in inspect.getmembers(type(made), inspect.isfunction):
        if not name.startswith("_"):
            yield Method(area, name, function, type(made))


MODULES = [import_module(module.name) for module in pkgutil.iter_modules(resources.__path__, f"{resources.__name__}.")]
METHODS = [method for area in AREAS for method in methods_of(area)]


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
    given: dict[str, Any] = {}
    for name, parameter in method.parameters.items():
        is_needed = parameter.default is parameter.empty
        if is_needed or with_options:
            is_id = parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.annotation in {str, str | None}
            given[name] = "x1" if is_id else value_for(name, parameter)
            if given[name] is None:
                if is_needed:
                    return None
                del given[name]
    klaviyo = Klaviyo("pk_1")
    klaviyo._caller = recorder = _Recorder(klaviyo._caller)
    begun = getattr(getattr(klaviyo, method.area), method.name)(**given)
    with suppress(KlaviyoError, StopAsyncIteration):
        await (begun if inspect.isawaitable(begun) else anext(begun))
    return recorder.calls[0] if recorder.calls else None


def taken(reading: Reading) -> set[str]:
    """The parameters that Klaviyo takes."""
    facts = {
        "filter": reading.filters,
        "sort": reading.sorts,
        "include": reading.includes,
        "page_size": reading.maximum_size,
        "cursor": reading.cursor,
        "fields": reading.fields,
        "additional_fields": reading.additional,
    }
    return {name for name, there in facts.items() if there}


def needed(reading: Reading) -> set[str]:
    """Those that a method must offer: all but a choice among a single attribute."""
    has_choice = any(len(names - {"id"}) > 1 for names in reading.fields.values())
    return taken(reading) - (set() if has_choice else {"fields"})


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
    sent = parse_qs(call.query).keys()
    for name in sorted(offered - taken(reading)):
        yield f"{method} offers {name}, which {call.operation_id} does not take"
    for name in sorted(needed(reading) | (offered & taken(reading))):
        # Another parameter may stand for it, such as a status for the filter that can be on nothing else.
        if not sent_as(name, reading) & sent:
            yield f"{method} {'does not send' if name in offered else 'does not offer'} {name} ({call.operation_id})"
    for name in sorted(offered & taken(reading) & {"sort", "include", "additional_fields"}):
        ours, theirs = literals(method.parameters[name].annotation), words_taken(name, reading)
        if ours != theirs:
            yield (
                f"{method} lacks {sorted(theirs - ours)} and has {sorted(ours - theirs)} for {name} "
                f"({call.operation_id})"
            )


async def test_a_read_offers_what_klaviyo_takes() -> None:
    deviations: list[str] = []
    for method in METHODS:
        call = await call_of(method, with_options=True)
        if call is not None and call.method == "GET" and not HELPER.fullmatch(method.name):
            deviations += deviations_of_read(method, call)
    assert deviations == []


async def test_nothing_is_asked_that_nobody_said() -> None:
    deviations: list[str] = []
    seen: set[str] = set()
    for method in METHODS:
        call = await call_of(method, with_options=False)
        if call is not None and call.method == "GET" and not HELPER.fullmatch(method.name):
            seen.add(call.operation_id)
            required = described()[call.operation_id].reading(LATER).required
            deviations += [f"{method} sends {name} unasked" for name in parse_qs(call.query).keys() - required]
    assert deviations == []
    reads = {operation.id for module in MODULES for operation in operations_of(module) if operation.method == "GET"}
    assert reads - seen <= {"get_account"}, "with an id, ``accounts.get`` reads this one"


def test_a_write_offers_the_additional_fields_klaviyo_takes() -> None:
    deviations: list[str] = []
    for method in METHODS:
        used = [operation for operation in operations_in(method) if operation.method != "GET"]
        if len(used) == 1 and not HELPER.fullmatch(method.name):
            parameter = method.parameters.get("additional_fields")
            ours = literals(parameter.annotation if parameter else None)
            theirs = words_taken("additional_fields", described()[used[0].id].reading(LATER))
            if ours != theirs:
                deviations.append(f"{method} takes {sorted(ours)} for additional_fields, Klaviyo {sorted(theirs)}")
    assert deviations == []


def test_every_operation_is_what_some_method_does() -> None:
    stated = {operation.id for module in MODULES for operation in operations_of(module)}
    done = {operation.id for method in METHODS for operation in operations_in(method)}
    assert stated == done


def operations_in(method: Method) -> set[Operation]:
    """The operations that a method names, or the private things it uses."""
    found: set[Operation] = set()
    _collect(method.function, method.owner, found, set())
    return found


def _collect(thing: object, owner: type | None, found: set[Operation], seen: set[int]) -> None:
    """What a thing is made of, as far as it is of the client's own making."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, Operation):
        found.add(thing)
        return
    for part, its_owner in _parts_of(thing, owner):
        _collect(part, its_owner, found, seen)


def _parts_of(thing: object, owner: type | None) -> Iterator[tuple[object, type | None]]:
    match thing:
        case types.FunctionType() if thing.__module__.startswith("aioklaviyo"):
            for name in _names_in(thing.__code__):
                yield thing.__globals__.get(name), owner
                # A public method of the same area is another one's deed.
                yield getattr(owner, name, None) if name.startswith("_") else None, owner
        case type() if thing.__module__.startswith("aioklaviyo.resources"):
            yield from ((made, thing) for made in vars(thing).values())
        case Mapping():
            yield from ((value, None) for value in thing.values())
        case _ if is_dataclass(thing) and not isinstance(thing, type):
            yield from ((getattr(thing, each.name), None) for each in fields(thing))
        case _:
            pass


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)


def test_every_call_can_be_given_a_deadline() -> None:
    deviations: list[str] = []
    for method in METHODS:
        if HELPER.fullmatch(method.name):
            continue
        deadline = method.parameters.get("deadline_seconds")
        if deadline is None or deadline.kind is not deadline.KEYWORD_ONLY or deadline.default is not None:
            deviations.append(f"{method} takes no deadline_seconds by name")
        elif deadline.annotation != float | None or list(method.parameters)[-1] != "deadline_seconds":
            deviations.append(f"{method} should end with deadline_seconds: float | None")
    assert deviations == []


def test_what_shapes_an_answer_is_passed_by_name() -> None:
    assert [
        f"{method} takes {name} by position"
        for method in METHODS
        for name, parameter in method.parameters.items()
        if name in SHAPING and parameter.kind is not parameter.KEYWORD_ONLY
    ] == []


def test_every_method_says_what_it_does() -> None:
    deviations: list[str] = []
    for method in METHODS:
        first = (method.function.__doc__ or "").partition("\n")[0]
        if not first[:1].isupper() or not first.endswith("."):
            deviations.append(f"{method} says {first!r}")
    assert deviations == []


def test_every_module_and_class_says_what_it_is() -> None:
    said = {module.__name__: module.__doc__ for module in MODULES}
    for module in MODULES:
        for name, made in vars(module).items():
            if isinstance(made, type) and made.__module__ == module.__name__ and not name.startswith("_"):
                said[f"{module.__name__}.{name}"] = made.__doc__
    assert [name for name, text in said.items() if not text] == []
