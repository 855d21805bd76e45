"""Facts that come at a steady pace, each with its own acknowledgement: a program of its own.

`python -m dreamflow.bench.delivery.producing DATABASE --rate 200 --callers 16 --seed 5` (the file of SQLite, or a URL
of PostgreSQL) reads its families from the first line of its input (see `feeding`), prints `ready`, writes facts until
its input ends, and then prints one line of JSON: the ids of the facts that were acknowledged, and how often a write was
refused.

A caller whose write is refused tries again until it is stored. What it would have written meanwhile is not made up for:
afterwards facts come at the same pace as before, so that a rate after a disturbance is not raised by one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, select

from dreamflow.bench.delivery.facts import facts
from dreamflow.bench.delivery.feeding import opened, read_families
from dreamflow.kit.db import DatabaseUnavailable
from dreamflow.outbox.adapters.sql import append, journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dreamflow.kit.db import Database
    from dreamflow.outbox import Envelope

UPDATES: Final = 0.05
"""The share of the facts that have a profile update."""
_ENDLESS: Final = 10**9
_AGAIN_SECONDS: Final = 0.05


@dataclass(slots=True)
class _Producer:
    database: Database
    facts: Iterator[Envelope]
    stop: asyncio.Event
    acknowledged: list[str] = field(default_factory=list[str])
    refused: int = 0

    async def call(self, first: float, interval: float) -> None:
        """Write a fact at each interval, until it is to stop."""
        due = first
        while not await self._stopped_within(due - time.monotonic()):
            fact = next(self.facts)
            if await self._stored(fact):
                self.acknowledged.append(fact.id)
            due = max(due + interval, time.monotonic())

    async def _stored(self, fact: Envelope) -> bool:
        is_again = False

        def write(connection: Connection) -> None:
            # After an error nobody knows whether it was stored.
            if is_again and connection.execute(select(journal.c.seq).where(journal.c.id == fact.id)).first():
                return
            append(connection, (fact,))

        while True:
            try:
                await self.database.write(write)
            except DatabaseUnavailable:
                is_again = True
                self.refused += 1
                if await self._stopped_within(_AGAIN_SECONDS):
                    return False
            else:
                return True

    async def _stopped_within(self, seconds: float) -> bool:
        if seconds > 0 and not self.stop.is_set():
            try:
                await asyncio.wait_for(self.stop.wait(), seconds)
            except TimeoutError:
                return False
        return self.stop.is_set()


async def _run(given: argparse.Namespace) -> None:
    families = read_families(sys.stdin.readline())
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: stop.set())
    async with opened(given.database) as database:
        producer = _Producer(database, facts(_ENDLESS, families, given.seed, updates=UPDATES), stop)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        began, interval = time.monotonic(), given.callers / given.rate
        await asyncio.gather(
            *(producer.call(began + number * interval / given.callers, interval) for number in range(given.callers))
        )
    json.dump({"acknowledged": producer.acknowledged, "refused": producer.refused}, sys.stdout)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m dreamflow.bench.delivery.producing")
    parser.add_argument("database")
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--callers", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    asyncio.run(_run(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
