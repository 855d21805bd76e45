"""Alembic's entry: run on the connection, and in the transaction, that the caller hands in."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
