"""Bring a database to the schema of this version, or refuse a newer one."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from dreamflow.kit.db.database import SchemaTooNew


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
    config = Config()
    config.set_main_option("script_location", scripts)
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise SchemaTooNew(
            f"The database has schema {current}, which this version does not know. "
            "Start the version that wrote it, or a newer one. The file was not changed."
        )
    command.upgrade(config, "head")
