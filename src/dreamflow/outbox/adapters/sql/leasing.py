"""Leases in SQL: workers, their partitions, and what the dead leave behind."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, or_, select, update
from typing_extensions import override

from dreamflow.kit.db import Database
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.outbox.adapters.sql.dialect import for_update, insert_missing
from dreamflow.outbox.adapters.sql.tables import batches, is_orphan, leases, workers
from dreamflow.outbox.errors import LeaseLost
from dreamflow.outbox.ports import LeaseStore
from dreamflow.outbox.rules.partitions import PARTITIONS, fair_share

DELIVERY = "delivery"
RELAY = "relay"
_LONGEST = timedelta(minutes=10)
"""No lease ends so much later than one that is taken now."""


class SqlLeases(LeaseStore):
    """The leases of one pool of workers.

    The random id of a worker, new with every start, is the fence: a change checks in its own transaction that the id
    still owns what it changes.

    Args:
        database: where they are.
        pool: workers of different pools do not share anything.
        partitions: how many there are to hold.
        is_shared_out: whether somebody else decides who holds what (see `take`); then a worker takes nothing by itself.
        reach: failpoints.
    """

    def __init__(
        self,
        database: Database,
        pool: str = DELIVERY,
        *,
        partitions: int = PARTITIONS,
        is_shared_out: bool = False,
        reach: Reach = inert,
    ) -> None:
        self._database = database
        self._pool = pool
        self._partitions = partitions
        self._is_shared_out = is_shared_out
        self._reach = reach
        self._joined: str | None = None
        self._ahead: dict[str, tuple[datetime, datetime]] = {}

    @override
    async def renew(self, worker: str, now: datetime, until: datetime) -> frozenset[int]:
        def write(connection: Connection) -> frozenset[int]:
            self._live(connection, worker, until)
            self._bury(connection, now, until)
            self._reach("lease.buried")
            if not self._is_shared_out:
                self._share(connection, worker)
            self._adopt(connection, worker)
            return self._held(connection, worker)

        held = await self._database.write(write)
        self._joined = worker
        self._reach("lease.renewed")
        return held

    @override
    async def take(self, worker: str, partitions: frozenset[int]) -> None:
        def write(connection: Connection) -> None:
            alive = for_update(select(workers.c.id).where(workers.c.id == worker))
            if connection.execute(alive).first() is None:
                raise LeaseLost("The lease of this worker ran out.")
            # All of them, in one order: many take at the same time, and nobody may wait for each other.
            every = select(leases.c.partition).where(leases.c.pool == self._pool).order_by(leases.c.partition)
            connection.execute(for_update(every)).all()
            mine = (leases.c.pool == self._pool, leases.c.owner == worker)
            connection.execute(update(leases).where(*mine, leases.c.partition.not_in(partitions)).values(owner=None))
            wanted = (leases.c.pool == self._pool, leases.c.partition.in_(partitions))
            connection.execute(update(leases).where(*wanted).values(owner=worker))

        await self._database.write(write)

    @override
    async def leave(self, worker: str) -> None:
        def write(connection: Connection) -> None:
            _let_go(connection, worker)
            connection.execute(delete(workers).where(workers.c.id == worker))

        await self._database.write(write)
        self._joined = None

    def _live(self, connection: Connection, worker: str, until: datetime) -> None:
        if self._joined != worker:
            rows = [{"pool": self._pool, "partition": number, "owner": None} for number in range(self._partitions)]
            insert_missing(connection, leases, rows)
            insert_missing(connection, workers, [{"id": worker, "pool": self._pool, "until": until}])
        alive = connection.execute(update(workers).where(workers.c.id == worker).values(until=until))
        if not alive.rowcount:
            raise LeaseLost("The lease of this worker ran out.")

    def _bury(self, connection: Connection, now: datetime, until: datetime) -> None:
        """Free what the dead held. Who is being buried by somebody else is left to them."""
        is_dead = or_(workers.c.until < now, workers.c.id.in_(self._stuck(connection, now, until)))
        dead = select(workers.c.id).where(workers.c.pool == self._pool, is_dead)
        for worker in connection.execute(for_update(dead, skip_locked=True)).scalars().all():
            _let_go(connection, worker)
            connection.execute(delete(workers).where(workers.c.id == worker))

    def _stuck(self, connection: Connection, now: datetime, until: datetime) -> list[str]:
        """Who is said to live for hours, by a clock that has been put back since, and gives no sign of life."""
        pool = workers.c.pool == self._pool
        far = connection.execute(select(workers.c.id, workers.c.until).where(pool, workers.c.until > until + _LONGEST))
        before, self._ahead = self._ahead, {}
        for row in far:
            said, since = before.get(row.id, (None, now))
            self._ahead[row.id] = (row.until, since if said == row.until else now)
        return [id_ for id_, (_, since) in self._ahead.items() if not timedelta() <= now - since < until - now]

    def _share(self, connection: Connection, worker: str) -> None:
        alive = select(func.count()).select_from(workers).where(workers.c.pool == self._pool)
        share = fair_share(self._partitions, connection.execute(alive).scalar_one())
        held = sorted(self._held(connection, worker))
        if len(held) < share:
            free = select(leases.c.partition).where(leases.c.pool == self._pool, leases.c.owner.is_(None))
            some = for_update(free.order_by(leases.c.partition).limit(share - len(held)), skip_locked=True)
            self._give(connection, connection.execute(some).scalars().all(), worker)
        else:
            self._give(connection, held[share:], None)

    def _adopt(self, connection: Connection, worker: str) -> None:
        if self._pool == DELIVERY:
            # By its owner's name too: what a worker stored while it was being buried, nobody has let go.
            orphans = select(batches.c.id).where(is_orphan(select(workers.c.id))).limit(100)
            found = connection.execute(for_update(orphans, skip_locked=True)).scalars().all()
            # Whoever had it may have sent it and died before saying so.
            adopted = {"owner": worker, "ambiguous": True}
            connection.execute(update(batches).where(batches.c.id.in_(found)).values(adopted))
            if found:
                self._reach("lease.adopted")

    def _give(self, connection: Connection, partitions: Sequence[int], owner: str | None) -> None:
        if partitions:
            these = (leases.c.pool == self._pool, leases.c.partition.in_(partitions))
            connection.execute(update(leases).where(*these).values(owner=owner))

    def _held(self, connection: Connection, worker: str) -> frozenset[int]:
        mine = select(leases.c.partition).where(leases.c.pool == self._pool, leases.c.owner == worker)
        return frozenset(connection.execute(mine).scalars())


def _let_go(connection: Connection, worker: str) -> None:
    connection.execute(update(leases).where(leases.c.owner == worker).values(owner=None))
    connection.execute(update(batches).where(batches.c.owner == worker, batches.c.open).values(owner=None))
