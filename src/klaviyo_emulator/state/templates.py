"""E-mail templates: kept, copied for one message, rendered for one recipient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from klaviyo_emulator.state.records import Body, Record, create_record, find_record, free_short_id
from klaviyo_emulator.templating import Message, Template

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from klaviyo_emulator.state.minting import Mint

TEMPLATE = "template"
DRAGGABLE = "SYSTEM_DRAGGABLE"
"""The editor whose templates have a definition instead of HTML."""


class Rendered(NamedTuple):
    """A template's three bodies for one recipient; None where the template has none."""

    html: str
    text: str | None
    amp: str | None


def reusable(connection: sqlite3.Connection, template_id: str) -> Record | None:
    """The template with this id, unless it is a message's own copy."""
    template = find_record(connection, TEMPLATE, template_id)
    return None if template is None or template.body.get("owner") else template


def create_template(connection: sqlite3.Connection, mint: Mint, body: Body) -> Record:
    """Store a template: `name`, `editor_type`, `html`, `text`, `amp`, `definition`."""
    return create_record(connection, mint, TEMPLATE, free_short_id(connection, mint), body)


def copy_template(
    connection: sqlite3.Connection, mint: Mint, template: Record, *, name: str | None = None, owner: str | None = None
) -> Record:
    """A copy, reusable or, with the `owner`'s id, a message's own: such a copy is in no listing."""
    body = {**template.body, "name": template.body["name"] if name is None else name, "owner": owner}
    return create_template(connection, mint, body)


def html_of(template: Record) -> str:
    """The HTML of a template. That of a definition is its text and HTML blocks, one after the other.

    Blocks and sections that are repeated, or shown to some only, stand between the tags that do so.
    """
    if template.body.get("editor_type") != DRAGGABLE:
        return str(template.body.get("html") or "")
    return html_of_definition(template.body.get("definition"))


def html_of_definition(definition: object) -> str:
    """The HTML that a definition comes to."""
    return "\n".join(_blocks(definition))


def render_template(
    template: Record, context: Mapping[str, object], *, now: datetime, message: Message | None = None
) -> Rendered:
    """Render all bodies of a template. Raises TemplateError, of which the message names the place."""
    about = message or Message()

    def render(source: str | None, *, html: bool) -> str | None:
        return None if source is None else Template(source).render(context, now=now, message=about, html=html)

    return Rendered(
        html=render(html_of(template), html=True) or "",
        text=render(template.body.get("text"), html=False),
        amp=render(template.body.get("amp"), html=True),
    )


def _blocks(node: object) -> Iterator[str]:
    """The contents of the blocks below a node of a definition, in the order they stand in."""
    if isinstance(node, list):
        for item in cast("list[Any]", node):
            yield from _blocks(item)
    elif isinstance(node, dict):
        members = cast("Body", node)
        before, after = _conditions(_object(_object(members.get("data")).get("display_options")))
        yield from before
        content = members.get("content")
        if isinstance(content, str):
            yield content
        for name, value in members.items():
            if name != "styles":
                yield from _blocks(value)
        yield from after


def _conditions(options: Body) -> tuple[Sequence[str], Sequence[str]]:
    """The tags around what is repeated for the items of a list, and around what is shown to some only."""
    before: list[str] = []
    after: list[str] = []
    repeat = _object(options.get("content_repeat"))
    if repeat:
        before.append(f"{{% for {repeat.get('item_alias')} in {repeat.get('repeat_for')} %}}")
        after.append("{% endfor %}")
    check = options.get("visible_check") or _object(options.get("visibility")).get("check")
    if check:
        before.append(f"{{% if {check} %}}")
        after.insert(0, "{% endif %}")
    return before, after


def _object(value: object) -> Body:
    """The value, if it is an object: what some blocks hold is not checked."""
    return cast("Body", value) if isinstance(value, dict) else {}
