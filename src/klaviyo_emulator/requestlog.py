"""The last requests, for people: what was asked, what was answered, and why not."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

KEPT = 200
"""How many requests are remembered."""
_LONGEST = 2_000


@dataclass(slots=True, kw_only=True)
class Asked:
    """One request. It holds neither bodies nor headers, so that no credential is in it."""

    number: int
    at: datetime
    method: str
    path: str
    query: str
    operation: str | None = None
    """None for a path that no operation has."""
    status: int | None = None
    """None as long as it is not answered, and for ever when a fault kept the answer back."""
    reason: str | None = None
    """The detail of a refusal."""
    fault: str | None = None
    """The kind of the fault that happened to it."""
    milliseconds: float | None = None
    """How long it took by the machine's clock."""


class RequestLog:
    """A ring of the last requests. Used on the event loop only."""

    def __init__(self, size: int = KEPT) -> None:
        self._ring: deque[Asked] = deque(maxlen=size)
        self._count = 0

    @property
    def count(self) -> int:
        """How many requests came since the start or the last `clear`."""
        return self._count

    def begin(self, at: datetime, method: str, path: str, query: str) -> Asked:
        """Note that a request has come; the rest is filled in as it becomes known."""
        self._count += 1
        asked = Asked(number=self._count, at=at, method=method, path=path[:_LONGEST], query=query[:_LONGEST])
        self._ring.append(asked)
        return asked

    def latest(self, limit: int = KEPT) -> Sequence[Asked]:
        """The last requests, newest first."""
        newest_first = list(reversed(self._ring))
        return newest_first[:limit]

    def clear(self) -> None:
        """Forget them, and count from one again."""
        self._ring.clear()
        self._count = 0
