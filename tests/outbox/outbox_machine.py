"""Any history of facts, consents, answers, crashes, naps and waits, with up to three workers: the outbox's promises.

The machine drives the real store, leases and worker. Its other side and its ledger note what nobody may ever see.
"""

import asyncio
import logging
import random
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, Protocol, TypeVar

import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, select
from typing_extensions import override

from dreamflow.kit.clock import ManualClock
from dreamflow.kit.db import Database
from dreamflow.kit.db.gathering import gathering
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox import Books, Delivery, DeliveryService, Envelope, Lane, Limits, Outgoing, Sink
from dreamflow.outbox.adapters.sql import SqlDeliveries, SqlLeases, append, deliveries
from dreamflow.outbox.adapters.sql.tables import batches, workers
from dreamflow.outbox.errors import LeaseLost
from dreamflow.outbox.model import Answer, Deferred
from dreamflow.outbox.rules.timing import LONGEST_ASKED_SECONDS, LONGEST_WAIT_SECONDS
from kit.kit_house import EVENING
from outbox.outbox_fakes import Card, Crash, FakeKlaviyo, Heard, Ledger, Nap, Play, Repeats, Taste, empty_house

T = TypeVar("T")

PARENTS = ["ann", "ben", "cyd", "dan"]
PLACES = [
    "lease.buried",
    "lease.adopted",
    "lease.renewed",
    "outbox.cutting",
    "outbox.cut",
    "outbox.claimed",
    "outbox.sent",
    "outbox.settling",
    "outbox.settled",
    "outbox.deferred",
]
LEASE_SECONDS = 15.0
ROUNDS = 90
"""Three times what any history here needs when the other side is well."""
LIMITS = Limits(bulk_from=3, events=4, profiles=3)
"""Small, so that a few facts fill them."""
ROOM = {Lane.EVENT: 2, Lane.EVENTS: 2, Lane.PROFILE: 2, Lane.PROFILES: 1, Lane.REPLAY: 1}
AMPLE = dict.fromkeys(Lane, 8)
"""So that the end of a history does not take as long as all that went before."""


def run(machine: "type[OutboxMachine]", *, examples: int, steps: int, shrinks: bool = True) -> None:
    """Try histories.

    Raises:
        AssertionError: one of them breaks a promise.
    """
    phases = [phase for phase in Phase if shrinks or phase is Phase.generate]
    configured = structlog.get_config()
    # Nobody reads the log, and writing it costs more than all the rest.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                phases=phases,
                database=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
            ),
        )
    finally:
        structlog.configure(**configured)


class InMemory(Database):
    """A SQLite without file and threads: the machine needs thousands of them. It keeps no two callers apart in time.

    They are one after the other: all of them share a connection, which a new one empties, and with it the statements
    that were compiled.
    """

    def __init__(self) -> None:
        raw, self._reading, self._writing = _in_memory()
        with closing(sqlite3.connect(":memory:")) as template:
            template.deserialize(empty_house())
            template.backup(raw)

    @override
    async def read(self, fn: Callable[[Connection], T]) -> T:
        await asyncio.sleep(0)
        with self._reading.connect() as connection:
            return fn(connection)

    @override
    async def write(self, fn: Callable[[Connection], T]) -> T:
        await asyncio.sleep(0)
        with self._writing.begin() as connection, gathering(connection):
            return fn(connection)

    @override
    async def aclose(self) -> None:
        """The connection goes on to the next."""


@cache
def _in_memory() -> tuple[sqlite3.Connection, Engine, Engine]:
    """A database of this process, and engines to read it, which need no transaction, and to write to it."""
    raw = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    reading, writing = (create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool) for _ in range(2))
    event.listen(writing, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return raw, reading, writing


class Mortal(Protocol):
    """Something that ends with its process."""

    is_dead: bool


class MortalDatabase(Database):
    """What a process sees of the database: nothing, once it has died."""

    def __init__(self, machine: "OutboxMachine", process: Mortal) -> None:
        self._machine = machine
        self._database = machine.database
        self._process = process

    @override
    async def read(self, fn: Callable[[Connection], T]) -> T:
        self._look()
        return await self._database.read(fn)

    @override
    async def write(self, fn: Callable[[Connection], T]) -> T:
        self._look()
        self._machine.writes += 1
        return await self._database.write(fn)

    @override
    async def aclose(self) -> None:
        raise NotImplementedError

    def _look(self) -> None:
        if self._process.is_dead:
            raise Crash


class MortalSink(Sink):
    """What a process sees of the other side."""

    def __init__(self, sink: Sink, process: Mortal) -> None:
        self._sink = sink
        self._process = process

    @override
    async def send_one(self, delivery: Delivery) -> Answer:
        self._look()
        return await self._sink.send_one(delivery)

    @override
    async def send_events(self, deliveries: Sequence[Delivery]) -> Answer:
        self._look()
        return await self._sink.send_events(deliveries)

    @override
    async def send_profiles(self, deliveries: Sequence[Delivery]) -> Answer:
        self._look()
        return await self._sink.send_profiles(deliveries)

    def _look(self) -> None:
        if self._process.is_dead:
            raise Crash


@dataclass
class Entries(Ledger):
    """Each consent is an entry of its own: what cites a withdrawn one stays at home, whatever is given later."""

    count: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    gone: set[str] = field(default_factory=set)

    @override
    def holds(self, delivery: Delivery) -> bool:
        return delivery.ledger_entry not in self.gone

    @override
    def withdraw(self, parent: str = "p", purpose: str = "listening") -> None:
        self.gone.add(self.entry(parent, purpose))

    @override
    def grant(self, parent: str = "p", purpose: str = "listening") -> None:
        self.count[parent, purpose] += 1

    def entry(self, parent: str, purpose: str) -> str:
        return f"{parent}-{purpose}-{self.count[parent, purpose]}"


class Worker:
    """A worker in a process of its own, which may die at a named place."""

    def __init__(self, machine: "OutboxMachine", room: Mapping[Lane, int] = ROOM) -> None:
        self.is_dead = False
        self._left: tuple[str, int] | None = None
        self.reached: list[str] = []
        database = MortalDatabase(machine, self)
        self.service = DeliveryService(
            store=SqlDeliveries(database, machine.ids, reach=self._reach),
            leases=SqlLeases(database, reach=self._reach),
            sink=MortalSink(machine.klaviyo, self),
            gate=machine.ledger,
            clock=machine.clock,
            wall_clock=machine.wall_clock,
            rng=random.Random(3),
            lease_seconds=LEASE_SECONDS,
            limits=LIMITS,
            room=room,
            reach=self._reach,
        )

    def dies_at(self, place: str, passes: int) -> None:
        self._left = (place, passes)

    def _reach(self, name: str) -> None:
        self.reached.append(name)
        if not self.is_dead and self._left is not None and self._left[0] == name:
            place, passes = self._left
            self._left = (place, passes - 1)
            self.is_dead = passes == 0
        if self.is_dead:
            raise Crash


@dataclass
class Sleeper:
    """A worker whose request takes long, and what it will find when it wakes up."""

    worker: Worker
    nap: Nap
    task: "asyncio.Task[bool]"


parents = st.sampled_from(PARENTS)
purposes = st.sampled_from(["listening", "service"])
waits = st.sampled_from([Deferred("asked to wait", 100.0, is_ambiguous=False), Deferred("asked to wait", 9.0)])
plays = st.lists(
    st.one_of(
        st.sampled_from([Play.ACCEPT, Play.LOSE_ANSWER, Play.LOSE_ANSWER, Play.NO_ANSWER, Play.DEFER]),
        st.sampled_from([Play.TOO_LARGE, Play.TOO_LARGE, Play.WITHDRAW, Play.LOCK]),
        waits,
    ),
    max_size=4,
)
slots = st.sampled_from([0, 0, 0, 0, 1, 2])
pauses = st.sampled_from([2, 2, 2, 0, LEASE_SECONDS + 1, 70])
news = st.tuples(
    parents,
    st.sampled_from(["event"] * 5 + ["card", "card", "taste", "both"]),
    st.sampled_from(["good"] * 9 + ["poison", "vague poison"]),
)
facts = st.lists(news, min_size=1, max_size=8)


class OutboxMachine(RuleBasedStateMachine):
    """Some workers, one database, one other side."""

    @staticmethod
    def opened(runner: asyncio.Runner) -> Database:
        """An empty database."""
        return InMemory()

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = self.opened(self.runner)
        self.clock, self.wall_clock = ManualClock(EVENING), ManualClock(EVENING)
        self.ledger = Entries()
        self.klaviyo = FakeKlaviyo(self.clock, ledger=self.ledger)
        self.ids = SeededIds(1)
        self.accepted: dict[str, str] = {}  # parent by delivery id, in the order of acceptance
        self.said: dict[str, dict[str, Any]] = {}  # content by delivery id
        self.recorded: set[str] = set()
        self.writes = 0
        self._checked = (0, 0, 0)
        self.workers: dict[int, Worker] = {}
        self.sleepers: list[Sleeper] = []

    @initialize(repeats=st.sampled_from(Repeats), facts=facts)
    def begin(self, repeats: Repeats, facts: list[tuple[str, str, str]]) -> None:
        self.klaviyo.repeats = repeats
        self.append(facts, several=False)

    @rule(facts=facts, several=st.booleans())
    def append(self, facts: list[tuple[str, str, str]], several: bool) -> None:  # noqa: FBT001
        """Facts of several families, in one transaction or in one each."""
        envelopes = [self._envelope(*fact) for fact in facts]
        groups = [[each] for each in envelopes] if several else [envelopes]
        self.writes += 1
        for group in groups:
            self.runner.run(self.database.write(lambda connection, group=group: append(connection, group)))

    @rule(slot=slots, played=plays, pauses=st.lists(pauses, min_size=1, max_size=3))
    def deliver(self, slot: int, played: list[Play | Answer], pauses: list[float]) -> None:
        self.klaviyo.script(*played)
        for seconds in pauses:
            self._round(self._worker(slot))
            self._pass(seconds)

    @rule(slot=slots, facts=facts, played=plays)
    def deliver_while_somebody_changes_their_mind(
        self, slot: int, facts: list[tuple[str, str, str]], played: list[Play | Answer]
    ) -> None:
        """Between two tries, whoever was in the last request withdraws."""
        self.append(facts, several=False)
        self.deliver(slot, played, [2])
        self._whoever_was_last_withdraws()
        self.deliver(slot, [], [2])

    @rule(
        slot=slots,
        facts=facts,
        played=plays,
        place=st.one_of(st.just("outbox.sent"), st.sampled_from(PLACES)),
        passes=st.sampled_from([0, 0, 0, 0, 1, 2]),
        withdraws=st.booleans(),
    )
    def crash(
        self,
        slot: int,
        facts: list[tuple[str, str, str]],
        played: list[Play | Answer],
        place: str,
        passes: int,
        withdraws: bool,  # noqa: FBT001
    ) -> None:
        """A process ends; somebody takes over, perhaps after another change of mind."""
        self.append(facts, several=False)
        self.klaviyo.script(*played)
        worker = self._worker(slot)
        worker.dies_at(place, passes)
        self._round(worker)
        worker.is_dead = True  # elsewhere, if it did not come that far
        del self.workers[slot]
        # What it was told it may have had no time to write down.
        self.klaviyo.not_before.clear()
        self._pass(LEASE_SECONDS + 1)
        if withdraws:
            self._whoever_was_last_withdraws()
        self._round(self._worker(0))

    @rule(slot=slots)
    def leave(self, slot: int) -> None:
        self.runner.run(self._worker(slot).service.aclose())
        del self.workers[slot]

    @precondition(lambda self: len(self.sleepers) < 2)
    @rule(slot=slots, facts=facts, played=plays, is_early=st.booleans())
    def fall_asleep(
        self,
        slot: int,
        facts: list[tuple[str, str, str]],
        played: list[Play | Answer],
        is_early: bool,  # noqa: FBT001
    ) -> None:
        """A worker's request takes long; it does nothing meanwhile."""
        self.append(facts, several=False)
        self.klaviyo.script(*played)
        worker = self._worker(slot)
        nap = self.klaviyo.nap = Nap(is_early)
        try:
            task = self.runner.run(_begin(worker.service, nap))
        except* LeaseLost:
            task = None
        self.klaviyo.nap = None
        if task is not None:
            self.sleepers.append(Sleeper(worker, nap, task))
            del self.workers[slot]
        self.klaviyo.not_before.clear()

    @precondition(lambda self: self.sleepers)
    @rule(is_long=st.sampled_from([True, True, False]), played=plays)
    def wake_up(self, is_long: bool, played: list[Play | Answer]) -> None:  # noqa: FBT001
        """It gets its answer; if others took it for dead, it changes nothing any more."""
        if is_long:
            self._pass(LEASE_SECONDS + 1)
            self.klaviyo.script(*played)
            self._round(self._worker(0))
        sleeper = self.sleepers.pop(0)
        before = self.runner.run(self.database.read(_everything))
        is_buried = sleeper.worker.service.lease.worker not in before["workers"]
        sleeper.nap.over.set()
        self.runner.run(_end(sleeper.task))
        after = self.runner.run(self.database.read(_everything))
        assert not is_buried or after == before, "a worker that was buried changed something"
        sleeper.worker.is_dead = True
        self.klaviyo.not_before.clear()

    @rule(parent=parents, purpose=purposes, holds=st.booleans())
    def decide(self, parent: str, purpose: str, holds: bool) -> None:  # noqa: FBT001
        (self.ledger.grant if holds else self.ledger.withdraw)(parent, purpose)

    @rule(seconds=st.sampled_from([1, 70, 3600, -1, -3600]))
    def the_clock_is_set(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        # A wait that ends so late was asked for by a clock that was wrong; it is not kept.
        latest = self.clock.now() + timedelta(seconds=LONGEST_ASKED_SECONDS - LONGEST_WAIT_SECONDS)
        self.klaviyo.not_before = {id_: until for id_, until in self.klaviyo.not_before.items() if until <= latest}

    @invariant()
    def every_promise_is_kept(self) -> None:
        seen = (self.writes, len(self.klaviyo.requests), len(self.klaviyo.faults))
        if seen != self._checked:
            self._checked = seen
            self._check()

    def _check(self) -> None:
        assert self.klaviyo.faults == [], self.klaviyo.faults[0]
        rows, books = self.runner.run(self._state())
        self._nothing_is_lost(rows, books)
        self._each_end_is_true(rows)
        self._a_profile_is_in_one_batch_at_a_time(rows)
        self._effects_come_once_and_in_order()
        self.recorded.update(row.id for row in rows if row.state == "delivered")

    def _nothing_is_lost(self, rows: Sequence[Any], books: Books) -> None:
        assert [row.id for row in rows] == list(self.accepted), "a delivery was lost"
        assert books.balanced, "the books do not balance"
        assert books.accepted == len(rows), "the books count what was not accepted"

    def _each_end_is_true(self, rows: Sequence[Any]) -> None:
        of_id = {row.id: row for row in rows}
        for row in rows:
            arrived = row.id in self.klaviyo.effects
            match row.state:
                case "delivered":
                    assert arrived, "called delivered, but it is not there"
                case "dead":
                    assert row.reason, "dead without a reason"
                    assert row.id in self.klaviyo.poison, "dead, but nothing was wrong with it"
                case "withheld":
                    assert row.ledger_entry in self.ledger.gone, "withheld in spite of a consent"
                    is_sure = "may have arrived" not in row.reason
                    assert not (is_sure and (arrived or row.id in self.klaviyo.maybe)), (
                        "said not to be sent, but it was"
                    )
                case "superseded":
                    self._went_along(row, of_id[row.reason.removeprefix("went along with ")], rows)
                case other:
                    assert other == "pending"
                    assert row.id not in self.recorded, "it had ended, and is pending again"
                    assert row.settled_at is None

    def _went_along(self, row: Any, last: Any, rows: Sequence[Any]) -> None:
        assert (row.kind, last.kind) == ("profile", "profile"), "an event was superseded"
        cited = (row.parent, row.purpose, row.ledger_entry)
        assert (last.parent, last.purpose, last.ledger_entry) == cited, "merged across consents"
        between = [each for each in rows if each.parent == row.parent and row.number < each.number < last.number]
        assert row.number < last.number
        assert all(each.reason == row.reason for each in between), "merged across something else of the profile"

    def _a_profile_is_in_one_batch_at_a_time(self, rows: Sequence[Any]) -> None:
        for parent in PARENTS:
            mine = [row.batch for row in rows if row.parent == parent and row.state == "pending"]
            under_way = [batch for batch in mine if batch is not None]
            assert len(set(under_way)) <= 1, "a profile is in two batches at a time"
            assert mine[: len(under_way)] == under_way, "a newer delivery overtakes an older one"

    def _effects_come_once_and_in_order(self) -> None:
        for parent in PARENTS:
            mine = [delivery for delivery in self.klaviyo.effects.values() if delivery.parent == parent]
            assert [each.seq for each in mine] == sorted(each.seq for each in mine), "out of order"
        facts = [each.body["what"] for each in self.klaviyo.effects.values() if "what" in each.body]
        assert len(facts) == len(set(facts)), "one fact had two effects"

    @override
    def teardown(self) -> None:
        try:
            if self.klaviyo.faults == []:
                self._everything_ends_when_the_other_side_is_well()
        finally:
            self.runner.run(self.database.aclose())
            self.runner.close()

    def _everything_ends_when_the_other_side_is_well(self) -> None:
        self.klaviyo.plays.clear()
        while self.sleepers:
            self.wake_up(is_long=True, played=[])
        last = Worker(self, AMPLE)
        self._pass(2 * 86_400)
        for _ in range(ROUNDS):
            if not self._round(last):
                break
            self._pass(1)
        self._check()
        rows, books = self.runner.run(self._state())
        assert books.pending == 0, "something never ends"
        assert self.runner.run(self.database.read(_open)) == [], "a batch stays open without members"
        self._profiles_are_as_they_should_be(rows)

    def _profiles_are_as_they_should_be(self, rows: Sequence[Any]) -> None:
        """The other side shows of each profile what the updates that went say, the last one on top."""
        of_id = {row.id: row for row in rows}
        for parent in PARENTS:
            mine = [row for row in rows if (row.parent, row.kind) == (parent, "profile")]
            if any("may have arrived" in (row.reason or "") for row in mine):
                continue
            expected: dict[str, Any] = {}
            for row in mine:
                carrier = of_id[row.reason.removeprefix("went along with ")] if row.state == "superseded" else row
                if carrier.state == "delivered":
                    expected |= self.said[row.id]
            assert self.klaviyo.profiles.get(parent, {}) == expected, "the profile does not show its last update"

    def _envelope(self, parent: str, kind: str, quality: str) -> Envelope:
        id_ = f"{kind[0]}{len(self.accepted)}"
        contents: dict[str, Any] = {
            "event": [Heard(what=id_)],
            "card": [Card(tier=id_)],
            "taste": [Taste(tier=id_, theme=id_)],
            "both": [Card(email=f"{id_}@example.org"), Heard(what=id_)],
        }
        outgoing = [Outgoing(each, self.ledger.entry(parent, each.purpose)) for each in contents[kind]]
        for place, each in enumerate(outgoing):
            delivery = id_ if place == 0 else f"{id_}-{place}"
            self.accepted[delivery] = parent
            self.said[delivery] = each.content.body()
            if quality != "good":
                self.klaviyo.poison.add(delivery)
            if quality == "vague poison":
                self.klaviyo.vague.add(delivery)
        return Envelope(id_, parent, f"test.{kind}", EVENING, {}, tuple(outgoing))

    def _whoever_was_last_withdraws(self) -> None:
        """What was sent last, or before its process died, has no consent any more."""
        for id_ in self.klaviyo.requests[-1][:1] if self.klaviyo.requests else ():
            self.ledger.withdraw(self.accepted[id_], self.klaviyo.sent[id_].purpose)

    async def _state(self) -> tuple[Sequence[Any], Books]:
        return await self.database.read(_rows), await SqlDeliveries(self.database, self.ids).books()

    def _worker(self, slot: int) -> Worker:
        return self.workers.setdefault(slot, Worker(self))

    def _pass(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        self.wall_clock.advance(timedelta(seconds=seconds))

    def _round(self, worker: Worker) -> bool:
        seen = len(self.klaviyo.requests)
        is_busy = False
        try:
            is_busy = self.runner.run(worker.service.deliver_next())
        except* (Crash, LeaseLost):
            assert worker.is_dead or not worker.service.lease.is_held, "a living worker lost its lease"
        again = {id_ for request in self.klaviyo.requests[seen:] for id_ in request} & self.recorded
        assert not again, "sent again after a recorded success"
        return is_busy


async def _begin(service: DeliveryService, nap: Nap) -> "asyncio.Task[bool] | None":
    """A round up to the moment when it waits for an answer; none when it did not get that far."""
    task = asyncio.create_task(service.deliver_next())
    begun = asyncio.create_task(nap.begun.wait())
    await asyncio.wait({task, begun}, return_when=asyncio.FIRST_COMPLETED)
    begun.cancel()
    if not nap.begun.is_set():
        await task
        return None
    for _ in range(200):  # what it sends beside that one comes to its end
        await asyncio.sleep(0)
    return task


async def _end(task: "asyncio.Task[bool]") -> None:
    try:
        await task
    except* LeaseLost:
        pass


def _rows(connection: Connection) -> Sequence[Any]:
    return connection.execute(select(deliveries).order_by(deliveries.c.seq)).all()


def _open(connection: Connection) -> Sequence[str]:
    return connection.execute(select(batches.c.id).where(batches.c.open)).scalars().all()


def _everything(connection: Connection) -> dict[str, Any]:
    return {
        "deliveries": _rows(connection),
        "batches": connection.execute(select(batches).order_by(batches.c.id)).all(),
        "workers": connection.execute(select(workers.c.id)).scalars().all(),
    }
