"""The relay from the database to Kafka."""

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dreamflow.bootstrap.database import ready_database
from dreamflow.bootstrap.errors import CannotOpen
from dreamflow.bootstrap.kafka import publisher
from dreamflow.bootstrap.metrics import Metrics, counted, standing_with_relay
from dreamflow.kit.clock import SystemClock
from dreamflow.kit.db import Database
from dreamflow.kit.errors import Unavailable
from dreamflow.kit.failpoints import armed
from dreamflow.outbox.adapters.sql import SqlLeases
from dreamflow.outbox.adapters.sql.leasing import RELAY
from dreamflow.outbox.adapters.sql.relaying import SqlRelay
from dreamflow.outbox.service.relay import RelayService
from dreamflow.settings import Settings


@dataclass(frozen=True, slots=True)
class Relay:
    """The relay, ready to be run.

    Attributes:
        metrics: for whoever opens a port for them.
    """

    database: Database
    service: RelayService
    metrics: Metrics

    async def is_alive(self) -> None:
        """See that this relay publishes, or stands by to do so.

        Raises:
            Unavailable: its lease has run out, or it has none yet.
        """
        if not self.service.lease.is_held:
            raise Unavailable("The relay of this process holds no lease.")


@asynccontextmanager
async def open_relay(settings: Settings, *, again: bool = False) -> AsyncGenerator[Relay]:
    """What publishes the waiting deliveries of the configured database to Kafka.

    Args:
        settings: of database and Kafka.
        again: begin with the oldest that waits, though it was published before.

    Raises:
        CannotOpen: no Kafka is configured, or the database cannot be used.
        NotInstalled: a package is missing.
        SchemaTooNew, SchemaTooOld: the database is another version's.
    """
    log = publisher(settings)
    if log is None:
        raise CannotOpen("There is nothing to publish to. Set DREAMFLOW_KAFKA__BOOTSTRAP to HOST:PORT of some brokers.")
    reach = armed(settings.failpoint)
    clock = SystemClock()
    async with (
        ready_database(settings) as database,
        counted(database, clock, clock, standing_with_relay) as metrics,
    ):
        service = RelayService(
            store=SqlRelay(database),
            leases=SqlLeases(database, RELAY, partitions=1, reach=reach),
            publisher=log,
            rng=random.SystemRandom(),
            lease_seconds=settings.worker.lease_seconds,
            again=again,
            reach=reach,
        )
        yield Relay(database, service, metrics)
