"""A stateful Klaviyo on localhost, which the official SDK drives unchanged."""

from __future__ import annotations

from klaviyo_emulator.config import DEFAULT_PORT, EmulatorConfig
from klaviyo_emulator.credentials import KeysError, read_keys
from klaviyo_emulator.emulator import Counts, Emulator
from klaviyo_emulator.state.schema import StateError

__all__ = ["DEFAULT_PORT", "Counts", "Emulator", "EmulatorConfig", "KeysError", "StateError", "read_keys"]
