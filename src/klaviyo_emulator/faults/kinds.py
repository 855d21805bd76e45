"""The kinds of faults by name, their options, and the one way to make a `Fault` of what a stranger wrote."""

from __future__ import annotations

import math
import re
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast, get_args

from klaviyo_emulator.faults.model import (
    WEBHOOK,
    Drop,
    Duplicate,
    Fault,
    Html,
    OfDelivery,
    OfRequest,
    Reorder,
    Reset,
    Shape,
    ShortClose,
    Slow,
    Status,
    Timeout,
    Truncated,
    WrongJson,
)
from klaviyo_emulator.operations import operations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OPERATION = re.compile(r"[a-z_*]+", re.ASCII)
_STATUS_NAME = re.compile(r"[45]\d\d", re.ASCII)
_STATUSES = (400, 599)
_TOO_MANY_REQUESTS = "429"
_MOST = 1_000_000_000
_MOST_COPIES = 100
_LONGEST_SECONDS = 86_400
_LONGEST_SHOWN = 60
_OF_EVERY_KIND = frozenset({"operation", "kind", "skip", "times", "probability"})


class FaultsError(ValueError):
    """A description of faults that cannot be used. The message says which part, and why."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a name stands for. `effect` is None where it may be chosen."""

    name: str
    trouble: type[OfRequest | OfDelivery]
    effect: bool | None = None

    @property
    def options(self) -> dict[str, object]:
        """The options with their defaults; the status of an error is its name and no option."""
        found: dict[str, object] = {
            each.name: each.default for each in fields(self.trouble) if each.default is not MISSING
        }
        if self.name == _TOO_MANY_REQUESTS:
            found["retry_after"] = 1
        return found


_KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("html", Html),
        Kind("timeout-before", Timeout, effect=False),
        Kind("timeout-after", Timeout, effect=True),
        Kind("reset-before", Reset, effect=False),
        Kind("reset-after", Reset, effect=True),
        Kind("slow", Slow, effect=True),
        Kind("truncated", Truncated, effect=True),
        Kind("short-close", ShortClose, effect=True),
        Kind("wrong-json", WrongJson, effect=True),
        Kind("duplicate", Duplicate, effect=True),
        Kind("reorder", Reorder, effect=True),
        Kind("drop", Drop, effect=True),
    )
}
_SYNONYMS = {"reset": "reset-before"}
_OF_DELIVERIES = tuple(kind.name for kind in _KINDS.values() if issubclass(kind.trouble, OfDelivery))


def kind_of(name: object) -> Kind:
    """The kind of a name, or of the number of a status. Raises FaultsError."""
    text = str(name)
    if _STATUS_NAME.fullmatch(text):
        return Kind(text, Status)
    kind = _KINDS.get(_SYNONYMS.get(text, text))
    if kind is None:
        first, last = _STATUSES
        raise FaultsError(f"there is no kind {_shown(text)}; there are {first} to {last}, {', '.join(_KINDS)}")
    return kind


def make_fault(members: Mapping[str, object]) -> Fault:
    """The fault that members describe, as they stand in JSON. Raises FaultsError."""
    for name, example in (("operation", "create_event"), ("kind", 503)):
        if name not in members:
            raise FaultsError(f"{name} is missing; an example is {example}")
    kind = kind_of(members.get("kind"))
    operation = _operation(members.get("operation"), kind)
    for name in members.keys() - _OF_EVERY_KIND - kind.options.keys() - {"effect"}:
        known = ", ".join(map(spelled, (*kind.options, *(["effect"] if kind.effect is None else []), "skip")))
        raise FaultsError(f"{kind.name} has no option {spelled(name)}; it has {known}")
    given = {name: _checked(name, value) for name, value in members.items() if name in _CHECKS}
    if kind.effect is not None and given.get("effect", kind.effect) != kind.effect:
        raise FaultsError(f"{kind.name} is always {'after' if kind.effect else 'before'} the effect")
    options: dict[str, Any] = {name: given.get(name, default) for name, default in kind.options.items()}
    if kind.trouble is Status:
        options["status"] = int(kind.name)
    return Fault(
        operation=operation,
        kind=kind.name,
        trouble=kind.trouble(**options),
        effect=cast("bool", given.get("effect", kind.effect or False)),
        skip=cast("int", given.get("skip", 0)),
        times=cast("int | None", given.get("times")),
        probability=cast("float", given.get("probability", 1.0)),
    )


def spelled(name: str) -> str:
    """An option as compact text writes it."""
    return name.replace("_", "-")


def _shown(value: object) -> str:
    """The value in a message; of a long one, its beginning."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]} ..."


def _operation(given: object, kind: Kind) -> str:
    of_delivery = issubclass(kind.trouble, OfDelivery)
    if given == WEBHOOK and not of_delivery:
        raise FaultsError(f"a delivery can go wrong as {', '.join(_OF_DELIVERIES)}, not as {kind.name}")
    if given != WEBHOOK and of_delivery:
        raise FaultsError(f"{kind.name} concerns deliveries; write {WEBHOOK}:{kind.name}")
    if isinstance(given, str) and (given == WEBHOOK or _is_known(given)):
        return given
    near = get_close_matches(str(given), operations(), 1)
    hint = f"did you mean {near[0]}?" if near else "an example is create_event, and * stands for all"
    raise FaultsError(f"there is no operation {_shown(given)}; {hint}")


def _is_known(operation: str) -> bool:
    pattern = Fault(operation=operation, kind="", trouble=Reset())
    return _OPERATION.fullmatch(operation) is not None and any(map(pattern.matches, operations()))


def _checked(name: str, value: object) -> object:
    check = _CHECKS[name]
    if not check.accepts(value):
        raise FaultsError(f"{spelled(name)} must be {check.what}, not {_shown(value)}")
    return value


@dataclass(frozen=True, slots=True)
class _Check:
    what: str
    accepts: Callable[[object], bool]


def _whole(first: int, last: int, *, none: str = "") -> _Check:
    def accepts(value: object) -> bool:
        if value is None:
            return bool(none)
        return isinstance(value, int) and not isinstance(value, bool) and first <= value <= last

    return _Check(f"a whole number from {first} to {last}{none}", accepts)


def _real(last: float, what: str, *, zero: bool, none: bool = False) -> _Check:
    def accepts(value: object) -> bool:
        if value is None:
            return none
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        return (value >= 0 if zero else value > 0) and value <= last

    return _Check(what, accepts)


_CHECKS: Mapping[str, _Check] = {
    "skip": _whole(0, _MOST),
    "times": _whole(1, _MOST, none=", or null"),
    "probability": _real(1, "above 0 and at most 1", zero=False),
    "effect": _Check("yes or no (in JSON true or false)", lambda value: isinstance(value, bool)),
    "retry_after": _whole(0, _MOST, none=", or none"),
    "status": _whole(*_STATUSES),
    "seconds": _real(_LONGEST_SECONDS, f"from 0 to {_LONGEST_SECONDS}, or none", zero=True, none=True),
    "delay": _real(_LONGEST_SECONDS, f"from 0 to {_LONGEST_SECONDS}", zero=True),
    "piece": _whole(1, _MOST),
    "keep": _whole(0, _MOST, none=", or none"),
    "shape": _Check(
        f"one of {', '.join(get_args(Shape))}", lambda value: isinstance(value, str) and value in get_args(Shape)
    ),
    "copies": _whole(2, _MOST_COPIES),
}
