"""One of several processes that load the server of rate windows through `RedisPacing`. It runs until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import signal
from typing import TYPE_CHECKING

from aioklaviyo.pacing.model import Priority
from aioklaviyo.pacing.redis import RedisPacing
from aioklaviyo.rates import Charge, Rate
from dreamflow.bench.client.limits.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOREVER_SECONDS = 1e6
_TASKS = 8
"""Calls of each kind that may be under way or waiting at once."""
OURS = "ours"


async def _load(pacing: RedisPacing, server: str, quota: str, rate: Rate) -> None:
    wire = await Wire.connect(server)
    charges = (Charge(quota, rate),)
    try:
        while True:
            slot = await pacing.slot(charges, priority=Priority.BACKGROUND, within_seconds=_FOREVER_SECONDS)
            answer = await wire.call("POST", f"/{quota}/{OURS}")
            asked_seconds = answer.retry_after_seconds
            slot.settle(headers=answer.headers if asked_seconds is None else None, retry_after_seconds=asked_seconds)
    finally:
        await wire.aclose()


async def _run(redis: str, server: str, quotas: dict[str, Rate]) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    pacing = RedisPacing(redis, account="bench")
    tasks = [
        asyncio.ensure_future(_load(pacing, server, quota, rate))
        for quota, rate in quotas.items()
        for _ in range(_TASKS)
    ]
    stopping = asyncio.ensure_future(stopped.wait())
    done, _ = await asyncio.wait((*tasks, stopping), return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await pacing.aclose()
    for task in done - {stopping}:
        task.result()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it: `QUOTA=BURST/STEADY ... --redis URL --server URL`, with the rates that Klaviyo states per minute."""
    parser = argparse.ArgumentParser()
    parser.add_argument("quotas", nargs="+")
    parser.add_argument("--redis", required=True)
    parser.add_argument("--server", required=True)
    given = parser.parse_args(arguments)
    quotas: dict[str, Rate] = {}
    for text in given.quotas:
        name, burst, steady = text.replace("=", "/").split("/")
        quotas[name] = Rate(int(burst), int(steady))
    asyncio.run(_run(given.redis, given.server, quotas))


if __name__ == "__main__":
    main()
