"""PostgreSQL is brought to this version's schema when the operator says so, whoever else says it too."""

import asyncio
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, Integer, MetaData, Table, text

from databases import SCRIPTS, opened_postgres
from dreamflow.families.adapters import sql as families
from dreamflow.kit.db import (
    Database,
    PostgresDatabase,
    SchemaTooNew,
    SchemaTooOld,
    idempotency,
    migrate,
    require_current,
)
from dreamflow.kit.db.migrate import MIGRATING
from dreamflow.outbox.adapters import sql as outbox
from dreamflow.stories.adapters import sql as stories
from dreamflow.subscriptions.adapters import sql as subscriptions

pytestmark = pytest.mark.postgres


def everything() -> MetaData:
    union = MetaData()
    for part in (idempotency, outbox, families, subscriptions, stories):
        for table in part.metadata.sorted_tables:
            table.to_metadata(union)
    return union


def upgrade(connection: Connection) -> None:
    migrate(connection, SCRIPTS)


def version(connection: Connection) -> str:
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()


@pytest.fixture
async def migrated(migrated_postgres_url: str) -> AsyncIterator[Database]:
    async with opened_postgres(migrated_postgres_url) as database:
        yield database


async def test_the_migrations_build_exactly_the_tables_the_stores_use(migrated: Database) -> None:
    changed = everything()
    Table("forgotten_in_a_migration", changed, Column("x", Integer))

    def differences(wanted: MetaData) -> Callable[[Connection], list[object]]:
        options = {"compare_type": True, "compare_server_default": True}
        return lambda connection: list(compare_metadata(MigrationContext.configure(connection, opts=options), wanted))

    assert await migrated.read(differences(everything())) == []
    assert len(await migrated.read(differences(changed))) == 1


async def test_what_is_counted_up_for_ever_has_room(migrated: Database) -> None:
    query = text("SELECT sequencename FROM pg_sequences WHERE data_type = CAST('bigint' AS regtype) ORDER BY 1")
    found = await migrated.read(lambda connection: connection.execute(query).scalars().all())
    assert found == ["deliveries_seq_seq", "journal_seq_seq"]


async def test_processes_that_migrate_at_once_all_find_the_schema(postgres_url: str) -> None:
    async with opened_postgres(postgres_url) as one, opened_postgres(postgres_url) as other:
        await asyncio.gather(*(each.write(upgrade) for each in (one, other, one)))
        assert await one.read(version) == await other.read(version)


async def test_a_migration_waits_for_another_one_however_long_it_takes(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, lock_seconds=0.01)
    try:
        with psycopg.connect(postgres_url) as other:
            other.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATING,))
            waiting = asyncio.create_task(database.write(upgrade))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            other.rollback()
            await waiting
        await database.read(lambda connection: require_current(connection, SCRIPTS))
    finally:
        await database.aclose()


async def test_a_database_that_was_not_migrated_is_refused_and_left_empty(postgres_url: str) -> None:
    async with opened_postgres(postgres_url) as database:
        with pytest.raises(SchemaTooOld, match="db upgrade"):
            await database.read(lambda connection: require_current(connection, SCRIPTS))
        tables = text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert await database.read(lambda connection: connection.execute(tables).scalar_one()) == 0


async def test_a_newer_schema_is_refused_and_stays(migrated: Database) -> None:
    await migrated.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(SchemaTooNew, match="9999"):
        await migrated.write(upgrade)
    with pytest.raises(SchemaTooNew, match="9999"):
        await migrated.read(lambda connection: require_current(connection, SCRIPTS))
    assert await migrated.read(version) == "9999"
