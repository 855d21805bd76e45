"""Page cursors: unpadded base64url, opaque to clients, in the two forms seen live.

Events use JSON, `[sort key, last id, forward?]`; everything else `next::<sort field>::<id>` or `prev::…`, with the sort
value between the two where it is not the id.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, TypeGuard, cast
from urllib.parse import parse_qsl, urlsplit

from klaviyo_emulator.ids import event_id, event_sequence

_MAXIMUM_INTEGER = 1 << 62


class CursorError(ValueError):
    """The text is not a cursor of this listing."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: after (`forward`) or before the row with this sort key and tie breaker."""

    key: str | int
    tie: str | int
    forward: bool = True


def encode_event(time: int, sequence: int, event_key: int, *, forward: bool) -> str:
    """The cursor of the events after (`forward`) or before this one, which it names by its public id."""
    return _encode(json.dumps([time, event_id(sequence, event_key), forward]))


def decode_event(text: str, event_key: int) -> Position:
    """Read an events cursor. Raises CursorError."""
    try:
        parts: Any = json.loads(_decode(text))
    except (ValueError, RecursionError):
        raise CursorError from None
    if not isinstance(parts, list):
        raise CursorError
    match cast("list[Any]", parts):
        case [int() as time, str() as public_id, bool() as forward] if _is_sort_key(time):
            sequence = event_sequence(public_id, event_key)
        case _:
            raise CursorError
    if sequence is None or sequence >= 1 << 63:
        raise CursorError
    return Position(time, sequence, forward)


def encode_keyed(field: str, key: str | int, resource_id: str, *, forward: bool) -> str:
    """The cursor of a listing sorted by `field`: what comes after (`forward`) or before this resource."""
    direction = "next" if forward else "prev"
    middle = "" if field == "id" else f"{json.dumps(key)}::"
    return _encode(f"{direction}::{field}::{middle}{resource_id}")


def decode_keyed(text: str, field: str) -> Position:
    """Read the cursor of a listing sorted by `field`. Raises CursorError, also for a cursor of another order."""
    direction, _, rest = _decode(text).partition("::")
    if direction not in {"next", "prev"} or not rest.startswith(f"{field}::"):
        raise CursorError
    rest = rest[len(field) + 2 :]
    if field == "id":
        return Position(rest, rest, direction == "next")
    try:
        key, end = json.JSONDecoder().raw_decode(rest)
    except (ValueError, RecursionError):
        raise CursorError from None
    # The id comes last and may itself have `::` in it, as those of catalogues have.
    separator, last = rest[end : end + 2], rest[end + 2 :]
    if separator != "::" or not last:
        raise CursorError
    if not _is_sort_key(key):
        raise CursorError
    return Position(key, last, direction == "next")


def _is_sort_key(value: object) -> TypeGuard[str | int]:
    """Whether the state can compare the value: JSON may hold greater integers, and halves of characters."""
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAXIMUM_INTEGER


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
