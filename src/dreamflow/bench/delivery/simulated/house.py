"""A house in simulated time: its database, and its worker at one end of a line to Klaviyo."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from typing_extensions import override

from aioklaviyo import Klaviyo
from dreamflow.bench.delivery.simulated.line import laid
from dreamflow.bench.delivery.simulated.loop import SimulatedClock, standing
from dreamflow.bench.subject import SubjectError
from dreamflow.bootstrap import DATABASE
from dreamflow.families import FamilyService
from dreamflow.families.adapters.sql import SqlFamilyStore
from dreamflow.kit.db import Database, SqliteDatabase
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox import DeliveryService
from dreamflow.outbox.adapters.klaviyo import KlaviyoSink
from dreamflow.outbox.adapters.sql import SqlDeliveries, SqlLeases, append
from dreamflow.outbox.ports import Unobserved

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from dreamflow.bench.delivery.account import Account
    from dreamflow.bench.delivery.simulated.line import Line
    from dreamflow.outbox import DeliveryState, Lane, Limits

T = TypeVar("T")

KEY: Final = "pk_bench"
_PATIENCE_SECONDS: Final = 3_600.0


class StandingDatabase(Database):
    """A database in whose transactions no time passes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def read(self, fn: Callable[[Connection], T]) -> T:
        with standing():
            return await self._database.read(fn)

    @override
    async def write(self, fn: Callable[[Connection], T]) -> T:
        with standing():
            return await self._database.write(fn)

    @override
    async def aclose(self) -> None:
        with standing():
            await self._database.aclose()


class Tally(Unobserved):
    """What the worker says of itself."""

    def __init__(self) -> None:
        self.ends = 0
        """Deliveries that have ended, however."""
        self.ended_at = 0.0
        """When the last of them did, in simulated time."""
        self._has_changed = asyncio.Event()

    @override
    def ended(self, lane: Lane, state: DeliveryState, count: int) -> None:
        self.ends += count
        self.ended_at = asyncio.get_running_loop().time()
        self._has_changed.set()

    async def until(self, count: int) -> None:
        """Wait until so many deliveries have ended. Raises SubjectError when that takes more than a simulated hour."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while self.ends < count:
                    self._has_changed.clear()
                    await self._has_changed.wait()
        except TimeoutError:
            raise SubjectError(f"of {count:,} deliveries {self.ends:,} have ended within an hour") from None


@dataclass(frozen=True, slots=True)
class Working:
    """A worker at work."""

    database: Database
    clock: SimulatedClock
    line: Line
    tally: Tally


@asynccontextmanager
async def working(state: Path, account: Account, seed: int, limits: Limits | None = None) -> AsyncGenerator[Working]:
    """A worker as `bootstrap` makes it, but for its clocks, its chance and its line, while the block runs.

    Only in a simulated loop.

    Args:
        state: a house's state folder, with a SQLite database.
        account: keeps its rate limits, and stands on the clock that it is given.
        seed: of jitter, delays and ids.
        limits: when deliveries go together; the worker's own without.
    """
    loop = asyncio.get_running_loop()
    clock = SimulatedClock(loop)
    ids = SeededIds(seed)
    tally = Tally()
    async with (
        aclosing(StandingDatabase(SqliteDatabase(state / DATABASE))) as database,
        laid(account, _chance(seed)) as (line, session),
        Klaviyo(
            KEY,
            base_url=account.url,
            session=session,
            rng=_chance(seed + 1),
            monotonic=loop.time,
            wall_clock=lambda: clock.now().timestamp(),
        ) as client,
    ):
        worker = DeliveryService(
            store=SqlDeliveries(database, ids),
            leases=SqlLeases(database),
            sink=KlaviyoSink(client),
            gate=FamilyService(SqlFamilyStore(database, append), clock, ids),
            clock=clock,
            rng=_chance(seed + 2),
            wall_clock=clock,
            limits=limits,
            observer=tally,
        )
        stop = asyncio.Event()
        running = asyncio.ensure_future(worker.run(stop))
        try:
            yield Working(database, clock, line, tally)
        finally:
            stop.set()
            await running


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - to be repeated
