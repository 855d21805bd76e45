"""Journal, deliveries and batches in SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Row,
    Select,
    String,
    Table,
    func,
    insert,
    select,
    update,
)
from typing_extensions import override

from dreamflow.kit.db import Database, UtcDateTime
from dreamflow.kit.ids import Ids
from dreamflow.outbox.model import (
    Batch,
    Books,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Envelope,
    OutboundProfile,
    Outgoing,
)
from dreamflow.outbox.ports import DeliveryStore, Verdict
from dreamflow.outbox.rules import BULK_LIMIT, leaving_time, next_batch

metadata = MetaData()
journal = Table(
    "journal",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("parent", String, nullable=False, index=True),
    Column("type", String, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("outgoing", Integer, nullable=False),  # how many deliveries it caused
    sqlite_autoincrement=True,  # a seq is never given out twice, also after rows were erased
)
batches = Table(
    "batches",
    metadata,
    Column("id", String, primary_key=True),
    Column("lane", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", UtcDateTime, nullable=True),
    Column("last_reason", String, nullable=True),
    Column("open", Boolean, nullable=False, index=True),
)
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String, primary_key=True),
    Column("seq", Integer, ForeignKey("journal.seq"), nullable=False),
    Column("part", Integer, nullable=False),
    Column("parent", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("body", JSON, nullable=False),
    Column("identity", JSON, nullable=False),
    Column("purpose", String, nullable=False),
    Column("ledger_entry", String, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("backfill", Boolean, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", String, nullable=True),
    Column("batch", String, ForeignKey("batches.id"), nullable=True, index=True),
    Column("settled_at", UtcDateTime, nullable=True),
    Index("deliveries_by_state", "state", "seq", "part"),
    Index("deliveries_of_parent", "parent", "number", unique=True),
)

_PENDING: Final = deliveries.c.state == DeliveryState.PENDING


def append(connection: Connection, envelopes: Sequence[Envelope]) -> None:
    """Write facts and what must leave because of them; call inside the transaction that caused them."""
    for envelope in envelopes:
        seq: int = connection.execute(
            insert(journal)
            .values(
                id=envelope.id,
                parent=envelope.parent,
                type=envelope.type,
                occurred_at=envelope.occurred_at,
                facts=dict(envelope.facts),
                simulated=envelope.simulated,
                outgoing=len(envelope.outgoing),
            )
            .returning(journal.c.seq)
        ).scalar_one()
        if envelope.outgoing:
            # What leaves is counted per parent: gaps in a common count would tell of facts that stay at home.
            mine = select(func.max(deliveries.c.number)).where(deliveries.c.parent == envelope.parent)
            before = connection.execute(mine).scalar_one() or 0
            for part, outgoing in enumerate(envelope.outgoing):
                row = _row(envelope, seq=seq, part=part, number=before + part + 1, outgoing=outgoing)
                connection.execute(insert(deliveries).values(row))


def _row(envelope: Envelope, *, seq: int, part: int, number: int, outgoing: Outgoing) -> dict[str, Any]:
    content = outgoing.content
    is_profile = isinstance(content, OutboundProfile)
    body = content.body()
    if not is_profile:
        body |= {"schema": content.schema_version, "seq": number}
    return {
        "id": envelope.id if part == 0 else f"{envelope.id}-{part}",
        "seq": seq,
        "part": part,
        "parent": envelope.parent,
        "number": number,
        "kind": DeliveryKind.PROFILE if is_profile else DeliveryKind.EVENT,
        "name": "profile" if is_profile else content.metric,
        "body": body,
        "identity": sorted(content.identity) if is_profile else [],
        "purpose": content.purpose,
        "ledger_entry": outgoing.ledger_entry,
        "occurred_at": leaving_time(envelope.occurred_at),
        "backfill": envelope.simulated,
        "state": DeliveryState.PENDING,
    }


class SqlDeliveries(DeliveryStore):
    """Deliveries of one database, for one worker.

    Args:
        database: where they are.
        ids: for batches.
    """

    def __init__(self, database: Database, ids: Ids) -> None:
        self._database = database
        self._ids = ids

    @override
    async def claim(self, now: datetime) -> Batch | None:
        # Looking is a read: an idle worker must not keep the disk busy.
        if not await self._database.read(_has_pending):
            return None
        batch_id = self._ids.new()
        return await self._database.write(lambda connection: _claim(connection, batch_id, now))

    @override
    async def settle(self, batch: Batch, verdicts: Mapping[str, Verdict], now: datetime) -> None:
        def write(connection: Connection) -> None:
            for delivery_id, verdict in verdicts.items():
                connection.execute(
                    update(deliveries)
                    .where(deliveries.c.id == delivery_id, _PENDING)
                    .values(state=verdict.state, reason=verdict.reason, settled_at=now)
                )
            left = select(deliveries.c.id).where(deliveries.c.batch == batch.id, _PENDING).limit(1)
            if connection.execute(left).first() is None:
                connection.execute(update(batches).where(batches.c.id == batch.id).values(open=False))

        await self._database.write(write)

    @override
    async def defer(self, batch: Batch, due: datetime, reason: str) -> None:
        changed = {"attempts": batch.attempts + 1, "due": due, "last_reason": reason}
        await self._database.write(lambda c: c.execute(update(batches).where(batches.c.id == batch.id).values(changed)))

    @override
    async def books(self) -> Books:
        def read(connection: Connection) -> Books:
            query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
            counts = {row[0]: int(row[1]) for row in connection.execute(query)}
            # What the journal says it caused, not the rows there are: a row that went missing must show.
            accepted = connection.execute(select(func.coalesce(func.sum(journal.c.outgoing), 0))).scalar_one()
            return Books(**counts, accepted=accepted)

        return await self._database.read(read)


def _has_pending(connection: Connection) -> bool:
    return connection.execute(select(deliveries.c.id).where(_PENDING).limit(1)).first() is not None


def _claim(connection: Connection, batch_id: str, now: datetime) -> Batch | None:
    unfinished = connection.execute(select(batches).where(batches.c.open).limit(1)).one_or_none()
    if unfinished is not None:
        if unfinished.due is not None and unfinished.due > now:
            return None
        members = connection.execute(_in_order(deliveries).where(deliveries.c.batch == unfinished.id, _PENDING))
        # Claimed before: whoever did may have sent it and died before saying so.
        return Batch(unfinished.id, unfinished.lane, tuple(map(_delivery, members)), max(1, unfinished.attempts))
    # The kinds say how far the batch goes; whole rows are read and decoded for those that are in it only.
    kinds = _in_order(deliveries.c.kind).where(_PENDING).limit(BULK_LIMIT)
    backlog = [DeliveryKind(kind) for kind in connection.execute(kinds).scalars()]
    if not backlog:
        return None
    lane, length = next_batch(backlog)
    chosen = tuple(map(_delivery, connection.execute(_in_order(deliveries).where(_PENDING).limit(length))))
    connection.execute(insert(batches).values(id=batch_id, lane=lane, attempts=0, open=True))
    connection.execute(
        update(deliveries).where(deliveries.c.id.in_([delivery.id for delivery in chosen])).values(batch=batch_id)
    )
    return Batch(batch_id, lane, chosen, 0)


def _in_order(what: Table | Column[Any]) -> Select[*tuple[Any, ...]]:
    return select(what).order_by(deliveries.c.seq, deliveries.c.part)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        seq=row.seq,
        parent=row.parent,
        kind=DeliveryKind(row.kind),
        name=row.name,
        body=row.body,
        identity=frozenset(row.identity),
        purpose=row.purpose,
        ledger_entry=row.ledger_entry,
        occurred_at=row.occurred_at,
        backfill=row.backfill,
    )
