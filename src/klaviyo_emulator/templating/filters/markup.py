"""Filters between text and markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from klaviyo_emulator.templating.filters.registry import Filter, of_text
from klaviyo_emulator.templating.values import SafeText, check_size, escape, force_escape, is_list, is_mapping, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from klaviyo_emulator.templating.state import State

MISSING_IMAGE = "https://klaviyo.example/missing-image.png"
"""What stands in for an image that is not there."""

_LINE = "\n"
_BREAK = "<br>"
_LINE_END = re.compile(r"\r\n|\r|\n")
_PARAGRAPH_END = re.compile(r"\n{2,}")
_BARE_SIGN = re.compile(r"&(?!(?:[A-Za-z][A-Za-z0-9]{0,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});)")
_CONTROLS = "".join(map(chr, range(32)))
_SCRIPT_SIGNS = {ord(sign): f"\\u{ord(sign):04X}" for sign in "\\'\"<>&=-;`\u2028\u2029" + _CONTROLS}
_COMMENT_START = "<!--"
_COMMENT_END = "-->"


def _line_breaks(value: object, _argument: object, state: State) -> SafeText:
    return SafeText(_escaped_here(_unix_lines(value), state).replace(_LINE, _BREAK))


def _paragraphs(value: object, _argument: object, state: State) -> SafeText:
    # Escaping makes no line ends and takes none away, so that it may come first.
    paragraphs = _PARAGRAPH_END.split(_escaped_here(_unix_lines(value), state))
    return SafeText("\n\n".join(f"<p>{paragraph.replace(_LINE, _BREAK)}</p>" for paragraph in paragraphs))


def _unix_lines(value: object) -> str:
    lines = _LINE_END.sub(_LINE, text(value))
    return SafeText(lines) if isinstance(value, SafeText) else lines


def _escaped_here(value: str, state: State) -> str:
    return escape(value) if state.autoescape else value


def _join(value: object, separator: object, state: State) -> object:
    items = list(value) if isinstance(value, str) or is_list(value) or is_mapping(value) else None
    if items is None:
        return value
    shown = [_escaped_here(text(item), state) for item in items]
    between = _escaped_here(text(separator), state)
    check_size(sum(map(len, shown)) + len(between) * len(shown))
    return SafeText(between.join(shown))


def _escape_once(value: str) -> SafeText:
    once = _BARE_SIGN.sub("&amp;", value).replace("<", "&lt;").replace(">", "&gt;")
    return SafeText(once.replace('"', "&quot;").replace("'", "&#x27;"))


def _strip_tags(value: str) -> str:
    """The text without tags and comments; a `<` that opens neither stays."""
    kept: list[str] = []
    position = 0
    comments_end = True
    while True:
        start = value.find("<", position)
        if start < 0:
            break
        kept.append(value[position:start])
        end = -1
        if comments_end and value.startswith(_COMMENT_START, start):
            end = value.find(_COMMENT_END, start + len(_COMMENT_START))
            comments_end = end >= 0
            end += len(_COMMENT_END) if comments_end else 0
        elif value[start + 1 : start + 2].isalpha() or value[start + 1 : start + 2] in {"/", "!", "?"}:
            end = value.find(">", start) + 1 or -1
            if end < 0:
                # No tag ends any more.
                kept.append(value[start:])
                return "".join(kept)
        if end < 0:
            kept.append("<")
            end = start + 1
        position = end
    return "".join([*kept, value[position:]])


def _or_missing_image(value: object, _argument: object, _state: State) -> object:
    return value or MISSING_IMAGE


_BREAKS = Filter(_line_breaks)
_STRIP_TAGS = of_text(_strip_tags, keeps_safety=True)
_IMAGE = Filter(_or_missing_image)

MARKUP_FILTERS: Mapping[str, Filter] = {
    "escape": of_text(escape),
    "escape_once": of_text(_escape_once),
    "escapejs": of_text(lambda value: SafeText(value.translate(_SCRIPT_SIGNS))),
    "force_escape": of_text(force_escape),
    "join": Filter(_join, takes_argument=True, needs_argument=True),
    "linebreaks": Filter(_paragraphs),
    "linebreaksbr": _BREAKS,
    "missing_image": _IMAGE,
    "missing_product_image": _IMAGE,
    "newline_to_br": _BREAKS,
    "safe": of_text(SafeText),
    "strip_html": _STRIP_TAGS,
    "striptags": _STRIP_TAGS,
}
