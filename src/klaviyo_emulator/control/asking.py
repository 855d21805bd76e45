"""What the control API is asked: arguments, parameters, a body; each checked, each refusal in plain words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

from klaviyo_emulator.body import parse_json
from klaviyo_emulator.clock import parse_instant
from klaviyo_emulator.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

PAGE = 100
MAXIMUM_PAGE = 1000
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_INTEGER = 1 << 63


class ControlError(Exception):
    """A request that cannot be done; the message says what to send instead."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of the control API."""

    arguments: tuple[str, ...] = ()
    """What stands in the place of the path's parameters."""
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    base: str = ""
    """The emulator's URL as it was asked, such as `http://127.0.0.1:8765`."""

    def only(self, *known: str) -> None:
        """Refuse parameters that are not known."""
        for name in self.parameters:
            if name not in known:
                has = ", ".join(known) or "none"
                raise ControlError(400, f"There is no parameter {name[:40]!r} here; known: {has}.")

    def nothing(self) -> None:
        """Refuse a body that says something, where there is nothing to say."""
        if self.body.strip() not in {b"", b"{}"}:
            raise ControlError(400, "This takes no members; send {} or nothing.")

    def limit(self, default: int = PAGE, maximum: int = MAXIMUM_PAGE) -> int:
        """The parameter `limit`: how many are listed at most."""
        return self._number("limit", default, 1, maximum)

    def page(self) -> tuple[int, int]:
        """The parameters `after` and `limit`."""
        return self._number("after", 0, 0, _INTEGER - 1), self.limit()

    def _number(self, name: str, default: int, minimum: int, maximum: int) -> int:
        text = self.parameters.get(name, str(default))
        if not _NUMBER.fullmatch(text) or not minimum <= int(text) <= maximum:
            raise ControlError(400, f"{name} must be a whole number from {minimum} to {maximum}, not {text[:40]!r}.")
        return int(text)

    def document(self) -> object:
        """The body as JSON."""
        try:
            return parse_json(self.body)
        except Refusal:
            raise ControlError(400, "The body must be JSON in UTF-8.") from None

    def members(self, *known: str) -> dict[str, Any]:
        """The body, which must be an object with some of these members and no others."""
        document = self.document() if self.body.strip() else None
        if not isinstance(document, dict) or not document:
            raise ControlError(400, f"The body must be a JSON object with {' or '.join(known)}.")
        found = cast("dict[str, Any]", document)
        for name in found:
            if name not in known:
                raise ControlError(400, f"There is no member {name[:40]!r}; known: {', '.join(known)}.")
        return found


def flag(members: Mapping[str, Any], name: str) -> bool:
    """A member that must be true or false."""
    value = members.get(name)
    if not isinstance(value, bool):
        raise ControlError(400, f"{name} must be true or false.")
    return value


def whole(members: Mapping[str, Any], name: str) -> int:
    """A member that must be a whole number of 64 bits."""
    value = members.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not -_INTEGER <= value < _INTEGER:
        raise ControlError(400, f"{name} must be a whole number.")
    return value


def real(members: Mapping[str, Any], name: str) -> float:
    """A member that must be a finite number."""
    value = members.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_INTEGER <= value < _INTEGER:
        raise ControlError(400, f"{name} must be a number.")
    return float(value)


def text(members: Mapping[str, Any], name: str) -> str:
    """A member that must be a text."""
    value = members.get(name)
    if not isinstance(value, str):
        raise ControlError(400, f"{name} must be a text.")
    return value


def instant(members: Mapping[str, Any], name: str) -> datetime:
    """A member that must be an ISO 8601 instant."""
    value = members.get(name)
    moment = parse_instant(value) if isinstance(value, str) else None
    if moment is None:
        raise ControlError(400, f"{name} must be an instant such as 2026-11-20T12:00:00Z.")
    return moment


def sentence(error: Exception) -> str:
    """The message of an error as a sentence."""
    message = str(error)
    return f"{message[:1].upper()}{message[1:]}{'' if message.endswith(('?', '.')) else '.'}"


def read_parameters(query: bytes) -> dict[str, str]:
    """The parameters of a query string, each given once."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise ControlError(400, "The query must be percent-encoded UTF-8 of at most 20 parameters.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ControlError(400, "Give each parameter once.")
    return found
