"""Alembic at work. Only whoever has something to migrate imports it."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection, scripts: str) -> None:
    """Run the missing migrations in the caller's transaction; see `migrate`."""
    config = Config()
    config.set_main_option("script_location", scripts)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
