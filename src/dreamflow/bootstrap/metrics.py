"""What a process counts, and what it reads from the database when somebody looks."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector
from sqlalchemy import Connection

from dreamflow.kit.clock import Clock
from dreamflow.kit.db import Database
from dreamflow.outbox.adapters.metrics import DeliveryMetrics, StandingMetrics
from dreamflow.outbox.adapters.sql import Standing, standing_of
from dreamflow.outbox.adapters.sql.relaying import unpublished_of

Look = Callable[[Connection, datetime], Standing]
"""Looks into the database at a time by the machine's clock."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of one process.

    Attributes:
        registry: has all of them.
        standing: of what is stored.
    """

    registry: CollectorRegistry
    standing: StandingMetrics

    def of_delivery(self) -> DeliveryMetrics:
        """Those of what this process sends; to be asked for once."""
        return DeliveryMetrics(self.registry, self.standing.learn)


@asynccontextmanager
async def counted(
    database: Database, clock: Clock, wall_clock: Clock, look: Look = standing_of
) -> AsyncGenerator[Metrics]:
    """The metrics of this process; what is being read at the end of the block is given up.

    Args:
        database: open.
        clock: the house's; for the age of what waits.
        wall_clock: the machine's; for leases.
        look: what is read.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)

    async def read() -> Standing:
        return await database.read(lambda connection: look(connection, wall_clock.now()))

    standing = StandingMetrics(registry, read, clock, time.monotonic)
    try:
        yield Metrics(registry, standing)
    finally:
        await standing.aclose()


def standing_with_relay(connection: Connection, now: datetime) -> Standing:
    """How delivery stands, and how far the log is behind."""
    return replace(standing_of(connection, now), unpublished=unpublished_of(connection))
