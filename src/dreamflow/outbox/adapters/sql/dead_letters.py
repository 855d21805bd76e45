"""Dead letters in SQL: looked at, sent again, given up."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, insert, select, update
from typing_extensions import override

from dreamflow.kit.db import Database
from dreamflow.outbox.adapters.sql.deliveries import delivery_of
from dreamflow.outbox.adapters.sql.dialect import announce_appending, for_update
from dreamflow.outbox.adapters.sql.tables import ENDED, PENDING, batches, deliveries, dropped, streams
from dreamflow.outbox.errors import NotDead, UnknownDelivery
from dreamflow.outbox.model import (
    BatchState,
    DeliveryKind,
    DeliveryState,
    Lane,
    Letter,
    Requeued,
    WholeLetter,
)
from dreamflow.outbox.ports import DeadLetters

_DEAD: Final = deliveries.c.state == DeliveryState.DEAD
_IS_DROPPED: Final = exists().where(dropped.c.delivery == deliveries.c.id)

_MOST_IDS: Final = 500
"""In one IN (...)."""


class SqlDeadLetters(DeadLetters):
    """Dead letters of one database.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def letters(self, state: DeliveryState, limit: int, *, dropped: bool = False) -> Sequence[Letter]:
        return await self._database.read(lambda connection: _letters(connection, state, limit, is_dropped=dropped))

    @override
    async def letter(self, id_: str) -> WholeLetter:
        return await self._database.read(lambda connection: _whole(connection, id_))

    @override
    async def dead(self, reason_like: str | None) -> Sequence[str]:
        query = select(deliveries.c.id).where(_DEAD, ~_IS_DROPPED).order_by(deliveries.c.seq)
        if reason_like:
            query = query.where(deliveries.c.reason.icontains(reason_like, autoescape=True))
        return await self._database.read(lambda connection: connection.execute(query).scalars().all())

    @override
    async def requeue(self, ids: Sequence[str], now: datetime, *, as_new: bool, others_too: bool = False) -> Requeued:
        def write(connection: Connection) -> Requeued:
            announce_appending(connection)  # the new seqs
            wanted = list(dict.fromkeys(ids))
            _hold_profiles(connection, wanted)
            return _resend(connection, _dead(connection, wanted, others_too=others_too), now, as_new=as_new)

        return await self._database.write(write)

    @override
    async def drop(self, ids: Sequence[str], reason: str, now: datetime) -> None:
        def write(connection: Connection) -> None:
            wanted = list(dict.fromkeys(ids))
            _hold_profiles(connection, wanted)
            rows = _dead(connection, wanted, others_too=False)
            given_up = [{"delivery": row.id, "reason": reason, "at": now} for row in rows]
            if given_up:
                connection.execute(insert(dropped), given_up)
            for some in _chunks([row.seq for row in rows]):
                emptied = update(deliveries).where(deliveries.c.seq.in_(some)).values(body="{}", identity=[])
                connection.execute(emptied)

        await self._database.write(write)


def _letters(connection: Connection, state: DeliveryState, limit: int, *, is_dropped: bool) -> list[Letter]:
    columns = (
        deliveries.c.id,
        deliveries.c.parent,
        deliveries.c.name,
        deliveries.c.reason,
        deliveries.c.settled_at,
        deliveries.c.occurred_at,
        dropped.c.reason.label("why_dropped"),
    )
    joined = deliveries.outerjoin(dropped, dropped.c.delivery == deliveries.c.id)
    which: ColumnElement[bool] = PENDING if state is DeliveryState.PENDING else and_(deliveries.c.state == state, ENDED)
    if state is DeliveryState.DEAD:
        which = and_(which, dropped.c.delivery.is_not(None) if is_dropped else dropped.c.delivery.is_(None))
    newest = (deliveries.c.settled_at.desc(), deliveries.c.seq.desc())
    query = select(*columns).select_from(joined).where(which).order_by(*newest).limit(limit)
    return [
        Letter(
            id=row.id,
            parent=row.parent,
            name=row.name,
            state=state,
            reason=row.why_dropped or row.reason,
            since=row.settled_at or row.occurred_at,
        )
        for row in connection.execute(query)
    ]


def _whole(connection: Connection, id_: str) -> WholeLetter:
    row = connection.execute(select(deliveries).where(deliveries.c.id == id_)).one_or_none()
    if row is None:
        raise UnknownDelivery(f"There is no delivery {id_}.")
    batch = connection.execute(select(batches).where(batches.c.id == row.batch)).one_or_none()
    why_dropped = connection.execute(select(dropped.c.reason).where(dropped.c.delivery == id_)).scalar_one_or_none()
    return WholeLetter(
        delivery=delivery_of(row),
        fact=row.fact,
        number=row.number,
        state=DeliveryState(row.state),
        reason=row.reason,
        ended_at=row.settled_at,
        batch=None if batch is None else _batch_state(batch),
        dropped=why_dropped,
    )


def _batch_state(row: Row[Any]) -> BatchState:
    return BatchState(
        id=row.id,
        lane=Lane(row.lane),
        attempts=row.attempts,
        is_ambiguous=row.ambiguous,
        is_open=row.open,
        due=row.due,
        last_reason=row.last_reason,
    )


def _hold_profiles(connection: Connection, ids: Sequence[str]) -> None:
    """Nothing else is accepted for these profiles until the commit: what goes again goes after all that waits."""
    parents: set[str] = set()
    for some in _chunks(ids):
        parents.update(connection.execute(select(deliveries.c.parent).where(deliveries.c.id.in_(some))).scalars())
    # In one order everywhere, as they are taken when something is accepted: nobody waits for each other.
    for some in _chunks(sorted(parents)):
        mine = select(streams.c.parent).where(streams.c.parent.in_(some)).order_by(streams.c.parent)
        connection.execute(for_update(mine)).all()


def _dead(connection: Connection, ids: Sequence[str], *, others_too: bool) -> list[Row[Any]]:
    """The rows, held until the commit, oldest first.

    Raises:
        UnknownDelivery, NotDead: if others may not be among them.
    """
    found: dict[str, Row[Any]] = {}
    given_up: set[str] = set()
    for some in _chunks(ids):
        rows = connection.execute(for_update(select(deliveries).where(deliveries.c.id.in_(some))))
        found.update({row.id: row for row in rows})
        given_up.update(connection.execute(select(dropped.c.delivery).where(dropped.c.delivery.in_(some))).scalars())
    if not others_too:
        for id_ in ids:
            if id_ not in found:
                raise UnknownDelivery(f"There is no delivery {id_}. Nothing was changed.")
            if id_ in given_up:
                raise NotDead(f"{id_} was dropped: what it said is gone. Nothing was changed.")
            if found[id_].state != DeliveryState.DEAD:
                raise NotDead(f"{id_} is {found[id_].state}, not dead. Nothing was changed.")
    dead = [row for row in found.values() if row.state == DeliveryState.DEAD and row.id not in given_up]
    return sorted(dead, key=lambda row: row.seq)


def _resend(connection: Connection, rows: Sequence[Row[Any]], now: datetime, *, as_new: bool) -> Requeued:
    """Replace them by rows with the same ids and numbers, for the books, and new seqs: the end of the line."""
    going: dict[int, dict[str, Any]] = {}
    for row in rows:
        body = _still_true(connection, row) if row.kind == DeliveryKind.PROFILE else json.loads(row.body)
        if body:
            going[row.seq] = _again(row, body, as_new=as_new)
    for some in _chunks(list(going)):
        connection.execute(delete(deliveries).where(deliveries.c.seq.in_(some)))
    if going:
        connection.execute(insert(deliveries), list(going.values()))
    outdated = [row.seq for row in rows if row.seq not in going]
    ended = {"state": DeliveryState.SUPERSEDED, "reason": "newer updates say all of it", "settled_at": now}
    for some in _chunks(outdated):
        connection.execute(update(deliveries).where(deliveries.c.seq.in_(some)).values(ended))
    return Requeued(waiting=len(going), superseded=len(outdated))


def _again(row: Row[Any], body: Mapping[str, Any], *, as_new: bool) -> dict[str, Any]:
    kept = (column.name for column in deliveries.columns if column is not deliveries.c.seq)
    return {name: getattr(row, name) for name in kept} | {
        "body": json.dumps(body, separators=(",", ":")),
        "identity": [name for name in row.identity if name in body],
        "backfill": row.backfill or not as_new,
        "state": DeliveryState.PENDING,
        "reason": None,
        "batch": None,
        "settled_at": None,
    }


def _still_true(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    """What an old profile update says that no newer one has said since: it must not turn the profile back."""
    newer = select(deliveries.c.body).where(
        deliveries.c.parent == row.parent,
        deliveries.c.number > row.number,
        deliveries.c.kind == DeliveryKind.PROFILE,
        deliveries.c.state.in_([DeliveryState.PENDING, DeliveryState.DELIVERED]),
    )
    said: set[str] = set()
    for body in connection.execute(newer).scalars():
        said.update(json.loads(body))
    return {name: value for name, value in json.loads(row.body).items() if name not in said}


def _chunks(values: Sequence[Any]) -> list[Sequence[Any]]:
    return [values[start : start + _MOST_IDS] for start in range(0, len(values), _MOST_IDS)]
