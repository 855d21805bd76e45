"""What a relay publishes, as the database has it, and what became of what was published."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, func, select
from typing_extensions import override

from dreamflow.kit.db import Database
from dreamflow.outbox.adapters.sql.dialect import among, inserting
from dreamflow.outbox.adapters.sql.horizon import Horizon
from dreamflow.outbox.adapters.sql.leasing import RELAY
from dreamflow.outbox.adapters.sql.looking import oldest_waiting
from dreamflow.outbox.adapters.sql.tables import PENDING, WAITING, cursors, deliveries, leases
from dreamflow.outbox.errors import LeaseLost
from dreamflow.outbox.model import Pointer
from dreamflow.outbox.ports import PointedStore, RelayStore

_NAME: Final = "relay"
"""The cursor's; no subscriber of the journal may be called so."""


class SqlRelay(RelayStore):
    """The relay's side of one database.

    Args:
        database: where deliveries wait.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._horizon = Horizon(database, _newest)

    @override
    async def unpublished(self, limit: int) -> Sequence[Pointer]:
        found, newest = await self._database.read(lambda c: (_waiting(c, self._horizon.seq, limit), _newest(c)))
        if not found and newest > self._horizon.seq:
            await self._horizon.move()
            found = await self._database.read(lambda c: _waiting(c, self._horizon.seq, limit))
        return found

    @override
    async def published(self, worker: str, last: int) -> None:
        def write(connection: Connection) -> None:
            _hold(connection, worker)
            _move(connection, last)

        await self._database.write(write)

    @override
    async def rewind(self, worker: str) -> None:
        def write(connection: Connection) -> None:
            _hold(connection, worker)
            oldest = oldest_waiting(connection)
            if oldest is not None:
                _move(connection, min(oldest - 1, _cursor(connection)))

        await self._database.write(write)


class SqlPointed(PointedStore):
    """Deliveries of one database by their ids.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def unfinished(self, ids: Sequence[str]) -> Mapping[str, bool]:
        return await self._database.read(lambda connection: _unfinished(connection, ids))


def unpublished_of(connection: Connection) -> int:
    """How many deliveries wait of which the log has no pointer yet."""
    query = select(func.count()).select_from(deliveries).where(WAITING, deliveries.c.seq > _cursor(connection))
    return connection.execute(query).scalar_one()


def _unfinished(connection: Connection, ids: Sequence[str]) -> dict[str, bool]:
    query = select(deliveries.c.id, deliveries.c.batch.is_(None).label("waits"))
    rows = connection.execute(query.where(PENDING, among(connection, deliveries.c.id, ids)))
    return {row.id: bool(row.waits) for row in rows}


def _waiting(connection: Connection, horizon: int, limit: int) -> list[Pointer]:
    columns = (
        deliveries.c.seq,
        deliveries.c.id,
        deliveries.c.parent,
        deliveries.c.number,
        deliveries.c.partition,
    )
    # What is in a batch already needs no pointer: its worker, or who adopts it, sees to it.
    which = (WAITING, deliveries.c.seq > _cursor(connection), deliveries.c.seq <= horizon)
    rows = connection.execute(select(*columns).where(*which).order_by(deliveries.c.seq).limit(limit))
    return [Pointer(row.seq, row.id, row.parent, row.number, row.partition) for row in rows]


def _newest(connection: Connection) -> int:
    return connection.execute(select(func.coalesce(func.max(deliveries.c.seq), 0))).scalar_one()


def _cursor(connection: Connection) -> int:
    query = select(cursors.c.seq).where(cursors.c.subscriber == _NAME)
    return connection.execute(query).scalar_one_or_none() or 0


def _move(connection: Connection, seq: int) -> None:
    moved = inserting(connection, cursors).values(subscriber=_NAME, seq=seq)
    connection.execute(moved.on_conflict_do_update(index_elements=[cursors.c.subscriber], set_={"seq": seq}))


def _hold(connection: Connection, worker: str) -> None:
    """Nobody else becomes the relay until the commit.

    Raises:
        LeaseLost: somebody else is.
    """
    mine = select(leases.c.partition).where(leases.c.pool == RELAY, leases.c.owner == worker)
    if connection.execute(mine.with_for_update(read=True)).first() is None:
        raise LeaseLost("Another relay has taken over.")
