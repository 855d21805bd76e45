"""The demo's families: made up, marked as such, and the same for everybody who looks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from dreamflow.bootstrap import open_database
from dreamflow.identity import demo_account
from dreamflow.kit.db import Database
from dreamflow.simulation.demo_families import FAMILIES, WEEKS, ZONE, live

TONIGHT = datetime(2026, 11, 24, 0, 10, tzinfo=UTC)
SUBJECTS = {demo.key: demo_account(demo.email).subject for demo in FAMILIES}


async def rows(database: Database, query: str) -> list[Any]:
    return await database.read(lambda connection: list(connection.execute(text(query))))


async def lives(folder: Path, *, seed: int) -> dict[str, list[Any]]:
    """Live the weeks, and look at what they left."""
    async with open_database(folder) as database:
        await live(database, TONIGHT, seed=seed)
        nights = (
            "SELECT f.subject, n.evening, n.outcome, n.theme FROM nights n JOIN families f USING (parent) ORDER BY 1, 2"
        )
        return {
            "families": await rows(database, "SELECT subject, simulated FROM families"),
            "nights": await rows(database, nights),
            "journal": await rows(database, "SELECT type, simulated FROM journal"),
            "deliveries": await rows(database, "SELECT name, backfill, state FROM deliveries"),
            "stories": await rows(database, "SELECT draft FROM stories ORDER BY number"),
        }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def left(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    return await lives(tmp_path_factory.mktemp("lives"), seed=7)


def test_everything_is_marked_as_simulated_and_goes_out_as_backfill(left: dict[str, list[Any]]) -> None:
    assert all(simulated for _, simulated in left["families"])
    assert all(simulated for _, simulated in left["journal"])
    assert all(backfill and state == "pending" for _, backfill, state in left["deliveries"])


def test_eight_weeks_are_lived_as_described(left: dict[str, list[Any]]) -> None:
    nights = left["nights"]
    tonight = TONIGHT.astimezone(ZONE).date()
    evenings = {key: [n.evening for n in nights if n.subject == subject] for key, subject in SUBJECTS.items()}
    assert len(evenings["sarah"]) > 0.8 * WEEKS * 7
    assert 0.5 * WEEKS * 7 < len(evenings["john"]) < len(evenings["sarah"])
    assert str(tonight - timedelta(days=14)) > max(evenings["emily"]) >= str(tonight - timedelta(days=21))
    assert all(evening < str(tonight) for each in evenings.values() for evening in each)
    assert all(night.outcome for night in nights)


async def test_the_same_seed_and_evening_give_the_same_lives(left: dict[str, list[Any]], tmp_path: Path) -> None:
    assert await lives(tmp_path / "again", seed=7) == left
    assert (await lives(tmp_path / "other", seed=8))["nights"] != left["nights"]
