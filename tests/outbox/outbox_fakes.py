"""The outbox on a real file, with a scripted other side that drops repeats by id, as Klaviyo does."""

import random
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import select
from typing_extensions import override

from dreamflow.kit.clock import Clock, ManualClock
from dreamflow.kit.db import Database
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox import (
    ConsentGate,
    Delivery,
    DeliveryService,
    Envelope,
    OutboundEvent,
    OutboundProfile,
    Outgoing,
    Sink,
)
from dreamflow.outbox.adapters.sql import SqlDeliveries, append, deliveries, journal
from dreamflow.outbox.ports import Accepted, Answer, Deferred, OneByOne, Rejected
from kit.kit_house import EVENING, opened


class Heard(OutboundEvent):
    """Something small that may leave."""

    metric = "Heard"
    purpose = "listening"
    schema_version = 3
    what: str
    note: str | None = None


class Card(OutboundProfile):
    """A profile to go with it."""

    purpose = "service"
    identity: ClassVar[frozenset[str]] = frozenset({"email"})
    email: str | None = None
    tier: str | None = None


def heard(id_: str, parent: str = "p", *, at: datetime = EVENING, simulated: bool = False) -> Envelope:
    return Envelope(
        id_, parent, "test.heard", at, {"secret": "at home"}, (Outgoing(Heard(what=id_), "entry-1"),), simulated
    )


def carded(id_: str, parent: str = "p", *, at: datetime = EVENING) -> Envelope:
    return Envelope(id_, parent, "test.carded", at, {}, (Outgoing(Card(email="ann@example.org"), "entry-2"),))


class Play(StrEnum):
    """What the other side does with one request."""

    ACCEPT = "accept"
    LOSE_ANSWER = "take effect, but never answer"
    DEFER = "not now"
    REJECT = "refuse the first"


@dataclass
class FakeKlaviyo(Sink):
    """Accepts, unless the script says otherwise; one play a request."""

    plays: deque[Play | Answer] = field(default_factory=deque)
    requests: list[tuple[str, ...]] = field(default_factory=list)
    lanes: list[str] = field(default_factory=list)
    effects: dict[str, Delivery] = field(default_factory=dict)  # in the order of arrival
    sent: dict[str, Delivery] = field(default_factory=dict)

    def script(self, *plays: Play | Answer) -> None:
        self.plays.extend(plays)

    @override
    async def send_one(self, delivery: Delivery) -> Answer:
        return self._receive("single", [delivery])

    @override
    async def send_bulk(self, deliveries: Sequence[Delivery]) -> Answer:
        if any(delivery.id in self.effects for delivery in deliveries):
            self._note("bulk", deliveries)
            return OneByOne()
        return self._receive("bulk", deliveries)

    def _receive(self, lane: str, deliveries: Sequence[Delivery]) -> Answer:
        self._note(lane, deliveries)
        play = self.plays.popleft() if self.plays else Play.ACCEPT
        if play is Play.ACCEPT or play is Play.LOSE_ANSWER:
            for delivery in deliveries:
                self.effects.setdefault(delivery.id, delivery)
        match play:
            case Play.ACCEPT:
                return Accepted()
            case Play.LOSE_ANSWER:
                return Deferred("no answer")
            case Play.DEFER:
                return Deferred("not now")
            case Play.REJECT:
                return Rejected({deliveries[0].id: "refused with 400"})
            case _:
                return play

    def _note(self, lane: str, deliveries: Iterable[Delivery]) -> None:
        members = tuple(deliveries)
        self.lanes.append(lane)
        self.requests.append(tuple(delivery.id for delivery in members))
        for delivery in members:
            assert self.sent.setdefault(delivery.id, delivery) == delivery, "a repeat differs from the first try"


@dataclass
class Ledger(ConsentGate):
    """Consents that can be withdrawn."""

    withdrawn: set[tuple[str, str]] = field(default_factory=set)
    failures: deque[Exception] = field(default_factory=deque)

    @override
    async def permitted(self, deliveries: Sequence[Delivery]) -> frozenset[str]:
        if self.failures:
            raise self.failures.popleft()
        return frozenset(d.id for d in deliveries if (d.parent, d.purpose) not in self.withdrawn)

    def withdraw(self, parent: str = "p", purpose: str = "listening") -> None:
        self.withdrawn.add((parent, purpose))

    def grant(self, parent: str = "p", purpose: str = "listening") -> None:
        self.withdrawn.discard((parent, purpose))


class Crash(BaseException):
    """The process ends here: nothing of the service's own handling runs."""


@dataclass
class Outbox:
    """One worker on one file; a second one on the same file is what runs after a crash."""

    database: Database
    klaviyo: FakeKlaviyo = field(default_factory=FakeKlaviyo)
    ledger: Ledger = field(default_factory=Ledger)
    clock: ManualClock = field(default_factory=lambda: ManualClock(EVENING))
    ids: SeededIds = field(default_factory=lambda: SeededIds(1))

    def __post_init__(self) -> None:
        self.store = SqlDeliveries(self.database, self.ids)

    def service(self, reach: Reach = inert, clock: Clock | None = None) -> DeliveryService:
        return DeliveryService(
            store=SqlDeliveries(self.database, self.ids),
            sink=self.klaviyo,
            gate=self.ledger,
            clock=clock or self.clock,
            rng=random.Random(3),
            reach=reach,
        )

    async def append(self, *envelopes: Envelope) -> None:
        await self.database.write(lambda connection: append(connection, envelopes))

    async def deliver(self, *plays: Play | Answer) -> bool:
        """One batch, on whatever later day it is due; the books balance afterwards."""
        self.klaviyo.script(*plays)
        self.clock.advance(timedelta(days=1))
        busy = await self.service().deliver_next()
        assert (await self.store.books()).balanced
        return busy

    async def crash_at(self, place: str) -> None:
        """The next batch, until the process ends at this place."""

        def reach(name: str) -> None:
            if name == place:
                raise Crash

        self.clock.advance(timedelta(days=1))
        try:
            await self.service(reach).deliver_next()
        except Crash:
            assert (await self.store.books()).balanced
            return
        raise AssertionError("the place was not reached")

    async def states(self) -> dict[str, str]:
        """State by delivery id, in journal order."""
        return {row.id: row.state for row in await self.rows()}

    async def reasons(self) -> dict[str, str]:
        return {row.id: row.reason for row in await self.rows() if row.reason is not None}

    async def facts(self) -> Sequence[Any]:
        """The journal, oldest first."""
        query = select(journal).order_by(journal.c.seq)
        return await self.database.read(lambda connection: connection.execute(query).all())

    async def rows(self) -> Sequence[Any]:
        query = select(deliveries).order_by(deliveries.c.seq, deliveries.c.part)
        return await self.database.read(lambda connection: connection.execute(query).all())


@asynccontextmanager
async def outbox_at(path: Path, **parts: Any) -> AsyncIterator[Outbox]:
    async with opened(path) as database:
        yield Outbox(database, **parts)
