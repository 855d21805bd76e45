"""Bring a database to the schema of this version, or refuse a newer one."""

from typing import Final

from sqlalchemy import Connection, func, select, text

from dreamflow.kit.db.revisions import revisions

MIGRATING: Final = 0x0D5EA1
"""Key of the advisory lock that keeps two migrations of a PostgreSQL database apart. Any number will do."""


def migrate(connection: Connection, scripts: str) -> None:
    """Run the missing migrations in the caller's transaction.

    The caller's write transaction is the lock: a second process that starts at the same time waits for it and
    then finds nothing to do.

    Args:
        connection: inside a write transaction.
        scripts: where the history lives, e.g. "dreamflow:migrations".

    Raises:
        SchemaTooNew: the database has a revision this version does not know; it is left as it is.
    """
    if connection.dialect.name == "postgresql":
        # The other migration may take long; tables that others use are not waited for longer than by any writer.
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
        connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    if not revisions(connection, scripts).is_current:
        # Alembic is slow to import, and at most starts there is nothing for it to do.
        from dreamflow.kit.db.alembic_upgrade import upgrade  # noqa: PLC0415

        upgrade(connection, scripts)
