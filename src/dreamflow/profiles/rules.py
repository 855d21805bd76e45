"""Reading hints out of what a stranger sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

from dreamflow.profiles.model import Origin, ProfileView

_LONGEST_HINT: Final = 40
_MOST_HINTS: Final = 12


def view_of(properties: Mapping[str, Any], fetched_at: datetime) -> ProfileView:
    """Take the hints we know out of profile properties; whatever has another shape is left out."""
    return ProfileView(
        origin=Origin.KLAVIYO,
        fetched_at=fetched_at,
        plan_tier=_word(properties.get("plan_tier")),
        favourite_theme_categories=_words(properties.get("favourite_theme_categories")),
    )


def no_view(note: str, at: datetime) -> ProfileView:
    """There was no answer, and why."""
    return ProfileView(origin=Origin.NONE, fetched_at=at, note=note)


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_HINT else None


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    items = cast("list[object]", value)[:_MOST_HINTS]
    return tuple(dict.fromkeys(word for item in items if (word := _word(item)) is not None))
