"""The outbox on a real database, with an other side that does with repeats what Klaviyo does."""

import asyncio
import random
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import StaticPool, create_engine, event, select
from typing_extensions import override

from dreamflow.kit.clock import Clock, ManualClock
from dreamflow.kit.db import Database, SqliteDatabase, migrate
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox import (
    ConsentGate,
    Delivery,
    DeliveryKind,
    DeliveryService,
    DeliveryState,
    Envelope,
    Lane,
    Limits,
    Observer,
    OutboundEvent,
    OutboundProfile,
    Outgoing,
    Sink,
)
from dreamflow.outbox.adapters.sql import SqlDeliveries, SqlLeases, append, deliveries, journal
from dreamflow.outbox.adapters.sql.tables import batches, leases, workers
from dreamflow.outbox.model import Accepted, Answer, Deferred, Locked, OneByOne, PartlyAccepted, Rejected, TooLarge
from dreamflow.outbox.service.delivery import ROOM
from kit.kit_house import EVENING, SCRIPTS


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


class Taste(OutboundProfile):
    """Profile fields that need another consent; one of them is also on the card."""

    purpose = "listening"
    tier: str | None = None
    theme: str | None = None


def heard(id_: str, parent: str = "p", *, at: datetime = EVENING, simulated: bool = False) -> Envelope:
    return Envelope(
        id_, parent, "test.heard", at, {"secret": "at home"}, (Outgoing(Heard(what=id_), "entry-1"),), simulated
    )


def carded(id_: str, parent: str = "p", *, at: datetime = EVENING) -> Envelope:
    return changed(id_, Card(email="ann@example.org"), parent, at=at)


def changed(
    id_: str, content: OutboundProfile, parent: str = "p", *, entry: str = "entry-2", at: datetime = EVENING
) -> Envelope:
    return Envelope(id_, parent, "test.changed", at, {}, (Outgoing(content, entry),))


class Play(StrEnum):
    """What the other side does with one request."""

    ACCEPT = "accept"
    LOSE_ANSWER = "take effect, but never answer"
    NO_ANSWER = "neither take effect nor answer"
    DEFER = "not now"
    REJECT = "refuse the first"
    TOO_LARGE = "refuse many at once"
    WITHDRAW = "accept, and at that moment the first family withdraws its consent"
    LOCK = "refuse the key"


class Repeats(StrEnum):
    """What the other side does with a bulk request that repeats an id. Klaviyo's page leaves room for all of these."""

    DROPPED = "drops the repeats"
    SAID = "refuses the request, and says why"
    NAMED = "refuses the request, and names the repeats as if they were wrong"
    UNSAID = "refuses the request, and does not say why"


@dataclass
class Nap:
    """A request that takes long: the worker hears nothing until it is over.

    Attributes:
        is_early: the other side gets it at once, and only the answer is late.
    """

    is_early: bool
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class FakeKlaviyo(Sink):
    """Accepts, unless the script says otherwise; one play a request.

    Attributes:
        poison: ids that it can never accept.
        vague: those of which it does not say that they are to blame.
        effects: what had an effect, in the order of arrival.
        profiles: what it shows of each profile.
        sent: each delivery as it was sent first.
        shapes: for ids that were in a bulk request of unknown or good outcome, all ids of that request.
        maybe: ids in requests that it never answered.
        not_before: when an id may come again, because it asked for a wait.
        faults: what nobody may ever see.
    """

    clock: Clock | None = None
    plays: deque[Play | Answer] = field(default_factory=deque)
    repeats: Repeats = Repeats.SAID
    poison: set[str] = field(default_factory=set)
    vague: set[str] = field(default_factory=set)
    requests: list[tuple[str, ...]] = field(default_factory=list)
    lanes: list[str] = field(default_factory=list)
    effects: dict[str, Delivery] = field(default_factory=dict)
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: dict[str, Delivery] = field(default_factory=dict)
    shapes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    maybe: set[str] = field(default_factory=set)
    not_before: dict[str, datetime] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    ledger: "Ledger | None" = None
    nap: Nap | None = None

    def script(self, *plays: Play | Answer) -> None:
        self.plays.extend(plays)

    @override
    async def send_one(self, delivery: Delivery) -> Answer:
        return await self._receive("single", [delivery])

    @override
    async def send_events(self, deliveries: Sequence[Delivery]) -> Answer:
        return await self._receive("bulk", deliveries)

    @override
    async def send_profiles(self, deliveries: Sequence[Delivery]) -> Answer:
        return await self._receive("import", deliveries)

    async def _receive(self, lane: str, deliveries: Sequence[Delivery]) -> Answer:
        self._note(lane, deliveries)
        play = self.plays.popleft() if self.plays else Play.ACCEPT
        nap, self.nap = self.nap, None
        # A profile update that comes late overwrites what came after it; nobody but Klaviyo could help that.
        if nap is None or nap.is_early or any(each.kind is DeliveryKind.PROFILE for each in deliveries):
            answer = self._answer(lane, deliveries, play)
            await _sleep_through(nap)
        else:
            await _sleep_through(nap)
            answer = (
                Deferred("never arrived") if self._is_overtaken(deliveries) else self._answer(lane, deliveries, play)
            )
        await asyncio.sleep(0)
        return answer

    def _note(self, lane: str, deliveries: Sequence[Delivery]) -> None:
        ids = tuple(delivery.id for delivery in deliveries)
        self.lanes.append(lane)
        self.requests.append(ids)
        for delivery in deliveries:
            if self.sent.setdefault(delivery.id, delivery) != delivery:
                self.faults.append("a repeat differs from the first try")
            if self.ledger is not None and not self.ledger.holds(delivery):
                self.faults.append("sent without consent")
            if lane == "bulk" and self.shapes.get(delivery.id, ids) != ids:
                self.faults.append("a bulk request that may have arrived came again in another shape")
            due = self.not_before.pop(delivery.id, None)
            if due is not None and self.clock is not None and self.clock.now() < due:
                self.faults.append("sent again before the wait was over")
        if lane == "import" and len({delivery.parent for delivery in deliveries}) < len(deliveries):
            self.faults.append("a profile is twice in one import")

    def _answer(self, lane: str, deliveries: Sequence[Delivery], play: Play | Answer) -> Answer:
        answer = self._played(lane, deliveries, play)
        ids = tuple(delivery.id for delivery in deliveries)
        match answer:
            case Accepted() if lane == "bulk":
                self.shapes |= dict.fromkeys(ids, ids)
            case Deferred(_, after_seconds, is_ambiguous):
                if is_ambiguous:
                    self.maybe.update(ids)
                    self.shapes |= dict.fromkeys(ids, ids) if lane == "bulk" else {}
                if after_seconds is not None and self.clock is not None:
                    until = self.clock.now() + timedelta(seconds=min(after_seconds, 900.0))
                    self.not_before |= dict.fromkeys(ids, until)
            case TooLarge():
                for id_ in ids:
                    self.shapes.pop(id_, None)
            case _:
                pass
        return answer

    def _played(self, lane: str, deliveries: Sequence[Delivery], play: Play | Answer) -> Answer:  # noqa: PLR0911 - a table
        match play:
            case Play.DEFER:
                return Deferred("not now", is_ambiguous=False)
            case Play.NO_ANSWER:
                return Deferred("no answer")
            case Play.LOCK:
                return Locked("wrong key")
            case Play.TOO_LARGE if lane != "single" and len(deliveries) > 1:
                return TooLarge()
            case Play.REJECT:
                reasons = {deliveries[0].id: "refused with 400"}
                return self._partly(deliveries, reasons) if lane == "import" else Rejected(reasons)
            case Play():
                answer = self._processed(lane, deliveries)
                if play is Play.WITHDRAW and self.ledger is not None:
                    self.ledger.withdraw(deliveries[0].parent, deliveries[0].purpose)
                return Deferred("no answer") if play is Play.LOSE_ANSWER else answer
            case _:
                return play

    def _processed(self, lane: str, deliveries: Sequence[Delivery]) -> Answer:
        poisoned = [each.id for each in deliveries if each.id in self.poison]
        reasons = dict.fromkeys(poisoned, "refused with 400")
        if lane == "import":
            return OneByOne() if self.vague & reasons.keys() else self._partly(deliveries, reasons)
        if poisoned:
            return Rejected({} if self.vague & reasons.keys() else reasons)
        repeated = {each.id: "known" for each in deliveries if each.id in self.effects}
        if lane == "bulk" and repeated and self.repeats is not Repeats.DROPPED:
            if self.repeats is Repeats.SAID:
                return OneByOne()
            return Rejected(repeated if self.repeats is Repeats.NAMED else {})
        self._take(deliveries)
        return Accepted()

    def _partly(self, deliveries: Sequence[Delivery], reasons: Mapping[str, str]) -> Answer:
        self._take([each for each in deliveries if each.id not in reasons])
        return PartlyAccepted(reasons)

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        for each in deliveries:
            self.effects.setdefault(each.id, each)
            if each.kind is DeliveryKind.PROFILE:
                self.profiles.setdefault(each.parent, {}).update(each.body)

    def _is_overtaken(self, deliveries: Sequence[Delivery]) -> bool:
        """Whether something newer of the same profile is there: the late one was taken for lost, rightly or not."""
        seen = {(effect.parent, effect.seq) for effect in self.effects.values()}
        return any(
            each.id not in self.effects and any(parent == each.parent and seq > each.seq for parent, seq in seen)
            for each in deliveries
        )


async def _sleep_through(nap: Nap | None) -> None:
    if nap is not None:
        nap.begun.set()
        await nap.over.wait()


@dataclass
class Ledger(ConsentGate):
    """Consents that can be withdrawn. What cites a withdrawn one stays at home, also when a new one is given."""

    withdrawn: set[tuple[str, str]] = field(default_factory=set)
    failures: deque[Exception] = field(default_factory=deque)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    @override
    async def permitted(self, deliveries: Sequence[Delivery]) -> frozenset[str]:
        self.asked.append(tuple(each.id for each in deliveries))
        if self.failures:
            raise self.failures.popleft()
        return frozenset(each.id for each in deliveries if self.holds(each))

    def holds(self, delivery: Delivery) -> bool:
        return (delivery.parent, delivery.purpose) not in self.withdrawn

    def withdraw(self, parent: str = "p", purpose: str = "listening") -> None:
        self.withdrawn.add((parent, purpose))

    def grant(self, parent: str = "p", purpose: str = "listening") -> None:
        self.withdrawn.discard((parent, purpose))


@dataclass
class Noticed(Observer):
    """What delivery says of itself."""

    tries: list[tuple[Lane, str]] = field(default_factory=list)
    ends: list[tuple[Lane, DeliveryState, int]] = field(default_factory=list)
    locks: list[bool] = field(default_factory=list)

    @override
    def tried(self, lane: Lane, outcome: str) -> None:
        self.tries.append((lane, outcome))

    @override
    def ended(self, lane: Lane, state: DeliveryState, count: int) -> None:
        self.ends.append((lane, state, count))

    @override
    def locked_out(self, *, is_locked: bool) -> None:
        self.locks.append(is_locked)


class Crash(Exception):
    """The process ends here."""


@dataclass
class Outbox:
    """One database, one other side, and a worker; each further `service` is one more worker."""

    database: Database
    klaviyo: FakeKlaviyo = field(default_factory=FakeKlaviyo)
    ledger: Ledger = field(default_factory=Ledger)
    clock: ManualClock = field(default_factory=lambda: ManualClock(EVENING))
    ids: SeededIds = field(default_factory=lambda: SeededIds(1))
    noticed: Noticed = field(default_factory=Noticed)

    def __post_init__(self) -> None:
        self.store = SqlDeliveries(self.database, self.ids)
        self.klaviyo.ledger = self.ledger
        self.worker = self.service()

    def service(
        self,
        reach: Reach = inert,
        clock: Clock | None = None,
        *,
        wall_clock: Clock | None = None,
        database: Database | None = None,
        limits: Limits | None = None,
        room: Mapping[Lane, int] = ROOM,
    ) -> DeliveryService:
        return DeliveryService(
            store=SqlDeliveries(database or self.database, self.ids, reach=reach),
            leases=SqlLeases(database or self.database, reach=reach),
            sink=self.klaviyo,
            gate=self.ledger,
            clock=clock or self.clock,
            wall_clock=wall_clock or self.clock,
            rng=random.Random(3),
            limits=limits,
            room=room,
            observer=self.noticed,
            reach=reach,
        )

    async def append(self, *envelopes: Envelope) -> None:
        await self.database.write(lambda connection: append(connection, envelopes))

    async def deliver(self, *plays: Play | Answer) -> bool:
        """One round of the worker, on whatever later day it is due; the books balance afterwards."""
        self.klaviyo.script(*plays)
        self.clock.advance(timedelta(days=1))
        busy = await self.worker.deliver_next()
        assert (await self.store.books()).balanced
        assert self.klaviyo.faults == []
        return busy

    async def finish(self) -> None:
        """Rounds until there is nothing more to do."""
        while await self.deliver():
            pass

    async def crash_at(self, place: str) -> None:
        """A round of the worker until its process ends at this place; another worker comes after it."""
        is_reached = False

        def reach(name: str) -> None:
            nonlocal is_reached
            if is_reached or name == place:
                is_reached = True
                raise Crash

        self.clock.advance(timedelta(days=1))
        dying = self.service(reach)
        self.worker = self.service()
        try:
            await dying.deliver_next()
        except* Crash:
            assert (await self.store.books()).balanced
        assert is_reached, "the place was not reached"

    async def states(self) -> dict[str, str]:
        """State by delivery id, in the order of acceptance."""
        return {row.id: row.state for row in await self.rows()}

    async def reasons(self) -> dict[str, str]:
        return {row.id: row.reason for row in await self.rows() if row.reason is not None}

    async def facts(self) -> Sequence[Any]:
        """The journal, oldest first."""
        query = select(journal).order_by(journal.c.seq)
        return await self.database.read(lambda connection: connection.execute(query).all())

    async def rows(self) -> Sequence[Any]:
        query = select(deliveries).order_by(deliveries.c.seq)
        return await self.database.read(lambda connection: connection.execute(query).all())

    async def open_batches(self) -> Sequence[Any]:
        query = select(batches).where(batches.c.open).order_by(batches.c.id)
        return await self.database.read(lambda connection: connection.execute(query).all())

    async def holdings(self) -> dict[str, int]:
        """How many partitions each living worker holds."""
        query = select(workers.c.id, leases.c.partition).outerjoin(leases, leases.c.owner == workers.c.id)
        held: dict[str, int] = {}
        for row in await self.database.read(lambda connection: connection.execute(query).all()):
            held[row.id] = held.get(row.id, 0) + (row.partition is not None)
        return held


@cache
def empty_house() -> bytes:
    """A migrated database without a row, made once: migrating takes longer than most tests."""
    with closing(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)) as raw:
        engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        with engine.begin() as connection:
            migrate(connection, SCRIPTS)
        return raw.serialize()


@asynccontextmanager
async def outbox_at(path: Path, **parts: Any) -> AsyncIterator[Outbox]:
    path.write_bytes(empty_house())  # noqa: ASYNC240 - nobody else is on the loop
    database = SqliteDatabase(path, durable=False)
    try:
        yield Outbox(database, **parts)
    finally:
        await database.aclose()
