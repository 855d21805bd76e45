"""What Klaviyo knows of a parent, as far as a story may use it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProfileView:
    """Hints from the mirror; the local database stays the system of record.

    Everything here is untrusted: it may be old, wrong or absent, and tonight's story works without it.

    Attributes:
        note: why there was no answer, for people; empty when there was one.
        favourite_theme_categories: in no order.
    """

    note: str = ""
    favourite_theme_categories: tuple[str, ...] = ()
