"""What waits and may go: the oldest of each kind that there is room for, so that no kind's backlog hides the other."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select

from dreamflow.outbox.adapters.sql.dialect import among
from dreamflow.outbox.adapters.sql.tables import PENDING_STATE, WAITING, deliveries
from dreamflow.outbox.model import DeliveryKind, Lane
from dreamflow.outbox.rules.cutting import Limits, Waiting

_MOST: Final = 3_000
"""Deliveries of one kind that are looked at for bulk: to store more batches in one commit would hold others up."""

_OTHER: Final = deliveries.alias("other")
_IS_BUSY: Final = deliveries.c.parent.in_(
    select(_OTHER.c.parent).where(_OTHER.c.batch.is_not(None), _OTHER.c.state == PENDING_STATE)
)
"""The barrier: something of the same profile is in a batch that has not ended.

One set for the whole statement. Asked anew for each row, a PostgreSQL without statistics compares every waiting row
with every row in a batch.
"""

_COLUMNS: Final = (
    deliveries.c.seq,
    deliveries.c.parent,
    deliveries.c.purpose,
    deliveries.c.ledger_entry,
    func.length(deliveries.c.body),
)


def look(
    connection: Connection,
    room: Mapping[Lane, int],
    limits: Limits,
    partitions: Sequence[int] | None,
    arrived: Sequence[str] | None,
) -> list[Waiting]:
    """The oldest that wait, of profiles of which nothing is in a batch; oldest first, none before what it comes after.

    Args:
        connection: to read with.
        room: for so many batches of each lane.
        limits: of batches.
        partitions: only of these; None means all.
        arrived: only these ids; None means all.
    """
    conditions = [WAITING, ~_IS_BUSY]
    if partitions is not None:
        conditions.append(deliveries.c.partition.in_(partitions))
    if arrived is not None:
        conditions.append(among(connection, deliveries.c.id, arrived))
    windows = {
        DeliveryKind.EVENT: _window(room.get(Lane.EVENT, 0), room.get(Lane.EVENTS, 0), limits.events, limits),
        DeliveryKind.PROFILE: _window(room.get(Lane.PROFILE, 0), room.get(Lane.PROFILES, 0), limits.profiles, limits),
    }
    found = {kind: _oldest(connection, kind, window, conditions) for kind, window in windows.items()}
    together: list[Waiting] = []
    for kind, other in ((DeliveryKind.EVENT, DeliveryKind.PROFILE), (DeliveryKind.PROFILE, DeliveryKind.EVENT)):
        is_all = len(found[other]) < windows[other]
        unseen = {} if is_all else _unseen(connection, found[kind], other, after=_last(found[other]))
        together += [each for each in found[kind] if each.seq < unseen.get(each.parent, inf)]
    return sorted(together, key=lambda each: each.seq)


def oldest_waiting(connection: Connection) -> int | None:
    """The seq of what has waited longest, by one look into the index for each kind."""
    first = select(func.min(deliveries.c.seq)).where(WAITING)
    found = [connection.execute(first.where(deliveries.c.kind == kind)).scalar_one() for kind in DeliveryKind]
    return min((seq for seq in found if seq is not None), default=None)


def _window(single: int, bulk: int, most: int, limits: Limits) -> int:
    """How many deliveries of a kind to look at: enough to fill what there is room for."""
    if bulk:
        return min(bulk * most, _MOST) + single
    # With the bulk lane full it is enough to see whether what waits is for the other.
    return limits.bulk_from + single if single else 0


def _oldest(
    connection: Connection, kind: DeliveryKind, window: int, conditions: Sequence[ColumnElement[bool]]
) -> list[Waiting]:
    if not window:
        return []
    query = select(*_COLUMNS).where(deliveries.c.kind == kind, *conditions).order_by(deliveries.c.seq).limit(window)
    return [
        Waiting(seq, parent, kind, purpose, ledger_entry, size)
        for seq, parent, purpose, ledger_entry, size in connection.execute(query).all()
    ]


def _unseen(connection: Connection, found: Sequence[Waiting], other: DeliveryKind, *, after: int) -> dict[str, int]:
    """Of the profiles of what was found: where the oldest of the other kind waits that was not looked at."""
    profiles = {each.parent for each in found if each.seq > after}
    if not profiles:
        return {}
    unseen = (WAITING, deliveries.c.kind == other, deliveries.c.seq > after, deliveries.c.seq < _last(found))
    query = select(deliveries.c.parent, func.min(deliveries.c.seq).label("first")).group_by(deliveries.c.parent)
    rows = connection.execute(query.where(*unseen, among(connection, deliveries.c.parent, sorted(profiles))))
    return {row.parent: row.first for row in rows}


def _last(found: Sequence[Waiting]) -> int:
    return found[-1].seq if found else 0
