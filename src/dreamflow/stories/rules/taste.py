"""What a family likes, from how its nights went."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from dreamflow.stories.model import Night, Outcome, ThemeId

WINDOW: Final = timedelta(days=28)
FAVOURITES: Final = 3
FINISHED: Final = frozenset({Outcome.COMPLETED, Outcome.ASLEEP})
"""Heard to the end, or asleep before it: both are what a bedtime story is for."""

_ENOUGH: Final = 3  # nights before a theme is called a favourite

BUCKETS: Final = ((0, "0"), (4, "1-4"), (14, "5-14"), (28, "15-28"))


@dataclass(frozen=True, slots=True)
class Tally:
    """How nights with a theme ended."""

    finished: int = 0
    skipped: int = 0

    @property
    def score(self) -> float:
        """Share of finished nights, drawn towards one half while there are few (Laplace's rule)."""
        return (self.finished + 1) / (self.finished + self.skipped + 2)


def recent(history: Sequence[Night], evening: date) -> tuple[Night, ...]:
    """The nights of the last four weeks, newest first; what was told earlier this evening counts too."""
    return tuple(night for night in history if evening - WINDOW < night.evening <= evening)


def tallies(nights: Sequence[Night]) -> Mapping[ThemeId, Tally]:
    """How each theme went; nights without a known end do not count."""
    finished = Counter(night.theme for night in nights if night.outcome in FINISHED)
    skipped = Counter(night.theme for night in nights if night.outcome is Outcome.SKIPPED)
    return {theme: Tally(finished[theme], skipped[theme]) for theme in finished.keys() | skipped.keys()}


def favourite_categories(nights: Sequence[Night], categories: Mapping[ThemeId, str]) -> tuple[str, ...]:
    """The theme categories the family finished most often, at most three, in the order of the alphabet.

    Their rank changes nearly every night; it would tell more than it helps.
    """
    finished = Counter(categories[n.theme] for n in nights if n.outcome in FINISHED and n.theme in categories)
    liked = [(count, category) for category, count in finished.items() if count >= _ENOUGH]
    most = sorted(liked, key=lambda pair: (-pair[0], pair[1]))[:FAVOURITES]
    return tuple(sorted(category for _, category in most))


def stories_bucket(count: int) -> str:
    """A coarse count of stories; the exact one does not leave."""
    return next((name for most, name in BUCKETS if count <= most), "29+")
