"""Tokens to a tree of nodes. The tags themselves are given; this module knows text, variables and nesting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from klaviyo_emulator.templating.conditions import Condition, parse_condition
from klaviyo_emulator.templating.errors import Failure
from klaviyo_emulator.templating.expressions import Expression, parse_expression
from klaviyo_emulator.templating.lexer import words

if TYPE_CHECKING:
    from klaviyo_emulator.templating.lexer import Token
    from klaviyo_emulator.templating.state import State

MAXIMUM_DEPTH = 50
"""How deep tags may stand within each other."""


class Node(Protocol):
    """A part of a template."""

    def render(self, state: State) -> None:
        """Write the part. Raises Failure and Excess."""
        ...


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag as it is written: its name, the words behind it, and where it stands."""

    name: str
    words: tuple[str, ...]
    line: int

    @property
    def arguments(self) -> str:
        """The words in one text."""
        return " ".join(self.words)


class Block:
    """Nodes one after the other."""

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self.nodes = tuple(nodes)

    def render(self, state: State) -> None:
        """Write the nodes."""
        for node in self.nodes:
            state.step()
            node.render(state)

    def text(self, state: State) -> str:
        """What the nodes would write."""
        with state.capture() as parts:
            self.render(state)
        return "".join(parts)


TagParser = Callable[["Parser", Tag], Node]


class Parser:
    """Reads one template. `line` is where it stands, for errors."""

    def __init__(
        self, tokens: Iterable[Token], tags: Mapping[str, TagParser], explain: Callable[[str], str | None]
    ) -> None:
        self.line = 1
        self.names: set[str] = set()
        self.bound: set[str] = {"True", "False", "None"}
        self.cycles: dict[str, Node] = {}
        self._tokens = iter(tokens)
        self._tags = tags
        self._explain = explain
        self._depth = 0

    def template(self) -> Block:
        """The whole template."""
        return self._block((), None)[0]

    def block(self, opening: Tag, *ends: str) -> tuple[Block, Tag]:
        """What follows a tag up to one of the tags named `ends`, and that tag."""
        self._depth += 1
        if self._depth > MAXIMUM_DEPTH:
            raise Failure(f"Tags are nested more than {MAXIMUM_DEPTH} levels deep")
        block, end = self._block(ends, opening)
        if end is None:
            self.line = opening.line
            raise Failure(f"The tag '{opening.name}' is not closed: '{ends[-1]}' is missing")
        self._depth -= 1
        return block, end

    def skip(self, opening: Tag, end: str) -> None:
        """Leave out everything up to a tag."""
        for token in self._tokens:
            if token.kind == "tag" and token.content == end:
                return
        self.line = opening.line
        raise Failure(f"The tag '{opening.name}' is not closed: '{end}' is missing")

    def expression(self, source: str) -> Expression:
        """Read an expression, and remember the names it asks for."""
        expression = parse_expression(source)
        self.names |= expression.names
        return expression

    def condition(self, tag: Tag) -> Condition:
        """Read the words of a tag as a condition."""
        condition, names = parse_condition(tag.words)
        self.names |= names
        return condition

    def _block(self, ends: tuple[str, ...], opening: Tag | None) -> tuple[Block, Tag | None]:
        nodes: list[Node] = []
        for token in self._tokens:
            self.line = token.line
            if token.kind == "text":
                nodes.append(_Text(token.content))
            elif token.kind == "variable":
                nodes.append(self._variable(token))
            else:
                tag = _tag(token)
                if tag.name in ends:
                    return Block(nodes), tag
                nodes.append(self._node(tag, ends, opening))
        return Block(nodes), None

    def _variable(self, token: Token) -> Node:
        if not token.content:
            raise Failure("A variable is empty")
        return _Variable(self.expression(token.content), token.line)

    def _node(self, tag: Tag, ends: tuple[str, ...], opening: Tag | None) -> Node:
        parse = self._tags.get(tag.name)
        if parse is not None:
            return parse(self, tag)
        message = self._explain(tag.name) or f"There is no tag '{tag.name}'"
        if opening is not None:
            expected = " or ".join(f"'{end}'" for end in ends)
            message += f"; the tag '{opening.name}' of line {opening.line} waits for {expected}"
        raise Failure(message)


def _tag(token: Token) -> Tag:
    found = words(token.content)
    if not found:
        raise Failure("A tag is empty")
    return Tag(found[0], tuple(found[1:]), token.line)


@dataclass(frozen=True, slots=True)
class _Text:
    content: str

    def render(self, state: State) -> None:
        state.write(self.content)


@dataclass(frozen=True, slots=True)
class _Variable:
    expression: Expression
    line: int

    def render(self, state: State) -> None:
        state.line = self.line
        state.write(state.written(self.expression.value(state)))
