"""What cannot be read as HTTP never reaches the application; here it is refused in Klaviyo's shape all the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.jsonapi import MEDIA_TYPE

if TYPE_CHECKING:
    import asyncio
    import random


class _Connected(Protocol):
    """The part of uvicorn's two HTTP protocols that is used."""

    transport: asyncio.Transport


def shaped_protocol(chance: random.Random) -> type[asyncio.Protocol]:
    """The HTTP protocol of uvicorn with another answer to bytes that are not HTTP; `chance` makes the ids of errors."""
    problem = invalid("The request is not valid HTTP.", "/data/").problem

    def send_400_response(connection: _Connected, _message: str) -> None:
        body = json.dumps(problem.document(chance)).encode("ascii")
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            f"content-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        connection.transport.write(head.encode("ascii") + body)
        connection.transport.close()

    return type("ShapedProtocol", (AutoHTTPProtocol,), {"send_400_response": send_400_response})
