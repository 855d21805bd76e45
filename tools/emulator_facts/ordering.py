"""What no source says: how a listing is ordered that is not asked for an order, and how long some pages are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator_facts.facts import Reading

SIZES_WITHOUT_PARAMETER = {"get_metrics": 200}
SIZE_WITHOUT_PARAMETER = 100
ORDERS = {"get_events": "-datetime"}
NATURAL_ORDERS = ("id", "created", "created_at", "joined_group_at")


def ordered(name: str, reading: Reading, *, lists: bool) -> Reading:
    """The reading with what no source says: the order of a listing that is asked for none, and unsaid page sizes."""
    size = reading.size
    if reading.cursor and size is None:
        size = (SIZES_WITHOUT_PARAMETER.get(name, SIZE_WITHOUT_PARAMETER), 0)
    order = ORDERS.get(name, "")
    if lists and not order:
        natural = [sort for sort in NATURAL_ORDERS if sort in reading.sorts]
        order = (natural or [*reading.sorts, "id"])[0]
    return replace(reading, size=size, order=order)
