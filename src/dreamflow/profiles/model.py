"""What Klaviyo knows of a parent, as far as a story may use it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Origin(StrEnum):
    """Where a view came from."""

    KLAVIYO = "klaviyo"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ProfileView:
    """Hints from the mirror; the local database stays the system of record.

    Everything here is untrusted: it may be old, wrong or absent, and tonight's story works without it.

    Attributes:
        origin: whether there was an answer.
        note: why there is none, for people; empty when there is one.
        fetched_at: when it was read.
        plan_tier: as Klaviyo has it.
        favourite_theme_categories: in no order.
    """

    origin: Origin
    fetched_at: datetime
    note: str = ""
    plan_tier: str | None = None
    favourite_theme_categories: tuple[str, ...] = field(default=())
