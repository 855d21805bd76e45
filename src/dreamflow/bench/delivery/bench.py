"""The rows of the bench of delivery, in the order in which they are measured."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dreamflow.bench.delivery import (
    api_kills,
    callers,
    databases,
    disk,
    failpoints,
    kills,
    night,
    outage,
    poison,
    raw,
    soak,
)
from dreamflow.bench.delivery.versions import versions
from dreamflow.bench.model import Measured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dreamflow.bench.delivery.group import Group
    from dreamflow.bench.model import Lab, Outcome, Row

GROUPS: tuple[Group, ...] = (
    kills.GROUP,
    failpoints.GROUP,
    api_kills.GROUP,
    callers.GROUP,
    outage.GROUP,
    databases.GROUP,
    poison.GROUP,
    disk.GROUP,
    raw.GROUP,
    night.GROUP,
    soak.GROUP,
)

BESIDE: tuple[Group, ...] = (night.GROUP, outage.GROUP, poison.GROUP, kills.GROUP, failpoints.GROUP)
"""What is measured beside the soak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryBench:
    """`dreamflow bench delivery`.

    The soak takes half an hour and little of the machine. Meanwhile those are measured to whom it is all the same how
    fast the machine is: they count what is wrong, or live in simulated time. Nothing runs beside the others.
    """

    seed: int = 5
    groups: tuple[Group, ...] = GROUPS
    background: Group | None = soak.GROUP
    """Measured beside those of `beside`."""
    beside: tuple[Group, ...] = BESIDE

    @property
    def rows(self) -> tuple[Row, ...]:
        """What it measures."""
        return tuple(row for group in self.groups for row in group.rows)

    def versions(self) -> Mapping[str, str]:
        """Of what it needs."""
        return versions()

    def measure(self, lab: Lab) -> Iterator[Outcome]:
        """Measure the rows that are wanted, and what is measured along with them."""
        wanted = [group for group in self.groups if lab.wants(group.rows)]
        beside = [group for group in self.beside if group in wanted]
        alone = [group for group in wanted if group != self.background and group not in beside]
        with ThreadPoolExecutor(1) as thread:
            background = [thread.submit(self._all_of, group, lab) for group in wanted if group == self.background]
            for group in beside:
                yield from self._all_of(group, lab)
            for each in background:
                yield from (_beside(outcome, beside) for outcome in each.result())
        for group in alone:
            yield from self._all_of(group, lab)

    def _all_of(self, group: Group, lab: Lab) -> list[Outcome]:
        began = time.monotonic()
        outcomes = list(group.outcomes(lab, self.seed))
        lab.say(f"{', '.join(row.id for row in group.rows)}: {time.monotonic() - began:.0f} s")
        return outcomes


def _beside(outcome: Outcome, groups: Sequence[Group]) -> Outcome:
    """What was found, with what else the machine had to do."""
    rows = ", ".join(row.id for group in groups for row in group.rows)
    if not rows or not isinstance(outcome, Measured):
        return outcome
    return replace(outcome, note=f"{outcome.note}; measured meanwhile: {rows}")


BENCH = DeliveryBench()
