"""What the database tells: itself, the books, what waits, dead letters, workers, its clock."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select

from dreamflow.bootstrap import DATABASE, MIGRATIONS, connected
from dreamflow.entrypoints.doctor.model import Finding, State
from dreamflow.kit.clock import Clock
from dreamflow.kit.db import Database, DatabaseUnavailable, refusal_reason, require_ready, revisions
from dreamflow.kit.errors import DreamFlowError
from dreamflow.outbox.adapters.sql import Standing, standing_of
from dreamflow.outbox.rules.partitions import PARTITIONS
from dreamflow.settings import Settings

OLDEST: Final = timedelta(minutes=15)
"""What waits longer is a sign that nothing is sent."""
_SKEW: Final = timedelta(seconds=1)
_POOL: Final = "delivery"


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known after a look into the database.

    Attributes:
        standing: of delivery.
        skew: how far the server's clock is from ours; none where it has no clock of its own.
        at: when it was looked at.
    """

    standing: Standing
    skew: timedelta | None
    at: datetime


class Records:
    """The database, read once for all who ask.

    Args:
        settings: name it.
        clock: the machine's.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._situation: Situation | None = None

    def looks(self) -> Iterator[tuple[str, Callable[[], Awaitable[Finding]]]]:
        """Each part with its look; the database comes first, the others live on what it found."""
        yield "database", self._look_at_database
        for part, judge in (
            ("books", _books),
            ("oldest waiting", self._oldest),
            ("dead letters", _dead_letters),
            ("workers", self._workers),
            ("clock", self._clocks),
        ):
            yield part, self._on_record(part, judge)

    def _on_record(self, part: str, judge: Callable[[Situation], Finding]) -> Callable[[], Awaitable[Finding]]:
        async def look() -> Finding:
            if self._situation is None:
                return Finding(part, State.SKIPPED, "the database cannot be read")
            return judge(self._situation)

        return look

    async def _look_at_database(self) -> Finding:
        url = self._settings.database.url
        file = self._settings.state_dir / DATABASE
        name = f"SQLite in {file}" if url is None else "PostgreSQL"
        if url is None and not file.exists():
            return Finding("database", State.WARNING, f"there is no {file} yet", "The first start makes it.")
        async with AsyncExitStack() as stack:
            try:
                database = await stack.enter_async_context(connected(self._settings))
                found = await database.read(lambda connection: revisions(connection, MIGRATIONS))
            except DatabaseUnavailable as error:
                return _unusable(f"{name} cannot be used: {refusal_reason(error)}", url is None)
            except DreamFlowError as error:  # not installed; a schema of the future
                return Finding("database", State.TROUBLE, str(error).removesuffix("."))
            if not found.is_current:
                has = f"{name} has schema {found.current or 'none'}; this version needs {found.head}"
                return Finding("database", State.TROUBLE, has, "Run 'dreamflow db upgrade'.")
            self._situation = await self._read(database)
            try:
                await database.write(lambda connection: require_ready(connection, found.head))
            except DatabaseUnavailable as error:
                return _unusable(f"{name} takes no writes: {refusal_reason(error)}", url is None)
        return Finding("database", State.OK, f"{name}, schema {found.head}, takes writes")

    async def _read(self, database: Database) -> Situation:
        def read(connection: Connection) -> Situation:
            began = self._clock.now()
            skew = None
            if connection.dialect.name == "postgresql":
                there = connection.execute(select(func.clock_timestamp())).scalar_one()
                now = self._clock.now()
                skew = there - (began + (now - began) / 2)
            return Situation(standing_of(connection, began), skew, began)

        return await database.read(read)

    def _oldest(self, found: Situation) -> Finding:
        part, oldest = "oldest waiting", found.standing.oldest
        if oldest is None:
            return Finding(part, State.OK, "nothing waits")
        minutes = int((found.at - oldest) / timedelta(minutes=1))
        says = f"{found.standing.books.pending} deliveries wait, the oldest for {max(0, minutes)} min"
        if found.at - oldest < OLDEST:
            return Finding(part, State.OK, says)
        if self._settings.klaviyo.api_key is None:
            return Finding(part, State.WARNING, says, "Set DREAMFLOW_KLAVIYO__API_KEY to have them sent.")
        return Finding(part, State.TROUBLE, says, "See 'workers' and 'Klaviyo' here, and the worker's log.")

    def _workers(self, found: Situation) -> Finding:
        standing = found.standing
        alive, held = standing.workers.get(_POOL, 0), standing.leases.get(_POOL, 0)
        says = f"{alive} alive with {held} of {PARTITIONS} partitions, {standing.orphans} batches without a worker"
        if not alive:
            needed = bool(standing.books.pending) and self._settings.klaviyo.api_key is not None
            do = "Start 'dreamflow serve' or 'dreamflow worker'." if needed else ""
            return Finding("workers", State.WARNING if needed or standing.orphans else State.OK, says, do)
        if held < PARTITIONS or standing.orphans:
            wait = self._settings.worker.lease_seconds
            return Finding("workers", State.WARNING, says, f"Look again in {wait:g} s: the others take over.")
        return Finding("workers", State.OK, says)

    def _clocks(self, found: Situation) -> Finding:
        if found.skew is None:
            return Finding("clock", State.OK, "one machine, one clock")
        says = f"the database's is {abs(found.skew).total_seconds():.1f} s from this machine's"
        if abs(found.skew) < _SKEW:
            return Finding("clock", State.OK, says)
        is_harmful = abs(found.skew).total_seconds() > self._settings.worker.lease_seconds / 3
        do = "Workers take each other for dead when clocks differ: set up NTP."
        return Finding("clock", State.TROUBLE if is_harmful else State.WARNING, says, do)


def _unusable(says: str, is_file: bool) -> Finding:
    do = "See DREAMFLOW_STATE_DIR." if is_file else "See DREAMFLOW_DATABASE__URL."
    return Finding("database", State.TROUBLE, says, do)


def _books(found: Situation) -> Finding:
    books = found.standing.books
    says = (
        f"{books.accepted} accepted = {books.delivered} delivered + {books.dead} dead + {books.withheld} withheld + "
        f"{books.superseded} superseded + {books.pending} pending"
    )
    if books.balanced:
        return Finding("books", State.OK, says)
    do = "Deliveries are lost or counted twice: keep the database as it is, and report it."
    return Finding("books", State.TROUBLE, says.replace("=", "is not"), do)


def _dead_letters(found: Situation) -> Finding:
    if not found.standing.dead:
        return Finding("dead letters", State.OK, "none")
    do = "See 'dreamflow outbox ls'; then requeue or drop them."
    return Finding("dead letters", State.WARNING, f"{found.standing.dead}", do)
