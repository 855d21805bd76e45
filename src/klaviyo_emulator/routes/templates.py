"""Templates: written, read, copied, rendered, and sent as a preview."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import format_micros, format_seconds
from klaviyo_emulator.errors import Refusal, conflict, invalid
from klaviyo_emulator.jsonapi import Document, resource, select, single
from klaviyo_emulator.payload import filled, related_id
from klaviyo_emulator.routes.blocks import check_blocks
from klaviyo_emulator.routes.context import Reply
from klaviyo_emulator.routes.resources import View, many, one, record_type, write_one
from klaviyo_emulator.state import links
from klaviyo_emulator.state.mail import Letter, send_preview
from klaviyo_emulator.state.personalization import context_for, message_to_nobody, organization
from klaviyo_emulator.state.profiles import find_profile
from klaviyo_emulator.state.records import Record, Subquery, change_record, delete_record, list_records
from klaviyo_emulator.state.templates import (
    DRAGGABLE,
    Rendered,
    copy_template,
    create_template,
    html_of,
    html_of_definition,
    render_template,
    reusable,
)
from klaviyo_emulator.templating import Template, TemplateError

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Routes, Types
    from klaviyo_emulator.state.paging import Page

MAXIMUM_TEMPLATES = 1000
MAXIMUM_RECIPIENTS = 5
SCREENSHOT = "https://klaviyo.example/screenshots/{}.png"
"""There are no screenshots; this is where they are not."""
_SINCE_SCREENSHOTS = "2026-10-15"
_EDITORS = ("CODE", "USER_DRAGGABLE", DRAGGABLE)
_BODIES = ("html", "text", "amp")
_REUSABLE = Subquery("SELECT id FROM record WHERE type = 'template' AND json_extract(body, '$.owner') IS NULL")


def _attributes(view: View, template: Record) -> Document:
    rendered = Rendered(html_of(template), template.body.get("text"), template.body.get("amp"))
    return _written(view.request.revision, template, rendered)


def _written(revision: str, template: Record, rendered: Rendered) -> Document:
    attributes: Document = {
        "name": template.body["name"],
        "editor_type": template.body["editor_type"],
        "html": rendered.html,
        "text": rendered.text,
        "amp": rendered.amp,
        "created": format_seconds(template.created_us),
        "updated": format_seconds(template.updated_us),
    }
    if revision >= _SINCE_SCREENSHOTS:
        attributes["screenshot_url"] = SCREENSHOT.format(template.id)
    return attributes


def _page(view: View, start: Position | None, within: Subquery | None) -> Page[Record]:
    """Reusable templates, or those that something is related to."""
    query = view.query
    return list_records(
        view.connection,
        "template",
        query.filters,
        sort=query.sort,
        start=start,
        size=query.size,
        within=within or _REUSABLE,
    )


TEMPLATE = replace(
    record_type(
        "template",
        "Template",
        _attributes,
        additional={"definition": lambda _view, template: template.body.get("definition")},
    ),
    page=_page,
)
TYPES: Types = {"template": TEMPLATE}


def require_reusable(connection: sqlite3.Connection, template_id: str) -> Record:
    """A template that is nobody's own copy. Raises a 404 refusal."""
    template = reusable(connection, template_id)
    if template is None:
        raise TEMPLATE.missing(template_id)
    return template


def unrenderable(error: TemplateError, pointer: str) -> Refusal:
    """400 for a template that cannot be compiled or rendered, with the reason and the line."""
    return invalid(f"The template cannot be rendered: {error}", pointer)


async def post_template(context: Context, request: ApiRequest) -> Reply:
    """Store a template."""
    attributes = request.resource()["attributes"]
    body = _body(attributes)

    def work(connection: sqlite3.Connection) -> Record:
        _check_room(connection)
        return create_template(connection, context.mint, body)

    return await write_one(context, request, TEMPLATE, work, 201)


async def patch_template(context: Context, request: ApiRequest) -> Reply:
    """Change a template; its editor stays what it is."""
    attributes = request.resource()["attributes"]

    def work(connection: sqlite3.Connection) -> Record:
        template = require_reusable(connection, request.arguments[0])
        changes = {name: value for name, value in attributes.items() if value is not None or name in {"text", "amp"}}
        _check(template.body["editor_type"], changes)
        return change_record(connection, context.mint, template, changes)

    return await write_one(context, request, TEMPLATE, work)


async def remove_template(context: Context, request: ApiRequest) -> Reply:
    """Delete a template. A copy that a message has stays: 409."""

    def work(connection: sqlite3.Connection) -> Record:
        template = TEMPLATE.get(connection, request.arguments[0])
        if template.body.get("owner"):
            raise conflict("The template belongs to a message and cannot be deleted.", "/data/id")
        delete_record(connection, "template", template.id)
        return template

    if context.config.behaviour == "live":
        return await write_one(context, request, TEMPLATE, work)
    await context.write(work)
    return Reply(204)


async def clone_template(context: Context, request: ApiRequest) -> Reply:
    """Copy a template."""
    data = request.resource()

    def work(connection: sqlite3.Connection) -> Record:
        _check_room(connection)
        template = TEMPLATE.get(connection, data["id"])
        name = data["attributes"].get("name") or f"{template.body['name']} (Clone)"
        return copy_template(connection, context.mint, template, name=name)

    return await write_one(context, request, TEMPLATE, work, _made(context))


async def answer_rendered(context: Context, request: ApiRequest) -> Reply:
    """Render a template for the values in the request. Nothing is stored."""
    data = request.resource()

    def work(connection: sqlite3.Connection) -> Reply:
        template = TEMPLATE.get(connection, data["id"])
        about = message_to_nobody(connection)
        try:
            rendered = render_template(
                template, data["attributes"]["context"], now=context.config.clock(), message=about
            )
        except TemplateError as error:
            raise unrenderable(error, "/data/attributes/context") from None
        attributes = select(_written(request.revision, template, rendered), request.query.fields.get("template"))
        document = resource(context.linker, "template", template.id, attributes)
        return Reply(_made(context), single(document, request.self_link(context.linker)))

    return await context.read(work)


async def send_template_preview(context: Context, request: ApiRequest) -> Reply:
    """Send a template to some addresses, rendered for the values or the profile in the request."""
    data = request.resource()
    recipients: list[str] = data["attributes"]["recipients"]
    if not 1 <= len(recipients) <= MAXIMUM_RECIPIENTS:
        raise invalid(f"A preview goes to 1 to {MAXIMUM_RECIPIENTS} recipients.", "/data/attributes/recipients")
    for index, address in enumerate(recipients):
        if "@" not in address:
            raise invalid("Invalid email address.", f"/data/attributes/recipients/{index}")

    def work(connection: sqlite3.Connection) -> str:
        template_id = related_id(data, "template")
        if template_id is None:
            raise invalid("'data' is a required field.", "/data/relationships/template/data")
        template = TEMPLATE.get(connection, template_id)
        given: dict[str, Any] = data["attributes"].get("context") or {}
        values = {**_person(context, connection, data), **given}
        try:
            rendered = render_template(
                template, values, now=context.config.clock(), message=message_to_nobody(connection)
            )
        except TemplateError as error:
            raise unrenderable(error, "/data/relationships/template/data/id") from None
        letter = Letter(
            subject=f"[Preview] {template.body['name']}",
            sender=context.account_name,
            html=rendered.html,
            text=rendered.text or "",
            origin={"$preview": template.id},
        )
        for address in recipients:
            send_preview(connection, context.mint, address, letter)
        return context.mint.ulid()

    job = await context.write(work)
    attributes: Document = {"status": "complete", "created_at": format_micros(context.mint.now_us())}
    kind = "template-preview-send-job"
    document = resource(context.linker, kind, job, select(attributes, request.query.fields.get(kind)))
    return Reply(202, single(document, request.self_link(context.linker)))


def _person(context: Context, connection: sqlite3.Connection, data: Object) -> dict[str, Any]:
    """What a preview knows: the account, and the profile if one is named."""
    wanted = related_id(data, "profile")
    if wanted is None:
        return {"organization": organization(context.account_name)}
    profile = find_profile(connection, wanted)
    if profile is None:
        raise invalid(f"Profile with id {wanted} not found.", "/data/relationships/profile/data/id")
    return context_for(profile, context.account_name)


def _body(attributes: Object) -> dict[str, Any]:
    editor = attributes["editor_type"]
    if editor not in _EDITORS:
        raise invalid(f"'editor_type' must be one of {', '.join(_EDITORS)}.", "/data/attributes/editor_type")
    filled(attributes, "name", "/data/attributes")
    required = "definition" if editor == DRAGGABLE else "html"
    if attributes.get(required) is None:
        raise invalid(f"'{required}' is required for the editor {editor}.", f"/data/attributes/{required}")
    _check(editor, attributes)
    return {"owner": None, **dict.fromkeys((*_BODIES, "definition")), **attributes}


def _check(editor: str, attributes: Object) -> None:
    foreign = "html" if editor == DRAGGABLE else "definition"
    if attributes.get(foreign) is not None:
        raise invalid(f"'{foreign}' does not go with the editor {editor}.", f"/data/attributes/{foreign}")
    check_blocks(attributes.get("definition") or {}, "/data/attributes/definition")
    sources = {name: attributes.get(name) or "" for name in _BODIES}
    for name, source in {**sources, "definition": html_of_definition(attributes.get("definition"))}.items():
        try:
            Template(source)
        except TemplateError as error:
            raise unrenderable(error, f"/data/attributes/{name}") from None


def _check_room(connection: sqlite3.Connection) -> None:
    if len(links.ids(connection, _REUSABLE)) >= MAXIMUM_TEMPLATES:
        raise invalid(f"An account may have {MAXIMUM_TEMPLATES} templates that were made through the API.", "/data")


def _made(context: Context) -> int:
    return 200 if context.config.behaviour == "live" else 201


ROUTES: Routes = {
    "get_templates": many(TEMPLATE),
    "get_template": one(TEMPLATE),
    "create_template": post_template,
    "update_template": patch_template,
    "delete_template": remove_template,
    "clone_template": clone_template,
    "render_template": answer_rendered,
    "create_template_preview_send_job": send_template_preview,
}
