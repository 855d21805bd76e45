"""The words of a tag: values, `name=value`, and the `as name` at its end."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from klaviyo_emulator.templating.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from klaviyo_emulator.templating.expressions import Expression
    from klaviyo_emulator.templating.parser import Node, Parser, Tag, TagParser
    from klaviyo_emulator.templating.state import State

_NAMED = re.compile(r"(\w+)=(.+)", re.DOTALL)
_NAME = re.compile(r"[^\W_]\w*")
_ALIAS_WORDS = 3


@dataclass(frozen=True, slots=True)
class Arguments:
    """What is written behind a tag's name. `target` is the name behind `as`, empty if there is none."""

    values: Sequence[Expression] = ()
    named: Mapping[str, Expression] = field(default_factory=dict[str, "Expression"])
    target: str = ""


def check_name(name: str) -> str:
    """The name, which a tag is to bind, if a variable can have it."""
    if not _NAME.fullmatch(name):
        raise Failure(f"'{name}' cannot be the name of a variable")
    return name


def named(parser: Parser, given: Sequence[str], *, legacy: bool = False) -> dict[str, Expression]:
    """`name=value` pairs; with `legacy` also `value as name`, joined by `and`."""
    pairs: dict[str, Expression] = {}
    rest = list(given)
    while rest:
        match = _NAMED.fullmatch(rest[0])
        if match:
            pairs[check_name(match[1])] = parser.expression(match[2])
            rest = rest[1:]
        elif legacy and len(rest) >= _ALIAS_WORDS and rest[1] == "as":
            pairs[check_name(rest[2])] = parser.expression(rest[0])
            rest = rest[_ALIAS_WORDS:]
            if rest[:1] == ["and"] and rest[1:]:
                rest = rest[1:]
        else:
            raise Failure(f"'{rest[0]}' has not the form name=value")
    return pairs


def read_arguments(
    parser: Parser, tag: Tag, least: int = 0, most: int = 0, names: Collection[str] = (), *, target: bool = True
) -> Arguments:
    """The arguments of a tag that takes so many values, and these names."""
    given = list(tag.words)
    bound = ""
    if target and given[-2:-1] == ["as"]:
        bound = check_name(given.pop())
        given.pop()
        parser.bound.add(bound)
    split = next((index for index, word in enumerate(given) if _NAMED.fullmatch(word)), len(given))
    if not least <= split <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise Failure(f"The tag '{tag.name}' takes {wanted} values, and has {split}")
    pairs = named(parser, given[split:])
    for name in pairs:
        if name not in names:
            raise Failure(f"The emulator does not support '{name}=' in the tag '{tag.name}'")
    return Arguments([parser.expression(word) for word in given[:split]], pairs, bound)


def simple(call: Callable[[State, Sequence[object]], object], least: int = 0, most: int | None = None) -> TagParser:
    """A tag that takes so many values, and writes one or binds it with `as`."""

    def parse(parser: Parser, tag: Tag) -> Node:
        arguments = read_arguments(parser, tag, least, least if most is None else most)
        return _Simple(call, arguments, tag.line)

    return parse


@dataclass(frozen=True, slots=True)
class _Simple:
    call: Callable[[State, Sequence[object]], object]
    arguments: Arguments
    line: int

    def render(self, state: State) -> None:
        state.line = self.line
        values = [expression.value(state) for expression in self.arguments.values]
        for value in values:
            state.read(value)
        made = self.call(state, values)
        state.step(made)
        if self.arguments.target:
            state.bind(self.arguments.target, made)
        else:
            state.write(state.written(made))
