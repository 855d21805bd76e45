"""Whether somebody went through the steps of a funnel, in order and in time."""

from __future__ import annotations

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
    ordered = sorted(rows)
    return any(
        _completes_from(ordered[index:], wanted, window) for index, (_, _, step) in enumerate(ordered) if step == 0
    )


def _completes_from(rows: Sequence[Row], wanted: Sequence[bool], window: int | None) -> bool:
    """The same, where the first row is the first step."""
    begun, first, _ = rows[0]
    # The wanted step before each step: who stands there waits for this one, or must not see it.
    before = [max((other for other in range(step) if wanted[other]), default=0) for step in range(len(wanted))]
    last = max(step for step, is_wanted in enumerate(wanted) if is_wanted)
    standing = {0}
    index = 0
    while index < len(rows):
        time, seq, _ = rows[index]
        if window is not None and time > begun + window:
            break
        steps: list[int] = []
        while index < len(rows) and rows[index][1] == seq and rows[index][0] == time:
            steps.append(rows[index][2])
            index += 1
        if seq == first:
            continue
        standing -= {before[step] for step in steps if not wanted[step]}
        standing |= {step for step in steps if step and wanted[step] and before[step] in standing}
        if last == len(wanted) - 1 and last in standing:
            return True
    return last in standing
