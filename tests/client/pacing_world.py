"""A Klaviyo of rate windows in virtual time, for limiters to meet: fixed windows, any phase, any delay, other users."""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from aioklaviyo.pacing.model import Pacing, Priority, Slot
from aioklaviyo.rates import Charge

FOREVER = 1e9


@dataclass
class FixedWindows:
    """What one quota counts: windows begin at their phase and every length after it."""

    limits: Mapping[int, int]
    """Seconds: requests."""
    phases: Mapping[int, float] = field(default_factory=dict)
    tells: bool = True
    taken: Counter[tuple[int, int]] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def charge(self, who: str, now: float) -> tuple[dict[str, str] | None, float | None]:
        """Headers of the answer, or the Retry-After of a 429."""
        places = [(seconds, int((now + self.phases.get(seconds, 0)) // seconds)) for seconds in self.limits]
        full = [
            (index + 1) * seconds - self.phases.get(seconds, 0) - now
            for seconds, index in places
            if self.taken[seconds, index] >= self.limits[seconds]
        ]
        if full:
            self.refused[who] += 1
            return None, float(max(1, math.ceil(max(full))))
        self.accepted[who] += 1
        self.taken.update(places)
        if not self.tells:
            return {}, None
        seconds, index = min(places)
        described = ", ".join(f"{limit};w={length}" for length, limit in sorted(self.limits.items()))
        return {
            "RateLimit-Limit": f"{self.limits[seconds]}, {described}",
            "RateLimit-Remaining": str(self.limits[seconds] - self.taken[seconds, index]),
        }, None


@dataclass
class Traffic:
    """Calls through a limiter to one quota."""

    pacing: Pacing
    server: FixedWindows
    charges: tuple[Charge, ...]
    rng: random.Random
    delay: tuple[float, float] = (0.03, 0.25)
    """Bounds of each way's seconds."""
    waits: list[tuple[Priority, float]] = field(default_factory=list)

    async def slot(self, priority: Priority = Priority.BACKGROUND, within: float = FOREVER) -> Slot:
        began = asyncio.get_running_loop().time()
        slot = await self.pacing.slot(self.charges, priority=priority, within_seconds=within)
        self.waits.append((priority, asyncio.get_running_loop().time() - began))
        return slot

    async def call(self, priority: Priority = Priority.BACKGROUND, within: float = FOREVER) -> bool:
        """One attempt; whether it was accepted."""
        slot = await self.slot(priority, within)
        try:
            await asyncio.sleep(self.rng.uniform(*self.delay))
            headers, asked = self.server.charge("ours", asyncio.get_running_loop().time())
            await asyncio.sleep(self.rng.uniform(*self.delay))
        except asyncio.CancelledError:
            slot.settle(headers=None, retry_after_seconds=None)
            raise
        slot.settle(headers=headers, retry_after_seconds=asked)
        return asked is None

    async def saturate(self, seconds: float, *, tasks: int, priority: Priority = Priority.BACKGROUND) -> None:
        """As many calls as the limiter allows."""

        async def again() -> None:
            while True:
                await self.call(priority)

        await until(seconds, *(again() for _ in range(tasks)))

    async def foreign(self, per_second: float) -> None:
        """Somebody else, who waits only when he is told to."""
        while True:
            await asyncio.sleep(self.rng.uniform(0.5, 1.5) / per_second)
            _, asked = self.server.charge("foreign", asyncio.get_running_loop().time())
            await asyncio.sleep(asked or 0)


async def until(seconds: float, *running: Coroutine[Any, Any, None]) -> None:
    """Let these run for some seconds; what one raises is raised."""
    tasks = [asyncio.ensure_future(one) for one in running]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
