"""Benches: what the program promises of its speed, measured on the machine at hand.

A bench is a module with rows; each row says what must hold. `dreamflow bench NAME` measures them, and its exit status
is 1 when one does not hold. Nothing imports this room but its command.
"""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dreamflow.bench.model import Bench


class BenchName(StrEnum):
    """The benches there are; each is the module of its name."""

    CLIENT = "client"
    DELIVERY = "delivery"
    EMULATOR = "emulator"


def load(name: BenchName) -> Bench:
    """The bench of a name. Imports what it needs, which the names alone do not."""
    return import_module(f"{__name__}.{name}").BENCH


__all__ = ["BenchName", "load"]
