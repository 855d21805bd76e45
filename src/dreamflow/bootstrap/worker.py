"""A worker of its own: delivery and upkeep without the app."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from dreamflow.bootstrap.background import Mirror, background
from dreamflow.bootstrap.database import ready_database
from dreamflow.bootstrap.klaviyo import klaviyo_client
from dreamflow.bootstrap.metrics import Metrics, counted
from dreamflow.bootstrap.overrides import Overrides
from dreamflow.families import FamilyService
from dreamflow.families.adapters.sql import SqlFamilyStore
from dreamflow.kit.clock import SystemClock
from dreamflow.kit.db import Database
from dreamflow.kit.failpoints import armed
from dreamflow.outbox import Upkeep
from dreamflow.outbox.adapters.sql import append
from dreamflow.settings import Settings


@dataclass(frozen=True, slots=True)
class Worker:
    """Delivery and upkeep, ready to be run.

    Attributes:
        upkeep: what a worker does beside delivery.
        mirror: none when Klaviyo is not configured; then what would be sent waits.
        metrics: for whoever opens a port for them.
    """

    database: Database
    upkeep: Upkeep
    mirror: Mirror | None
    metrics: Metrics


@asynccontextmanager
async def open_worker(settings: Settings) -> AsyncGenerator[Worker]:
    """Put a worker together; it closes in reverse.

    Raises:
        CannotOpen: the database cannot be used.
        NotInstalled: a package is missing for what the settings ask for.
        SchemaTooNew, SchemaTooOld: the database is another version's.
    """
    overrides = Overrides()
    reach = armed(settings.failpoint)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(ready_database(settings))
        klaviyo = await stack.enter_async_context(klaviyo_client(settings))
        metrics = await stack.enter_async_context(counted(database, overrides.clock, SystemClock()))
        beside = await stack.enter_async_context(
            background(
                settings,
                overrides,
                database=database,
                klaviyo=klaviyo,
                gate=FamilyService(SqlFamilyStore(database, append), overrides.clock, overrides.ids),
                observer=metrics.of_delivery(),
                reach=reach,
            )
        )
        yield Worker(database, beside.upkeep, beside.mirror, metrics)
