"""How a pointer is written in the log."""

import json

from dreamflow.outbox.model import Pointer


def encoded(pointer: Pointer) -> tuple[bytes, bytes]:
    """Key and value."""
    value = {"id": pointer.id, "number": pointer.number}
    return pointer.parent.encode(), json.dumps(value, separators=(",", ":")).encode()


def id_in(value: bytes) -> str | None:
    """The id of the delivery that is pointed at; none in what no relay has written."""
    try:
        found = json.loads(value)
        id_ = found["id"]
    except (ValueError, TypeError, KeyError):
        return None
    return id_ if isinstance(id_, str) else None
