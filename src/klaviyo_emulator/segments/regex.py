r"""Regular expressions whose matching takes time in proportion to the text, whatever the pattern.

Python's own engine can be made to run for ever by a pattern from a request; this one cannot. A pattern becomes a
nondeterministic automaton, which is made deterministic while texts are read. Known are literals, `.`, classes with
ranges, `\d \w \s` and their opposites, groups, `|`, `* + ? {n} {n,} {n,m}` (lazy ones too, which find the same),
`^` and `$`, and `(?i)` at the beginning. Anything else is refused. A pattern is looked for anywhere in a text.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

MAXIMUM_PATTERN = 256
"""Characters a pattern may have."""
_MAXIMUM_STATES = 512
_MAXIMUM_DEPTH = 20
_MAXIMUM_STEPS = 20_000
_DIGITS = frozenset(string.digits)
_WORD = frozenset(string.ascii_letters + string.digits + "_")
_SPACE = frozenset(string.whitespace)
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_HEXADECIMAL = {"x": 2, "u": 4}
_QUANTIFIERS = "*+?{"

Test = Callable[[str], bool]
"""Whether a character is one of a class."""


class RegexError(ValueError):
    """The pattern is not one that is known here. Its words are fit for an error's `detail`."""


@dataclass(frozen=True, slots=True)
class _One:
    """One character that passes a test."""

    test: Test


@dataclass(frozen=True, slots=True)
class _Edge:
    """The beginning or the end of the text."""

    at: Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    options: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    part: _Node
    least: int
    most: int | None


_Node = _One | _Edge | _Sequence | _Choice | _Repeat
_States = frozenset[int]
_MATCH = 0
_NOWHERE: _States = frozenset()


@dataclass(slots=True)
class _Automaton:
    """States by number; state 0 is the match. A state consumes a character, waits for an edge, or forks."""

    tests: dict[int, tuple[Test, int]] = field(default_factory=dict[int, "tuple[Test, int]"])
    edges: dict[int, tuple[str, int]] = field(default_factory=dict[int, "tuple[str, int]"])
    forks: dict[int, tuple[int, ...]] = field(default_factory=dict[int, "tuple[int, ...]"])
    count: int = 1

    def state(self) -> int:
        self.count += 1
        if self.count > _MAXIMUM_STATES:
            raise RegexError("The regular expression is too large.")
        return self.count - 1

    def build(self, node: _Node, following: int) -> int:
        """The state in which a node begins that leads to `following`."""
        match node:
            case _One(test):
                state = self.state()
                self.tests[state] = (test, following)
                return state
            case _Edge(at):
                state = self.state()
                self.edges[state] = (at, following)
                return state
            case _Sequence(parts):
                for part in reversed(parts):
                    following = self.build(part, following)
                return following
            case _Choice(options):
                beginnings = tuple(self.build(option, following) for option in options)
                state = self.state()
                self.forks[state] = beginnings
                return state
            case _Repeat(part, least, most):
                return self._repeat(part, least, most, following)

    def _repeat(self, part: _Node, least: int, most: int | None, following: int) -> int:
        state = following
        if most is None:
            state = self.state()
            self.forks[state] = (following,)
            self.forks[state] = (self.build(part, state), following)
        else:
            for _ in range(most - least):
                beginning = self.build(part, state)
                state = self.state()
                self.forks[state] = (beginning, following)
        for _ in range(least):
            known = self.count
            state = self.build(part, state)
            if self.count == known:
                break  # nothing to repeat
        return state

    def closure(self, states: _States | set[int], *, start: bool = False, end: bool = False) -> _States:
        """All states that are reached without consuming a character."""
        reached: set[int] = set()
        waiting = list(states)
        while waiting:
            state = waiting.pop()
            if state in reached:
                continue
            reached.add(state)
            waiting.extend(self.forks.get(state, ()))
            edge = self.edges.get(state)
            if edge is not None and (start if edge[0] == "start" else end):
                waiting.append(edge[1])
        return frozenset(reached)


class Regex:
    """A pattern that was read. Raises RegexError when it is not one that is known here."""

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAXIMUM_PATTERN:
            raise RegexError(f"A regular expression may have {MAXIMUM_PATTERN} characters.")
        tree = _Reader(pattern).read()
        self._automaton = _Automaton()
        self._initial = self._automaton.build(tree, _MATCH)
        self._steps: dict[tuple[_States, str], _States] = {}

    def is_in(self, text: str) -> bool:
        """Whether the pattern is found anywhere in a text."""
        automaton = self._automaton
        states = automaton.closure({self._initial}, start=True)
        for character in text:
            if _MATCH in states:
                return True
            following = self._steps.get((states, character))
            states = self._step(states, character) if following is None else following
        return _MATCH in automaton.closure(states, start=not text, end=True)

    def _step(self, states: _States, character: str) -> _States:
        reached = {self._initial}
        for state in states:
            consuming = self._automaton.tests.get(state)
            if consuming is not None and consuming[0](character):
                reached.add(consuming[1])
        following = self._automaton.closure(reached)
        if len(self._steps) >= _MAXIMUM_STEPS:
            self._steps.clear()
        self._steps[states, character] = following
        return following


@lru_cache(maxsize=64)
def compiled(pattern: str) -> Regex:
    """The pattern, read once."""
    return Regex(pattern)


class _Reader:
    """A recursive descent over one pattern; `position` is where it stands."""

    def __init__(self, pattern: str) -> None:
        self._ignore_case = pattern.startswith("(?i)")
        self._pattern = pattern.removeprefix("(?i)")
        self._position = 0

    def read(self) -> _Node:
        tree = self._choice(0)
        if self._position < len(self._pattern):
            raise self._error("a ')' without its '('")
        return tree

    def _error(self, what: str) -> RegexError:
        return RegexError(f"The regular expression has {what} at character {self._position + 1}.")

    def _peek(self, ahead: int = 0) -> str:
        return self._pattern[self._position + ahead : self._position + ahead + 1]

    def _next(self, wanted: str) -> str:
        character = self._peek()
        if not character:
            raise self._error(f"its end instead of {wanted}")
        self._position += 1
        return character

    def _take(self, text: str) -> bool:
        if self._pattern.startswith(text, self._position):
            self._position += len(text)
            return True
        return False

    def _choice(self, depth: int) -> _Node:
        if depth > _MAXIMUM_DEPTH:
            raise self._error("groups nested too deeply")
        options = [self._sequence(depth)]
        while self._take("|"):
            options.append(self._sequence(depth))
        return options[0] if len(options) == 1 else _Choice(tuple(options))

    def _sequence(self, depth: int) -> _Node:
        parts: list[_Node] = []
        while self._peek() and self._peek() not in "|)":
            parts.append(self._quantified(self._atom(depth)))
        return parts[0] if len(parts) == 1 else _Sequence(tuple(parts))

    def _quantified(self, part: _Node) -> _Node:
        least, most = 1, 1
        if self._take("*"):
            least, most = 0, None
        elif self._take("+"):
            least, most = 1, None
        elif self._take("?"):
            least, most = 0, 1
        elif self._peek() == "{":
            least, most = self._counts()
        else:
            return part
        self._take("?")  # the lazy form finds the same
        if self._peek() and self._peek() in _QUANTIFIERS:
            raise self._error("a quantifier of a quantifier")
        return _Repeat(part, least, most)

    def _counts(self) -> tuple[int, int | None]:
        end = self._pattern.find("}", self._position)
        first, comma, last = self._pattern[self._position + 1 : max(end, 0)].partition(",")
        if not _is_count(first) or not (last == "" or _is_count(last)):
            raise self._error("a '{' that begins no count")
        self._position = end + 1
        least = int(first)
        most = (int(last) if last else None) if comma else least
        if most is not None and most < least:
            raise self._error("a count whose end is before its start")
        return least, most

    def _atom(self, depth: int) -> _Node:
        character = self._next("a character")
        match character:
            case "(":
                return self._group(depth)
            case "^":
                return _Edge("start")
            case "$":
                return _Edge("end")
            case "[":
                test = self._class()
            case ".":
                test = _is_no_line_end
            case "\\":
                escaped = self._escape()
                test = self._literal(escaped) if isinstance(escaped, str) else escaped
            case _:
                if character in _QUANTIFIERS:
                    raise self._error("nothing before a quantifier")
                test = self._literal(character)
        return _One(test)

    def _group(self, depth: int) -> _Node:
        if self._take("?") and not self._take(":"):
            raise self._error("a kind of group that is not known")
        inner = self._choice(depth + 1)
        if not self._take(")"):
            raise self._error("no ')'")
        return inner

    def _escape(self) -> str | Test:
        character = self._next("an escaped character")
        if character.lower() in _CLASSES:
            return _member(_CLASSES[character.lower()], negative=character.isupper())
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character in _HEXADECIMAL:
            digits = self._pattern[self._position : self._position + _HEXADECIMAL[character]]
            if len(digits) != _HEXADECIMAL[character] or not all(digit in string.hexdigits for digit in digits):
                raise self._error("an escape without its digits")
            self._position += len(digits)
            return chr(int(digits, 16))
        if character.isalnum():
            raise self._error("an escape that is not known")
        return character

    def _class(self) -> Test:
        negative = self._take("^")
        tests: list[Test] = []
        while not tests or self._peek() != "]":
            low = self._class_item()
            if isinstance(low, str) and self._peek() == "-" and self._peek(1) not in {"", "]"}:
                self._position += 1
                high = self._class_item()
                if not isinstance(high, str) or high < low:
                    raise self._error("a range whose end is before its start")
                tests.append(self._range(low, high))
            else:
                tests.append(self._literal(low) if isinstance(low, str) else low)
        self._position += 1
        return _any_of(tuple(tests), negative=negative)

    def _class_item(self) -> str | Test:
        character = self._next("']'")
        return self._escape() if character == "\\" else character

    def _literal(self, character: str) -> Test:
        if self._ignore_case:
            return _member(frozenset({character, character.lower(), character.upper()}))
        return character.__eq__

    def _range(self, low: str, high: str) -> Test:
        if self._ignore_case:
            return lambda character: (
                low <= character <= high or low <= character.lower() <= high or low <= character.upper() <= high
            )
        return lambda character: low <= character <= high


def _is_count(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) <= len(str(_MAXIMUM_STATES))


def _is_no_line_end(character: str) -> bool:
    return character != "\n"


def _member(characters: frozenset[str], *, negative: bool = False) -> Test:
    return lambda character: (character in characters) != negative


def _any_of(tests: tuple[Test, ...], *, negative: bool) -> Test:
    return lambda character: any(test(character) for test in tests) != negative
