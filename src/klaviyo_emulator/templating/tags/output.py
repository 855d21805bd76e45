"""Django's tags that write something, or change how what stands within them is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.templating.dates import write_date
from klaviyo_emulator.templating.errors import Failure, MissingArgument
from klaviyo_emulator.templating.parser import Block
from klaviyo_emulator.templating.tags.arguments import read_arguments, simple
from klaviyo_emulator.templating.values import SafeText, decimal_number, text, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.templating.expressions import Expression
    from klaviyo_emulator.templating.parser import Node, Parser, Tag, TagParser
    from klaviyo_emulator.templating.state import State

_BETWEEN_TAGS = re.compile(r">\s+<")
_SIGNS = {
    "openblock": "{%",
    "closeblock": "%}",
    "openvariable": "{{",
    "closevariable": "}}",
    "openbrace": "{",
    "closebrace": "}",
    "opencomment": "{#",
    "closecomment": "#}",
}
_FILTERED = "var"


def _autoescape(parser: Parser, tag: Tag) -> Node:
    if tag.words not in {("on",), ("off",)}:
        raise Failure("'autoescape' takes 'on' or 'off'")
    block, _ = parser.block(tag, "endautoescape")
    return _Autoescape(block, on=tag.words == ("on",))


@dataclass(frozen=True, slots=True)
class _Autoescape:
    block: Block
    on: bool

    def render(self, state: State) -> None:
        with state.escaping(on=self.on):
            self.block.render(state)


def _comment(parser: Parser, tag: Tag) -> Node:
    parser.skip(tag, "endcomment")
    return Block()


def _verbatim(parser: Parser, tag: Tag) -> Node:
    return parser.block(tag, "endverbatim")[0]


def _spaceless(parser: Parser, tag: Tag) -> Node:
    return _Spaceless(parser.block(tag, "endspaceless")[0])


@dataclass(frozen=True, slots=True)
class _Spaceless:
    block: Block

    def render(self, state: State) -> None:
        state.write(_BETWEEN_TAGS.sub("><", self.block.text(state).strip()))


def _filter(parser: Parser, tag: Tag) -> Node:
    if not tag.words:
        raise Failure("'filter' needs a filter")
    through = parser.expression(f"{_FILTERED}|{tag.arguments}")
    parser.names.discard(_FILTERED)
    for use in through.uses:
        if use.name in {"escape", "safe"}:
            raise Failure(f"'filter {use.name}' is not permitted; use 'autoescape'")
    block, _ = parser.block(tag, "endfilter")
    return _Filter(through, block, tag.line)


@dataclass(frozen=True, slots=True)
class _Filter:
    through: Expression
    block: Block
    line: int

    def render(self, state: State) -> None:
        written = self.block.text(state)
        state.line = self.line
        with state.scope():
            state.bind(_FILTERED, SafeText(written))
            state.write(text(self.through.value(state)))


def _template_tag(parser: Parser, tag: Tag) -> Node:
    del parser
    if len(tag.words) != 1 or tag.words[0] not in _SIGNS:
        raise Failure(f"'templatetag' takes one of {', '.join(_SIGNS)}")
    return _Sign(_SIGNS[tag.words[0]])


@dataclass(frozen=True, slots=True)
class _Sign:
    sign: str

    def render(self, state: State) -> None:
        state.write(self.sign)


def _now(state: State, values: Sequence[object]) -> object:
    return write_date(state.now, text(values[0]))


def _width_ratio(parser: Parser, tag: Tag) -> Node:
    arguments = read_arguments(parser, tag, 3, 3)
    return _WidthRatio(arguments.values, arguments.target, tag.line)


@dataclass(frozen=True, slots=True)
class _WidthRatio:
    values: Sequence[Expression]
    target: str
    line: int

    def render(self, state: State) -> None:
        state.line = self.line
        try:
            part, whole, width = (expression.value(state) for expression in self.values)
        except MissingArgument:
            return
        for value in (part, whole, width):
            state.read(value)
        widest = whole_number(width)
        if widest is None:
            raise Failure("The last value of 'widthratio' must be a number")
        ratio = self.ratio(part, whole, widest)
        if self.target:
            state.bind(self.target, ratio)
        else:
            state.write(ratio)

    def ratio(self, part: object, whole: object, widest: int) -> str:
        first, second = decimal_number(part), decimal_number(whole)
        if first is None or second is None:
            return ""
        try:
            return str(round(first / second * widest))
        except ZeroDivisionError:
            return "0"
        except (ValueError, OverflowError):
            return ""


OUTPUT_TAGS: Mapping[str, TagParser] = {
    "autoescape": _autoescape,
    "comment": _comment,
    "filter": _filter,
    "now": simple(_now, 1),
    "spaceless": _spaceless,
    "templatetag": _template_tag,
    "verbatim": _verbatim,
    "widthratio": _width_ratio,
}
