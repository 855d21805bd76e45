"""The rows of the bench of delivery, in the order in which they are measured."""

from __future__ import annotations

from dataclasses import dataclass
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

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryBench:
    """`dreamflow bench delivery`."""

    seed: int = 5
    groups: tuple[Group, ...] = GROUPS

    @property
    def rows(self) -> tuple[Row, ...]:
        """What it measures."""
        return tuple(row for group in self.groups for row in group.rows)

    def measure(self, lab: Lab) -> Iterator[Outcome]:
        """Measure all rows."""
        for group in self.groups:
            yield from group.outcomes(lab, self.seed)


BENCH = DeliveryBench()
