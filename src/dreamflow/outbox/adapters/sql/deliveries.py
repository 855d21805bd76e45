"""Deliveries and batches in SQL: what is cut, how it ends, and the books."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)
from typing_extensions import override

from dreamflow.kit.db import Database
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.kit.ids import Ids
from dreamflow.outbox.adapters.sql.dialect import among, for_update
from dreamflow.outbox.adapters.sql.looking import look
from dreamflow.outbox.adapters.sql.tables import (
    ENDED,
    IN_A_BATCH,
    PENDING,
    WAITING,
    batches,
    deliveries,
    leases,
    settled_totals,
    streams,
)
from dreamflow.outbox.errors import LeaseLost
from dreamflow.outbox.model import Batch, Books, Delivery, DeliveryKind, DeliveryState, Lane, NewBatch, Verdict
from dreamflow.outbox.ports import DeliveryStore
from dreamflow.outbox.rules.cutting import Cut, Limits, cut
from dreamflow.outbox.rules.partitions import PARTITIONS
from dreamflow.outbox.rules.timing import LONGEST_ASKED_SECONDS

_KINDS: Final = {kind.value: kind for kind in DeliveryKind}

_STILL_WAITING: Final = (deliveries.c.batch.is_(None), deliveries.c.settled_at.is_(None))
"""For rows whose places are known. Said as `WAITING`, PostgreSQL would look through all that waits for them."""

_VERDICTS: Final = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery"), PENDING)
    .values(state=bindparam("verdict"), reason=bindparam("why"), settled_at=bindparam("at"))
)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Batches to be, and the partitions whose leases give the right to cut them."""

    partitions: frozenset[int] = frozenset()
    cuts: Sequence[Cut] = ()


class _Overtaken(Exception):
    """What was planned cannot be begun any more; the next look will see why."""


class SqlDeliveries(DeliveryStore):
    """Deliveries of one database.

    Args:
        database: where they are.
        ids: for batches.
        pool: whose leases count.
        reach: failpoints.
    """

    def __init__(self, database: Database, ids: Ids, *, pool: str = "delivery", reach: Reach = inert) -> None:
        self._database = database
        self._ids = ids
        self._pool = pool
        self._reach = reach

    @override
    async def claim(
        self,
        worker: str,
        now: datetime,
        *,
        under_way: frozenset[str],
        room: Mapping[Lane, int],
        limits: Limits,
        fresh: Mapping[Lane, int] | None = None,
        arrived: Sequence[str] | None = None,
    ) -> Sequence[Batch]:
        def read(connection: Connection) -> tuple[list[Batch], _Plan]:
            due = _due(connection, worker, now, under_way, room)
            left = {lane: count - sum(batch.lane is lane for batch in due) for lane, count in room.items()}
            if fresh is not None:
                left = {lane: min(count, fresh.get(lane, 0)) for lane, count in left.items()}
            return due, self._plan(connection, worker, left, limits, arrived)

        # Looking is a read: an idle worker must not keep the disk busy, nor a deep backlog those who write.
        due, plan = await self._database.read(read)
        if not plan.cuts:
            return due
        ids = [self._ids.new() for _ in plan.cuts]
        try:
            await self._database.write(lambda connection: self._begin(connection, worker, plan, ids, now))
        except _Overtaken:
            return due
        self._reach("outbox.cut")
        return [*due, *await self._database.read(lambda connection: _load(connection, ids))]

    @override
    async def settle(
        self,
        worker: str,
        batch: Batch,
        verdicts: Mapping[str, Verdict],
        now: datetime,
        into: Sequence[NewBatch] = (),
    ) -> None:
        new_ids = [self._ids.new() for _ in into]

        def write(connection: Connection) -> None:
            if not _hold(connection, batch.id, worker):
                return  # it was done before, and only the answer was lost
            _end(connection, batch, verdicts, now)
            for new_id, new in zip(new_ids, into, strict=True):
                _insert_batch(connection, new_id, new.lane, worker, is_ambiguous=new.is_ambiguous)
                moving = (deliveries.c.id.in_(new.members), deliveries.c.batch == batch.id, PENDING)
                connection.execute(update(deliveries).where(*moving).values(batch=new_id))
            left = select(deliveries.c.id).where(deliveries.c.batch == batch.id, PENDING).limit(1)
            if connection.execute(left).first() is None:
                connection.execute(update(batches).where(batches.c.id == batch.id).values(open=False))
            self._reach("outbox.settling")

        await self._database.write(write)
        self._reach("outbox.settled")

    @override
    async def defer(self, worker: str, batch: Batch, due: datetime, reason: str, *, is_ambiguous: bool) -> None:
        changed = {"attempts": batch.attempts + 1, "due": due, "last_reason": reason}
        if is_ambiguous:
            changed["ambiguous"] = True

        def write(connection: Connection) -> None:
            _hold(connection, batch.id, worker)
            connection.execute(update(batches).where(batches.c.id == batch.id).values(changed))

        await self._database.write(write)
        self._reach("outbox.deferred")

    @override
    async def books(self) -> Books:
        return await self._database.read(books_of)

    def _plan(
        self,
        connection: Connection,
        worker: str,
        room: Mapping[Lane, int],
        limits: Limits,
        arrived: Sequence[str] | None,
    ) -> _Plan:
        """What a worker could begin."""
        held = _partitions(connection, worker, self._pool) if any(room.values()) else ()
        if not held:
            return _Plan()
        shares = None if len(held) == PARTITIONS else held
        return _Plan(frozenset(held), cut(look(connection, room, limits, shares, arrived), room, limits))

    def _begin(self, connection: Connection, worker: str, plan: _Plan, ids: Sequence[str], now: datetime) -> None:
        """Store what was planned: only its worker cuts in these partitions, as long as it holds them.

        Raises:
            _Overtaken: it does no longer, or some of it has ended meanwhile.
        """
        if not plan.partitions <= set(_partitions(connection, worker, self._pool, for_share=True)):
            raise _Overtaken
        for batch_id, each in zip(ids, plan.cuts, strict=True):
            _insert_batch(connection, batch_id, each.lane, worker)
            chosen = (among(connection, deliveries.c.seq, each.members), *_STILL_WAITING)
            begun = connection.execute(update(deliveries).where(*chosen).values(batch=batch_id))
            if begun.rowcount < len(each.members):
                raise _Overtaken
            _merge(connection, each, now)
        self._reach("outbox.cutting")


def _partitions(connection: Connection, worker: str, pool: str, *, for_share: bool = False) -> Sequence[int]:
    """What a worker holds; `for_share`, nobody can take it away before the commit."""
    mine = select(leases.c.partition).where(leases.c.pool == pool, leases.c.owner == worker)
    return connection.execute(mine.with_for_update(read=True) if for_share else mine).scalars().all()


def _still_waiting(now: datetime) -> tuple[datetime, datetime]:
    """Due in this span, a batch waits. No wait is longer, unless the clock was put back."""
    return now + timedelta.resolution, now + timedelta(seconds=LONGEST_ASKED_SECONDS)


def _due(
    connection: Connection, worker: str, now: datetime, under_way: frozenset[str], room: Mapping[Lane, int]
) -> list[Batch]:
    """Batches that were stored before and are not being sent: after a wait, or after the death of their worker."""
    query = (
        select(batches)
        .where(
            batches.c.open,
            batches.c.owner == worker,
            or_(batches.c.due.is_(None), ~batches.c.due.between(*_still_waiting(now))),
            batches.c.id.not_in(under_way),
        )
        .order_by(batches.c.due, batches.c.id)
    )
    left = dict(room)
    found: list[Batch] = []
    for row in connection.execute(query):
        lane = Lane(row.lane)
        if left.get(lane, 0) > 0:
            left[lane] -= 1
            found.append(_batch(connection, row))
    return found


def _load(connection: Connection, ids: Sequence[str]) -> list[Batch]:
    rows = {row.id: row for row in connection.execute(select(batches).where(batches.c.id.in_(ids)))}
    return [_batch(connection, rows[each]) for each in ids]


def _batch(connection: Connection, row: Row[Any]) -> Batch:
    members = select(deliveries).where(deliveries.c.batch == row.id, PENDING).order_by(deliveries.c.seq)
    found = tuple(map(delivery_of, connection.execute(members).all()))
    return Batch(row.id, Lane(row.lane), found, row.attempts, row.ambiguous)


def _insert_batch(connection: Connection, batch: str, lane: Lane, worker: str, *, is_ambiguous: bool = False) -> None:
    connection.execute(
        insert(batches).values(id=batch, lane=lane, owner=worker, attempts=0, ambiguous=is_ambiguous, open=True)
    )


def _merge(connection: Connection, cut: Cut, now: datetime) -> None:
    """Write what older updates say into those that go, unless they say it anew; the older ones end.

    Raises:
        _Overtaken: one of them has ended already.
    """
    for last, older in cut.merged.items():
        query = select(deliveries.c.seq, deliveries.c.id, deliveries.c.body, deliveries.c.identity)
        rows = connection.execute(query.where(deliveries.c.seq.in_([*older, last])).order_by(deliveries.c.seq)).all()
        body: dict[str, Any] = {}
        for row in rows:
            body |= json.loads(row.body)
        identity = sorted({name for row in rows for name in row.identity})
        whole = {"body": json.dumps(body, separators=(",", ":")), "identity": identity}
        connection.execute(update(deliveries).where(deliveries.c.seq == last).values(whole))
        superseded = {"state": DeliveryState.SUPERSEDED, "reason": f"went along with {rows[-1].id}", "settled_at": now}
        waiting = (deliveries.c.seq.in_(older), *_STILL_WAITING)
        if connection.execute(update(deliveries).where(*waiting).values(superseded)).rowcount < len(older):
            raise _Overtaken


def _hold(connection: Connection, batch: str, worker: str) -> bool:
    """Nobody else touches this batch until the commit; false when it has ended.

    Raises:
        LeaseLost: it is somebody else's.
    """
    mine: Select[*tuple[Any, ...]] = select(batches.c.open).where(batches.c.id == batch, batches.c.owner == worker)
    is_open = connection.execute(for_update(mine)).scalar_one_or_none()
    if is_open is None:
        raise LeaseLost("This batch went to another worker.")
    return is_open


def _end(connection: Connection, batch: Batch, verdicts: Mapping[str, Verdict], now: datetime) -> None:
    different = set(verdicts.values())
    if len(different) == 1 and len(verdicts) == len(batch.deliveries):
        [verdict] = different
        ended = {"state": verdict.state, "reason": verdict.reason, "settled_at": now}
        connection.execute(update(deliveries).where(deliveries.c.batch == batch.id, PENDING).values(ended))
    elif verdicts:
        rows = [
            {"delivery": id_, "verdict": verdict.state, "why": verdict.reason, "at": now}
            for id_, verdict in verdicts.items()
        ]
        connection.execute(_VERDICTS, rows)


def books_of(connection: Connection) -> Books:
    """Counts by state; accepted is what was given a number, not the rows there are."""
    # Each part of it is in an index of its own; the table itself may be a month of deliveries.
    ended = select(deliveries.c.state, func.count()).where(ENDED).group_by(deliveries.c.state)
    counts = {row[0]: int(row[1]) for row in connection.execute(ended)}
    counts[DeliveryState.PENDING] = sum(
        connection.execute(select(func.count()).select_from(deliveries).where(which)).scalar_one()
        for which in (WAITING, IN_A_BATCH)
    )
    for state, count in connection.execute(select(settled_totals.c.state, settled_totals.c.count)):
        counts[state] = counts.get(state, 0) + int(count)
    # What was given a number, not the rows there are: a row that went missing must show.
    accepted = connection.execute(select(func.coalesce(func.sum(streams.c.last), 0))).scalar_one()
    return Books(**counts, accepted=int(accepted))


def delivery_of(row: Row[Any]) -> Delivery:
    """A row of `deliveries` as the worker sees it."""
    return Delivery(
        id=row.id,
        seq=row.seq,
        parent=row.parent,
        kind=_KINDS[row.kind],
        name=row.name,
        body=json.loads(row.body),
        identity=frozenset(row.identity),
        purpose=row.purpose,
        ledger_entry=row.ledger_entry,
        occurred_at=row.occurred_at,
        backfill=row.backfill,
    )
