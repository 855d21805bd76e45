"""Source to tokens, and the contents of a tag to words, in Django's way: a tag does not cross the end of a line.

Both run in time proportional to the source, whatever the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["text", "variable", "tag", "comment"]

_KINDS: dict[str, tuple[Kind, str]] = {"{": ("variable", "}}"), "%": ("tag", "%}"), "#": ("comment", "#}")}
_QUOTES = "\"'"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the source. `content` is the text itself, or what stands inside the braces without outer space."""

    kind: Kind
    content: str
    line: int


def tokens(source: str) -> Iterator[Token]:
    """The pieces of the source in their order; comments are left out, and so are tags within `verbatim`."""
    line = 1
    written = 0
    until = ""
    for kind, start, end in _marks(source):
        content = source[start + 2 : end - 2].strip()
        if until and not (kind == "tag" and content == until):
            continue
        if start > written:
            yield Token("text", source[written:start], line)
        line += source.count("\n", written, start)
        if kind != "comment":
            yield Token(kind, content, line)
        written = end
        # What ends it must repeat whatever was said with `verbatim`.
        until = f"end{content}" if not until and kind == "tag" and content[:9] in {"verbatim", "verbatim "} else ""
    if written < len(source):
        yield Token("text", source[written:], line)


def _marks(source: str) -> Iterator[tuple[Kind, int, int]]:
    """Where a variable, tag or comment begins and ends, verbatim or not."""
    nothing_before = dict.fromkeys(_KINDS, 0)
    position = source.find("{")
    while position >= 0:
        sign = source[position + 1 : position + 2]
        end = -1
        if sign in _KINDS and position >= nothing_before[sign]:
            line_end = source.find("\n", position)
            line_end = len(source) if line_end < 0 else line_end
            kind, closing = _KINDS[sign]
            end = source.find(closing, position + 2, line_end)
            if end < 0:
                nothing_before[sign] = line_end
            else:
                yield kind, position, end + 2
        position = source.find("{", position + 1 if end < 0 else end + 2)


def words(content: str) -> list[str]:
    """The words of a tag. Space within quotes separates nothing; a quote that is not closed is any other sign."""
    found: list[str] = []
    position = 0
    lonely = ""
    while position < len(content):
        if content[position].isspace():
            position += 1
            continue
        start = position
        quoted = False
        while position < len(content) and not content[position].isspace():
            if content[position] not in _QUOTES:
                position += 1
                continue
            end = -1 if content[position] in lonely else _quote_end(content, position)
            if end >= 0:
                quoted = True
                position = end
                continue
            lonely += content[position]
            if quoted:
                break
            position = _space(content, position)
        found.append(content[start:position])
    return found


def _quote_end(content: str, start: int) -> int:
    """Just behind the quoted text that begins at `start`; -1 if it does not end."""
    position = start + 1
    while position < len(content):
        if content[position] == content[start]:
            return position + 1
        position += 2 if content[position] == "\\" else 1
    return -1


def _space(content: str, start: int) -> int:
    position = start
    while position < len(content) and not content[position].isspace():
        position += 1
    return position
