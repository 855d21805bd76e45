"""Events on their way into the state, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from klaviyo_emulator.state.metrics import MetricHandle
    from klaviyo_emulator.state.profiles import Profile, ProfileChange


class NewEvent(NamedTuple):
    """An event to be stored; `time` is None for the time of receipt, `properties` is JSON text."""

    metric: str
    service: str | None
    time: int | None
    unique_id: str | None
    value: float | None
    currency: str | None
    properties: str
    backfill: bool = False
    """Whether it is history: it is stored, and no flow acts on it."""


@dataclass(frozen=True, slots=True)
class NewEvents:
    """Events of one profile, which they create or change."""

    profile: ProfileChange
    events: Sequence[NewEvent]


class Stored(NamedTuple):
    """What became of one event that was to be stored."""

    seq: int | None
    """Its row; None when it was dropped as a repetition."""
    time: int
    profile: Profile
    """Whose it is, as the profile was before `last_event` moved forward."""
    metric: MetricHandle
    event: NewEvent
