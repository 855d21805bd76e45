"""Page cursors: unpadded base64url, opaque to clients, in the two forms seen live.

Events use JSON, `[sort key, last id, forward?]`; everything else `next::<sort field>::<id>` or `prev::…`, with the sort
value between the two where it is not the id.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit


class CursorError(ValueError):
    """The text is not a cursor of this listing."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: after (`forward`) or before the item with this sort key and id."""

    key: str | int
    id: str
    forward: bool = True


def encode_event(position: Position) -> str:
    """The cursor of an events page."""
    return _encode(json.dumps([position.key, position.id, position.forward]))


def decode_event(text: str) -> Position:
    """Read an events cursor. Raises CursorError."""
    try:
        parts: Any = json.loads(_decode(text))
    except (ValueError, RecursionError):
        raise CursorError from None
    if not isinstance(parts, list):
        raise CursorError
    match cast("list[Any]", parts):
        case [int() as key, str() as last, bool() as forward] if not isinstance(key, bool) and abs(key) < 1 << 62:
            return Position(key, last, forward)
        case _:
            raise CursorError


def encode_keyed(field: str, position: Position) -> str:
    """The cursor of a listing sorted by `field`."""
    direction = "next" if position.forward else "prev"
    middle = "" if field == "id" else f"{json.dumps(position.key)}::"
    return _encode(f"{direction}::{field}::{middle}{position.id}")


def decode_keyed(text: str, field: str) -> Position:
    """Read the cursor of a listing sorted by `field`. Raises CursorError, also for a cursor of another order."""
    direction, _, rest = _decode(text).partition("::")
    if direction not in {"next", "prev"} or not rest.startswith(f"{field}::"):
        raise CursorError
    rest = rest[len(field) + 2 :]
    if field == "id":
        return Position(rest, rest, direction == "next")
    raw, separator, last = rest.rpartition("::")
    try:
        key: Any = json.loads(raw) if separator else None
    except (ValueError, RecursionError):
        raise CursorError from None
    if isinstance(key, bool) or not isinstance(key, str | int) or (isinstance(key, int) and abs(key) >= 1 << 62):
        raise CursorError
    return Position(key, last, direction == "next")


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(text: str) -> str:
    """The text inside a cursor. Clients also send it with `=` in front, or as the whole link it came in."""
    text = text.lstrip("=")
    if text.startswith(("https://", "http://")):
        try:
            query = dict(parse_qsl(urlsplit(text).query))
        except ValueError:
            raise CursorError from None
        text = query.get("page[cursor]", "").lstrip("=")
    text = text.rstrip("=")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return raw.decode()
    except (binascii.Error, ValueError):
        raise CursorError from None
