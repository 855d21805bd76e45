"""Below the application: bytes that are not HTTP are refused in Klaviyo's shape, and a connection can be cut.

What cannot be read as HTTP never reaches the application, so it is answered here. The other way round, ASGI has no
word for a connection that breaks; the connection of a request is therefore handed to the application in its scope.
"""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.jsonapi import MEDIA_TYPE

if TYPE_CHECKING:
    import asyncio
    import random
    from collections.abc import Callable

    from starlette.types import Scope

_CONNECTION = "klaviyo_emulator.connection"
_LINGER_NOT = struct.pack("ii", 1, 0)


class Connected(Protocol):
    """The part of uvicorn's two HTTP protocols that is used."""

    transport: asyncio.Transport
    app_state: dict[str, Any]
    """Every request's scope has a copy of it as `state`."""


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection that a request came on."""

    transport: asyncio.Transport

    def reset(self) -> None:
        """Cut it: the client sees a reset, and what was not sent yet is lost."""
        wire: socket.socket | None = self.transport.get_extra_info("socket")
        if wire is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.transport.abort()

    def close(self) -> None:
        """End it after what was sent."""
        self.transport.close()


def connection_of(scope: Scope) -> Connection | None:
    """The connection of a request; None where another server than this package's serves the application."""
    return scope.get("state", {}).get(_CONNECTION)


def shaped_protocol(chance: random.Random) -> type[asyncio.Protocol]:
    """The HTTP protocol of uvicorn with these two additions; `chance` makes the ids of errors."""
    problem = invalid("The request is not valid HTTP.", "/data/").problem
    take = cast("Callable[[Connected, asyncio.Transport], None]", AutoHTTPProtocol.connection_made)

    def connection_made(connection: Connected, transport: asyncio.Transport) -> None:
        take(connection, transport)
        connection.app_state = {**connection.app_state, _CONNECTION: Connection(transport)}

    def send_400_response(connection: Connected, _message: str) -> None:
        body = json.dumps(problem.document(chance)).encode("ascii")
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            f"content-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        connection.transport.write(head.encode("ascii") + body)
        connection.transport.close()

    additions = {"connection_made": connection_made, "send_400_response": send_400_response}
    return type("ShapedProtocol", (AutoHTTPProtocol,), additions)
