"""What is accepted ends delivered, dead, withheld or superseded, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, delete, select
from structlog.testing import capture_logs
from typing_extensions import override

from databases import OpenDatabase
from dreamflow.kit.clock import Clock
from dreamflow.kit.db import Database
from dreamflow.kit.errors import Unavailable
from dreamflow.outbox import Batch, Books, DeliveryKind, Envelope, Limits, Outgoing
from dreamflow.outbox.adapters.sql import SqlDeliveries, append, deliveries, journal
from dreamflow.outbox.model import Deferred, OneByOne, Rejected
from dreamflow.outbox.service.delivery import LEASE_SECONDS, ROOM
from kit.kit_house import EVENING
from outbox.outbox_fakes import Card, Crash, Heard, Outbox, Play, Repeats, carded, heard, outbox_at

PATIENCE = 20.0
T = TypeVar("T")


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with outbox_at(tmp_path / "house.sqlite") as outbox:
        yield outbox


async def test_a_fact_is_kept_whole_at_home_and_only_its_closed_form_leaves(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    [fact] = await outbox.facts()
    assert (fact.id, fact.type, fact.facts, fact.occurred_at) == ("e1", "test.heard", {"secret": "at home"}, EVENING)
    await outbox.deliver()
    delivery = outbox.klaviyo.effects["e1"]
    assert delivery.body == {"what": "e1", "schema": 3, "seq": 1}
    assert (delivery.kind, delivery.name, delivery.parent) == (DeliveryKind.EVENT, "Heard", "p")
    assert (delivery.purpose, delivery.ledger_entry) == ("listening", "entry-1")


async def test_no_time_finer_than_the_hour_is_in_a_delivery(outbox: Outbox) -> None:
    await outbox.append(heard("e1", at=EVENING))
    await outbox.deliver()
    assert outbox.klaviyo.effects["e1"].occurred_at == EVENING.replace(minute=0, second=0, microsecond=0)


async def test_made_up_facts_are_sent_as_backfill_and_real_ones_are_not(outbox: Outbox) -> None:
    await outbox.append(heard("real"), heard("made up", simulated=True))
    await outbox.deliver()
    await outbox.deliver()
    assert {id_: each.backfill for id_, each in outbox.klaviyo.effects.items()} == {"real": False, "made up": True}
    assert [fact.simulated for fact in await outbox.facts()] == [False, True]


async def test_a_profile_update_says_which_fields_are_klaviyos_own_and_leaves_out_what_is_not_set(
    outbox: Outbox,
) -> None:
    await outbox.append(carded("c1"))
    await outbox.deliver()
    sent = outbox.klaviyo.effects["c1"]
    assert (sent.kind, sent.name, sent.body, sent.identity) == (
        DeliveryKind.PROFILE,
        "profile",
        {"email": "ann@example.org"},
        frozenset({"email"}),
    )


async def test_a_fact_with_two_outgoing_forms_sends_both_in_order_under_ids_of_their_own(outbox: Outbox) -> None:
    both = (Outgoing(Card(tier="free"), "entry-1"), Outgoing(Heard(what="both"), "entry-2"))
    await outbox.append(Envelope("e1", "p", "test.both", EVENING, {}, both))
    await outbox.deliver()
    await outbox.deliver()
    assert outbox.klaviyo.requests == [("e1",), ("e1-1",)]
    assert await outbox.store.books() == Books(delivered=2, accepted=2)


async def test_all_forms_of_a_fact_go_before_those_of_the_next(outbox: Outbox) -> None:
    for name in ("e1", "e2"):
        three = (Outgoing(Card(tier=name), "l-1"), Outgoing(Heard(what=name), "l-2"), Outgoing(Card(tier="x"), "l-1"))
        await outbox.append(Envelope(name, "p", "test.three", EVENING, {}, three))
    await outbox.finish()
    assert list(outbox.klaviyo.effects) == ["e1", "e1-1", "e2", "e2-1", "e2-2"]
    assert await outbox.reasons() == {"e1-2": "went along with e2"}


async def test_a_fact_without_an_outgoing_form_causes_no_delivery(outbox: Outbox) -> None:
    await outbox.append(Envelope("e1", "p", "test.quiet", EVENING, {"child": "c"}))
    assert not await outbox.deliver()
    assert await outbox.store.books() == Books()
    assert len(await outbox.facts()) == 1


def test_no_fact_writes_nothing() -> None:
    append(None, [])  # pyright: ignore[reportArgumentType] - it is not even looked at


async def test_a_transaction_that_fails_leaves_neither_fact_nor_delivery(outbox: Outbox) -> None:
    def failing(connection: Connection) -> None:
        append(connection, [heard("e1")])
        raise LookupError

    with pytest.raises(LookupError):
        await outbox.database.write(failing)
    assert await outbox.store.books() == Books()
    assert await outbox.facts() == []


async def test_seq_rises_in_the_order_of_acceptance(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{n}") for n in range(5)))
    assert [fact.id for fact in await outbox.facts()] == [f"e{n}" for n in range(5)]


async def test_a_fresh_event_goes_alone_and_a_deep_backlog_goes_in_one_request(outbox: Outbox) -> None:
    await outbox.append(heard("e0"))
    await outbox.deliver()
    await outbox.append(*(heard(f"b{n}") for n in range(12)))
    await outbox.deliver()
    assert outbox.klaviyo.lanes == ["single", "bulk"]
    assert outbox.klaviyo.requests[1] == tuple(f"b{n}" for n in range(12))
    assert await outbox.store.books() == Books(delivered=13, accepted=13)


async def test_a_profile_update_is_not_overtaken_by_the_events_after_it(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"a{n}") for n in range(10)), carded("c"), *(heard(f"b{n}") for n in range(10)))
    await outbox.finish()
    assert [len(request) for request in outbox.klaviyo.requests] == [10, 1, 10]
    assert list(outbox.klaviyo.effects) == [f"a{n}" for n in range(10)] + ["c"] + [f"b{n}" for n in range(10)]


async def test_a_delivery_that_went_missing_shows_in_the_books(outbox: Outbox) -> None:
    await outbox.append(heard("e1"), heard("e2"), carded("c"))
    await outbox.deliver()
    assert (await outbox.store.books()).balanced
    await outbox.database.write(
        lambda connection: connection.execute(delete(deliveries).where(deliveries.c.id == "e2"))
    )
    books = await outbox.store.books()
    assert books == Books(delivered=1, pending=1, accepted=3)
    assert not books.balanced


async def test_a_claim_that_comes_too_late_finds_nothing(outbox: Outbox) -> None:
    class Slow(Watched):
        """Between the look and the cut, the work is finished by the same worker."""

        @override
        async def write(self, fn: Callable[[Connection], T]) -> T:
            await outbox.deliver()
            return await super().write(fn)

    await outbox.worker.deliver_next()
    await outbox.append(heard("e1"))
    store = SqlDeliveries(Slow(outbox.database), outbox.ids)
    assert await _claim(store, outbox) == []
    assert await outbox.states() == {"e1": "delivered"}


async def test_with_nothing_pending_there_is_nothing_to_do(outbox: Outbox) -> None:
    assert not await outbox.deliver()
    assert outbox.klaviyo.requests == []


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("play", [Play.DEFER, Play.NO_ANSWER])
async def test_what_was_deferred_waits_its_time_and_is_sent_again_unchanged(
    outbox: Outbox, count: int, play: Play
) -> None:
    await outbox.append(*(heard(f"e{n}") for n in range(count)))
    await outbox.deliver(play)
    assert await outbox.store.books() == Books(pending=count, accepted=count)
    before = list(outbox.klaviyo.requests)
    await outbox.finish()
    assert outbox.klaviyo.requests[1:] == before
    assert await outbox.store.books() == Books(delivered=count, accepted=count)
    assert list(outbox.klaviyo.effects) == [f"e{n}" for n in range(count)]


async def test_nothing_is_sent_before_the_wait_that_was_asked_for_is_over(outbox: Outbox) -> None:
    await outbox.append(heard("e1"), heard("e2"))
    await outbox.deliver(Deferred("asked to wait", 120.0))
    due = outbox.clock.now() + timedelta(seconds=120)
    outbox.clock.set(due - timedelta(seconds=1))
    assert not await outbox.worker.deliver_next()
    outbox.clock.set(due)
    assert await outbox.worker.deliver_next()
    assert outbox.klaviyo.requests == [("e1",), ("e1",)]


async def test_tries_are_never_given_up_and_never_spaced_by_more_than_a_minute(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    for _ in range(40):
        outbox.klaviyo.script(Play.DEFER)
        assert await outbox.worker.deliver_next()
        outbox.clock.advance(timedelta(minutes=1))
    assert await outbox.store.books() == Books(pending=1, accepted=1)
    await outbox.deliver()
    assert await outbox.states() == {"e1": "delivered"}


async def test_a_refused_single_becomes_a_dead_letter_with_its_reason_and_is_logged_without_content(
    outbox: Outbox,
) -> None:
    await outbox.append(heard("e1"), heard("e2"))
    with capture_logs() as logs:
        await outbox.deliver(Play.REJECT)
        await outbox.deliver()
    assert await outbox.states() == {"e1": "dead", "e2": "delivered"}
    assert await outbox.reasons() == {"e1": "refused with 400"}
    assert [entry["event"] for entry in logs] == ["outbox.dead_letter"]
    assert logs[0]["reason"] == "refused with 400"
    assert "at home" not in str(logs)


async def test_a_single_that_is_refused_without_a_reason_is_never_called_delivered(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    await outbox.deliver(Rejected({}))
    assert (await outbox.states(), await outbox.reasons()) == ({"e1": "dead"}, {"e1": "refused"})


async def test_a_bulk_request_goes_out_again_without_those_that_were_refused(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{n}") for n in range(12)))
    await outbox.deliver(Rejected({"e3": "bad", "e5": "worse"}))
    assert outbox.klaviyo.effects == {}
    await outbox.deliver()
    assert outbox.klaviyo.requests[1] == tuple(f"e{n}" for n in range(12) if n not in {3, 5})
    assert await outbox.store.books() == Books(delivered=10, dead=2, accepted=12)
    assert await outbox.reasons() == {"e3": "bad", "e5": "worse"}


async def test_when_the_bulk_door_does_not_say_whom_it_refuses_each_one_is_asked_about(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{n}") for n in range(11)))
    await outbox.deliver(OneByOne())
    await outbox.deliver(Play.ACCEPT, Play.REJECT)
    assert outbox.klaviyo.lanes == ["bulk"] + ["single"] * 11
    assert await outbox.store.books() == Books(delivered=10, dead=1, accepted=11)
    assert list(await outbox.reasons()) == ["e1"]


async def test_one_by_one_stops_at_the_first_that_must_wait_and_keeps_what_is_settled(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{n}") for n in range(11)))
    await outbox.deliver(OneByOne())
    await outbox.deliver(Play.ACCEPT, Play.ACCEPT, Play.DEFER)
    assert await outbox.store.books() == Books(delivered=2, pending=9, accepted=11)
    await outbox.finish()
    assert list(outbox.klaviyo.effects) == [f"e{n}" for n in range(11)]


@pytest.mark.parametrize("count", [1, 12])
async def test_what_has_no_consent_any_more_is_withheld_and_never_sent(outbox: Outbox, count: int) -> None:
    await outbox.append(*(heard(f"e{n}") for n in range(count)))
    outbox.ledger.withdraw()
    await outbox.deliver()
    assert outbox.klaviyo.requests == []
    assert await outbox.store.books() == Books(withheld=count, accepted=count)
    assert set((await outbox.reasons()).values()) == {"consent was withdrawn before it was sent"}


async def test_a_withdrawal_stops_that_purpose_of_that_family_only(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"{parent}{n}", parent) for n in range(6) for parent in "ab"), carded("card", "a"))
    outbox.ledger.withdraw("a")
    await outbox.finish()
    assert await outbox.store.books() == Books(delivered=7, withheld=6, accepted=13)
    assert outbox.klaviyo.lanes[0] == "bulk"
    assert set(outbox.klaviyo.effects) == {*(f"b{n}" for n in range(6)), "card"}


async def test_a_withdrawal_between_two_tries_is_honest_about_what_may_have_arrived(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    await outbox.deliver(Play.LOSE_ANSWER)
    outbox.ledger.withdraw()
    await outbox.deliver()
    assert outbox.klaviyo.requests == [("e1",)]
    assert await outbox.reasons() == {"e1": "consent was withdrawn between two tries; it may have arrived"}


@pytest.mark.parametrize("ending", ["no answer", "crash"])
async def test_after_a_withdrawal_a_bulk_request_that_may_have_arrived_is_finished_one_by_one(
    outbox: Outbox, ending: str
) -> None:
    await outbox.append(*(heard(f"{parent}{n}", parent) for n in range(6) for parent in "ab"))
    if ending == "crash":
        await outbox.crash_at("outbox.sent")
    else:
        await outbox.deliver(Play.LOSE_ANSWER)
    outbox.ledger.withdraw("a")
    await outbox.finish()
    assert outbox.klaviyo.lanes == ["bulk"] + ["single"] * 6
    assert await outbox.store.books() == Books(delivered=6, withheld=6, accepted=12)
    assert set((await outbox.reasons()).values()) == {"consent was withdrawn between two tries; it may have arrived"}


PLACES = [
    "lease.buried",
    "lease.renewed",
    "outbox.cutting",
    "outbox.cut",
    "outbox.claimed",
    "outbox.sent",
    "outbox.settling",
    "outbox.settled",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("count", [1, 12])
async def test_after_a_crash_anywhere_the_same_batch_goes_out_unchanged_before_anything_newer_of_its_family(
    outbox: Outbox, place: str, count: int
) -> None:
    await outbox.append(*(heard(f"e{n}") for n in range(count)))
    await outbox.crash_at(place)
    await outbox.append(*(heard(f"late{n}") for n in range(10)))
    await outbox.finish()
    together = tuple(f"e{n}" for n in range(count))
    was_cut = place not in {"lease.buried", "lease.renewed", "outbox.cutting"}
    again = [each for each in outbox.klaviyo.requests if "e0" in each and len(each) == len(together)]
    assert set(again) <= {together}
    assert bool(again) or not was_cut
    assert len(again) == {"outbox.sent": 2, "outbox.settling": 2}.get(place, len(again[:1]))
    assert list(outbox.klaviyo.effects) == [*together, *(f"late{n}" for n in range(10))]
    assert await outbox.store.books() == Books(delivered=count + 10, accepted=count + 10)


@pytest.mark.parametrize("place", ["outbox.deferred", "outbox.settled"])
async def test_after_a_crash_what_was_known_is_not_forgotten(outbox: Outbox, place: str) -> None:
    """A success that was recorded is not sent again; a wait that was asked for is kept by the next worker."""
    await outbox.append(heard("e1"))
    outbox.klaviyo.script(Deferred("later", 600.0, is_ambiguous=False) if place == "outbox.deferred" else Play.ACCEPT)
    await outbox.crash_at(place)
    outbox.clock.advance(timedelta(seconds=599))
    assert not await outbox.worker.deliver_next()
    await outbox.finish()
    assert len(outbox.klaviyo.requests) == {"outbox.deferred": 2, "outbox.settled": 1}[place]
    assert await outbox.states() == {"e1": "delivered"}


async def test_a_crash_in_the_middle_of_singles_repeats_them_without_a_second_effect(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{n}") for n in range(10)))
    await outbox.deliver(OneByOne())
    outbox.klaviyo.script(Play.ACCEPT, Play.ACCEPT, Play.ACCEPT)
    left = [3]

    def reach(place: str) -> None:
        if place == "outbox.sent":
            left[0] -= 1
        if left[0] <= 0:
            raise Crash

    outbox.clock.advance(timedelta(days=1))
    with pytest.raises(ExceptionGroup) as crash:
        await outbox.service(reach).deliver_next()
    assert crash.group_contains(Crash, depth=None)
    assert list(outbox.klaviyo.effects) == ["e0", "e1", "e2"]
    await outbox.finish()
    assert list(outbox.klaviyo.effects) == [f"e{n}" for n in range(10)]
    assert outbox.klaviyo.requests.count(("e2",)) == 2
    assert outbox.klaviyo.requests.count(("e1",)) == 1
    assert await outbox.store.books() == Books(delivered=10, accepted=10)


@pytest.mark.parametrize("repeats", Repeats)
@pytest.mark.parametrize("play", [Play.DEFER, Play.LOSE_ANSWER, Play.NO_ANSWER, Play.TOO_LARGE])
async def test_each_familys_order_is_that_of_acceptance_whatever_the_other_side_answers(
    outbox: Outbox, play: Play, repeats: Repeats
) -> None:
    outbox.klaviyo.repeats = repeats
    for n in range(15):
        await outbox.append(heard(f"a{n}", "a"), carded(f"b{n}", "b"), heard(f"c{n}", "c"))
    for _ in range(4):
        await outbox.deliver(play, play)
    await outbox.finish()
    for family in "ac":
        assert [id_ for id_ in outbox.klaviyo.effects if id_[0] == family] == [f"{family}{n}" for n in range(15)]
    assert await outbox.store.books() == Books(delivered=31, superseded=14, accepted=45)


class HastyClock(Clock):
    """An hour passes whenever somebody looks."""

    def __init__(self) -> None:
        self._now = EVENING

    @override
    def now(self) -> datetime:
        self._now += timedelta(hours=1)
        return self._now


async def test_draining_ends_when_nothing_is_pending_and_waits_as_long_as_it_is_asked(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{n}") for n in range(25)), carded("c"))
    outbox.klaviyo.script(Play.DEFER, Deferred("a long wait", 3 * 3600.0), Play.ACCEPT, Play.REJECT)
    await asyncio.wait_for(outbox.service(clock=HastyClock()).drain(poll_seconds=0), PATIENCE)
    assert await outbox.store.books() == Books(delivered=25, dead=1, accepted=26)


async def test_the_worker_notices_what_is_new_and_finishes_the_batch_under_way_when_told_to_stop(
    outbox: Outbox,
) -> None:
    stop = asyncio.Event()
    seen = asyncio.Event()

    def reach(place: str) -> None:
        if place == "outbox.sent" and len(outbox.klaviyo.effects) == 2:
            stop.set()
        if place == "outbox.settled":
            seen.set()

    running = asyncio.create_task(outbox.service(reach).run(stop, poll_seconds=0.001))
    await outbox.append(heard("e1"))
    await asyncio.wait_for(seen.wait(), PATIENCE)
    await outbox.append(heard("e2"), heard("e3"))
    await asyncio.wait_for(running, PATIENCE)
    assert await outbox.states() == {"e1": "delivered", "e2": "delivered", "e3": "pending"}


async def test_an_idle_worker_stops_at_once(outbox: Outbox) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(outbox.service().run(stop, poll_seconds=3600))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(running, PATIENCE)


async def test_a_hindered_worker_says_so_and_goes_on(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    outbox.ledger.failures.append(Unavailable("The ledger is locked."))
    stop = asyncio.Event()
    with capture_logs() as logs:
        await asyncio.wait_for(outbox.service(lambda place: _stop_at(place, stop)).run(stop, poll_seconds=0), PATIENCE)
    assert await outbox.states() == {"e1": "delivered"}
    assert [(line["event"], line["error"]) for line in logs] == [("outbox.worker_failed", "Unavailable")]
    assert "locked" not in str(logs)


class Watched(Database):
    """Counts what is written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.writes = 0

    @override
    async def read(self, fn: Callable[[Connection], T]) -> T:
        return await self._database.read(fn)

    @override
    async def write(self, fn: Callable[[Connection], T]) -> T:
        self.writes += 1
        return await self._database.write(fn)

    @override
    async def aclose(self) -> None:
        raise NotImplementedError


async def test_an_idle_worker_leaves_the_disk_alone_but_for_its_sign_of_life(outbox: Outbox) -> None:
    watched = Watched(outbox.database)
    service = outbox.service(database=watched)
    assert not await service.deliver_next()
    joined = watched.writes
    for _ in range(20):
        assert not await service.deliver_next()
    assert watched.writes == joined == 1
    outbox.clock.advance(timedelta(seconds=LEASE_SECONDS / 2))
    assert not await service.deliver_next()
    assert watched.writes == 2
    await outbox.append(heard("e1"))
    assert await service.deliver_next()
    assert watched.writes == 4, "one to cut, one to settle"


async def _claim(store: SqlDeliveries, outbox: Outbox) -> Sequence[Batch]:
    worker = outbox.worker.lease.worker
    return await store.claim(worker, outbox.clock.now(), under_way=frozenset(), room=ROOM, limits=Limits())


def _stop_at(place: str, stop: asyncio.Event) -> None:
    if place == "outbox.sent":
        stop.set()


@pytest.mark.parametrize("odd", ["\0", "\ud800", "\\u0000"])
async def test_odd_texts_are_kept_as_they_are_on_both_databases(open_database: OpenDatabase, odd: str) -> None:
    async with open_database() as database:
        fact = replace(heard("e1"), facts={"said": odd})
        await database.write(lambda connection: append(connection, [fact]))
        [kept] = await database.read(lambda connection: connection.execute(select(journal.c.facts)).scalars().all())
        assert kept == {"said": odd}
