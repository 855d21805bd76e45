"""Subscribers of the journal in SQL: what each has had, and what it may have next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select, update
from typing_extensions import override

from dreamflow.kit.db import Database
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.outbox.adapters.sql.dialect import for_update, insert_missing
from dreamflow.outbox.adapters.sql.horizon import Horizon
from dreamflow.outbox.adapters.sql.tables import cursors, journal
from dreamflow.outbox.model import Entry
from dreamflow.outbox.ports import Journal

CHUNK: Final = 200
"""Entries in one transaction: a handler that is slow must not keep others from writing for long."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who is given every journal entry once, in the order of the journal.

    Attributes:
        name: under which is remembered how far it got; a new name begins with the first entry.
        handle: takes entries in order of seq, within the transaction that remembers them: what it writes there happens
            exactly once. It may run again after a failure, so it has no effect outside of the connection; what must
            happen outside goes into `append` or `schedule`. If it raises, it gets the same entries again, later.
    """

    name: str
    handle: Callable[[Connection, Sequence[Entry]], None]


class SqlJournal(Journal):
    """The journal of one database and those who read it.

    Args:
        database: where it is.
        subscribers: with different names.
        chunk: most entries at a time.
        reach: failpoints.
    """

    def __init__(
        self, database: Database, subscribers: Sequence[Subscriber], *, chunk: int = CHUNK, reach: Reach = inert
    ) -> None:
        self._database = database
        self._subscribers = {each.name: each for each in subscribers}
        self._chunk = chunk
        self._reach = reach
        self._horizon = Horizon(database, _last)

    @property
    @override
    def subscribers(self) -> Sequence[str]:
        return tuple(self._subscribers)

    @override
    async def advance(self, subscriber: str) -> bool:
        # Looking is a read: an idle house must not keep the disk busy.
        had, newest = await self._database.read(lambda connection: _look(connection, subscriber))
        if newest > self._horizon.seq and had >= self._horizon.seq:
            await self._horizon.move()
        if had >= self._horizon.seq:
            return False
        handle = self._subscribers[subscriber].handle
        return await self._database.write(lambda connection: self._advance(connection, subscriber, handle))

    def _advance(
        self, connection: Connection, subscriber: str, handle: Callable[[Connection, Sequence[Entry]], None]
    ) -> bool:
        insert_missing(connection, cursors, [{"subscriber": subscriber, "seq": 0}])
        mine = cursors.c.subscriber == subscriber
        had = connection.execute(for_update(select(cursors.c.seq).where(mine), skip_locked=True)).scalar_one_or_none()
        if had is None:
            return False  # another worker is at it
        entries = _entries(connection, had, self._horizon.seq, self._chunk)
        if not entries:  # they were erased
            connection.execute(update(cursors).where(mine).values(seq=max(had, self._horizon.seq)))
            return False
        handle(connection, entries)
        connection.execute(update(cursors).where(mine).values(seq=entries[-1].seq))
        self._reach("subscriber.handled")
        return True


def _look(connection: Connection, subscriber: str) -> tuple[int, int]:
    had = connection.execute(select(cursors.c.seq).where(cursors.c.subscriber == subscriber)).scalar_one_or_none()
    return had or 0, _last(connection)


def _last(connection: Connection) -> int:
    return connection.execute(select(func.coalesce(func.max(journal.c.seq), 0))).scalar_one()


def _entries(connection: Connection, after: int, until: int, limit: int) -> list[Entry]:
    query = select(journal).where(journal.c.seq > after, journal.c.seq <= until).order_by(journal.c.seq).limit(limit)
    return [
        Entry(
            seq=row.seq,
            id=row.id,
            parent=row.parent,
            type=row.type,
            occurred_at=row.occurred_at,
            facts=row.facts,
            simulated=row.simulated,
        )
        for row in connection.execute(query)
    ]
