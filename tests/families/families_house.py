"""Families in a real database, and callers to ask for them."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from dreamflow.families import FamilyService
from dreamflow.families.adapters.sql import SqlFamilyStore
from dreamflow.identity import Account, Caller, Role
from dreamflow.kit.clock import ManualClock
from dreamflow.kit.db import Database
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox.adapters.sql import append, deliveries, journal
from kit.kit_house import EVENING


def caller(subject: str = "ann", email: str | None = "ann@example.org") -> Caller:
    return Caller(Account("https://issuer.example", subject), email, Role.PARENT, EVENING + timedelta(hours=1))


@dataclass
class Home:
    """The service with everything around it."""

    database: Database
    clock: ManualClock = field(default_factory=lambda: ManualClock(EVENING))
    ids: SeededIds = field(default_factory=lambda: SeededIds(11))

    def __post_init__(self) -> None:
        self.store = SqlFamilyStore(self.database, append)
        self.families = FamilyService(self.store, self.clock, self.ids)

    async def facts(self) -> list[Any]:
        """The journal, oldest first."""
        query = select(journal).order_by(journal.c.seq)
        return list(await self.database.read(lambda connection: connection.execute(query).all()))

    async def sent(self) -> list[tuple[str, dict[str, Any]]]:
        """What would leave: names and bodies in journal order, without the journal's own numbers."""
        query = select(deliveries).order_by(deliveries.c.seq)
        rows = await self.database.read(lambda connection: connection.execute(query).all())
        bodies = [(row.name, json.loads(row.body)) for row in rows]
        return [(name, {key: body[key] for key in body if key not in {"seq", "schema"}}) for name, body in bodies]

    async def rows(self) -> list[Any]:
        query = select(deliveries).order_by(deliveries.c.seq)
        return list(await self.database.read(lambda connection: connection.execute(query).all()))


@asynccontextmanager
async def home_in(opened: AbstractAsyncContextManager[Database]) -> AsyncIterator[Home]:
    async with opened as database:
        yield Home(database)
