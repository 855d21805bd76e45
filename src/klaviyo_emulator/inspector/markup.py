"""HTML that cannot be forgotten to be escaped: text is escaped where it enters, and only what was made here is not."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_VOID = frozenset({"input", "link", "meta"})


class Html(str):
    """Markup. Made by `tag` and `join` only."""

    __slots__ = ()


def markup(content: Html | str | float | None) -> Html:
    """The content as markup: text escaped, nothing for None."""
    if isinstance(content, Html):
        return content
    return Html("" if content is None else escape(str(content), quote=True))


def join(parts: Iterable[Html | str | float | None]) -> Html:
    """Parts one after the other."""
    return Html("".join(map(markup, parts)))


def tag(name: str, /, *children: Html | str | float | None, **attributes: str | None) -> Html:
    """An element. `class_` stands for `class`, other underscores for hyphens; an attribute that is None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value, quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def document(head: Html, body: Html) -> bytes:
    """A whole page, in UTF-8."""
    page = f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'
    return page.encode("utf-8", "replace")


def raw_style(css: str) -> Html:
    """A style element of our own CSS, which is not escaped: it holds nothing that came from outside."""
    return Html(f"<style>{css}</style>")
