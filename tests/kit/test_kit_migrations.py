"""The file is brought to this version's schema once, and a newer file is left alone."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Integer, MetaData, Table

from dreamflow.families.adapters import sql as families
from dreamflow.kit.db import SchemaTooNew, SqliteDatabase, idempotency, migrate
from dreamflow.kit.db.revisions import history
from dreamflow.outbox.adapters import sql as outbox
from dreamflow.stories.adapters import sql as stories
from dreamflow.subscriptions.adapters import sql as subscriptions
from kit.kit_house import SCRIPTS, opened


def content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def everything() -> MetaData:
    union = MetaData()
    for part in (idempotency, outbox, families, subscriptions, stories):
        for table in part.metadata.sorted_tables:
            table.to_metadata(union)
    return union


def test_the_history_that_the_files_are_named_for_is_that_of_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    walked = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert list(history(SCRIPTS)) == walked[::-1]


async def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "house.sqlite"
    async with opened(path):
        pass
    before = content(path)
    async with opened(path):
        pass
    assert content(path) == before
    assert any("alembic_version" in line for line in before)


async def test_two_processes_that_start_at_once_both_find_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "house.sqlite"
    both = [SqliteDatabase(path), SqliteDatabase(path)]
    await asyncio.gather(*(each.write(lambda connection: migrate(connection, SCRIPTS)) for each in both))
    versions = [
        await each.read(lambda c: c.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all())
        for each in both
    ]
    assert versions == [["0002"], ["0002"]]
    for each in both:
        await each.aclose()


async def test_a_newer_schema_is_refused_and_the_file_keeps_its_content(tmp_path: Path) -> None:
    path = tmp_path / "house.sqlite"
    async with opened(path) as database:
        await database.write(lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
        await database.write(lambda c: c.exec_driver_sql("CREATE TABLE of_the_future (x)"))
    before = content(path)
    database = SqliteDatabase(path)
    with pytest.raises(SchemaTooNew, match="9999") as refusal:
        await database.write(lambda connection: migrate(connection, SCRIPTS))
    await database.aclose()
    assert not refusal.value.retryable
    assert content(path) == before


async def test_the_migrations_build_exactly_the_tables_the_stores_use(tmp_path: Path) -> None:
    stores = everything()
    changed = everything()
    Table("forgotten_in_a_migration", changed, Column("x", Integer))

    def differences(connection: Connection, wanted: MetaData) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, wanted))

    async with opened(tmp_path / "house.sqlite") as database:
        assert await database.read(lambda connection: differences(connection, stores)) == []
        assert len(await database.read(lambda connection: differences(connection, changed))) == 1
