"""Time, chance and ids: the real ones, unless somebody brings others along."""

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dreamflow.identity import IssuerConfig
from dreamflow.kit.clock import Clock, SystemClock
from dreamflow.kit.ids import Ids, RandomIds

if TYPE_CHECKING:
    from dreamflow.web.pages import Personas


def _fresh_seed() -> int:
    return secrets.randbits(62)


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a demo, a simulation or a test brings along instead of the defaults.

    Attributes:
        clock: the house's time; tokens always live by the machine's.
        ids: for everything new.
        seeds: one for each story.
        rng: for jitter.
        issuers: believed in addition to those of the settings.
        personas: shown on the sign-in page.
    """

    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=RandomIds)
    seeds: Callable[[], int] = _fresh_seed
    rng: random.Random = field(default_factory=random.SystemRandom)
    issuers: tuple[IssuerConfig, ...] = ()
    personas: "Personas | None" = None
