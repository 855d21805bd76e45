"""Images: taken from a data URI, as nothing is fetched from elsewhere, and shown by campaign variations."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_micros
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.routes.resources import View, many, one, record_type, write_one
from klaviyo_emulator.state.records import Record, change_record, count_records, create_record, find_named

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types

IMAGE = "image"
LARGEST = 5 * 1024 * 1024
_URL = "https://klaviyo.example/images/{}.{}"
"""Nothing is there."""
_DATA_URI = re.compile(r"data:image/([a-z+-]+);base64,([A-Za-z0-9+/=]*)", re.ASCII)
_FORMATS = {"gif": (b"GIF8",), "jpeg": (b"\xff\xd8",), "png": (b"\x89PNG",)}
"""The formats, and how a file of each begins."""
_SOURCE = "/data/attributes/import_from_url"
_NAME = "/data/attributes/name"


def _attributes(_view: View, image: Record) -> Document:
    body = image.body
    return {
        "name": body["name"],
        "image_url": _URL.format(image.id, body["format"]),
        "format": body["format"],
        "size": body["size"],
        "hidden": body["hidden"],
        "updated_at": format_micros(image.updated_us),
    }


IMAGE_TYPE = record_type(IMAGE, "Image", _attributes)
TYPES: Types = {IMAGE: IMAGE_TYPE}


async def upload(context: Context, request: ApiRequest) -> Reply:
    """Keep what is known of an image; its bytes are looked at and forgotten."""
    attributes = request.resource()["attributes"]
    kind, size = _read(attributes["import_from_url"])
    name = attributes.get("name")
    if name is not None:
        _check_name(name)

    def work(connection: sqlite3.Connection) -> Record:
        number = str(count_records(connection, IMAGE) + 1)  # images are never deleted
        body: Object = {
            "name": _free_name(connection, name or number),
            "format": kind,
            "size": size,
            "hidden": attributes.get("hidden") or False,
        }
        return create_record(connection, context.mint, IMAGE, number, body)

    return await write_one(context, request, IMAGE_TYPE, work, 201)


async def update(context: Context, request: ApiRequest) -> Reply:
    """Change the name of an image, or whether it is hidden."""
    attributes = request.resource()["attributes"]
    changes: Object = {name: value for name, value in attributes.items() if value is not None}
    if "name" in changes:
        _check_name(changes["name"])

    def work(connection: sqlite3.Connection) -> Record:
        return change_record(connection, context.mint, IMAGE_TYPE.get(connection, request.arguments[0]), changes)

    return await write_one(context, request, IMAGE_TYPE, work)


def _read(source: str) -> tuple[str, int]:
    """Format and bytes of an image. Raises a 400 refusal for what is none."""
    found = _DATA_URI.fullmatch(source)
    if found is None:
        raise invalid("The emulator fetches nothing: give the image as 'data:image/png;base64,...'.", _SOURCE)
    kind = found[1].replace("jpg", "jpeg")
    if kind not in _FORMATS:
        raise invalid(f"'{kind}' is not one of {', '.join(_FORMATS)}.", _SOURCE)
    try:
        content = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        raise invalid("The image is not encoded as base64.", _SOURCE) from None
    if not content.startswith(_FORMATS[kind]):
        raise invalid(f"This is not a {kind} image.", _SOURCE)
    if len(content) > LARGEST:
        raise invalid(f"An image may have at most {LARGEST} bytes.", _SOURCE)
    return kind, len(content)


def _check_name(name: str) -> None:
    if not name.strip():
        raise invalid("'name' must not be empty.", _NAME)


def _free_name(connection: sqlite3.Connection, name: str) -> str:
    """The name, with a number if there is an image of that name."""
    free, number = name, 1
    while find_named(connection, IMAGE, free) is not None:
        free, number = f"{name} ({number})", number + 1
    return free


ROUTES: Routes = {
    "get_images": many(IMAGE_TYPE),
    "get_image": one(IMAGE_TYPE),
    "upload_image_from_url": upload,
    "update_image": update,
}
