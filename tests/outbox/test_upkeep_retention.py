"""What ended long ago is removed, a little at a time, and the books balance at every moment."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete
from structlog.testing import capture_logs
from typing_extensions import override

from dreamflow.kit.clock import ManualClock
from dreamflow.outbox import Books, DeadLetterService, DeliveryState, Lane, UnknownDelivery
from dreamflow.outbox.adapters.sql import SqlDeadLetters, SqlSettled, deliveries, journal
from dreamflow.outbox.adapters.sql.tables import batches, dropped, settled_totals, streams
from dreamflow.outbox.model import Rejected
from dreamflow.outbox.ports import Unobserved
from dreamflow.outbox.service.retention import Retention
from dreamflow.outbox.service.upkeep import BooksAudit
from kit.kit_house import EVENING
from outbox.outbox_fakes import Card, Outbox, changed, heard
from outbox.upkeep_house import BOTH, Opening, add, counted_writes, end, opening, rows, states

DAYS = 30
NOW = EVENING + timedelta(days=100)
LONG_AGO = NOW - timedelta(days=DAYS, seconds=1)
JUST_IN_TIME = NOW - timedelta(days=DAYS)


class Seen(Unobserved):
    """What the audit told."""

    def __init__(self) -> None:
        self.books: list[Books] = []

    @override
    def balanced(self, books: Books) -> None:
        self.books.append(books)


@pytest.fixture(params=BOTH)
async def another(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opening]:
    async with opening(request, tmp_path / "house.sqlite") as another:
        yield another


@pytest.fixture
async def outbox(another: Opening) -> Outbox:
    return Outbox(await another())


class Night:
    """One run of the retention, which notes its pauses and what the books say in them."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.books: list[Books] = []
        self.retention = Retention(SqlSettled(outbox.database), DAYS, ManualClock(NOW), self.pause)

    async def pause(self, seconds: float) -> None:
        assert seconds > 0
        self.books.append(await self.outbox.store.books())


async def clean(outbox: Outbox) -> Night:
    night = Night(outbox)
    await night.retention.run()
    return night


async def test_what_ended_long_ago_goes_and_its_count_stays(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{number}") for number in range(6)))
    ended = (DeliveryState.DELIVERED, DeliveryState.WITHHELD, DeliveryState.SUPERSEDED)
    for number, state in enumerate((*ended, DeliveryState.DEAD)):
        await end(outbox.database, state, f"e{number}", at=LONG_AGO)
    await end(outbox.database, DeliveryState.DELIVERED, "e4", at=JUST_IN_TIME)
    before = await outbox.store.books()
    await clean(outbox)
    assert await states(outbox.database) == {"e3": "dead", "e4": "delivered", "e5": "pending"}
    assert await outbox.store.books() == before
    assert before == Books(delivered=2, withheld=1, superseded=1, dead=1, pending=1, accepted=6)
    assert len(await rows(outbox.database, journal)) == 6


async def test_a_number_is_never_given_out_again(outbox: Outbox) -> None:
    await outbox.append(heard("e1"), heard("e2"))
    await end(outbox.database, DeliveryState.DELIVERED, "e1", "e2", at=LONG_AGO)
    [last] = [row.seq for row in await rows(outbox.database, deliveries)][1:]
    await clean(outbox)
    await outbox.append(heard("e3"))
    [row] = await rows(outbox.database, deliveries)
    assert (row.number, row.seq > last) == (3, True)


async def test_merged_updates_end_at_a_moment_so_they_go_too(outbox: Outbox) -> None:
    for number in range(3):
        await outbox.append(changed(f"c{number}", Card(tier=str(number))))
    await outbox.deliver()
    assert list((await states(outbox.database)).values()) == ["superseded", "superseded", "delivered"]
    await clean(outbox)
    assert await states(outbox.database) == {}
    assert await outbox.store.books() == Books(delivered=1, superseded=2, accepted=3)


async def test_a_dead_letter_goes_when_it_was_dropped_long_ago(outbox: Outbox) -> None:
    await outbox.append(heard("kept"), heard("fresh"), heard("gone"))
    await end(outbox.database, DeliveryState.DEAD, "kept", "fresh", "gone", at=LONG_AGO - timedelta(days=40))
    operators = [DeadLetterService(SqlDeadLetters(outbox.database), ManualClock(at)) for at in (JUST_IN_TIME, LONG_AGO)]
    for operator, id_ in zip(operators, ("fresh", "gone"), strict=True):
        await operator.drop([id_], "no use")
    await clean(outbox)
    assert set(await states(outbox.database)) == {"kept", "fresh"}
    assert [row.delivery for row in await rows(outbox.database, dropped)] == ["fresh"]
    assert await outbox.store.books() == Books(dead=3, accepted=3)
    with pytest.raises(UnknownDelivery):
        await operators[0].shown("gone")


async def test_a_batch_goes_with_its_last_delivery(outbox: Outbox) -> None:
    await outbox.append(heard("old"), heard("young"), heard("both"))
    state = {"lane": Lane.EVENT, "attempts": 0, "ambiguous": False}
    names = {"b1": False, "b2": False, "empty": False, "open": True}
    await add(outbox.database, batches, *({"id": name, "open": is_open} | state for name, is_open in names.items()))
    for id_, batch in (("old", "b1"), ("young", "b2"), ("both", "b2")):
        into = deliveries.update().where(deliveries.c.id == id_).values(batch=batch)
        await outbox.database.write(lambda connection, into=into: connection.execute(into))
    await end(outbox.database, DeliveryState.DELIVERED, "old", "both", at=LONG_AGO)
    await end(outbox.database, DeliveryState.DELIVERED, "young", at=JUST_IN_TIME)
    await clean(outbox)
    assert [row.id for row in await rows(outbox.database, batches)] == ["b2", "open"]


async def test_it_is_never_a_storm_and_the_books_balance_in_every_pause(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{number}") for number in range(1201)))
    ids = [f"e{number}" for number in range(1200)]
    await end(outbox.database, DeliveryState.DELIVERED, *ids, at=LONG_AGO)
    night = await clean(outbox)
    assert len(night.books) >= 3
    assert set(night.books) == {Books(delivered=1200, pending=1, accepted=1201)}
    assert {row.state: row.count for row in await rows(outbox.database, settled_totals)} == {"delivered": 1200}


async def test_a_night_without_work_does_not_write(outbox: Outbox) -> None:
    await outbox.append(heard("e1"), heard("e2"))
    await end(outbox.database, DeliveryState.DELIVERED, "e1", at=JUST_IN_TIME)
    await end(outbox.database, DeliveryState.DEAD, "e2", at=LONG_AGO)
    async with counted_writes(outbox.database) as written:
        await clean(outbox)
    assert written == []


async def test_a_process_that_dies_between_removing_and_counting_has_done_neither(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    await end(outbox.database, DeliveryState.DELIVERED, "e1", at=LONG_AGO)

    def die(place: str) -> None:
        assert place == "retention.deleted"
        raise SystemError

    with pytest.raises(SystemError):
        await SqlSettled(outbox.database, reach=die).remove_settled(NOW, 10)
    assert await states(outbox.database) == {"e1": "delivered"}
    assert await outbox.store.books() == Books(delivered=1, accepted=1)


async def test_the_audit_tells_what_it_found_and_says_so_when_something_is_missing(outbox: Outbox) -> None:
    await outbox.append(heard("e1"), heard("e2"))
    seen = Seen()
    audit = BooksAudit(outbox.store, seen)
    with capture_logs() as logs:
        await audit.run()
    assert (seen.books, logs) == ([Books(pending=2, accepted=2)], [])
    await outbox.database.write(
        lambda connection: connection.execute(delete(deliveries).where(deliveries.c.id == "e1"))
    )
    with capture_logs() as logs:
        await audit.run()
    assert not seen.books[-1].balanced
    assert [(each["event"], each["accepted"], each["found"], each["log_level"]) for each in logs] == [
        ("outbox.unbalanced", 2, 1, "error")
    ]
    assert [row.last for row in await rows(outbox.database, streams)] == [2]


async def test_what_an_old_dead_update_may_not_turn_back_is_kept_until_that_is_mended(outbox: Outbox) -> None:
    await outbox.append(changed("old", Card(email="old@example.org", tier="free"), "ann"))
    await outbox.deliver(Rejected({"old": "refused with 400"}))
    await outbox.append(changed("new", Card(email="new@example.org", tier="gold"), "ann"), heard("told", "ann"))
    await outbox.finish()
    late = outbox.clock.now() + timedelta(days=2 * DAYS)
    settled = SqlSettled(outbox.database)
    assert await settled.remove_settled(late, 100) == 1
    assert await outbox.states() == {"old": "dead", "new": "delivered"}
    await SqlDeadLetters(outbox.database).requeue(["old"], outbox.clock.now(), as_new=False)
    await outbox.finish()
    assert outbox.klaviyo.profiles["ann"]["tier"] == "gold"
    assert await settled.remove_settled(late, 100) == 2
