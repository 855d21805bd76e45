"""Delivery by many workers: streams, leases, batches with owners, cursors, due jobs."""

from zlib import crc32

import sqlalchemy as sa
from alembic import op

from dreamflow.kit.db import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_WAITING = sa.text("batch IS NULL AND state = 'pending'")
_BATCHED = sa.text("batch IS NOT NULL")
_ENDED = sa.text("settled_at IS NOT NULL")
_IN_A_BATCH = sa.text("batch IS NOT NULL AND state = 'pending'")


def upgrade() -> None:
    op.create_table(
        "streams",
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("parent"),
    )
    op.execute("INSERT INTO streams (parent, last) SELECT parent, max(number) FROM deliveries GROUP BY parent")
    op.rename_table("deliveries", "deliveries_before")
    op.rename_table("batches", "batches_before")
    for name in ("deliveries_by_state", "ix_deliveries_batch", "deliveries_of_parent"):
        op.drop_index(name, "deliveries_before")
    op.drop_index("ix_batches_open", "batches_before")
    op.drop_index("ix_journal_parent", "journal")
    if op.get_context().dialect.name == "postgresql":  # elsewhere names of constraints belong to their table
        op.execute("ALTER INDEX deliveries_pkey RENAME TO deliveries_before_pkey")
        op.execute("ALTER INDEX batches_pkey RENAME TO batches_before_pkey")
    _create_deliveries()
    _create_batches()
    _keep()
    op.drop_table("deliveries_before")
    op.drop_table("batches_before")
    op.drop_column("journal", "outgoing")
    if op.get_context().dialect.name == "postgresql":
        op.alter_column("journal", "seq", type_=sa.BigInteger())
        op.execute("ALTER SEQUENCE journal_seq_seq AS bigint")
    op.create_table(
        "workers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "leases",
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("pool", "partition"),
    )
    op.create_table(
        "journal_cursors",
        sa.Column("subscriber", sa.String(), nullable=False),
        sa.Column("seq", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("subscriber"),
    )
    op.create_table(
        "due_jobs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("due", UtcDateTime(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_reason", sa.String(), nullable=True),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_due_jobs_due", "due_jobs", ["due"], unique=False)
    op.create_table(
        "settled_totals",
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("count", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("state"),
    )
    op.create_table(
        "dropped_letters",
        sa.Column("delivery", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("delivery"),
    )


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("seq", _BIG, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("fact", sa.String(), nullable=False),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("identity", sa.JSON(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("ledger_entry", sa.String(), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("backfill", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("batch", sa.String(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("deliveries_of_parent", "deliveries", ["parent", "number"], unique=True)
    op.create_index("deliveries_of_batch", "deliveries", ["batch"], sqlite_where=_BATCHED, postgresql_where=_BATCHED)
    op.create_index(
        "deliveries_by_state", "deliveries", ["state", "settled_at"], sqlite_where=_ENDED, postgresql_where=_ENDED
    )
    op.create_index(
        "deliveries_waiting", "deliveries", ["kind", "seq"], sqlite_where=_WAITING, postgresql_where=_WAITING
    )
    op.create_index(
        "deliveries_in_a_batch", "deliveries", ["batch"], sqlite_where=_IN_A_BATCH, postgresql_where=_IN_A_BATCH
    )


def _create_batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("ambiguous", sa.Boolean(), nullable=False),
        sa.Column("due", UtcDateTime(), nullable=True),
        sa.Column("last_reason", sa.String(), nullable=True),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_batches_owner", "batches", ["owner"], unique=False)
    op.create_index("ix_batches_open", "batches", ["open"], unique=False)


def _keep() -> None:
    """Rows go over in the order of acceptance. An open batch may have been sent: its members go on one by one."""
    op.execute(
        "INSERT INTO batches (id, lane, owner, attempts, ambiguous, due, last_reason, open) "
        "SELECT id, 'replay', NULL, attempts, TRUE, due, last_reason, open FROM batches_before"
    )
    op.execute(
        "INSERT INTO deliveries (id, fact, parent, number, partition, kind, name, body, identity, purpose, "
        "ledger_entry, occurred_at, backfill, state, reason, batch, settled_at) "
        "SELECT d.id, j.id, d.parent, d.number, 0, d.kind, d.name, d.body, d.identity, d.purpose, d.ledger_entry, "
        "d.occurred_at, d.backfill, d.state, d.reason, d.batch, "
        "CASE WHEN d.state <> 'pending' THEN coalesce(d.settled_at, d.occurred_at) END "
        "FROM deliveries_before d JOIN journal j ON j.seq = d.seq ORDER BY d.seq, d.part"
    )
    connection = op.get_bind()
    parents = connection.execute(sa.text("SELECT DISTINCT parent FROM deliveries")).scalars().all()
    rows = [{"place": crc32(parent.encode()) % 64, "whose": parent} for parent in parents]
    if rows:
        connection.execute(sa.text("UPDATE deliveries SET partition = :place WHERE parent = :whose"), rows)
