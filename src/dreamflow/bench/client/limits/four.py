"""Row `limit-four`: four processes that share a Redis, in real time, alone and beside a foreign user.

The rates are Klaviyo's, with windows of 6 s instead of 60 s (5 s in the short form). The clients start from the rates
per minute and learn the windows from the answers.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aioklaviyo.rates import XL, M, Rate
from dreamflow.bench.client.limits.redis_process import RedisProcess, redis_program
from dreamflow.bench.client.limits.wire import Wire
from dreamflow.bench.client.limits.worker import OURS
from dreamflow.bench.model import Broken, Measured, Row, Skipped, at_least
from dreamflow.bench.subject import running, started

if TYPE_CHECKING:
    from dreamflow.bench.model import Lab, Outcome

LIMIT_FOUR = Row(id="limit-four", unit="% of the limit", target=at_least(97), short_target=at_least(95))
"""A short form has 24 bulk calls: one that falls behind its end is 4 % of them."""
REFUSED_AT_MOST = 1 / 2_000
"""Answers 429, of all."""

_LEARNING_WINDOWS = 1
FOREIGN = "foreign"
FOREIGN_SHARE = 0.3
FOREIGN_REFUSED_AT_MOST = 1 / 2_000
"""Answers 429 to the foreign user, of all; one in any case, since he makes some 1,100 calls in ten windows."""
_POLL_SECONDS = 0.1
_HERE = "dreamflow.bench.client.limits"
_RATES = {"bulk": M, "single": XL}


Tallies = Mapping[str, Sequence[tuple[int, str, int, int]]]
"""Of each quota: window, who, accepted, refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is to do."""

    processes: int = 4
    window_seconds: int = 6
    windows: int

    def per_window(self, rate: Rate) -> int:
        """Requests that fit in a long window."""
        return rate.steady * self.window_seconds // 60


FULL = Size(windows=10)
SHORT = Size(window_seconds=5, windows=2)


@dataclass(frozen=True, slots=True)
class Count:
    """What a server answered to somebody."""

    accepted: int
    refused: int

    @property
    def answers(self) -> int:
        """All of them."""
        return self.accepted + self.refused


def limit_four(lab: Lab, seed: int, size: Size | None = None) -> Outcome:
    """Measure the row."""
    size = size or (SHORT if lab.short else FULL)
    program = redis_program()
    if program is None:
        return Skipped(LIMIT_FOUR.id, "redis-server is not installed here")
    quotas = {f"{name}-{kind}": rate for name, rate in _RATES.items() for kind in ("alone", "shared")}
    lab.say(f"{size.processes} processes for {(size.windows + _LEARNING_WINDOWS + 1) * size.window_seconds} s")
    with ExitStack() as stack:
        redis = RedisProcess(program, lab.scratch)
        stack.callback(redis.stop)
        redis.start()
        served = [f"{name}={rate.burst}/{size.per_window(rate)}" for name, rate in quotas.items()]
        server = stack.enter_context(started(f"{_HERE}.server", *served, "--window", str(size.window_seconds))).url
        stated = [f"{name}={rate.burst}/{rate.steady}" for name, rate in quotas.items()]
        for _ in range(size.processes):
            stack.enter_context(running(f"{_HERE}.worker", *stated, "--redis", redis.url, "--server", server))
        tallies = asyncio.run(_observe(server, size.windows, random.Random(seed)))  # noqa: S311 - a foreign user's habits
    return judge(tallies, size)


async def _observe(server: str, windows: int, rng: random.Random) -> Tallies:
    """Let it run, with a foreign user of the shared quotas, until there are so many whole windows."""
    asking = await Wire.connect(server)
    foreign = [
        asyncio.ensure_future(_use(server, f"{name}-shared", FOREIGN_SHARE * rate.steady / 60, rng))
        for name, rate in _RATES.items()
    ]
    first = None
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        tallies: Tallies = json.loads((await asking.call("GET", "/tally")).body)
        last = max((line[0] for tally in tallies.values() for line in tally if line[1] == OURS), default=None)
        if first is None and last is not None:
            first = last + 1 + _LEARNING_WINDOWS
        if first is not None and last is not None and last >= first + windows:
            break
    for task in foreign:
        task.cancel()
    await asyncio.gather(*foreign, return_exceptions=True)
    await asking.aclose()
    return {name: [line for line in tally if first <= line[0] < first + windows] for name, tally in tallies.items()}


async def _use(server: str, quota: str, per_second: float, rng: random.Random) -> None:
    """Somebody who knows nothing of us, and waits only when he is told to."""
    wire = await Wire.connect(server)
    try:
        while True:
            await asyncio.sleep(rng.uniform(0.5, 1.5) / per_second)
            answer = await wire.call("POST", f"/{quota}/{FOREIGN}")
            await asyncio.sleep(answer.retry_after_seconds or 0)
    finally:
        await wire.aclose()


def judge(tallies: Tallies, size: Size) -> Measured | Broken:
    """What the answers in whole windows say."""
    reached: list[float] = []
    told: list[str] = []
    is_good = True
    foreign_refused = foreign_answers = 0
    for name, rate in _RATES.items():
        limit = size.per_window(rate) * size.windows
        alone = _count(tallies[f"{name}-alone"], OURS)
        ours, theirs = (_count(tallies[f"{name}-shared"], who) for who in (OURS, FOREIGN))
        reached.append(100 * alone.accepted / limit)
        is_good = is_good and alone.refused <= REFUSED_AT_MOST * alone.answers
        foreign_refused += theirs.refused
        foreign_answers += theirs.answers
        told.append(
            f"{name}: {reached[-1]:.2f}%, {alone.refused} of {alone.answers:,} answers are 429; beside a foreign user "
            f"who takes {100 * theirs.accepted / limit:.0f}%: {100 * ours.accepted / limit:.0f}%, "
            f"429 {ours.refused} of {ours.answers:,}, and his {theirs.refused} of {theirs.answers:,}"
        )
    note = "; ".join(told)
    if not is_good or foreign_refused > max(1, FOREIGN_REFUSED_AT_MOST * foreign_answers):
        return Broken(LIMIT_FOUR.id, note)
    note = (
        f"the lesser of bulk and single events, {size.processes} processes, {size.windows} windows of "
        f"{size.window_seconds} s after {_LEARNING_WINDOWS + 1} that are not counted; {note}"
    )
    return Measured(row=LIMIT_FOUR.id, value=min(reached), n=size.windows, note=note)


def _count(tally: Sequence[tuple[int, str, int, int]], who: str) -> Count:
    lines = [line for line in tally if line[1] == who]
    return Count(sum(line[2] for line in lines), sum(line[3] for line in lines))
