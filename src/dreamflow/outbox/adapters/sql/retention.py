"""Deliveries that ended long ago: their rows go, their counts stay."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Select, and_, delete, exists, select
from typing_extensions import override

from dreamflow.kit.db import Database
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.outbox.adapters.sql.dialect import inserting
from dreamflow.outbox.adapters.sql.tables import ENDED, batches, deliveries, dropped, settled_totals
from dreamflow.outbox.model import DeliveryKind, DeliveryState
from dreamflow.outbox.ports import SettledStore

_REMOVABLE: Final = (DeliveryState.DELIVERED, DeliveryState.WITHHELD, DeliveryState.SUPERSEDED)
_OLDER: Final = deliveries.alias("older")
_KEEPS_FROM_TURNING_BACK: Final = and_(
    deliveries.c.kind == DeliveryKind.PROFILE,
    exists().where(
        _OLDER.c.parent == deliveries.c.parent,
        _OLDER.c.number < deliveries.c.number,
        _OLDER.c.kind == DeliveryKind.PROFILE,
        _OLDER.c.state == DeliveryState.DEAD,
        ~exists().where(dropped.c.delivery == _OLDER.c.id),
    ),
)
"""A profile update after one that is dead: when that one is sent again, it may not say what this one has said since."""
_IS_EMPTY: Final = and_(~batches.c.open, ~exists().where(deliveries.c.batch == batches.c.id))


class SqlSettled(SettledStore):
    """What has ended in one database.

    Args:
        database: where it is.
        reach: failpoints.
    """

    def __init__(self, database: Database, *, reach: Reach = inert) -> None:
        self._database = database
        self._reach = reach

    @override
    async def remove_settled(self, before: datetime, limit: int) -> int:
        removed = 0
        for state in (*_REMOVABLE, DeliveryState.DEAD):
            if removed < limit:
                removed += await self._remove(state, before, limit - removed)
        return removed

    @override
    async def remove_batches(self, limit: int) -> int:
        query = select(batches.c.id).where(_IS_EMPTY).limit(limit)
        found = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        if not found:
            return 0
        empty = delete(batches).where(batches.c.id.in_(found), _IS_EMPTY)
        return await self._database.write(lambda connection: connection.execute(empty).rowcount)

    async def _remove(self, state: DeliveryState, before: datetime, limit: int) -> int:
        old = _old(state, before)
        # Looking is a read: a night without work must not keep the disk busy.
        if await self._database.read(lambda connection: connection.execute(old.limit(1)).first()) is None:
            return 0

        def write(connection: Connection) -> int:
            query = old.limit(limit).with_for_update(of=deliveries, skip_locked=True)
            rows = connection.execute(query).all()
            if not rows:
                return 0
            gone = connection.execute(
                delete(deliveries).where(deliveries.c.seq.in_([row.seq for row in rows]))
            ).rowcount
            _count(connection, state, gone)
            if state is DeliveryState.DEAD:
                connection.execute(delete(dropped).where(dropped.c.delivery.in_([row.id for row in rows])))
            self._reach("retention.deleted")
            return gone

        return await self._database.write(write)


def _old(state: DeliveryState, before: datetime) -> Select[int, str]:
    """What of a state has had its time, oldest first."""
    old = select(deliveries.c.seq, deliveries.c.id).where(deliveries.c.state == state, ENDED)
    if state is DeliveryState.DEAD:
        # Its time begins when it is dropped; until then it is still somebody's to mend.
        old = old.join(dropped, dropped.c.delivery == deliveries.c.id)
        return old.where(dropped.c.at < before).order_by(dropped.c.at)
    if state is DeliveryState.DELIVERED:
        old = old.where(~_KEEPS_FROM_TURNING_BACK)
    return old.where(deliveries.c.settled_at < before).order_by(deliveries.c.settled_at)


def _count(connection: Connection, state: DeliveryState, gone: int) -> None:
    """Among the totals, in the transaction that removes the rows: the books balance for whoever looks in between."""
    added = inserting(connection, settled_totals)
    connection.execute(
        added.on_conflict_do_update(
            index_elements=[settled_totals.c.state], set_={"count": settled_totals.c.count + added.excluded.count}
        ),
        [{"state": state, "count": gone}],
    )
