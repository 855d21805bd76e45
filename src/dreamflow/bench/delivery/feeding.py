"""What programs need that feed a house, as a line of text and an argument: its families, and its database."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dreamflow.bench.delivery.known import Known
from dreamflow.kit.db import PostgresDatabase, SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from dreamflow.kit.db import Database


@asynccontextmanager
async def opened(place: str) -> AsyncGenerator[Database]:
    """The database that is there, open while the block runs."""
    database = PostgresDatabase(place) if place.startswith("postgresql:") else SqliteDatabase(Path(place))
    try:
        yield database
    finally:
        await database.aclose()


def families_line(families: Sequence[Known]) -> str:
    """Families as one line of JSON."""
    return json.dumps([[one.parent, one.subject, one.service, one.suggestions] for one in families]) + "\n"


def read_families(line: str) -> list[Known]:
    """The families of such a line."""
    return [Known(*one) for one in json.loads(line)]
