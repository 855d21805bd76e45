"""The filter grammar, pure: text to conditions, and what an operation allows.

    filter   := expr ("," expr)*
    expr     := "and(" expr ("," expr)* ")" | operator "(" field ["," value] ")"
    value    := string | number | true | false | null | datetime | "[" value ("," value)* "]"

`and` and commas mean the same, so a filter is a flat list of conditions. There is no `or` and no `not`.
Which fields mean what in the stored state is not known here.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from klaviyo_emulator.clock import parse_instant

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATORS = (
    "equals",
    "less-than",
    "less-or-equal",
    "greater-than",
    "greater-or-equal",
    "contains",
    "contains-any",
    "contains-all",
    "starts-with",
    "ends-with",
    "any",
    "has",
)
MAXIMUM_DEPTH = 10

Scalar = str | int | float | bool | datetime | None
Value = Scalar | tuple[Scalar, ...]
ValueType = Literal["string", "number", "datetime", "boolean"]

_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$-]*", re.ASCII)
_SPACE = re.compile(r"[ \t\r\n]*")
_BARE = re.compile(r"[^,()\[\]\"']+")
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_ESCAPED_CHARACTERS = re.compile(r"(\\u[0-9a-fA-F]{4})+")
_CONSTANTS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}


class FilterError(ValueError):
    """The text is not a filter, or not one that the operation allows. Its words are fit for an error's `detail`."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. `value` is a tuple for a list and None both for `null` and for an operator without a value."""

    operator: str
    field: str
    value: Value = None


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What one field of one operation allows, by the shape of the value."""

    kind: ValueType = "string"
    single: frozenset[str] = field(default_factory=frozenset[str])
    many: frozenset[str] = field(default_factory=frozenset[str])
    bare: frozenset[str] = field(default_factory=frozenset[str])
    values: frozenset[str] = field(default_factory=frozenset[str])
    """The values it can be compared with; empty for any."""

    @property
    def operators(self) -> frozenset[str]:
        """All operators the field knows."""
        return self.single | self.many | self.bare


def parse(text: str) -> tuple[Condition, ...]:
    """Read a filter. Raises FilterError saying where it stops making sense."""
    reader = _Reader(text)
    conditions = reader.expressions(0)
    if reader.position != len(text):
        raise reader.error("the end of the filter")
    return tuple(conditions)


def check(conditions: tuple[Condition, ...], rules: Mapping[str, FieldRule]) -> tuple[Condition, ...]:
    """The conditions with their values brought to the fields' types. Raises FilterError for what is not allowed."""
    return tuple(_check_condition(condition, rules) for condition in conditions)


def _check_condition(condition: Condition, rules: Mapping[str, FieldRule]) -> Condition:
    rule = rules.get(condition.field)
    if rule is None:
        known = ", ".join(sorted(rules))
        raise FilterError(f"'{condition.field}' is not a filterable field.  Filterable fields are {known}")
    if condition.operator not in rule.operators:
        allowed = ", ".join(sorted(rule.operators))
        # Two spaces, as Klaviyo has them.
        raise FilterError(
            f"'{condition.operator}' is not an allowed filter operator for {condition.field}.  "
            f"Allowed operators are {allowed}"
        )
    if condition.operator in rule.bare:
        if condition.value is not None:
            raise FilterError(f"'{condition.operator}' takes no value for {condition.field}")
        return condition
    if isinstance(condition.value, tuple):
        if condition.operator not in rule.many:
            raise FilterError(f"'{condition.operator}' does not take a list of values for {condition.field}")
        values = tuple(_check_value(value, rule, condition.field) for value in condition.value)
        return Condition(condition.operator, condition.field, values)
    # The specification knows some `equals` with a list only, and has examples of them with one value, as sent live.
    if condition.operator not in rule.single and condition.operator != "equals":
        raise FilterError(f"'{condition.operator}' takes a list of values for {condition.field}")
    return Condition(condition.operator, condition.field, _check_value(condition.value, rule, condition.field))


def _check_value(value: Scalar, rule: FieldRule, name: str) -> Scalar:
    """The value, if it has the field's type; a quoted date counts as a date, because the docs have one too."""
    match rule.kind:
        case "datetime":
            moment = parse_instant(value) if isinstance(value, str) else value
            if isinstance(moment, datetime):
                return moment
        case "number":
            if isinstance(value, int | float) and not isinstance(value, bool):
                return value
        case "boolean":
            if isinstance(value, bool):
                return value
        case "string":
            if isinstance(value, str):
                if rule.values and value not in rule.values:
                    allowed = ", ".join(sorted(rule.values))
                    raise FilterError(f"Invalid value for {name}: '{value}'. Allowed values are {allowed}")
                return value
    raise FilterError(f"Invalid value for {name}: a {rule.kind} is needed")


class _Reader:
    """A recursive descent over one text; `position` is where it stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def error(self, wanted: str) -> FilterError:
        return FilterError(f"Invalid filter: expected {wanted} at character {self.position + 1}")

    def skip_space(self) -> None:
        match = _SPACE.match(self.text, self.position)
        if match:
            self.position = match.end()

    def take(self, character: str) -> bool:
        self.skip_space()
        if self.text.startswith(character, self.position):
            self.position += 1
            self.skip_space()
            return True
        return False

    def need(self, character: str) -> None:
        if not self.take(character):
            raise self.error(f"'{character}'")

    def name(self, wanted: str) -> str:
        self.skip_space()
        match = _NAME.match(self.text, self.position)
        if not match:
            raise self.error(wanted)
        self.position = match.end()
        return match.group()

    def expressions(self, depth: int) -> list[Condition]:
        conditions = self.expression(depth)
        while self.take(","):
            conditions += self.expression(depth)
        return conditions

    def expression(self, depth: int) -> list[Condition]:
        if depth > MAXIMUM_DEPTH:
            raise FilterError(f"Invalid filter: 'and' is nested more than {MAXIMUM_DEPTH} levels deep")
        name = self.name("an operator")
        if name == "and":
            self.need("(")
            conditions = self.expressions(depth + 1)
            self.need(")")
            return conditions
        if name not in OPERATORS:
            raise FilterError(f"Invalid filter: '{name}' is not a filter operator")
        self.need("(")
        field_name = self.name("a field")
        value: Value = None
        if self.take(","):
            value = self.value()
        elif name != "has":
            raise self.error("','")
        self.need(")")
        return [Condition(name, field_name, value)]

    def value(self) -> Value:
        if not self.take("["):
            return self.scalar()
        values: list[Scalar] = []
        if not self.take("]"):
            values.append(self.scalar())
            while self.take(","):
                values.append(self.scalar())
            self.need("]")
        return tuple(values)

    def scalar(self) -> Scalar:
        self.skip_space()
        quote = self.text[self.position : self.position + 1]
        if quote and quote in "\"'":
            return self.quoted(quote)
        match = _BARE.match(self.text, self.position)
        bare = match.group().strip() if match else ""
        if match and bare in _CONSTANTS:
            self.position = match.end()
            return _CONSTANTS[bare]
        result: Scalar = None
        if _INTEGER.fullmatch(bare):
            result = int(bare)
        elif _NUMBER.fullmatch(bare) and math.isfinite(float(bare)):
            result = float(bare)
        else:
            result = parse_instant(bare)
        if match is None or result is None:
            raise self.error("a value")
        self.position = match.end()
        return result

    def quoted(self, quote: str) -> str:
        parts: list[str] = []
        position = self.position + 1
        while position < len(self.text):
            character = self.text[position]
            if character == quote:
                self.position = position + 1
                return "".join(parts)
            if character == "\\":
                escaped = _ESCAPED_CHARACTERS.match(self.text, position)
                if escaped:
                    parts.append(self.unescaped(escaped.group()))
                    position = escaped.end()
                    continue
                if self.text[position + 1 : position + 2] in {quote, "\\"}:
                    position += 1
                    character = self.text[position]
            parts.append(character)
            position += 1
        raise self.error(f"a string that ends with {quote}")

    def unescaped(self, text: str) -> str:
        r"""The characters of `\uXXXX`, in which the official SDK writes all that are not ASCII."""
        characters: str = json.loads(f'"{text}"')
        if any("\ud800" <= character <= "\udfff" for character in characters):
            raise self.error("a string of whole characters")
        return characters
