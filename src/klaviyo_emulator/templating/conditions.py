"""The conditions of `if`: Django's operators with Django's precedence, without parentheses.

A comparison that cannot be made is false.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from klaviyo_emulator.templating.errors import Failure
from klaviyo_emulator.templating.expressions import Expression, parse_expression

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from klaviyo_emulator.templating.state import State

MAXIMUM_NESTING = 50
"""How deep conditions may stand within each other, and how many comparisons in one row."""

_NOT_BINDS = 8
_BINDS: Mapping[str, int] = {
    "or": 6,
    "and": 7,
    "in": 9,
    "not in": 9,
    "is": 10,
    "is not": 10,
    "==": 10,
    "!=": 10,
    ">": 10,
    ">=": 10,
    "<": 10,
    "<=": 10,
}


def _contains(item: Any, container: Any) -> bool:  # noqa: ANN401 - whatever a template compares
    return operator.contains(container, item)


_COMPARISONS: Mapping[str, Callable[[Any, Any], object]] = {
    "in": _contains,
    "not in": lambda item, container: not _contains(item, container),
    "is": operator.is_,
    "is not": operator.is_not,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


class Condition(Protocol):
    """Something that is true or not in a rendering."""

    def value(self, state: State) -> object:
        """A value whose truth counts. Raises Failure if it cannot be known."""
        ...


def parse_condition(words: Sequence[str]) -> tuple[Condition, set[str]]:
    """Read the words of a condition; also the names of the context that it asks for. Raises Failure."""
    reader = _Reader(_joined(words))
    condition = reader.condition(0)
    if reader.words:
        raise Failure(f"Unused '{reader.words[0]}' at the end of a condition")
    return condition, reader.names


def _joined(words: Sequence[str]) -> list[str]:
    joined: list[str] = []
    for word in words:
        pair = f"{joined[-1]} {word}" if joined else ""
        if pair in {"not in", "is not"}:
            joined[-1] = pair
        else:
            joined.append(word)
    return joined


class _Reader:
    """Reads by the strength with which the operators bind."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.names: set[str] = set()
        self.depth = 0

    def condition(self, strength: int) -> Condition:
        self.depth += 1
        self.check(self.depth)
        left = self.operand()
        comparisons = 0
        while self.words and strength < _BINDS.get(self.words[0], 0):
            sign = self.words.pop(0)
            right = self.condition(_BINDS[sign])
            if sign in _COMPARISONS:
                comparisons += 1
                self.check(comparisons)
                left = _Comparison(_COMPARISONS[sign], left, right)
            elif isinstance(left, _Chain) and left.is_or == (sign == "or"):
                left.rest.append(right)
            else:
                left = _Chain(sign == "or", left, right, [])
        self.depth -= 1
        return left

    def operand(self) -> Condition:
        if not self.words:
            raise Failure("Unexpected end of a condition")
        word = self.words.pop(0)
        if word == "not":
            return _Not(self.condition(_NOT_BINDS))
        if word in _BINDS:
            raise Failure(f"Not expecting '{word}' in this position of a condition")
        expression = parse_expression(word)
        self.names |= expression.names
        return _Value(expression)

    def check(self, depth: int) -> None:
        if depth > MAXIMUM_NESTING:
            raise Failure(f"A condition has more than {MAXIMUM_NESTING} levels")


@dataclass(frozen=True, slots=True)
class _Value:
    expression: Expression

    def value(self, state: State) -> object:
        return self.expression.value(state, missing=None)


@dataclass(frozen=True, slots=True)
class _Not:
    operand: Condition

    def value(self, state: State) -> object:
        try:
            return not self.operand.value(state)
        except Failure:
            return False


@dataclass(frozen=True, slots=True)
class _Comparison:
    compare: Callable[[Any, Any], object]
    left: Condition
    right: Condition

    def value(self, state: State) -> object:
        try:
            left, right = self.left.value(state), self.right.value(state)
            state.compare(left)
            state.compare(right)
            return self.compare(cast("Any", left), cast("Any", right))
        except (Failure, TypeError, RecursionError):
            return False


@dataclass(frozen=True, slots=True)
class _Chain:
    """`a or b or c`, from the left: what cannot be known makes the part up to there false."""

    is_or: bool
    first: Condition
    second: Condition
    rest: list[Condition]

    def value(self, state: State) -> object:
        try:
            found = self.first.value(state)
            if bool(found) != self.is_or:
                found = self.second.value(state)
        except Failure:
            found = False
        for condition in self.rest:
            if bool(found) == self.is_or:
                break
            try:
                found = condition.value(state)
            except Failure:
                found = False
        return found
