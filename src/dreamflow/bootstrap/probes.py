"""What a process tells of itself: whether it is ready, and its metrics."""

from dreamflow.bootstrap.database import MIGRATIONS
from dreamflow.bootstrap.metrics import Metrics
from dreamflow.kit.db import Database, require_ready, revisions
from dreamflow.web.health import Check, Readiness
from dreamflow.web.metrics import Exposition


async def readiness(database: Database) -> Readiness:
    """Whether the database takes writes, in the schema it has now; whoever asks for more adds it."""
    return Readiness(await _writes(database))


def exposition(metrics: Metrics, *, is_public: bool) -> Exposition:
    """The metrics, for callers on this machine or for whoever reaches the process."""
    return Exposition(metrics.registry, metrics.standing.refresh, is_public=is_public)


async def _writes(database: Database) -> Check:
    schema = await database.read(lambda connection: revisions(connection, MIGRATIONS))

    async def writes() -> None:
        await database.write(lambda connection: require_ready(connection, schema.head))

    return writes
