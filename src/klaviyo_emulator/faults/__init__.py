"""Trouble on request: what may go wrong, how it is written down, and whose turn it is."""

from __future__ import annotations

from klaviyo_emulator.faults.kinds import FaultsError
from klaviyo_emulator.faults.model import Fault
from klaviyo_emulator.faults.reading import GRAMMAR, parse_faults, read_faults, write_fault
from klaviyo_emulator.faults.script import FaultScript, Scripted

__all__ = ["GRAMMAR", "Fault", "FaultScript", "FaultsError", "Scripted", "parse_faults", "read_faults", "write_fault"]
