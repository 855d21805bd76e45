"""Dead letters can be looked at, sent again and given up, and the books balance all the while."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from dreamflow.kit.clock import ManualClock
from dreamflow.kit.errors import Invalid
from dreamflow.outbox import Books, DeadLetterService, DeliveryKind, DeliveryState, Lane, NotDead, UnknownDelivery
from dreamflow.outbox.adapters.sql import SqlDeadLetters, SqlDeliveries, append, deliveries
from dreamflow.outbox.adapters.sql.tables import batches
from dreamflow.outbox.model import Rejected
from kit.kit_house import EVENING
from outbox.outbox_fakes import Card, Outbox, changed, heard
from outbox.upkeep_house import BOTH, Opening, add, end, opening, rows, states

LATER = EVENING + timedelta(days=3)
NEWER_SAY_ALL = "newer updates say all of it"


@pytest.fixture(params=BOTH)
async def another(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opening]:
    async with opening(request, tmp_path / "house.sqlite") as another:
        yield another


@pytest.fixture
async def outbox(another: Opening) -> Outbox:
    return Outbox(await another())


@pytest.fixture
def operator(outbox: Outbox) -> DeadLetterService:
    return DeadLetterService(SqlDeadLetters(outbox.database), ManualClock(LATER))


async def kill(outbox: Outbox, *ids: str, reason: str = "400 invalid at /properties", minutes: int = 0) -> None:
    at = EVENING + timedelta(minutes=minutes)
    await end(outbox.database, DeliveryState.DEAD, *ids, reason=reason, at=at)


async def test_the_newest_dead_letters_are_listed_without_what_they_say(
    outbox: Outbox, operator: DeadLetterService
) -> None:
    await outbox.append(heard("e1"), heard("e2", "q"), heard("e3"), heard("e4"))
    for minutes, id_ in enumerate(("e2", "e1", "e4")):
        await kill(outbox, id_, minutes=minutes)
    listed = await operator.listed()
    assert [each.id for each in listed] == ["e4", "e1", "e2"]
    assert [each.id for each in await operator.listed(limit=1)] == ["e4"]
    last = listed[-1]
    assert (last.parent, last.name, last.reason) == ("q", "Heard", "400 invalid at /properties")
    assert (last.state, last.since) == (DeliveryState.DEAD, EVENING)
    assert "at home" not in repr(listed)
    assert "'what'" not in repr(listed)


async def test_other_states_are_listed_too_and_what_waits_tells_its_hour(
    outbox: Outbox, operator: DeadLetterService
) -> None:
    await outbox.append(heard("e1"), heard("e2"))
    assert [each.id for each in await operator.listed(DeliveryState.PENDING)] == ["e2", "e1"]
    assert (await operator.listed(DeliveryState.PENDING))[0].since == EVENING.replace(minute=0, second=0, microsecond=0)
    await outbox.deliver()
    assert [each.id for each in await operator.listed(DeliveryState.DELIVERED)] == ["e1"]
    assert await operator.listed(DeliveryState.WITHHELD) == []


async def test_one_delivery_is_shown_whole(outbox: Outbox, operator: DeadLetterService) -> None:
    await outbox.append(heard("e1"))
    await outbox.deliver(Rejected({"e1": "400 invalid at /time"}))
    shown = await operator.shown("e1")
    assert shown.delivery == outbox.klaviyo.sent["e1"]
    assert (shown.state, shown.reason, shown.number, shown.fact) == (
        DeliveryState.DEAD,
        "400 invalid at /time",
        1,
        "e1",
    )
    assert (shown.ended_at, shown.dropped) == (outbox.clock.now(), None)
    assert shown.batch is not None
    assert (shown.batch.lane, shown.batch.attempts, shown.batch.is_open) == (Lane.EVENT, 0, False)


async def test_nobody_knows_a_delivery_that_is_none(operator: DeadLetterService) -> None:
    with pytest.raises(UnknownDelivery, match=r"^There is no delivery e9\."):
        await operator.shown("e9")


async def test_what_is_sent_again_goes_after_all_that_waits_and_triggers_nothing(
    outbox: Outbox, operator: DeadLetterService
) -> None:
    await outbox.append(heard("e1"), heard("e2"), heard("e3"))
    await kill(outbox, "e1")
    before = await operator.shown("e1")
    assert (await operator.requeue(["e1"])).waiting == 1
    after = await operator.shown("e1")
    assert list(await states(outbox.database)) == ["e2", "e3", "e1"]
    assert (after.number, after.delivery.body) == (before.number, before.delivery.body)
    assert (after.state, after.reason, after.ended_at, after.batch) == (DeliveryState.PENDING, None, None, None)
    assert after.delivery.backfill
    assert await outbox.store.books() == Books(pending=3, accepted=3)
    await outbox.finish()
    assert list(outbox.klaviyo.effects) == ["e2", "e3", "e1"]
    assert await outbox.store.books() == Books(delivered=3, accepted=3)


async def test_flows_act_on_what_is_sent_as_new_unless_it_was_made_up(
    outbox: Outbox, operator: DeadLetterService
) -> None:
    await outbox.append(heard("real"), heard("made up", simulated=True))
    await kill(outbox, "real", "made up")
    await operator.requeue(["real", "made up"], as_new=True)
    assert {row.id: row.backfill for row in await rows(outbox.database, deliveries)} == {"real": False, "made up": True}


async def test_consent_is_asked_again_before_a_dead_letter_goes(outbox: Outbox, operator: DeadLetterService) -> None:
    await outbox.append(heard("e1"))
    await kill(outbox, "e1")
    outbox.ledger.withdraw()
    await operator.requeue(["e1"])
    await outbox.finish()
    assert await states(outbox.database) == {"e1": "withheld"}
    assert outbox.klaviyo.effects == {}


async def test_an_old_profile_update_does_not_turn_the_profile_back(
    outbox: Outbox, operator: DeadLetterService
) -> None:
    await outbox.append(changed("old", Card(email="old@example.org", tier="free")))
    await outbox.append(changed("new", Card(email="new@example.org")))
    await outbox.append(changed("withheld", Card(tier="never arrived")))
    await kill(outbox, "old")
    await end(outbox.database, DeliveryState.DELIVERED, "new")
    await end(outbox.database, DeliveryState.WITHHELD, "withheld")
    assert (await operator.requeue(["old"])).waiting == 1
    again = (await operator.shown("old")).delivery
    assert (again.kind, again.body, again.identity) == (DeliveryKind.PROFILE, {"tier": "free"}, frozenset())


async def test_an_update_of_which_newer_ones_say_all_is_not_sent(outbox: Outbox, operator: DeadLetterService) -> None:
    await outbox.append(changed("old", Card(tier="free")), changed("new", Card(tier="plus")))
    await kill(outbox, "old")
    done = await operator.requeue(["old"])
    assert (done.waiting, done.superseded) == (0, 1)
    shown = await operator.shown("old")
    assert (shown.state, shown.reason, shown.ended_at) == (DeliveryState.SUPERSEDED, NEWER_SAY_ALL, LATER)
    await outbox.finish()
    assert outbox.klaviyo.profiles == {"p": {"tier": "plus"}}
    assert await outbox.store.books() == Books(delivered=1, superseded=1, accepted=2)


@pytest.mark.parametrize(
    ("ids", "error", "said"),
    [
        (["dead", "e9"], UnknownDelivery, "There is no delivery e9. Nothing was changed."),
        (["dead", "waiting"], NotDead, "waiting is pending, not dead. Nothing was changed."),
        (["dead", "gone"], NotDead, "gone was dropped: what it said is gone. Nothing was changed."),
    ],
)
async def test_all_of_them_or_none(
    outbox: Outbox, operator: DeadLetterService, ids: list[str], error: type[Exception], said: str
) -> None:
    await outbox.append(heard("waiting"), heard("dead"), heard("gone"))
    await kill(outbox, "dead", "gone")
    await operator.drop(["gone"], "no use")
    before = await rows(outbox.database, deliveries)
    for command in (operator.requeue(ids), operator.drop(ids, "no use")):
        with pytest.raises(error) as raised:
            await command
        assert str(raised.value) == said
    assert await rows(outbox.database, deliveries) == before


async def test_all_are_sent_again_that_died_for_a_reason(outbox: Outbox, operator: DeadLetterService) -> None:
    await outbox.append(*(heard(f"e{number}", f"p{number}") for number in range(6)))
    await kill(outbox, "e1", "e4", reason="400 INVALID_PHONE 100% at /profile")
    await kill(outbox, "e2", "e3", reason="400 invalid at /time")
    await operator.drop(["e3"], "no use")
    assert (await operator.requeue_all(reason_like="0% AT")).waiting == 2
    assert (await operator.requeue_all(reason_like="0_ AT")).waiting == 0
    assert list(await states(outbox.database)) == ["e0", "e2", "e3", "e5", "e1", "e4"]
    assert (await operator.requeue_all()).waiting == 1
    assert (await operator.requeue_all()).waiting == 0
    assert await outbox.store.books() == Books(pending=5, dead=1, accepted=6)


async def test_naming_one_twice_is_naming_it_once(outbox: Outbox, operator: DeadLetterService) -> None:
    await outbox.append(heard("e1"), heard("e2"))
    await kill(outbox, "e1", "e2")
    assert (await operator.requeue(["e1", "e1"])).waiting == 1
    await operator.drop(["e2", "e2"], "no use")
    assert await outbox.store.books() == Books(pending=1, dead=1, accepted=2)


async def test_what_is_dropped_stays_dead_and_counted_and_its_words_are_gone(
    outbox: Outbox, operator: DeadLetterService
) -> None:
    await outbox.append(heard("e1"), changed("c1", Card(email="ann@example.org")))
    await kill(outbox, "e1", "c1")
    await operator.drop([], "nothing at all")
    await operator.drop(["c1"], "  the address was never right ")
    assert await outbox.store.books() == Books(dead=2, accepted=2)
    assert [each.id for each in await operator.listed()] == ["e1"]
    [dropped] = await operator.listed(dropped=True)
    assert (dropped.id, dropped.reason) == ("c1", "the address was never right")
    shown = await operator.shown("c1")
    assert (shown.delivery.body, shown.delivery.identity) == ({}, frozenset())
    assert (shown.dropped, shown.reason) == ("the address was never right", "400 invalid at /properties")
    assert "ann@example.org" not in repr(await rows(outbox.database, deliveries))
    await outbox.finish()
    assert outbox.klaviyo.effects == {}


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
async def test_a_reason_has_words_and_not_too_many(outbox: Outbox, operator: DeadLetterService, reason: str) -> None:
    await outbox.append(heard("e1"))
    await kill(outbox, "e1")
    with pytest.raises(Invalid, match="Give a reason of 1 to 200 characters"):
        await operator.drop(["e1"], reason)
    assert await operator.listed(dropped=True) == []


async def test_two_operators_at_once_send_each_letter_once(outbox: Outbox, another: Opening) -> None:
    """While the house accepts more for the same profiles, on the database's own locks."""
    ids = [f"e{number}" for number in range(40)]
    await outbox.append(*(heard(id_, f"p{number % 4}") for number, id_ in enumerate(ids)))
    await kill(outbox, *ids)
    houses = [await another(), await another(), await another()]
    operators = [DeadLetterService(SqlDeadLetters(house), ManualClock(LATER)) for house in houses[:2]]

    async def accept() -> None:
        for number in range(20):
            envelope = heard(f"new{number}", f"p{number % 4}")
            await houses[2].write(lambda connection, envelope=envelope: append(connection, [envelope]))

    done, others, _ = await asyncio.gather(operators[0].requeue_all(), operators[1].requeue_all(), accept())
    assert done.waiting + others.waiting == 40
    assert await SqlDeliveries(houses[0], outbox.ids).books() == Books(pending=60, accepted=60)


async def test_many_letters_are_named_at_once(outbox: Outbox, operator: DeadLetterService) -> None:
    ids = [f"e{number}" for number in range(600)]
    await outbox.append(*(heard(id_, id_) for id_ in ids))
    await kill(outbox, *ids)
    assert (await operator.requeue(ids[:550])).waiting == 550
    assert (await operator.requeue_all()).waiting == 50
    await kill(outbox, *ids)
    await operator.drop(ids, "no use")
    assert len(await operator.listed(dropped=True, limit=20_000)) == 600


async def test_a_letter_that_died_in_bulk_leaves_its_batch(outbox: Outbox, operator: DeadLetterService) -> None:
    await outbox.append(heard("e1"))
    await kill(outbox, "e1")
    batch = {"id": "b1", "lane": Lane.EVENTS, "attempts": 2, "ambiguous": True, "open": True, "last_reason": "timeout"}
    await add(outbox.database, batches, batch)
    into = deliveries.update().values(batch="b1")
    await outbox.database.write(lambda connection: connection.execute(into))
    shown = (await operator.shown("e1")).batch
    assert shown is not None
    assert (shown.lane, shown.attempts, shown.is_ambiguous, shown.last_reason) == (Lane.EVENTS, 2, True, "timeout")
    await operator.requeue(["e1"])
    [row] = await rows(outbox.database, deliveries)
    assert (row.batch, json.loads(row.body)["what"]) == (None, "e1")
