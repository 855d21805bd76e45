"""Expressions: a variable, text or number, and the filters that it goes through.

    expression := operand ("|" filter [":" operand])*
    operand    := "text" | 'text' | number | name("." name)*

No space may stand around a filter's colon, as in Django and in Klaviyo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.templating.errors import Failure, MissingArgument
from klaviyo_emulator.templating.filters import ALL_FILTERS, FILTER_ADVICE, UNSUPPORTED_FILTERS
from klaviyo_emulator.templating.values import MISSING, VIEWS, SafeText, look_up

if TYPE_CHECKING:
    from klaviyo_emulator.templating.filters.registry import Filter
    from klaviyo_emulator.templating.state import State

_NAME = re.compile(r"[\w.]+")
_NUMBER = re.compile(r"[-+.]?\d[\d.e]*")
_PIPE = re.compile(r"\s*\|\s*(\w+)")


@dataclass(frozen=True, slots=True)
class Operand:
    """A constant (no path), or where a value is found: a name in the context and the members below it."""

    constant: object = None
    path: tuple[str, ...] = ()

    def value(self, state: State) -> object:
        """The value, or `MISSING`."""
        if not self.path:
            return self.constant
        found = state.find(self.path[0])
        for name in self.path[1:]:
            if found is MISSING:
                break
            state.step(found if isinstance(found, str) or name in VIEWS else None)
            found = look_up(found, name)
        return found


@dataclass(frozen=True, slots=True)
class _Use:
    """A filter as it stands in an expression."""

    name: str
    filter: Filter
    argument: Operand | None

    def apply(self, value: object, state: State) -> object:
        given = None if self.argument is None else self.argument.value(state)
        if given is MISSING and self.argument is not None:
            name = ".".join(self.argument.path)
            raise MissingArgument(f"The variable '{name}' does not exist, and '{self.name}' needs it")
        return self.filter.apply(value, given, state)


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression, ready to be evaluated any number of times."""

    operand: Operand
    uses: tuple[_Use, ...]

    def value(self, state: State, missing: object = "") -> object:
        """The value in a rendering; the filters go over `missing` where the variable does not exist."""
        found = self.operand.value(state)
        if found is MISSING:
            found = missing
        for use in self.uses:
            found = use.apply(found, state)
        return found

    @property
    def names(self) -> set[str]:
        """The names of the context that the expression asks for."""
        operands = [self.operand, *(use.argument for use in self.uses if use.argument)]
        return {operand.path[0] for operand in operands if operand.path}


def parse_expression(source: str) -> Expression:
    """Read an expression. Raises Failure saying what cannot be read."""
    operand, position = _operand(source, 0)
    if operand is None:
        raise _remainder(source, 0)
    uses: list[_Use] = []
    while position < len(source):
        pipe = _PIPE.match(source, position)
        if not pipe:
            raise _remainder(source, position)
        position = pipe.end()
        argument = None
        if source.startswith(":", position):
            argument, end = _operand(source, position + 1)
            if argument is None:
                raise _remainder(source, position)
            position = end
        uses.append(_use(pipe[1], argument))
    return Expression(operand, tuple(uses))


def _remainder(source: str, position: int) -> Failure:
    rest = source[position:]
    spaced = rest.startswith(": ") and " (no space may follow the colon of a filter)"
    return Failure(f"Could not parse the remainder: '{rest}' from '{source}'{spaced or ''}")


def _use(name: str, argument: Operand | None) -> _Use:
    found = ALL_FILTERS.get(name)
    if found is None:
        raise Failure(_unknown_filter(name))
    if argument is None and found.needs_argument:
        raise Failure(f"The filter '{name}' needs an argument")
    if argument is not None and not found.takes_argument:
        raise Failure(f"The filter '{name}' takes no argument")
    return _Use(name, found, argument)


def _unknown_filter(name: str) -> str:
    if name in UNSUPPORTED_FILTERS:
        return f"The emulator does not support the filter '{name}'"
    advice = f"; use '{FILTER_ADVICE[name]}'" if name in FILTER_ADVICE else ""
    return f"There is no filter '{name}'{advice}"


def _operand(source: str, start: int) -> tuple[Operand | None, int]:
    """What stands at `start`, and where it ends; None if it is no operand."""
    if source[start : start + 1] in {"'", '"'}:
        return _quoted(source, start)
    match = _NAME.match(source, start) or _NUMBER.match(source, start)
    if not match:
        return None, start
    written = match[0]
    constant = _constant(written)
    if constant is not None:
        return Operand(constant), match.end()
    path = tuple(written.split("."))
    if any(name.startswith("_") for name in path):
        raise Failure(f"Variables and attributes may not begin with underscores: '{written}'")
    return Operand(path=path), match.end()


def _quoted(source: str, start: int) -> tuple[Operand | None, int]:
    """Text in quotes is the author's own, and safe."""
    quote = source[start]
    parts: list[str] = []
    position = start + 1
    while position < len(source):
        sign = source[position]
        if sign == quote:
            return Operand(SafeText("".join(parts))), position + 1
        escaped = source[position + 1 : position + 2] if sign == "\\" else ""
        parts.append(escaped if escaped in {quote, "\\"} else sign + escaped)
        position += 1 + len(escaped)
    return None, start


def _constant(written: str) -> int | float | None:
    """A number, with a fraction if it has a point or an exponent."""
    try:
        if "." not in written and "e" not in written.lower():
            return int(written)
        return None if written.endswith(".") else float(written)
    except ValueError:
        return None
