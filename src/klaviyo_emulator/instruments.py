"""What an emulator is held by from outside: its clock, its windows, its faults, and what it remembers of requests."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from klaviyo_emulator.faults import FaultScript, parse_faults
from klaviyo_emulator.limits import Limiter
from klaviyo_emulator.requestlog import RequestLog

if TYPE_CHECKING:
    from klaviyo_emulator.clock import AdjustableClock
    from klaviyo_emulator.config import EmulatorConfig


@dataclass(slots=True)
class Instruments:
    """The instruments of one emulator. Used on the event loop, but for the clock and the faults."""

    config: EmulatorConfig
    """As the emulator was made, with the adjustable clock in the place of its own."""
    clock: AdjustableClock
    limiter: Limiter
    faults: FaultScript
    requests: RequestLog
    notes_acceptance: bool
    """Whether what requests change is noted as accepted."""
    chance: random.Random = field(default_factory=random.Random)
    """Makes the ids of errors."""

    def restart(self) -> None:
        """Put everything back to how it was when the emulator was made."""
        self.clock.follow()
        self.limiter.clear()
        self.limiter.enabled = self.config.limits
        self.faults.restart(parse_faults(self.config.faults))
        self.requests.clear()
        self.notes_acceptance = self.config.acceptance_log
        self.reseed(self.config.seed)

    def reseed(self, seed: int) -> None:
        """Begin the chance of errors' ids and of faults anew."""
        self.chance.seed(f"{seed}:errors")
        self.faults.reseed(seed)


def make_instruments(config: EmulatorConfig, clock: AdjustableClock) -> Instruments:
    """The instruments of a new emulator, whose configuration already has the clock."""
    instruments = Instruments(
        config,
        clock,
        Limiter(clock, enabled=config.limits),
        FaultScript(config.seed),
        RequestLog(),
        config.acceptance_log,
    )
    instruments.restart()
    return instruments
