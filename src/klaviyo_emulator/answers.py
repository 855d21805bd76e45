"""An answer before it is sent: status, headers and body, on one line of code for everything that answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.jsonapi import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Send

JSON = "application/json"
_NO_CONTENT = 204


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back, whole. `media_type` is sent with a body only."""

    status: int
    body: bytes = b""
    media_type: str = MEDIA_TYPE
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as ASGI wants them. A 204 says nothing of a body, as HTTP has it."""
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        if self.status != _NO_CONTENT:
            raw.append((b"content-length", str(len(self.body)).encode("ascii")))
        if self.body:
            raw.append((b"content-type", self.media_type.encode("ascii")))
        return raw

    async def send(self, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.raw_headers()})
        await send({"type": "http.response.body", "body": self.body})


def encode(document: Mapping[str, Any]) -> bytes:
    """JSON as it is sent."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
