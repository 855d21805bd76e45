"""Who may drive the control API: programs on this machine, and no web page.

A web page can reach a server on the reader's machine in two ways. With a name of its own that it points to 127.0.0.1 it
sends that name as `Host`; so the name must be one of the emulator's own. From another origin it sends an `Origin`; so
that must be the emulator's own too, and whatever changes something must say that it is JSON, which a page may not do
across origins unasked.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.%]+\]|[^:\[\]@/\s]+)(?::(?P<port>\d{1,5}))?", re.ASCII)
_ALWAYS = frozenset({"localhost", "127.0.0.1", "::1"})
_ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


class ForeignError(Exception):
    """A request that may come from a web page. The message says what to do."""


@dataclass(frozen=True, slots=True)
class HostGuard:
    """Knows the names that the emulator answers to besides those of the loopback.

    An emulator that listens on every address answers to every address too: a page can borrow a name, not an address.
    """

    names: frozenset[str] = field(default_factory=frozenset[str])

    @classmethod
    def knowing(cls, names: Iterable[str]) -> HostGuard:
        """A guard that knows names in any case; an IPv6 address may stand in brackets."""
        return cls(frozenset(name.strip("[]").lower() for name in names))

    def check(self, host: bytes | None, origin: bytes | None) -> None:
        """Raises ForeignError for headers that a page of somebody else may have caused."""
        text = (host or b"").decode("latin-1")
        match = _HOST.fullmatch(text)
        if match is None or not self._is_own(match["name"].strip("[]").lower()):
            known = ", ".join(f"[{name}]" if ":" in name else name for name in sorted(_ALWAYS | self.names - _ANYWHERE))
            raise ForeignError(f"Host {text!r} is not a name of this emulator; use one of {known}.")
        if origin is not None and origin.decode("latin-1").lower() != f"http://{text}".lower():
            raise ForeignError("A page of another origin may not use this; ask without an Origin header.")

    def _is_own(self, name: str) -> bool:
        return name in _ALWAYS or name in self.names or (not self.names.isdisjoint(_ANYWHERE) and _is_address(name))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself: `localhost` or an address of the loopback."""
    name = host.strip("[]").lower()
    return name == "localhost" or (_is_address(name) and ipaddress.ip_address(name).is_loopback)


def exposure(host: str) -> str | None:
    """What to warn of when an emulator listens on this host; None for one that only this machine reaches."""
    if is_loopback(host):
        return None
    return f"{host} can be reached from other machines, and whoever reaches it can read, change and empty everything"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
