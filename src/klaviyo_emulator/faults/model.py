"""What can go wrong with a request, or with the delivery of a webhook."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import cache
from typing import Literal

WEBHOOK = "webhook"
"""Stands in the place of an operation for the deliveries of webhooks."""

Shape = Literal["text", "null", "array", "object", "number"]


@dataclass(frozen=True, slots=True)
class Status:
    """An error in Klaviyo's shape."""

    status: int
    retry_after: int | None = None
    """Seconds in `Retry-After`; None for no such header."""


@dataclass(frozen=True, slots=True)
class Html:
    """The page that a proxy in front of Klaviyo would send."""

    status: int = 502


@dataclass(frozen=True, slots=True)
class Timeout:
    """No answer; the connection is held."""

    seconds: float | None = None
    """Until it is closed, by the machine's clock; None for until the client leaves or the faults are taken away."""


@dataclass(frozen=True, slots=True)
class Reset:
    """No answer; the connection is reset."""


@dataclass(frozen=True, slots=True)
class Slow:
    """The right answer, in pieces."""

    delay: float = 0.1
    """Seconds before the head and before each piece, by the machine's clock."""
    piece: int = 64
    """Bytes of a piece."""


@dataclass(frozen=True, slots=True)
class Truncated:
    """A whole HTTP answer whose document is cut."""

    keep: int | None = None
    """Bytes that are left; None for half of them."""


@dataclass(frozen=True, slots=True)
class ShortClose:
    """The right head, a part of the body, and the end of the connection."""

    keep: int | None = None
    """Bytes that are sent; None for half of them."""


@dataclass(frozen=True, slots=True)
class WrongJson:
    """The right status with something else than the document."""

    shape: Shape = "text"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A delivery comes more than once."""

    copies: int = 2


@dataclass(frozen=True, slots=True)
class Reorder:
    """A delivery comes after the one that follows it."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A delivery never comes, and is not tried again."""


OfRequest = Status | Html | Timeout | Reset | Slow | Truncated | ShortClose | WrongJson
OfDelivery = Duplicate | Reorder | Drop


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, with which requests, and how often."""

    operation: str
    """Id of an operation; with `*` for any characters a pattern of ids; or `webhook`."""
    kind: str
    """The name of the trouble, such as `503` or `timeout-after`."""
    trouble: OfRequest | OfDelivery
    effect: bool = False
    """Whether the request does its work before its answer goes wrong."""
    skip: int = 0
    """How many requests it lets pass first."""
    times: int | None = None
    """How often it happens; None for as long as it stands in the script."""
    probability: float = 1.0
    """With which it happens to a request, drawn from the seed."""

    def matches(self, operation: str) -> bool:
        """Whether it concerns an operation."""
        if "*" not in self.operation:
            return self.operation == operation
        return operation != WEBHOOK and _pattern(self.operation).fullmatch(operation) is not None

    def options(self) -> dict[str, object]:
        """What was chosen about the trouble, by name."""
        return {each.name: getattr(self.trouble, each.name) for each in fields(self.trouble)}


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("[a-z_]*".join(map(re.escape, text.split("*"))))
