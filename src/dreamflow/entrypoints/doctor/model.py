"""What a look at one part of the house found. Counts and states only: nothing of any family."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a part is."""

    OK = "ok"
    WARNING = "warning"
    TROUBLE = "trouble"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """A part of the house after a look at it.

    Attributes:
        part: e.g. "database".
        state: how it is.
        says: what was seen, without a full stop.
        do: what to do about it; empty when that is nothing.
    """

    part: str
    state: State
    says: str
    do: str = ""


Look = Callable[[], Awaitable[Finding]]
"""Looks at one part. It may raise whatever it likes: that is trouble, too."""
