"""How the hour and the ages shape an evening: the defaults until a family's own history says more.

The numbers are starting points from parents' guides, not findings; `docs/architecture.md` says which.
"""

from dataclasses import dataclass
from datetime import time
from typing import Final

from dreamflow.stories.model import AgeBand


@dataclass(frozen=True, slots=True)
class BandDefaults:
    """What suits an age band before anything else is known.

    Attributes:
        minutes: of reading aloud.
        words_per_minute: at the start of the story.
    """

    minutes: int
    words_per_minute: int


BANDS: Final = {
    AgeBand.TODDLER: BandDefaults(minutes=4, words_per_minute=110),
    AgeBand.SMALL: BandDefaults(minutes=7, words_per_minute=115),
    AgeBand.MIDDLE: BandDefaults(minutes=10, words_per_minute=125),
    AgeBand.BIG: BandDefaults(minutes=12, words_per_minute=130),
}

_OLDEST: Final = ((3, AgeBand.TODDLER), (5, AgeBand.SMALL), (8, AgeBand.MIDDLE))

# Energy at the start of the story by local time: a story after dinner may hop, one at nine may not.
_START_ENERGY: Final = ((time(18, 30), 4), (time(20, 0), 3), (time(21, 0), 2))
LATE: Final = time(20, 30)
NIGHT_ENDS: Final = time(4, 0)


def band_of(age: int) -> AgeBand:
    """The reading band of an age in years."""
    return next((band for oldest, band in _OLDEST if age <= oldest), AgeBand.BIG)


def start_energy(local: time) -> int:
    """How lively a story may begin at this local time, 4 to 1."""
    if local < NIGHT_ENDS:
        return 1
    return next((energy for until, energy in _START_ENERGY if local < until), 1)


def is_late(local: time) -> bool:
    """Whether the evening is late enough for a shorter story."""
    return local >= LATE or local < NIGHT_ENDS
