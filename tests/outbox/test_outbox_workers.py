"""Several workers on one database: they share what there is to do, and nobody's death or sleep breaks a promise."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, select, text
from structlog.testing import capture_logs
from typing_extensions import override

from databases import opened_postgres
from dreamflow.kit.db import CommitUnknown, Database, DatabaseUnavailable
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox import Books, Delivery, DeliveryService, DeliveryState, Lane, LeaseLost, Limits
from dreamflow.outbox.adapters.sql import SqlDeliveries, SqlLeases, append
from dreamflow.outbox.adapters.sql.tables import batches
from dreamflow.outbox.model import Answer, Deferred, NewBatch, Verdict
from dreamflow.outbox.rules.partitions import PARTITIONS, partition_of
from dreamflow.outbox.service.delivery import LEASE_SECONDS, ROOM
from kit.kit_house import EVENING
from outbox.outbox_fakes import Nap, Outbox, Play, Repeats, heard, outbox_at

PATIENCE = 20.0
LENGTH = timedelta(seconds=15)
ALL = frozenset(range(PARTITIONS))
T = TypeVar("T")


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with outbox_at(tmp_path / "house.sqlite") as outbox:
        yield outbox


class Hall:
    """Workers that come and go, and a clock."""

    def __init__(self, database: Database, *, partitions: int = PARTITIONS) -> None:
        self._stores = {name: SqlLeases(database, partitions=partitions) for name in "abcd"}
        self.now = EVENING

    async def renew(self, name: str) -> frozenset[int]:
        return await self._stores[name].renew(name, self.now, self.now + LENGTH)

    async def take(self, name: str, *partitions: int) -> None:
        await self._stores[name].take(name, frozenset(partitions))

    async def leave(self, name: str) -> None:
        await self._stores[name].leave(name)


@pytest.fixture
def hall(outbox: Outbox) -> Hall:
    return Hall(outbox.database)


async def _settled(hall: Hall, names: str) -> dict[str, frozenset[int]]:
    """What each holds after everybody has given a sign of life twice."""
    for name in names:
        await hall.renew(name)
    return {name: await hall.renew(name) for name in names}


async def test_who_is_alone_holds_everything(hall: Hall) -> None:
    assert await hall.renew("a") == ALL
    assert await hall.renew("a") == ALL


@pytest.mark.parametrize("names", ["ab", "abc", "abcd"])
async def test_each_holds_a_fair_share_and_nothing_is_held_twice_or_by_nobody(hall: Hall, names: str) -> None:
    held = await _settled(hall, names)
    assert sorted(number for each in held.values() for number in each) == sorted(ALL)
    assert max(map(len, held.values())) <= -(-PARTITIONS // len(names))


async def test_a_newcomer_gets_its_share_as_soon_as_the_others_have_given_a_sign_of_life(hall: Hall) -> None:
    assert await hall.renew("a") == ALL
    assert await hall.renew("b") == frozenset(), "what is held is not taken away from those who live"
    kept = await hall.renew("a")
    assert len(kept) == PARTITIONS // 2
    assert await hall.renew("b") == ALL - kept
    assert await hall.renew("a") == kept, "nobody gives away what is fair"


async def test_what_somebody_leaves_behind_is_shared_at_once(hall: Hall) -> None:
    await _settled(hall, "ab")
    await hall.leave("a")
    assert await hall.renew("b") == ALL


async def test_the_dead_are_buried_when_their_time_is_over_and_not_before(hall: Hall) -> None:
    await _settled(hall, "ab")
    hall.now += LENGTH
    assert len(await hall.renew("b")) == PARTITIONS // 2
    hall.now += timedelta(microseconds=1)
    assert await hall.renew("b") == ALL


async def test_who_was_buried_is_told_so_and_holds_nothing(hall: Hall, outbox: Outbox) -> None:
    await _settled(hall, "ab")
    hall.now += LENGTH + timedelta(seconds=1)
    await hall.renew("b")
    with pytest.raises(LeaseLost):
        await hall.renew("a")
    with pytest.raises(LeaseLost):
        await hall.take("a", 1)
    assert await outbox.holdings() == {"b": PARTITIONS}


async def test_who_is_late_but_was_not_missed_lives_on(hall: Hall) -> None:
    await hall.renew("a")
    hall.now += 10 * LENGTH
    assert await hall.renew("a") == ALL


async def test_more_workers_than_partitions_leave_some_idle_and_nothing_unattended(outbox: Outbox) -> None:
    held = await _settled(Hall(outbox.database, partitions=3), "abcd")
    assert sorted(number for each in held.values() for number in each) == [0, 1, 2]


async def test_who_is_told_what_to_hold_holds_exactly_that_whoever_held_it(hall: Hall, outbox: Outbox) -> None:
    await _settled(hall, "ab")
    await hall.take("a", 1, 2, 63)
    assert (await outbox.holdings())["a"] == 3
    await hall.take("b", *(ALL - {1}))
    assert await outbox.holdings() == {"a": 1, "b": 63}
    await hall.take("a")
    assert await outbox.holdings() == {"a": 0, "b": 63}


async def test_pools_do_not_share_anything(outbox: Outbox) -> None:
    until = EVENING + LENGTH
    assert await SqlLeases(outbox.database).renew("a", EVENING, until) == ALL
    assert await SqlLeases(outbox.database, "relay").renew("r", EVENING, until) == ALL
    assert await SqlLeases(outbox.database).renew("a", until + LENGTH, until + 2 * LENGTH) == ALL
    assert await outbox.holdings() == {"a": PARTITIONS, "r": PARTITIONS}, "they bury their own only"


# At work


async def test_two_workers_share_the_work_and_both_keep_each_familys_order(outbox: Outbox) -> None:
    families = [f"family-{n}" for n in range(40)]
    for n in range(3):
        await outbox.append(*(heard(f"{family}:{n}", family) for family in families))
    both = [outbox.service(), outbox.service()]
    for each in (*both, *both):
        await each.lease.renew()
    sizes = {len(each.lease.partitions) for each in both}
    assert sizes == {PARTITIONS // 2}
    while any([await each.deliver_next() for each in both]):
        pass
    assert await outbox.store.books() == Books(delivered=120, accepted=120)
    for family in families:
        mine = [id_ for id_ in outbox.klaviyo.effects if id_.startswith(f"{family}:")]
        assert mine == [f"{family}:{n}" for n in range(3)]
    mine = {id_ for request in outbox.klaviyo.requests for id_ in request}
    assert len(mine) == sum(map(len, outbox.klaviyo.requests)), "something was sent twice"


async def test_a_worker_cuts_in_its_own_partitions_only(outbox: Outbox) -> None:
    first, second = outbox.service(), outbox.service()
    for each in (first, second, first, second):
        await each.lease.renew()
    families = [f"family-{n}" for n in range(30)]
    await outbox.append(*(heard(family, family) for family in families))
    await second.deliver_next()
    assert set(outbox.klaviyo.effects) == {each for each in families if partition_of(each) in second.lease.partitions}


async def test_a_worker_that_holds_nothing_sends_nothing(outbox: Outbox) -> None:
    await outbox.worker.lease.renew()
    await outbox.append(heard("e1"))
    idle = outbox.service()
    assert not await idle.deliver_next()
    assert outbox.klaviyo.requests == []


async def test_a_family_whose_partition_changes_hands_waits_for_its_batch_wherever_that_is(outbox: Outbox) -> None:
    first, second = outbox.service(), outbox.service()
    await first.lease.renew()
    await outbox.append(heard("e1"), heard("e2"))
    outbox.klaviyo.script(Play.DEFER)
    await first.deliver_next()
    await second.lease.renew()
    await second.lease.take(ALL)
    assert not await second.deliver_next(), "the first worker has a batch of this family"
    outbox.clock.advance(timedelta(seconds=1))
    assert await first.deliver_next()
    assert await second.deliver_next()
    assert outbox.klaviyo.requests == [("e1",), ("e1",), ("e2",)]


@pytest.mark.parametrize("repeats", Repeats)
@pytest.mark.parametrize("count", [1, 12])
async def test_a_dead_workers_batch_is_finished_by_another_once_its_lease_is_over(
    outbox: Outbox, count: int, repeats: Repeats
) -> None:
    outbox.klaviyo.repeats = repeats
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(count)))
    heir = outbox.service()
    await outbox.crash_at("outbox.sent")
    assert not await heir.deliver_next(), "it may be alive"
    outbox.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))
    [batch] = (await outbox.open_batches())[:1]
    while await heir.deliver_next():
        pass
    assert await outbox.store.books() == Books(delivered=count, accepted=count)
    assert outbox.klaviyo.faults == []
    assert batch.owner is not None


async def _asleep(outbox: Outbox, *, is_early: bool = True) -> tuple[DeliveryService, "asyncio.Task[bool]", Nap]:
    """A worker that waits for the answer to its first request."""
    worker = outbox.service()
    nap = outbox.klaviyo.nap = Nap(is_early)
    task = asyncio.create_task(worker.deliver_next())
    await asyncio.wait_for(nap.begun.wait(), PATIENCE)
    return worker, task, nap


@pytest.mark.parametrize("play", [Play.ACCEPT, Play.REJECT, Play.DEFER, Play.TOO_LARGE, Play.LOCK])
@pytest.mark.parametrize("count", [1, 12])
async def test_a_worker_that_slept_past_its_lease_changes_nothing_when_it_wakes_up(
    outbox: Outbox, play: Play, count: int
) -> None:
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(count)))
    outbox.klaviyo.script(play)
    _, task, nap = await _asleep(outbox)
    outbox.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))
    outbox.klaviyo.script(Play.NO_ANSWER)
    await outbox.worker.deliver_next()
    before = (await outbox.rows(), await outbox.open_batches())
    nap.over.set()
    with pytest.raises(ExceptionGroup) as refusals:
        await asyncio.wait_for(task, PATIENCE)
    assert refusals.group_contains(LeaseLost)
    assert (await outbox.rows(), await outbox.open_batches()) == before
    outbox.klaviyo.plays.clear()
    await outbox.finish()
    assert await outbox.store.books() == Books(delivered=count, accepted=count)


async def test_a_worker_that_was_only_slow_records_what_it_was_told(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    _, task, nap = await _asleep(outbox)
    outbox.clock.advance(timedelta(seconds=LEASE_SECONDS - 1))
    assert not await outbox.worker.deliver_next()
    nap.over.set()
    await asyncio.wait_for(task, PATIENCE)
    assert await outbox.states() == {"e1": "delivered"}


async def test_a_worker_that_slept_before_it_could_send_does_not_send(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))

    def reach(place: str) -> None:
        if place == "outbox.claimed":
            outbox.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))

    with pytest.raises(ExceptionGroup) as refusals:
        await outbox.service(reach).deliver_next()
    assert refusals.group_contains(LeaseLost)
    assert outbox.klaviyo.requests == []
    await outbox.finish()
    assert outbox.klaviyo.requests == [("e1",)]


async def test_who_was_buried_comes_back_under_another_name(outbox: Outbox) -> None:
    await outbox.worker.deliver_next()
    name = outbox.worker.lease.worker
    outbox.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))
    await outbox.service().deliver_next()
    await outbox.append(heard("e1"))
    with capture_logs() as logs:
        await outbox.worker.deliver_next()
    assert [line["event"] for line in logs] == ["outbox.lease_lost"]
    assert outbox.worker.lease.worker != name
    await outbox.finish()
    assert await outbox.states() == {"e1": "delivered"}


@pytest.mark.postgres
async def test_what_a_worker_stores_while_it_is_being_buried_is_adopted(migrated_postgres_url: str) -> None:
    inside, goes_on = threading.Event(), threading.Event()

    def reach(place: str) -> None:
        if place == "outbox.settling":
            inside.set()
            goes_on.wait(PATIENCE)

    async with opened_postgres(migrated_postgres_url) as its, opened_postgres(migrated_postgres_url) as others:
        await its.write(lambda connection: append(connection, [heard(f"e{n}", f"f{n}") for n in range(12)]))
        await SqlLeases(its).renew("it", EVENING, EVENING + LENGTH)
        store = SqlDeliveries(its, SeededIds(1), reach=reach)
        [batch] = await store.claim("it", EVENING, under_way=frozenset(), room=ROOM, limits=Limits())
        ids = [each.id for each in batch.deliveries]
        halves = [NewBatch(Lane.EVENTS, tuple(ids[:6])), NewBatch(Lane.EVENTS, tuple(ids[6:]))]
        settling = asyncio.create_task(store.settle("it", batch, {}, EVENING, halves))
        await asyncio.to_thread(inside.wait, PATIENCE)
        late = EVENING + 2 * LENGTH
        leases = SqlLeases(others)
        burying = asyncio.create_task(leases.renew("other", late, late + LENGTH))
        waits = text("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
        while await others.read(lambda connection: connection.execute(waits).first()) is None:  # noqa: ASYNC110 - the database's
            await asyncio.sleep(0.01)
        goes_on.set()
        await asyncio.gather(settling, burying)
        await leases.renew("other", late, late + LENGTH)
        owners = select(batches.c.owner).where(batches.c.open)
        assert await others.read(lambda connection: connection.execute(owners).scalars().all()) == ["other"] * 2


async def test_who_was_buried_forgets_what_it_had_put_off(outbox: Outbox) -> None:
    worker = outbox.service(limits=Limits(bulk_from=100))
    await outbox.append(*(heard(f"e{n}", f"f{n}") for n in range(8)))
    outbox.klaviyo.script(*[Deferred("503")] * 8)
    await worker.deliver_next()
    other = outbox.service()
    outbox.clock.advance(2 * LENGTH)
    await other.deliver_next()
    await other.aclose()
    await outbox.append(heard("fresh", "somebody else"))
    await worker.deliver_next()
    assert outbox.klaviyo.requests[-1] == ("fresh",)


async def test_a_sending_that_is_cancelled_from_inside_does_not_end_delivery(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = outbox.klaviyo.send_one
    stop = asyncio.Event()

    async def cancelled_once(delivery: Delivery) -> Answer:
        monkeypatch.setattr(outbox.klaviyo, "send_one", send)
        raise asyncio.CancelledError

    monkeypatch.setattr(outbox.klaviyo, "send_one", cancelled_once)
    await outbox.append(heard("e1"))
    running = asyncio.create_task(outbox.worker.run(stop, poll_seconds=0.01))
    async with asyncio.timeout(PATIENCE):
        while (await outbox.store.books()).pending:  # noqa: ASYNC110 - the database's
            await asyncio.sleep(0.01)
    stop.set()
    await running
    assert list(outbox.klaviyo.effects) == ["e1"]


@pytest.mark.parametrize("call", ["settle", "defer", "claim"])
async def test_each_change_by_a_worker_without_a_lease_is_refused(outbox: Outbox, call: str) -> None:
    await outbox.append(heard("e1"), heard("e2"))
    outbox.klaviyo.script(Play.DEFER)
    await outbox.worker.deliver_next()
    outbox.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))
    lost = outbox.worker.lease.worker
    heir = outbox.service()
    await heir.lease.renew()
    now = outbox.clock.now()
    [batch] = await outbox.store.claim(
        heir.lease.worker, now, under_way=frozenset(), room=ROOM, limits=outbox.worker._limits
    )
    before = (await outbox.rows(), await outbox.open_batches())
    verdicts = {"e1": Verdict(DeliveryState.DEAD, "zombie")}
    if call == "settle":
        with pytest.raises(LeaseLost):
            await outbox.store.settle(lost, batch, verdicts, now, (NewBatch(Lane.REPLAY, ("e1",)),))
    elif call == "defer":
        with pytest.raises(LeaseLost):
            await outbox.store.defer(lost, batch, now, "zombie", is_ambiguous=True)
    else:
        found = await outbox.store.claim(
            lost, now, under_way=frozenset(), room=ROOM, limits=outbox.worker._limits, arrived=["e2"]
        )
        assert found == []
    assert (await outbox.rows(), await outbox.open_batches()) == before


# Leaving


async def test_a_worker_that_closes_leaves_no_lease_and_others_go_on_at_once(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    outbox.klaviyo.script(Play.DEFER)
    leaving = outbox.service()
    await leaving.deliver_next()
    await leaving.aclose()
    assert await outbox.holdings() == {}
    assert [row.owner for row in await outbox.open_batches()] == [None]
    outbox.clock.advance(timedelta(seconds=1))
    assert await outbox.worker.deliver_next()
    assert await outbox.states() == {"e1": "delivered"}


async def test_a_worker_that_never_began_has_nothing_to_leave(outbox: Outbox) -> None:
    await outbox.service().aclose()
    assert await outbox.holdings() == {}


async def test_a_worker_told_to_stop_lets_the_request_under_way_end_and_then_leaves(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    nap = outbox.klaviyo.nap = Nap(is_early=True)
    stop = asyncio.Event()
    running = asyncio.create_task(outbox.service().run(stop, poll_seconds=0.001))
    await asyncio.wait_for(nap.begun.wait(), PATIENCE)
    stop.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not running.done()
    nap.over.set()
    await asyncio.wait_for(running, PATIENCE)
    assert await outbox.states() == {"e1": "delivered"}
    assert await outbox.holdings() == {}


# A database that fails


class Failing(Database):
    """Refuses writes while told to; with `is_late`, only after they were stored."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.failures = 0
        self.is_late = False
        self.armed = False

    @override
    async def read(self, fn: Callable[[Connection], T]) -> T:
        return await self._database.read(fn)

    @override
    async def write(self, fn: Callable[[Connection], T]) -> T:
        if self.armed and self.failures:
            self.failures -= 1
            if self.is_late:
                await self._database.write(fn)
                raise CommitUnknown("The connection broke.")
            raise DatabaseUnavailable("The disk is full.")
        return await self._database.write(fn)

    @override
    async def aclose(self) -> None:
        raise NotImplementedError


class NoJitter(random.Random):
    """Waits are as short as they can be."""

    @override
    def random(self) -> float:
        return 0.0


def _on(outbox: Outbox, database: Failing, *, after_answer: bool = True) -> DeliveryService:
    def reach(place: str) -> None:
        if place == "outbox.sent":
            database.armed = after_answer

    service = outbox.service(reach, database=database)
    service._rng = service._sender._rng = NoJitter()
    return service


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize(
    ("play", "count"),
    [(Play.ACCEPT, 1), (Play.ACCEPT, 12), (Play.REJECT, 12), (Play.TOO_LARGE, 12), (Play.DEFER, 12)],
)
async def test_an_outcome_is_stored_although_the_database_fails_for_a_while(
    outbox: Outbox,
    play: Play,
    count: int,
    is_late: bool,  # noqa: FBT001
) -> None:
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(count)))
    database = Failing(outbox.database)
    database.failures, database.is_late = 3, is_late
    outbox.klaviyo.script(play)
    worker = _on(outbox, database)
    await worker.deliver_next()
    assert database.failures == 0
    assert len(outbox.klaviyo.requests) == 1
    dead = int(play is Play.REJECT)
    expected = Books(delivered=count, accepted=count) if play is Play.ACCEPT else None
    assert await outbox.store.books() == (expected or Books(dead=dead, pending=count - dead, accepted=count))
    outbox.clock.advance(timedelta(minutes=5))
    while await worker.deliver_next():
        outbox.clock.advance(timedelta(minutes=1))
    assert await outbox.store.books() == Books(dead=dead, delivered=count - dead, accepted=count)
    assert await outbox.open_batches() == [], "a batch without members"
    assert outbox.klaviyo.faults == []


@pytest.mark.parametrize("repeats", Repeats)
async def test_an_outcome_that_could_not_be_stored_makes_the_next_try_a_repeat(
    outbox: Outbox, repeats: Repeats
) -> None:
    """The worker lives, but its lease ran out while the database was away, and nobody else was there to bury it."""
    outbox.klaviyo.repeats = repeats
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(12)))
    database = Failing(outbox.database)
    database.failures = 1
    worker = _on(outbox, database)
    answer = outbox.klaviyo.send_events

    async def slow(deliveries: object) -> object:
        outbox.klaviyo.send_events = answer
        try:
            return await answer(deliveries)  # type: ignore[arg-type]
        finally:
            outbox.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))

    outbox.klaviyo.send_events = slow  # type: ignore[method-assign, assignment]
    with pytest.raises(ExceptionGroup):
        await worker.deliver_next()
    while await worker.deliver_next():
        outbox.clock.advance(timedelta(minutes=1))
    assert await outbox.store.books() == Books(delivered=12, accepted=12)


async def test_a_claim_whose_commit_is_unknown_loses_nothing(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(12)))
    database = Failing(outbox.database)
    worker = _on(outbox, database)
    await worker.lease.renew()
    database.failures, database.is_late, database.armed = 1, True, True
    with pytest.raises(CommitUnknown):
        await worker.deliver_next()
    assert await worker.deliver_next()
    assert outbox.klaviyo.requests == [tuple(f"e{n}" for n in range(12))]
    assert await outbox.store.books() == Books(delivered=12, accepted=12)
