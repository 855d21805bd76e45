"""What goes on beside the requests of families, in `serve` or in a worker of its own: delivery, and upkeep."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aioklaviyo import Klaviyo, KlaviyoError
from dreamflow.bootstrap.kafka import intake
from dreamflow.bootstrap.klaviyo import account_name_of
from dreamflow.bootstrap.overrides import Overrides
from dreamflow.kit.clock import SystemClock
from dreamflow.kit.db import Database
from dreamflow.kit.errors import Unavailable
from dreamflow.kit.failpoints import Reach
from dreamflow.outbox import ConsentGate, DeliveryService, Limits, Observer, Received, Upkeep
from dreamflow.outbox.adapters.klaviyo import KlaviyoReceived, KlaviyoSink
from dreamflow.outbox.adapters.sql import SqlDeliveries, SqlJournal, SqlLeases, SqlSchedule, SqlSettled, Subscriber
from dreamflow.outbox.service.retention import Retention
from dreamflow.outbox.service.schedule import Handler, ScheduleService
from dreamflow.outbox.service.subscribers import SubscriberService
from dreamflow.outbox.service.upkeep import BooksAudit, chores
from dreamflow.settings import Settings

SUBSCRIBERS: tuple[Subscriber, ...] = ()
"""Who reads the journal: each is given every entry once, in order, by whichever worker is free."""
HANDLERS: Mapping[str, Handler] = {}
"""Who does what was scheduled, by the name of the job."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """The Klaviyo account that is kept in step.

    Attributes:
        worker: sends what waits.
        received: what the account has, read back from it.
    """

    client: Klaviyo
    worker: DeliveryService
    received: Received

    async def account_name(self) -> str:
        """Whose account this is, or why that is not known; bedtime does not depend on it."""
        try:
            return await account_name_of(self.client)
        except KlaviyoError as error:
            return f"not reached ({type(error).__name__}); what is to be sent waits"

    async def delivers(self) -> None:
        """See that the worker of this process is alive to the others.

        Raises:
            Unavailable: its lease has run out, or it has none yet.
        """
        if not self.worker.lease.is_held:
            raise Unavailable("The worker of this process holds no lease.")


@dataclass(frozen=True, slots=True)
class Background:
    """Delivery and upkeep, ready to be run.

    Attributes:
        deliveries: what is to be sent.
        upkeep: what a worker does beside delivery.
        mirror: none when Klaviyo is not configured; then what would be sent waits.
    """

    deliveries: SqlDeliveries
    upkeep: Upkeep
    mirror: Mirror | None


@asynccontextmanager
async def background(
    settings: Settings,
    overrides: Overrides,
    *,
    database: Database,
    klaviyo: Klaviyo | None,
    gate: ConsentGate,
    observer: Observer,
    reach: Reach,
) -> AsyncGenerator[Background]:
    """Put delivery and upkeep together; what is being sent at the end of the block may finish.

    Args:
        settings: of worker, Kafka and outbox.
        overrides: clock, ids and chance.
        database: open and migrated.
        klaviyo: none: nothing is sent.
        gate: asked for consent before anything is sent.
        observer: told what happens.
        reach: failpoints.

    Raises:
        NotInstalled: a package is missing for what the settings ask for.
    """
    deliveries = SqlDeliveries(database, overrides.ids, reach=reach)
    upkeep = _upkeep(settings, overrides, database, BooksAudit(deliveries, observer), reach)
    if klaviyo is None:
        yield Background(deliveries, upkeep, None)
        return
    worker = DeliveryService(
        store=deliveries,
        leases=SqlLeases(database, is_shared_out=settings.kafka.bootstrap is not None, reach=reach),
        sink=KlaviyoSink(klaviyo),
        gate=gate,
        clock=overrides.clock,
        rng=overrides.rng,
        wall_clock=SystemClock(),
        lease_seconds=settings.worker.lease_seconds,
        limits=Limits(bulk_from=settings.worker.bulk_from, events=settings.worker.bulk_limit),
        observer=observer,
        intake=intake(settings, database, overrides.rng, reach),
        reach=reach,
    )
    try:
        yield Background(deliveries, upkeep, Mirror(klaviyo, worker, KlaviyoReceived(klaviyo)))
    finally:
        await worker.aclose()


def _upkeep(settings: Settings, overrides: Overrides, database: Database, audit: BooksAudit, reach: Reach) -> Upkeep:
    clock, rng = overrides.clock, overrides.rng
    retention = Retention(SqlSettled(database, reach=reach), settings.outbox.keep_days, clock)
    chosen = chores(retention, audit)
    schedule = ScheduleService(SqlSchedule(database), HANDLERS, chosen, clock=clock, rng=rng, reach=reach)
    return Upkeep(schedule, SubscriberService(SqlJournal(database, SUBSCRIBERS, reach=reach), rng))
