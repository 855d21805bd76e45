"""Does the database take writes, and has it the schema this process was made for?"""

from sqlalchemy import Connection, text

from dreamflow.kit.db.database import DatabaseUnavailable

_RECOVERING = "SELECT pg_is_in_recovery()"
_NEXT_TRANSACTION = "SELECT pg_current_xact_id()"
"""A number for this transaction has to reach the disk, and no row is locked by it: probes of many processes at once
must not make anybody wait."""
_REVISION = "SELECT version_num FROM alembic_version"
_SAME_AGAIN = "UPDATE alembic_version SET version_num = version_num"
"""A write that changes nothing: on a full disk the database still reads."""


def require_ready(connection: Connection, revision: str) -> None:
    """See that a write would do; call inside a write transaction.

    Args:
        connection: of the write transaction.
        revision: the schema this process knows; see `revisions`.

    Raises:
        DatabaseUnavailable: the schema is another one by now, or the server is a copy that only reads.
    """
    if connection.dialect.name == "postgresql":
        if connection.execute(text(_RECOVERING)).scalar_one():
            raise DatabaseUnavailable("The database is a copy that only reads.")
        connection.execute(text(_NEXT_TRANSACTION))
    else:
        connection.execute(text(_SAME_AGAIN))
    if connection.execute(text(_REVISION)).scalar_one_or_none() != revision:
        raise DatabaseUnavailable("The database has the schema of another version.")
