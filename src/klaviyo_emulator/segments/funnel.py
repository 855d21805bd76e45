"""Whether somebody went through the steps of a funnel, in order and in time."""

from __future__ import annotations

from bisect import bisect_left
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = tuple[int, int, int]
"""An event that a step waits for: its time in seconds, its row number, the step."""


def completes(rows: Sequence[Row], wanted: Sequence[bool], window: int | None) -> bool:
    """Whether some choice of events goes through all steps.

    `wanted` says of each step whether its event has to happen or must not; the first has to. Events of wanted steps
    follow one another, none counts twice, and all are at most `window` seconds after the first. The event of a step
    that must not happen is missing between its neighbours, or, at the end, until the window closes.
    """
    # The wanted step before each step: who stands there waits for this one, or must not see it.
    before = [max((other for other in range(step) if wanted[other]), default=0) for step in range(len(wanted))]
    last = max(step for step, is_wanted in enumerate(wanted) if is_wanted)
    begun: list[int] = []  # when each first step was
    standing = [0] * len(wanted)  # by step a bit for each first step that led to it
    closed = 0
    for (time, _), event in groupby(sorted(rows), key=lambda row: row[:2]):
        over = closed if window is None else bisect_left(begun, time - window)
        if over > closed:
            closed, gone = over, (1 << over) - 1
            if standing[last] & gone:
                return True
            standing = [bits & ~gone for bits in standing]
        steps = [step for _, _, step in event]
        for step in steps:
            if not wanted[step]:
                standing[before[step]] = 0
        reached = [(step, standing[before[step]]) for step in steps if step and wanted[step]]
        for step, bits in reached:
            standing[step] |= bits
        if 0 in steps:
            standing[0] |= 1 << len(begun)
            begun.append(time)
        if last == len(wanted) - 1 and standing[last]:
            return True
    return standing[last] != 0
