"""Which plan a family is on."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dreamflow.identity import ParentId


class Tier(StrEnum):
    """The plans there are."""

    FREE = "free"
    PREMIUM = "premium"
    FAMILY = "family"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A family's plan and since when; a family without one is on `FREE`."""

    parent: ParentId
    tier: Tier
    since: datetime
