"""Django's tags that decide what is rendered, how often, and with which names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.templating.errors import Failure, MissingArgument
from klaviyo_emulator.templating.parser import Block
from klaviyo_emulator.templating.tags.arguments import check_name, named
from klaviyo_emulator.templating.values import is_list, is_mapping, members, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from klaviyo_emulator.templating.conditions import Condition
    from klaviyo_emulator.templating.expressions import Expression
    from klaviyo_emulator.templating.parser import Node, Parser, Tag, TagParser
    from klaviyo_emulator.templating.state import State

_LOOP_WORDS = 3


class Loop(dict[str, object]):
    """`forloop`; `memory` is what `ifchanged` remembers from round to round."""

    def __init__(self, parent: object) -> None:
        super().__init__(parentloop=parent)
        self.memory: dict[object, object] = {}

    def turn(self, index: int, length: int) -> None:
        """Set the numbers of a round."""
        self.update(
            counter0=index,
            counter=index + 1,
            revcounter=length - index,
            revcounter0=length - index - 1,
            first=index == 0,
            last=index == length - 1,
            length=length,
        )


def _if(parser: Parser, tag: Tag) -> Node:
    branches: list[_Branch] = []
    condition: Condition | None = parser.condition(tag)
    end = tag
    while True:
        here = end
        ends = ("elif", "else", "endif") if condition is not None else ("endif",)
        block, end = parser.block(tag, *ends)
        branches.append(_Branch(condition, block, here.line))
        parser.line = end.line
        if end.name == "endif":
            return _If(branches)
        if end.name == "else" and end.words:
            raise Failure(f"'else' takes no words: '{end.arguments}'; a further condition is 'elif'")
        condition = parser.condition(end) if end.name == "elif" else None


@dataclass(frozen=True, slots=True)
class _Branch:
    condition: Condition | None
    block: Block
    line: int

    def holds(self, state: State) -> bool:
        if self.condition is None:
            return True
        state.line = self.line
        try:
            return bool(self.condition.value(state))
        except MissingArgument:
            return False


@dataclass(frozen=True, slots=True)
class _If:
    branches: Sequence[_Branch]

    def render(self, state: State) -> None:
        for branch in self.branches:
            if branch.holds(state):
                branch.block.render(state)
                return


def _for(parser: Parser, tag: Tag) -> Node:
    given = list(tag.words)
    backwards = given[-1:] == ["reversed"]
    if backwards:
        given.pop()
    if len(given) < _LOOP_WORDS or given[-2] != "in":
        raise Failure(f"'for' has the form 'for x in y': 'for {tag.arguments}'")
    names = [name.strip() for name in " ".join(given[:-2]).split(",")]
    for name in names:
        check_name(name)
    items = parser.expression(given[-1])
    parser.bound |= {*names, "forloop"}
    body, end = parser.block(tag, "empty", "endfor")
    otherwise = parser.block(tag, "endfor")[0] if end.name == "empty" else Block()
    return _For(names, items, body, otherwise, tag.line, backwards=backwards)


@dataclass(frozen=True, slots=True)
class _For:
    names: Sequence[str]
    items: Expression
    body: Block
    otherwise: Block
    line: int
    backwards: bool

    def render(self, state: State) -> None:
        state.line = self.line
        items = members(self.items.value(state, missing=None))
        state.step(items)
        if self.backwards:
            items.reverse()
        if not items:
            self.otherwise.render(state)
            return
        parent = state.find("forloop")
        with state.scope():
            loop = Loop(parent if is_mapping(parent) else {})
            state.bind("forloop", loop)
            for index, item in enumerate(items):
                state.step()
                state.line = self.line
                loop.turn(index, len(items))
                for name, value in self.bindings(item):
                    state.bind(name, value)
                self.body.render(state)

    def bindings(self, item: object) -> Iterator[tuple[str, object]]:
        if len(self.names) == 1:
            return zip(self.names, [item], strict=True)
        parts = list(item) if isinstance(item, str) or is_list(item) or is_mapping(item) else [item]
        if len(parts) != len(self.names):
            raise Failure(f"'for' needs {len(self.names)} values for {', '.join(self.names)}, and got {len(parts)}")
        return zip(self.names, parts, strict=True)


def _with(parser: Parser, tag: Tag) -> Node:
    values = named(parser, tag.words, legacy=True)
    if not values:
        raise Failure("'with' needs at least one name=value")
    parser.bound |= values.keys()
    block, _ = parser.block(tag, "endwith")
    return _With(values, block, tag.line)


@dataclass(frozen=True, slots=True)
class _With:
    values: Mapping[str, Expression]
    block: Block
    line: int

    def render(self, state: State) -> None:
        state.line = self.line
        values = {name: expression.value(state) for name, expression in self.values.items()}
        with state.scope():
            for name, value in values.items():
                state.bind(name, value)
            self.block.render(state)


def _if_changed(parser: Parser, tag: Tag) -> Node:
    watched = [parser.expression(word) for word in tag.words]
    block, end = parser.block(tag, "else", "endifchanged")
    otherwise = parser.block(tag, "endifchanged")[0] if end.name == "else" else Block()
    return _IfChanged(watched, block, otherwise, tag.line)


@dataclass(frozen=True, slots=True, eq=False)
class _IfChanged:
    watched: Sequence[Expression]
    block: Block
    otherwise: Block
    line: int

    def render(self, state: State) -> None:
        state.line = self.line
        loop = state.find("forloop")
        memory = loop.memory if isinstance(loop, Loop) else state.memory
        if self.watched:
            shown = None
            seen: object = [expression.value(state, missing=None) for expression in self.watched]
            state.compare(seen)
        else:
            seen = shown = self.block.text(state)
        if self not in memory or memory[self] != seen:
            memory[self] = seen
            if shown is None:
                self.block.render(state)
            else:
                state.write(shown)
        else:
            self.otherwise.render(state)


def _regroup(parser: Parser, tag: Tag) -> Node:
    match tag.words:
        case (source, "by", member, "as", name):
            pass
        case _:
            raise Failure(f"'regroup' has the form 'regroup x by y as z': 'regroup {tag.arguments}'")
    check_name(name)
    items = parser.expression(source)
    parser.bound.add(name)
    # The member is looked up in the item, under the very name that the groups will have.
    return _Regroup(items, parser.expression(f"{name}.{member}"), name, tag.line)


@dataclass(frozen=True, slots=True)
class _Regroup:
    items: Expression
    member: Expression
    name: str
    line: int

    def render(self, state: State) -> None:
        state.line = self.line
        groups: list[tuple[object, list[object]]] = []
        with state.scope():
            for item in members(self.items.value(state, missing=None)):
                state.step()
                state.bind(self.name, item)
                grouper = self.member.value(state, missing=None)
                state.compare(grouper)
                if not groups or groups[-1][0] != grouper:
                    groups.append((grouper, []))
                groups[-1][1].append(item)
        state.bind(self.name, [{"grouper": grouper, "list": items} for grouper, items in groups])


def _cycle(parser: Parser, tag: Tag) -> Node:
    given = list(tag.words)
    if len(given) == 1:
        again = parser.cycles.get(given[0])
        if again is None:
            raise Failure(f"There is no cycle named '{given[0]}'")
        return again
    silent = given[-1:] == ["silent"] and given[-3:-2] == ["as"]
    if silent:
        given.pop()
    name = ""
    if given[-2:-1] == ["as"]:
        name = given.pop()
        given.pop()
        check_name(name)
    if not given:
        raise Failure("'cycle' needs values")
    node = _Cycle([parser.expression(word) for word in given], name, tag.line, silent=silent)
    if name:
        parser.cycles[name] = node
        parser.bound.add(name)
    return node


@dataclass(frozen=True, slots=True, eq=False)
class _Cycle:
    values: Sequence[Expression]
    name: str
    line: int
    silent: bool

    def render(self, state: State) -> None:
        state.line = self.line
        turn = state.memory.get(self, 0)
        turn = turn if isinstance(turn, int) else 0
        state.memory[self] = (turn + 1) % len(self.values)
        value = self.values[turn].value(state)
        if self.name:
            state.rebind(self.name, value)
        if not self.silent:
            state.write(state.written(value))


def _first_of(parser: Parser, tag: Tag) -> Node:
    given = list(tag.words)
    name = ""
    if given[-2:-1] == ["as"]:
        name = given.pop()
        given.pop()
        check_name(name)
        parser.bound.add(name)
    if not given:
        raise Failure("'firstof' needs values")
    return _FirstOf([parser.expression(word) for word in given], name, tag.line)


@dataclass(frozen=True, slots=True)
class _FirstOf:
    values: Sequence[Expression]
    name: str
    line: int

    def render(self, state: State) -> None:
        state.line = self.line
        found = (expression.value(state, missing=None) for expression in self.values)
        first = next((value for value in found if value), "")
        state.read(first)
        shown = state.written(first)
        if self.name:
            state.bind(self.name, shown)
        else:
            state.write(text(shown))


FLOW_TAGS: Mapping[str, TagParser] = {
    "cycle": _cycle,
    "firstof": _first_of,
    "for": _for,
    "if": _if,
    "ifchanged": _if_changed,
    "regroup": _regroup,
    "with": _with,
}
