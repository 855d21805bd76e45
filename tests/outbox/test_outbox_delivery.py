"""What is accepted ends delivered, dead, withheld or superseded, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, delete
from structlog.testing import capture_logs
from typing_extensions import override

from dreamflow.kit.clock import Clock
from dreamflow.kit.db import SqliteDatabase
from dreamflow.kit.errors import Unavailable
from dreamflow.outbox import Books, DeliveryKind, Envelope, Outgoing
from dreamflow.outbox.adapters.sql import SqlDeliveries, append, deliveries
from dreamflow.outbox.ports import Answer, Deferred, OneByOne, Rejected
from kit.kit_house import EVENING
from outbox.outbox_fakes import Card, Heard, Outbox, Play, carded, heard, outbox_at

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
    assert delivery.body == {"what": "e1", "schema": 3, "seq": fact.seq}
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
    while await outbox.deliver():
        pass
    assert list(outbox.klaviyo.effects) == ["e1", "e1-1", "e1-2", "e2", "e2-1", "e2-2"]


async def test_a_fact_without_an_outgoing_form_causes_no_delivery(outbox: Outbox) -> None:
    await outbox.append(Envelope("e1", "p", "test.quiet", EVENING, {"child": "c"}))
    assert not await outbox.deliver()
    assert await outbox.store.books() == Books()
    assert len(await outbox.facts()) == 1


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
    while await outbox.deliver():
        pass
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
    class Slow(SqliteDatabase):
        """Between the look and the claim, somebody else finishes the work."""

        @override
        async def write(self, fn: Callable[[Connection], T]) -> T:
            await outbox.deliver()
            return await super().write(fn)

    path = await outbox.database.read(lambda connection: connection.exec_driver_sql("PRAGMA database_list").one().file)
    slow = Slow(Path(path))
    await outbox.append(heard("e1"))
    assert await SqlDeliveries(slow, outbox.ids).claim(EVENING) is None
    assert await outbox.states() == {"e1": "delivered"}
    await slow.aclose()


async def test_with_nothing_pending_there_is_nothing_to_do(outbox: Outbox) -> None:
    assert not await outbox.deliver()
    assert outbox.klaviyo.requests == []


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("play", [Play.DEFER, Play.LOSE_ANSWER])
async def test_what_was_deferred_waits_its_time_and_is_sent_again_unchanged(
    outbox: Outbox, count: int, play: Play
) -> None:
    await outbox.append(*(heard(f"e{n}") for n in range(count)))
    await outbox.deliver(play)
    assert await outbox.store.books() == Books(pending=count, accepted=count)
    before = list(outbox.klaviyo.requests)
    while await outbox.deliver():
        pass
    assert outbox.klaviyo.requests[1] == before[0]
    assert await outbox.store.books() == Books(delivered=count, accepted=count)
    assert list(outbox.klaviyo.effects) == [f"e{n}" for n in range(count)]


async def test_nothing_is_sent_before_the_wait_that_was_asked_for_is_over(outbox: Outbox) -> None:
    await outbox.append(heard("e1"), heard("e2"))
    await outbox.deliver(Deferred("asked to wait", 120.0))
    due = outbox.clock.now() + timedelta(seconds=120)
    outbox.clock.set(due - timedelta(seconds=1))
    assert not await outbox.service().deliver_next()
    outbox.clock.set(due)
    assert await outbox.service().deliver_next()
    assert outbox.klaviyo.requests == [("e1",), ("e1",)]


async def test_tries_are_never_given_up_and_never_spaced_by_more_than_a_minute(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    for _ in range(40):
        outbox.klaviyo.script(Play.DEFER)
        assert await outbox.service().deliver_next()
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


@pytest.mark.parametrize("answer", [Rejected({}), OneByOne()], ids=["names nobody", "one by one"])
async def test_a_refused_single_is_never_called_delivered(outbox: Outbox, answer: Answer) -> None:
    await outbox.append(heard("e1"))
    await outbox.deliver(answer)
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
    await outbox.deliver(OneByOne(), Play.ACCEPT, Play.REJECT)
    assert outbox.klaviyo.lanes == ["bulk"] + ["single"] * 11
    assert await outbox.store.books() == Books(delivered=10, dead=1, accepted=11)
    assert list(await outbox.reasons()) == ["e1"]


async def test_one_by_one_stops_at_the_first_that_must_wait_and_keeps_what_is_settled(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{n}") for n in range(11)))
    await outbox.deliver(OneByOne(), Play.ACCEPT, Play.ACCEPT, Play.DEFER)
    assert await outbox.store.books() == Books(delivered=2, pending=9, accepted=11)
    while await outbox.deliver():
        pass
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
    while await outbox.deliver():
        pass
    assert await outbox.store.books() == Books(delivered=7, withheld=6, accepted=13)
    assert outbox.klaviyo.lanes[0] == "bulk"
    assert list(outbox.klaviyo.effects) == [f"b{n}" for n in range(6)] + ["card"]


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
    await outbox.deliver()
    assert outbox.klaviyo.lanes == ["bulk"] + ["single"] * 6
    assert await outbox.store.books() == Books(delivered=6, withheld=6, accepted=12)
    assert set((await outbox.reasons()).values()) == {"consent was withdrawn between two tries; it may have arrived"}


@pytest.mark.parametrize("place", ["outbox.claimed", "outbox.sent"])
@pytest.mark.parametrize("count", [1, 12])
async def test_after_a_crash_the_same_batch_goes_out_unchanged_before_anything_newer(
    tmp_path: Path, place: str, count: int
) -> None:
    path = tmp_path / "house.sqlite"
    async with outbox_at(path) as dying:
        await dying.append(*(heard(f"e{n}") for n in range(count)))
        await dying.crash_at(place)
        await dying.append(*(heard(f"late{n}") for n in range(10)))
    async with outbox_at(path, klaviyo=dying.klaviyo, clock=dying.clock) as reborn:
        dying.klaviyo.requests.clear()
        while await reborn.deliver():
            pass
        assert reborn.klaviyo.requests[0] == tuple(f"e{n}" for n in range(count))
        assert list(reborn.klaviyo.effects) == [f"e{n}" for n in range(count)] + [f"late{n}" for n in range(10)]
        assert await reborn.store.books() == Books(delivered=count + 10, accepted=count + 10)


async def test_a_crash_in_the_middle_of_singles_repeats_them_without_a_second_effect(tmp_path: Path) -> None:
    path = tmp_path / "house.sqlite"
    async with outbox_at(path) as dying:
        await dying.append(*(heard(f"e{n}") for n in range(10)))
        dying.klaviyo.script(OneByOne())
        with pytest.raises(RuntimeError):
            await dying.service(_after(4)).deliver_next()
        assert len(dying.klaviyo.effects) == 3
    async with outbox_at(path, klaviyo=dying.klaviyo, clock=dying.clock) as reborn:
        while await reborn.deliver():
            pass
        assert list(reborn.klaviyo.effects) == [f"e{n}" for n in range(10)]
        assert await reborn.store.books() == Books(delivered=10, accepted=10)


async def test_each_familys_order_is_the_journals_whatever_the_other_side_answers(outbox: Outbox) -> None:
    for n in range(15):
        await outbox.append(heard(f"a{n}", "a"), carded(f"b{n}", "b"), heard(f"c{n}", "c"))
    await outbox.deliver(Play.DEFER)
    while await outbox.deliver(Play.LOSE_ANSWER):
        await outbox.deliver()
    for family in "abc":
        assert [id_ for id_ in outbox.klaviyo.effects if id_[0] == family] == [f"{family}{n}" for n in range(15)]


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
        if place == "outbox.sent":
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


async def test_an_idle_worker_leaves_the_disk_alone(outbox: Outbox) -> None:
    writes: list[object] = []

    class Watched(SqliteDatabase):
        @override
        async def write(self, fn: Callable[[Connection], T]) -> T:
            writes.append(fn)
            return await super().write(fn)

    path = await outbox.database.read(lambda connection: connection.exec_driver_sql("PRAGMA database_list").one().file)
    watched = Watched(Path(path))
    assert await SqlDeliveries(watched, outbox.ids).claim(EVENING) is None
    assert writes == []
    await outbox.append(heard("e1"))
    batch = await SqlDeliveries(watched, outbox.ids).claim(EVENING)
    assert batch is not None
    assert len(writes) == 1
    await watched.aclose()


def _stop_at(place: str, stop: asyncio.Event) -> None:
    if place == "outbox.sent":
        stop.set()


def _after(sends: int) -> Callable[[str], None]:
    left = [sends]

    def reach(place: str) -> None:
        if place == "outbox.sent":
            left[0] -= 1
            if not left[0]:
                raise RuntimeError("the process ends here")

    return reach
