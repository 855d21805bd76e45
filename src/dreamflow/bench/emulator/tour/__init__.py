"""A tour of the emulator with the official SDK: every operation of the areas that it serves, once and successfully."""

from __future__ import annotations

from dreamflow.bench.emulator.tour.guide import AREAS, EXPECTED, Toured, take
from dreamflow.bench.emulator.tour.official import SdkMissingError

__all__ = ["AREAS", "EXPECTED", "SdkMissingError", "Toured", "take"]
