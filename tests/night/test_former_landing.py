"""What the first landing left behind is opened by this one: what waited is delivered."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url

from databases import BOTH, SCRIPTS
from dreamflow.bootstrap import DATABASE
from dreamflow.identity import Account
from dreamflow.kit.db import UtcDateTime, migrate
from klaviyo_emulator.testing import RunningEmulator
from night_klaviyo import events_at
from world import TONIGHT, world

HOUR: Final = TONIGHT.replace(minute=0)
PARENTS: Final = ("ann", "ben")


def columns(**types: type[Any]) -> list[sa.ColumnClause[Any]]:
    return [sa.column(name, type_) for name, type_ in types.items()]


# As the first landing wrote them; its models are gone.
FAMILIES = sa.table(
    "families",
    *columns(parent=sa.String, issuer=sa.String, subject=sa.String, time_zone=sa.String, locale=sa.String),
    *columns(created_at=UtcDateTime, simulated=sa.Boolean),
)
LEDGER = sa.table(
    "consent_ledger",
    *columns(id=sa.String, parent=sa.String, purpose=sa.String, granted=sa.Boolean, text_version=sa.String),
    *columns(text_sha256=sa.String, at=UtcDateTime, channel=sa.String),
)
JOURNAL = sa.table(
    "journal",
    *columns(seq=sa.Integer, id=sa.String, parent=sa.String, type=sa.String, occurred_at=UtcDateTime, facts=sa.JSON),
    *columns(simulated=sa.Boolean, outgoing=sa.Integer),
)
BATCHES = sa.table(
    "batches",
    *columns(
        id=sa.String, lane=sa.String, attempts=sa.Integer, due=UtcDateTime, last_reason=sa.String, open=sa.Boolean
    ),
)
DELIVERIES = sa.table(
    "deliveries",
    *columns(id=sa.String, seq=sa.Integer, part=sa.Integer, parent=sa.String, number=sa.Integer, kind=sa.String),
    *columns(name=sa.String, body=sa.JSON, identity=sa.JSON, purpose=sa.String, ledger_entry=sa.String),
    *columns(occurred_at=UtcDateTime, backfill=sa.Boolean, state=sa.String, reason=sa.String, batch=sa.String),
    *columns(settled_at=UtcDateTime),
)

# State and batch of what was accepted for each family, oldest first; what is not yet in a batch comes after what is.
LEFT: Final = [
    ("delivered", "closed"),
    ("dead", "closed"),
    ("withheld", "closed"),
    ("pending", "open"),
    ("pending", "open"),
    ("pending", None),
    ("pending", None),
]


def fill(connection: sa.Connection) -> None:
    """Two families, and what was to be told of them in every state; the worker died while it sent a batch."""
    batches = [
        {"id": "closed", "lane": "bulk", "attempts": 1, "due": None, "last_reason": None, "open": False},
        {"id": "open", "lane": "bulk", "attempts": 3, "due": HOUR, "last_reason": "503", "open": True},
    ]
    connection.execute(sa.insert(BATCHES), batches)
    for place, parent in enumerate(PARENTS):
        home = {"parent": parent, "issuer": "https://issuer.example", "subject": parent, "simulated": False}
        connection.execute(
            sa.insert(FAMILIES), {**home, "time_zone": "UTC", "locale": "en", "created_at": HOUR - timedelta(days=1)}
        )
        text = {"text_version": "1", "text_sha256": "0", "at": HOUR, "channel": "api"}
        connection.execute(
            sa.insert(LEDGER), {"id": f"l-{parent}", "parent": parent, "purpose": "service", "granted": True, **text}
        )
        for number, (state, batch) in enumerate(LEFT, start=1):
            seq = number * len(PARENTS) + place  # the families take turns
            fact = {"seq": seq, "id": f"{parent}-{number}", "parent": parent, "type": "families.family_moved"}
            at = HOUR - timedelta(hours=9 - number)
            connection.execute(
                sa.insert(JOURNAL), {**fact, "occurred_at": at, "facts": {}, "simulated": False, "outgoing": 1}
            )
            connection.execute(sa.insert(DELIVERIES), delivery(parent, seq, number, state, batch, at))


def delivery(parent: str, seq: int, number: int, state: str, batch: str | None, at: datetime) -> dict[str, Any]:
    return {
        "id": f"{parent}-{number}",
        "seq": seq,
        "part": 0,
        "parent": parent,
        "number": number,
        "kind": "event",
        "name": "Profile Updated",
        "body": {"changed": ["locale"], "schema": 1, "seq": number},
        "identity": [],
        "purpose": "service",
        "ledger_entry": f"l-{parent}",
        "occurred_at": at,
        "backfill": False,
        "state": state,
        "reason": {"dead": "refused", "withheld": "no consent"}.get(state),
        "batch": batch,
        "settled_at": None if state == "pending" else at,
    }


def first_landing(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
    fill(connection)


def engine_of(url: str) -> sa.Engine:
    return sa.create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)


@pytest.fixture(params=BOTH)
def left_url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """A database of the first landing: none for the file in the state folder, else the server's."""
    if request.param == "sqlite":
        engine = sa.create_engine(f"sqlite:///{tmp_path / DATABASE}", poolclass=sa.NullPool)
        with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        with engine.begin() as connection:
            first_landing(connection)
        return None
    url: str = request.getfixturevalue("postgres_url")
    with engine_of(url).begin() as connection:
        first_landing(connection)
    with engine_of(url).begin() as connection:  # `dreamflow db upgrade`
        migrate(connection, SCRIPTS)
    return url


async def told(url: str, parent: str) -> Sequence[str]:
    """What Klaviyo was told of a family, in the order of the family's own count."""
    events = [event for event in await events_at(url) if event.external_id == parent]
    return [event.unique_id for event in sorted(events, key=lambda event: event.properties["seq"])]


async def test_what_the_first_landing_left_ends_delivered(
    tmp_path: Path, left_url: str | None, klaviyo: RunningEmulator
) -> None:
    async with world(tmp_path, klaviyo.url, database_url=left_url) as here:
        before = await here.house.deliveries.books()
        assert before.balanced
        assert (before.accepted, before.pending, before.delivered, before.dead, before.withheld) == (14, 8, 2, 2, 2)
        await here.deliver()
        after = await here.house.deliveries.books()
        assert after.balanced
        assert (after.accepted, after.pending, after.delivered, after.dead, after.withheld) == (14, 0, 10, 2, 2)
        for parent in PARENTS:
            assert await told(klaviyo.url, parent) == [f"{parent}-{number}" for number in (4, 5, 6, 7)]

        # And the families' counts go on where they were.
        families = here.house.services.families
        ann = await families.get(Account("https://issuer.example", "ann"))
        await families.decide(ann, "weekly_letter", granted=True)
        await here.deliver()
        assert len(await told(klaviyo.url, "ann")) == 5
        assert (await here.house.deliveries.books()).balanced
