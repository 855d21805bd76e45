"""Row `limit-one`: one process against the emulator's rate windows, an hour of virtual time in one event loop."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from aioklaviyo.pacing.local import LocalPacing
from aioklaviyo.pacing.model import Priority
from aioklaviyo.rates import XL, Charge, M, Rate
from dreamflow.bench.client.limits import virtual_time
from dreamflow.bench.model import Broken, Measured, Row, at_least
from klaviyo_emulator.clock import EPOCH
from klaviyo_emulator.errors import Refusal
from klaviyo_emulator.limits import Limiter
from klaviyo_emulator.operations import Rate as EmulatedRate

if TYPE_CHECKING:
    from dreamflow.bench.model import Lab

LIMIT_ONE = Row(id="limit-one", unit="% of the limit, bulk", target=at_least(99), short_target=at_least(99))
SINGLE_AT_LEAST = 98.5
"""Percent of the limit that single events must reach besides."""
REFUSED_AT_MOST = 1 / 2_000
"""Answers 429, of all."""

_WINDOW_SECONDS = 60
_WINDOWS = 60
_WINDOWS_SHORT = 5
_ROUND_TRIP_SECONDS = (0.03, 0.25)
_FOREVER_SECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Lane:
    """Requests of one kind, as many as the limits allow."""

    endpoint: str
    rate: Rate
    tasks: int
    """More than are ever under way together."""


BULK = Lane("POST /api/event-bulk-create-jobs", M, 16)
SINGLE = Lane("POST /api/events", XL, 100)


@dataclass(slots=True)
class Tally:
    """What the server answered, from a moment on."""

    accepted: int = 0
    refused: int = 0

    @property
    def refused_share(self) -> float:
        """Of all answers."""
        return self.refused / max(1, self.accepted + self.refused)


def limit_one(lab: Lab, seed: int) -> Measured | Broken:
    """Measure the row."""
    windows = _WINDOWS_SHORT if lab.short else _WINDOWS
    lab.say(f"{windows} rate windows of virtual time")
    bulk, single = (saturate(lane, windows=windows, seed=seed) for lane in (BULK, SINGLE))
    bulk_percent, single_percent = _percent(BULK, bulk, windows), _percent(SINGLE, single, windows)
    told = (
        f"bulk {bulk_percent:.2f}%, of 150,000 events/min; single {single_percent:.2f}%, of 3,500 events/min; "
        f"429: {bulk.refused} of {bulk.accepted + bulk.refused:,} and "
        f"{single.refused} of {single.accepted + single.refused:,}"
    )
    if single_percent < SINGLE_AT_LEAST or max(bulk.refused_share, single.refused_share) > REFUSED_AT_MOST:
        return Broken(LIMIT_ONE.id, told)
    note = (
        f"{windows} windows of 60 s after a first one that is not counted, in virtual time, against the emulator's "
        f"rate windows in a phase the client does not know; answers after 30 to 250 ms; {told}"
    )
    return Measured(row=LIMIT_ONE.id, value=bulk_percent, n=windows, note=note)


def saturate(lane: Lane, *, windows: int, seed: int) -> Tally:
    """Send as much as one `LocalPacing` allows, for so many windows and one before that does not count."""
    return virtual_time.run(_saturate(lane, windows, random.Random(seed)))  # noqa: S311 - delays


async def _saturate(lane: Lane, windows: int, rng: random.Random) -> Tally:
    loop = asyncio.get_running_loop()
    server = Limiter(lambda: EPOCH + timedelta(seconds=loop.time()))
    rates = {lane.endpoint: EmulatedRate(lane.rate.burst, lane.rate.steady)}
    server.charge("account", rates)  # somebody opened the windows,
    await asyncio.sleep(rng.uniform(0, _WINDOW_SECONDS))  # and nobody knows when
    counted_from = loop.time() + _WINDOW_SECONDS
    ends_at = counted_from + windows * _WINDOW_SECONDS
    pacing = LocalPacing(monotonic=loop.time)
    charges = (Charge(lane.endpoint, lane.rate),)
    tally = Tally()

    async def send() -> None:
        while True:
            slot = await pacing.slot(charges, priority=Priority.BACKGROUND, within_seconds=_FOREVER_SECONDS)
            await asyncio.sleep(rng.uniform(*_ROUND_TRIP_SECONDS) / 2)
            headers, retry_after_seconds = None, None
            try:
                headers = server.charge("account", rates)
            except Refusal as refusal:
                retry_after_seconds = float(refusal.problem.headers["Retry-After"])
            if counted_from <= loop.time() < ends_at:
                tally.accepted += headers is not None
                tally.refused += headers is None
            await asyncio.sleep(rng.uniform(*_ROUND_TRIP_SECONDS) / 2)
            slot.settle(headers=headers, retry_after_seconds=retry_after_seconds)

    tasks = [asyncio.ensure_future(send()) for _ in range(lane.tasks)]
    await asyncio.sleep(ends_at - loop.time())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return tally


def _percent(lane: Lane, tally: Tally, windows: int) -> float:
    return 100 * tally.accepted / (lane.rate.steady * windows)
