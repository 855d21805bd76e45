"""A stateful Klaviyo on localhost, which the official SDK drives unchanged."""

from __future__ import annotations

from klaviyo_emulator.config import EmulatorConfig
from klaviyo_emulator.emulator import Counts, Emulator
from klaviyo_emulator.state.schema import StateError

__all__ = ["Counts", "Emulator", "EmulatorConfig", "StateError"]
