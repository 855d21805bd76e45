"""Listening sockets, bound before anything starts: a taken port is said at once."""

import socket

from dreamflow.entrypoints.failures import CannotRun

_BACKLOG = 2048


class PortTaken(CannotRun):
    """The address cannot be listened on."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one.

    Raises:
        PortTaken: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's delay off only where it is; without, each answer
    # that is written in two parts waits 40 ms for an acknowledgement.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except (OSError, TypeError) as error:  # TypeError: the name cannot be encoded
        sock.close()
        why = error.strerror if isinstance(error, OSError) else error
        raise PortTaken(
            f"Cannot listen on {host}:{port} ({why}). Choose another port: --port, DREAMFLOW_HTTP__PORT for serve, "
            "DREAMFLOW_WORKER__PORT for worker and relay."
        ) from error
    sock.listen(_BACKLOG)
    return sock


def url_of(sock: socket.socket) -> str:
    """Where a socket can be reached, as an http URL."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
