"""The operator's commands on what waits, what ended, and dead letters."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from dreamflow.bootstrap.database import DATABASE, ready_database
from dreamflow.bootstrap.errors import CannotOpen
from dreamflow.kit.clock import Clock, SystemClock
from dreamflow.outbox import DeadLetterService
from dreamflow.outbox.adapters.sql import SqlDeadLetters
from dreamflow.settings import Settings


@asynccontextmanager
async def open_dead_letters(settings: Settings, clock: Clock | None = None) -> AsyncGenerator[DeadLetterService]:
    """The operator's commands on the configured database. A missing file is not made: its folder may be mistyped.

    Raises:
        CannotOpen: there is none, or it cannot be used.
        NotInstalled: the driver is missing.
        SchemaTooNew, SchemaTooOld: it is another version's.
    """
    if settings.database.url is None and not (settings.state_dir / DATABASE).exists():
        raise CannotOpen(f"There is no database in {settings.state_dir} yet. See DREAMFLOW_STATE_DIR.")
    async with ready_database(settings) as database:
        yield DeadLetterService(SqlDeadLetters(database), clock or SystemClock())
