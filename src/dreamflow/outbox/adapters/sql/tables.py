"""The tables of the outbox."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    and_,
    literal_column,
    or_,
    text,
)

from dreamflow.kit.db import UtcDateTime
from dreamflow.outbox.model import DeliveryState

BigSerial: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts rows up in columns of exactly the type INTEGER only, which has 64 bits there."""

_WAITING: Final = text(f"batch IS NULL AND state = '{DeliveryState.PENDING}'")
_BATCHED: Final = text("batch IS NOT NULL")
_ENDED: Final = text("settled_at IS NOT NULL")
_IN_A_BATCH: Final = text(f"batch IS NOT NULL AND state = '{DeliveryState.PENDING}'")

metadata = MetaData()

journal = Table(
    "journal",
    metadata,
    Column("seq", BigSerial, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("parent", String, nullable=False),
    Column("type", String, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("simulated", Boolean, nullable=False),
    sqlite_autoincrement=True,  # a seq is never given out twice, also after rows were erased
)

streams = Table(
    "streams",
    metadata,
    Column("parent", String, primary_key=True),
    # How many deliveries were accepted for this profile; whoever raises it holds the profile until the commit.
    Column("last", Integer, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("seq", BigSerial, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("fact", String, nullable=False),  # the journal entry that caused it
    Column("parent", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("body", Text, nullable=False),  # JSON, as it will be sent
    Column("identity", JSON, nullable=False),
    Column("purpose", String, nullable=False),
    Column("ledger_entry", String, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("backfill", Boolean, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", String, nullable=True),
    Column("batch", String, nullable=True),
    Column("settled_at", UtcDateTime, nullable=True),
    Index("deliveries_of_parent", "parent", "number", unique=True),
    Index("deliveries_waiting", "kind", "seq", sqlite_where=_WAITING, postgresql_where=_WAITING),
    # Random keys dirty a page for each row: what is not batched has no entry in these.
    Index("deliveries_in_a_batch", "batch", sqlite_where=_IN_A_BATCH, postgresql_where=_IN_A_BATCH),
    Index("deliveries_of_batch", "batch", sqlite_where=_BATCHED, postgresql_where=_BATCHED),
    # Only of what has ended: SQLite would look for what waits in it, and then sort all of that for each look.
    Index("deliveries_by_state", "state", "settled_at", sqlite_where=_ENDED, postgresql_where=_ENDED),
    sqlite_autoincrement=True,
)

# Written out, not bound: an index of the pending ones serves only statements that say so themselves.
PENDING_STATE: Final = literal_column(f"'{DeliveryState.PENDING}'", String)
PENDING: Final = deliveries.c.state == PENDING_STATE
WAITING: Final = and_(deliveries.c.batch.is_(None), PENDING)
IN_A_BATCH: Final = and_(deliveries.c.batch.is_not(None), PENDING)
ENDED: Final = deliveries.c.settled_at.is_not(None)
"""To be said wherever ended deliveries are looked for: their index holds no others."""

batches = Table(
    "batches",
    metadata,
    Column("id", String, primary_key=True),
    Column("lane", String, nullable=False),
    Column("owner", String, nullable=True, index=True),  # the worker that sends it; none: its worker has died
    Column("attempts", Integer, nullable=False),
    Column("ambiguous", Boolean, nullable=False),
    Column("due", UtcDateTime, nullable=True),
    Column("last_reason", String, nullable=True),
    Column("open", Boolean, nullable=False, index=True),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String, primary_key=True),
    Column("pool", String, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("pool", String, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("owner", String, nullable=True),
)

cursors = Table(
    "journal_cursors",
    metadata,
    Column("subscriber", String, primary_key=True),
    Column("seq", BigSerial, nullable=False),
)

due_jobs = Table(
    "due_jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("due", UtcDateTime, nullable=False, index=True),
    Column("payload", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_reason", String, nullable=True),
    Column("owner", String, nullable=True),  # the worker that runs it, until a moment of the machine's clock
    Column("until", UtcDateTime, nullable=True),
)

settled_totals = Table(
    "settled_totals",
    metadata,
    Column("state", String, primary_key=True),
    Column("count", BigSerial, nullable=False),  # of rows that were removed after their time
)

dropped = Table(
    "dropped_letters",
    metadata,
    Column("delivery", String, primary_key=True),
    Column("reason", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)


def is_orphan(alive: Select[str]) -> ColumnElement[bool]:
    """Whether an open batch is nobody's: its worker let go of it, or is not among those who live."""
    return and_(batches.c.open, or_(batches.c.owner.is_(None), batches.c.owner.not_in(alive)))
