"""Bring a database to the schema of this version, or refuse a newer one."""

from dataclasses import dataclass
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select, text

from dreamflow.kit.db.database import SchemaTooNew, SchemaTooOld

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
    config = _config(scripts)
    config.attributes["connection"] = connection
    _current(connection, config)
    command.upgrade(config, "head")


def require_current(connection: Connection, scripts: str) -> None:
    """See that a database has the schema of this version, and change nothing.

    Raises:
        SchemaTooNew: see `migrate`.
        SchemaTooOld: it was not migrated yet.
    """
    if not revisions(connection, scripts).is_current:
        raise SchemaTooOld("The database has not the schema of this version yet. Run `dreamflow db upgrade` first.")


@dataclass(frozen=True, slots=True)
class Revisions:
    """Two schemas by their names.

    Attributes:
        current: that of the database; none when there is nothing in it.
        head: that of this version of the program.
    """

    current: str | None
    head: str

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to migrate."""
        return self.current == self.head


def revisions(connection: Connection, scripts: str) -> Revisions:
    """Which schema a database has, and which it should have.

    Raises:
        SchemaTooNew: see `migrate`.
    """
    config = _config(scripts)
    head = ScriptDirectory.from_config(config).get_current_head()
    return Revisions(_current(connection, config), head or "")


def _config(scripts: str) -> Config:
    config = Config()
    config.set_main_option("script_location", scripts)
    return config


def _current(connection: Connection, config: Config) -> str | None:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise SchemaTooNew(
            f"The database has schema {current}, which this version does not know. "
            "Start the version that wrote it, or a newer one. The database was not changed."
        )
    return current
