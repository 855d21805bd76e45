"""What is timed is done several times; the median counts, and the extremes tell how restless the machine was."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from dreamflow.bench.model import REPETITIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Repeated(NamedTuple):
    """The median of some repetitions, and the lowest and the highest of them."""

    value: float
    interval: tuple[float, float]


def repeat(measure: Callable[[], float], times: int = REPETITIONS) -> Repeated:
    """Measure something several times."""
    values = [measure() for _ in range(times)]
    return Repeated(median(values), (min(values), max(values)))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that is not exceeded by `share` of them (the nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
