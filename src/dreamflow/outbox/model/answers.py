"""What the other side may say to a request."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """The other side has all of it."""


@dataclass(frozen=True, slots=True)
class PartlyAccepted:
    """The other side has it, save the named deliveries, which can never be: reasons by delivery id."""

    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing was processed, and the named deliveries can never be: reasons by delivery id; empty if it did not say."""

    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OneByOne:
    """Nothing was processed, because one of them is there already: single sends are dropped where they repeat."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """Nothing was processed: send less at once."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now. Try the same bytes again.

    Attributes:
        reason: for people.
        after_seconds: what the other side asked for, if it did.
        is_ambiguous: perhaps it had its effect, perhaps not.
    """

    reason: str
    after_seconds: float | None = None
    is_ambiguous: bool = True


@dataclass(frozen=True, slots=True)
class Locked:
    """The door is locked for everything: a wrong key, a wrong address. People must mend that; all of it waits."""

    reason: str


Answer = Accepted | PartlyAccepted | Rejected | OneByOne | TooLarge | Deferred | Locked
