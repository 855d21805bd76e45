"""Reading hints out of what a stranger sent."""

from collections.abc import Mapping
from typing import Any, Final, cast

from dreamflow.profiles.model import ProfileView

_LONGEST_HINT: Final = 40
_MOST_HINTS: Final = 12


def view_of(properties: Mapping[str, Any]) -> ProfileView:
    """Take the hints we know out of profile properties; whatever has another shape is left out."""
    return ProfileView(favourite_theme_categories=_words(properties.get("favourite_theme_categories")))


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    items = cast("list[object]", value)[:_MOST_HINTS]
    return tuple(dict.fromkeys(item for item in items if isinstance(item, str) and 0 < len(item) <= _LONGEST_HINT))
