"""Universal content: blocks and sections that several templates share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_micros
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import filled
from klaviyo_emulator.routes.blocks import read_block
from klaviyo_emulator.routes.resources import View, many, one, record_type, write_one, write_silently
from klaviyo_emulator.state.records import Record, change_record, create_record, delete_record

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types

_TYPE = "template-universal-content"
_BLOCKS = ("button", "drop_shadow", "horizontal_rule", "html", "image", "spacer", "text")
"""The blocks that may be made through the API."""
_NEVER = "never_generated"
_NOWHERE = "https://klaviyo.example/screenshots/none.png"
_DEFINITION = "/data/attributes/definition"


def _attributes(_view: View, content: Record) -> Document:
    return {
        "name": content.body["name"],
        "definition": content.body["definition"],
        "created": format_micros(content.created_us),
        "updated": format_micros(content.updated_us),
        "screenshot_status": _NEVER,
        "screenshot_url": _NOWHERE,
    }


CONTENT = record_type(_TYPE, "Universal content", _attributes)
TYPES: Types = {_TYPE: CONTENT}


async def create_content(context: Context, request: ApiRequest) -> Reply:
    """Store a block."""
    attributes = request.resource()["attributes"]
    body = {
        "name": filled(attributes, "name", "/data/attributes"),
        "definition": read_block(attributes["definition"], _DEFINITION, _BLOCKS),
    }

    def work(connection: sqlite3.Connection) -> Record:
        return create_record(connection, context.mint, _TYPE, context.mint.ulid(), body)

    return await write_one(context, request, CONTENT, work, 201)


async def update_content(context: Context, request: ApiRequest) -> Reply:
    """Change the name or the definition; a block stays of its type."""
    attributes = request.resource()["attributes"]
    changes: Object = {}
    if attributes.get("name") is not None:
        changes["name"] = filled(attributes, "name", "/data/attributes")
    if attributes.get("definition") is not None:
        changes["definition"] = read_block(attributes["definition"], _DEFINITION, _BLOCKS)

    def work(connection: sqlite3.Connection) -> Record:
        content = CONTENT.get(connection, request.arguments[0])
        if "definition" in changes and changes["definition"]["type"] != content.body["definition"]["type"]:
            raise invalid("The type of a block cannot be changed.", f"{_DEFINITION}/type")
        return change_record(connection, context.mint, content, changes)

    return await write_one(context, request, CONTENT, work)


async def delete_content(context: Context, request: ApiRequest) -> Reply:
    """Delete a block. Templates keep what they have of it."""

    def work(connection: sqlite3.Connection) -> None:
        delete_record(connection, _TYPE, CONTENT.get(connection, request.arguments[0]).id)

    return await write_silently(context, work)


async def clone_content(context: Context, request: ApiRequest) -> Reply:
    """Copy a block."""
    data = request.resource()
    if data["attributes"]["id"] != data["id"]:
        raise invalid(f"'id' must be '{data['id']}', as in the resource.", "/data/attributes/id")

    def work(connection: sqlite3.Connection) -> Record:
        content = CONTENT.get(connection, data["id"])
        name = data["attributes"].get("name") or f"{content.body['name']} (Clone)"
        return create_record(connection, context.mint, _TYPE, context.mint.ulid(), {**content.body, "name": name})

    return await write_one(context, request, CONTENT, work, 201)


ROUTES: Routes = {
    "get_all_universal_content": many(CONTENT),
    "get_universal_content": one(CONTENT),
    "create_universal_content": create_content,
    "update_universal_content": update_content,
    "delete_universal_content": delete_content,
    "clone_universal_content": clone_content,
}
