"""A made-up account to look around in: `--demo`. It is a bedtime-story service whose customers are families."""

from __future__ import annotations

from klaviyo_emulator.demo.filling import ACCOUNT_NAME, FAMILIES, MAXIMUM_FAMILIES, Filled, fill, fills

__all__ = ["ACCOUNT_NAME", "FAMILIES", "MAXIMUM_FAMILIES", "Filled", "fill", "fills"]
