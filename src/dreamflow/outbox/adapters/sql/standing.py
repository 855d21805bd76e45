"""How delivery stands, as the database tells it: for metrics, and for `dreamflow doctor`. Counts only, no ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, func, select

from dreamflow.outbox.adapters.sql.deliveries import books_of
from dreamflow.outbox.adapters.sql.looking import oldest_waiting
from dreamflow.outbox.adapters.sql.tables import (
    ENDED,
    IN_A_BATCH,
    deliveries,
    dropped,
    is_orphan,
    journal,
    leases,
    workers,
)
from dreamflow.outbox.model import Books, DeliveryState


@dataclass(frozen=True, slots=True)
class Standing:
    """Delivery at one moment.

    Attributes:
        books: what was accepted, and where it is.
        oldest: when the fact happened that waits longest; none when nothing waits.
        workers: how many live, by pool.
        leases: partitions that a live worker holds, by pool.
        orphans: open batches whose worker has died or let go of them; the next worker adopts them.
        dead: dead letters that nobody has dropped.
        unpublished: deliveries that wait and of which the log has no pointer yet; none when nobody has asked.
    """

    books: Books
    oldest: datetime | None
    workers: Mapping[str, int]
    leases: Mapping[str, int]
    orphans: int
    dead: int
    unpublished: int | None = None


def standing_of(connection: Connection, now: datetime) -> Standing:
    """How delivery stands.

    Args:
        connection: to a database with the schema of this version.
        now: by the machine's clock, as leases are.
    """
    alive = select(workers.c.id).where(workers.c.until >= now)
    living = select(workers.c.pool, func.count()).where(workers.c.until >= now).group_by(workers.c.pool)
    held = select(leases.c.pool, func.count()).where(leases.c.owner.in_(alive)).group_by(leases.c.pool)
    orphans = select(func.count()).where(is_orphan(alive))
    is_dropped = exists().where(dropped.c.delivery == deliveries.c.id)
    dead = select(func.count()).where(deliveries.c.state == DeliveryState.DEAD, ENDED, ~is_dropped)
    return Standing(
        books=books_of(connection),
        oldest=_oldest(connection),
        workers={row[0]: row[1] for row in connection.execute(living)},
        leases={row[0]: row[1] for row in connection.execute(held)},
        orphans=connection.execute(orphans).scalar_one(),
        dead=connection.execute(dead).scalar_one(),
    )


def _oldest(connection: Connection) -> datetime | None:
    # One look into each of the two indexes of what is pending: all of the table may be a month of deliveries.
    sent = connection.execute(select(func.min(deliveries.c.seq)).where(IN_A_BATCH)).scalar_one()
    oldest = min((seq for seq in (oldest_waiting(connection), sent) if seq is not None), default=None)
    if oldest is None:
        return None
    happened = select(journal.c.occurred_at).join(deliveries, deliveries.c.fact == journal.c.id)
    return connection.execute(happened.where(deliveries.c.seq == oldest)).scalar_one_or_none()
