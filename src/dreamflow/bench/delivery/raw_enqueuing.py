"""Callers who write facts, each the next one when its own is durable: a program of its own.

`python -m dreamflow.bench.delivery.raw_enqueuing DATABASE --facts N --callers N --batch N --seed N` (the file of
SQLite, or a URL of PostgreSQL) reads its families from the first line of its input (see `feeding`), makes all facts,
prints `ready`, and begins with the next line. At the end it prints one line of JSON: when it began and ended, by the
machine's monotonic clock, and the seconds of processor time it took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING

from dreamflow.bench.delivery.facts import facts
from dreamflow.bench.delivery.feeding import opened, read_families
from dreamflow.outbox.adapters.sql import append

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamflow.kit.db import Database
    from dreamflow.outbox import Envelope


async def _enqueue(database: Database, batches: Sequence[Sequence[Envelope]], callers: int) -> None:
    left = iter(batches)

    async def call() -> None:
        for batch in left:
            await database.write(lambda connection, some=batch: append(connection, some))

    await asyncio.gather(*(call() for _ in range(callers)))


async def _run(given: argparse.Namespace) -> None:
    made = list(facts(given.facts, read_families(sys.stdin.readline()), given.seed))
    batches = [made[begin : begin + given.batch] for begin in range(0, len(made), given.batch)]
    async with opened(given.database) as database:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        began, cpu = time.monotonic(), time.process_time()
        await _enqueue(database, batches, given.callers)
        took = {"began": began, "ended": time.monotonic(), "cpu": time.process_time() - cpu}
    sys.stdout.write(json.dumps(took) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Enqueue once."""
    parser = argparse.ArgumentParser(prog="python -m dreamflow.bench.delivery.raw_enqueuing")
    parser.add_argument("database")
    for name in ("--facts", "--callers", "--batch", "--seed"):
        parser.add_argument(name, type=int, required=True)
    asyncio.run(_run(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
