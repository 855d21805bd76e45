"""Rate windows: fixed, per account and endpoint, on the emulator's clock.

A window opens with the first request that finds none open. A request is charged to the windows of its endpoint as soon
as that is known, and later, once its query was read, to those of its expensive parameters. Each charge takes place as a
whole or not at all; a request that the second one throttles has been counted by its endpoint.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import Clock, seconds
from klaviyo_emulator.errors import throttled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.operations import Rate


@dataclass(slots=True)
class Window:
    """One fixed window: how many requests it takes, how long it is, when it opened, how many it has taken."""

    limit: int
    seconds: int
    opened: float
    taken: int = 0

    def roll(self, now: float) -> None:
        """Open anew when the window is over, or when the clock was put back."""
        if not self.opened <= now < self.opened + self.seconds:
            self.opened = now
            self.taken = 0


@dataclass(frozen=True, slots=True)
class Fill:
    """How full the windows of one rate are now."""

    account: str
    """`account` for all private keys together, `app` and the token for a bearer token."""
    rate: str
    """An operation's id, or the query parameter that is charged."""
    windows: Sequence[Window]


class Limiter:
    """All windows of one emulator. Used on the event loop only."""

    def __init__(self, clock: Clock, *, enabled: bool = True) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str], list[Window]] = {}
        self.enabled = enabled
        """Whether requests are charged at all."""

    def fill(self) -> list[Fill]:
        """The windows that have taken something and are not over, by account and rate."""
        now = seconds(self._clock())
        found: list[Fill] = []
        for (account, rate), bucket in sorted(self._windows.items()):
            for window in bucket:
                window.roll(now)
            taken = tuple(window for window in bucket if window.taken)
            if taken:
                found.append(Fill(account, rate, taken))
        return found

    def clear(self) -> None:
        """Forget what was charged."""
        self._windows.clear()

    def charge(self, account: str, rates: Mapping[str, Rate]) -> dict[str, str]:
        """Charge one request to the windows of one or more rates, and answer the headers of the first rate's.

        When one of the windows is full, raises a 429 refusal and charges none of them. Without limits, no headers.
        """
        if not self.enabled:
            return {}
        now = seconds(self._clock())
        buckets = [self._bucket(account, name, rate, now) for name, rate in rates.items()]
        windows = [window for bucket in buckets for window in bucket]
        waits = [window.opened + window.seconds - now for window in windows if window.taken >= window.limit]
        if waits:
            raise throttled(max(1, math.ceil(max(waits))))
        for window in windows:
            window.taken += 1
        return _headers(buckets[0], now)

    def _bucket(self, account: str, name: str, rate: Rate, now: float) -> list[Window]:
        bucket = self._windows.get((account, name))
        if bucket is None:
            bucket = [Window(limit, length, now) for limit, length in rate.windows()]
            self._windows[account, name] = bucket
        for window in bucket:
            window.roll(now)
        return bucket


def _headers(bucket: list[Window], now: float) -> dict[str, str]:
    """The draft-standard headers. Their numbers follow the burst window, as live ones do."""
    burst = bucket[0]
    described = [str(burst.limit), *(f"{window.limit};w={window.seconds}" for window in bucket)]
    remaining_seconds = burst.opened + burst.seconds - now
    return {
        "RateLimit-Limit": ", ".join(described),
        "RateLimit-Remaining": str(burst.limit - burst.taken),
        "RateLimit-Reset": str(max(0, math.ceil(remaining_seconds) - 1)),
    }
