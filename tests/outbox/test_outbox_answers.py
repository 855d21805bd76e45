"""What becomes of batches after each answer, from end to end: merging, halving, pointers, replays, locks, consent."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dreamflow.outbox import Books, Delivery, DeliveryState, Lane, Limits
from dreamflow.outbox.model import Answer, Deferred, OneByOne, Rejected
from dreamflow.outbox.service.delivery import ROOM
from outbox.outbox_fakes import Card, Outbox, Play, Repeats, Taste, carded, changed, heard, outbox_at

PERHAPS = "consent was withdrawn between two tries; it may have arrived"
NEVER = "consent was withdrawn before it was sent"


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with outbox_at(tmp_path / "house.sqlite") as outbox:
        yield outbox


# Profile updates


async def test_ten_changes_become_one_update_with_the_newest_of_each_field(outbox: Outbox) -> None:
    await outbox.append(changed("c0", Card(email="old@example.org", tier="free")))
    await outbox.append(*(changed(f"c{n}", Card(tier=f"tier-{n}")) for n in range(1, 9)))
    await outbox.append(changed("c9", Card(email="new@example.org")))
    await outbox.finish()
    assert outbox.klaviyo.requests == [("c9",)]
    sent = outbox.klaviyo.effects["c9"]
    assert sent.body == {"email": "new@example.org", "tier": "tier-8"}
    assert sent.identity == frozenset({"email"})
    assert await outbox.store.books() == Books(delivered=1, superseded=9, accepted=10)
    assert set((await outbox.reasons()).values()) == {"went along with c9"}


async def test_updates_are_never_merged_across_an_event_of_the_same_family(outbox: Outbox) -> None:
    await outbox.append(changed("c1", Card(tier="a")), heard("e"), changed("c2", Card(tier="b")))
    await outbox.append(changed("other", Card(tier="x"), "q"))
    await outbox.finish()
    mine = [id_ for id_, delivery in outbox.klaviyo.effects.items() if delivery.parent == "p"]
    assert mine == ["c1", "e", "c2"]
    assert await outbox.store.books() == Books(delivered=4, accepted=4)


async def test_updates_under_different_consents_are_never_merged_and_keep_their_order(outbox: Outbox) -> None:
    await outbox.append(changed("c1", Card(tier="1")), changed("t1", Taste(tier="2")), changed("c2", Card(tier="3")))
    await outbox.append(changed("c3", Card(tier="4"), entry="entry-9"))
    await outbox.finish()
    assert outbox.klaviyo.requests == [("c1",), ("t1",), ("c2",), ("c3",)]
    assert outbox.klaviyo.profiles["p"]["tier"] == "4"


async def test_an_update_on_its_way_is_not_changed_by_what_comes_after_it(outbox: Outbox) -> None:
    await outbox.append(changed("c1", Card(tier="1")))
    await outbox.deliver(Play.LOSE_ANSWER)
    await outbox.append(changed("c2", Card(tier="2")), changed("c3", Card(tier="3")))
    await outbox.finish()
    assert outbox.klaviyo.requests == [("c1",), ("c1",), ("c3",)]
    assert await outbox.store.books() == Books(delivered=2, superseded=1, accepted=3)


async def test_many_updates_go_as_one_import_in_which_each_family_is_once(outbox: Outbox) -> None:
    families = [f"family-{n}" for n in range(12)]
    for tier in "ab":
        await outbox.append(*(changed(f"{family}-{tier}", Card(tier=tier), family) for family in families))
    await outbox.finish()
    assert outbox.klaviyo.lanes == ["import"]
    assert outbox.klaviyo.profiles == {family: {"tier": "b"} for family in families}
    assert await outbox.store.books() == Books(delivered=12, superseded=12, accepted=24)


async def test_an_imports_own_errors_end_those_that_they_name(outbox: Outbox) -> None:
    outbox.klaviyo.poison = {"c3", "c7"}
    await outbox.append(*(carded(f"c{n}", f"family-{n}") for n in range(12)))
    await outbox.finish()
    assert outbox.klaviyo.lanes == ["import"]
    assert await outbox.store.books() == Books(delivered=10, dead=2, accepted=12)
    assert await outbox.reasons() == {"c3": "refused with 400", "c7": "refused with 400"}


async def test_an_import_that_is_refused_as_a_whole_is_asked_about_one_by_one(outbox: Outbox) -> None:
    outbox.klaviyo.poison = outbox.klaviyo.vague = {"c3"}
    await outbox.append(*(carded(f"c{n}", f"family-{n}") for n in range(12)))
    await outbox.finish()
    assert outbox.klaviyo.lanes == ["import"] + ["single"] * 12
    assert await outbox.store.books() == Books(delivered=11, dead=1, accepted=12)


@pytest.mark.parametrize("play", [Play.LOSE_ANSWER, Play.NO_ANSWER, Play.DEFER])
async def test_an_import_of_unknown_outcome_is_repeated_as_it_was(outbox: Outbox, play: Play) -> None:
    await outbox.append(*(carded(f"c{n}", f"family-{n}") for n in range(12)))
    await outbox.deliver(play)
    await outbox.append(*(changed(f"d{n}", Card(tier="new"), f"family-{n}") for n in range(12)))
    await outbox.finish()
    assert outbox.klaviyo.requests[0] == outbox.klaviyo.requests[1]
    assert outbox.klaviyo.lanes == ["import"] * 3
    assert await outbox.store.books() == Books(delivered=24, accepted=24)


# Events in bulk


async def test_one_poison_event_in_a_thousand_costs_one_more_request(outbox: Outbox) -> None:
    outbox.klaviyo.poison = {"e500"}
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(1000)))
    await outbox.finish()
    assert [len(request) for request in outbox.klaviyo.requests] == [1000, 999]
    assert await outbox.store.books() == Books(delivered=999, dead=1, accepted=1000)


async def test_a_poison_event_that_nobody_points_at_is_found_one_by_one(outbox: Outbox) -> None:
    outbox.klaviyo.poison = outbox.klaviyo.vague = {"e5"}
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(12)))
    await outbox.finish()
    assert outbox.klaviyo.lanes == ["bulk"] + ["single"] * 12
    assert await outbox.store.books() == Books(delivered=11, dead=1, accepted=12)


async def test_what_is_too_large_is_halved_until_it_fits(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(16)))
    await outbox.deliver(Play.TOO_LARGE)
    await outbox.deliver(Play.TOO_LARGE, Play.TOO_LARGE)
    await outbox.finish()
    assert [len(request) for request in outbox.klaviyo.requests] == [16, 8, 8, 4, 4, 4, 4]
    assert await outbox.store.books() == Books(delivered=16, accepted=16)


async def test_what_is_too_large_of_one_family_goes_one_by_one_in_order(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{n}") for n in range(12)))
    await outbox.deliver(Play.TOO_LARGE)
    await outbox.finish()
    assert outbox.klaviyo.lanes == ["bulk"] + ["single"] * 12
    assert list(outbox.klaviyo.effects) == [f"e{n}" for n in range(12)]


@pytest.mark.parametrize("repeats", Repeats)
@pytest.mark.parametrize("lost", [Play.LOSE_ANSWER, Play.NO_ANSWER])
async def test_a_lost_answer_doubles_nothing_and_loses_nothing_however_repeats_are_taken(
    outbox: Outbox, lost: Play, repeats: Repeats
) -> None:
    outbox.klaviyo.repeats = repeats
    await outbox.append(*(heard(f"e{n}", f"family-{n % 7}") for n in range(14)))
    await outbox.deliver(lost)
    await outbox.finish()
    assert outbox.klaviyo.requests[0] == outbox.klaviyo.requests[1]
    assert await outbox.store.books() == Books(delivered=14, accepted=14)
    is_refused = lost is Play.LOSE_ANSWER and repeats is not Repeats.DROPPED
    assert outbox.klaviyo.lanes == ["bulk", "bulk"] + ["single"] * (14 * is_refused)


async def test_after_a_lost_answer_a_poison_event_is_told_from_a_repeat(outbox: Outbox) -> None:
    outbox.klaviyo.repeats = Repeats.NAMED
    outbox.klaviyo.poison = {"e5"}
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(12)))
    await outbox.deliver(Play.NO_ANSWER)
    await outbox.finish()
    assert await outbox.store.books() == Books(delivered=11, dead=1, accepted=12)
    assert await outbox.reasons() == {"e5": "refused with 400"}


async def test_a_replay_sends_several_families_at_once_and_each_in_order(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"{family}{n}", family) for n in range(3) for family in "abcdefghijkl"))
    await outbox.deliver(OneByOne())
    await outbox.finish()
    for family in "abcdefghijkl":
        mine = [id_ for id_ in outbox.klaviyo.effects if id_[0] == family]
        assert mine == [f"{family}{n}" for n in range(3)]
    first = [request[0] for request in outbox.klaviyo.requests[1:9]]
    assert {id_[0] for id_ in first} == set("abcdefgh"), "eight families at a time"


# Other families


async def test_a_family_that_waits_holds_up_nobody_else(outbox: Outbox) -> None:
    await outbox.append(heard("a1", "a"), heard("a2", "a"))
    outbox.klaviyo.script(Play.DEFER)
    await outbox.worker.deliver_next()
    await outbox.append(heard("b1", "b"))
    await outbox.worker.deliver_next()
    assert outbox.klaviyo.requests == [("a1",), ("b1",)]
    assert await outbox.states() == {"a1": "pending", "a2": "pending", "b1": "delivered"}


async def test_fresh_events_of_several_families_go_side_by_side_as_far_as_there_is_room(outbox: Outbox) -> None:
    worker = outbox.service(limits=Limits(bulk_from=99), room={Lane.EVENT: 3})
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(8)))
    for expected in (3, 6, 8):
        await worker.deliver_next()
        assert len(outbox.klaviyo.requests) == expected


# A locked door


async def test_behind_a_locked_door_everything_waits_nothing_dies_and_it_is_said(outbox: Outbox) -> None:
    await outbox.append(heard("e1", "a"))
    with capture_logs() as logs:
        await outbox.deliver(Play.LOCK)
    assert [(line["event"], line["log_level"]) for line in logs] == [("outbox.locked_out", "error")]
    assert outbox.noticed.locks == [True]
    await outbox.append(*(heard(f"b{n}", f"family-{n}") for n in range(30)))
    outbox.clock.advance(timedelta(seconds=59))
    assert not await outbox.worker.deliver_next()
    assert len(outbox.klaviyo.requests) == 1
    await outbox.finish()
    assert outbox.noticed.locks == [True, False]
    assert await outbox.store.books() == Books(delivered=31, accepted=31)


async def test_a_locked_door_is_tried_about_once_a_minute_however_much_waits(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(8)), *(carded(f"c{n}", f"q{n}") for n in "ab"))
    outbox.klaviyo.script(*[Play.LOCK] * 500)
    await outbox.worker.deliver_next()
    tried = len(outbox.klaviyo.requests)
    for _ in range(10 * 60):
        outbox.clock.advance(timedelta(seconds=1))
        await outbox.worker.deliver_next()
    assert len(outbox.klaviyo.requests) - tried <= 10
    assert await outbox.store.books() == Books(pending=10, accepted=10)
    outbox.klaviyo.plays.clear()
    await outbox.finish()
    assert await outbox.store.books() == Books(delivered=10, accepted=10)


# Consent


async def test_consent_is_asked_for_again_before_each_try(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    await outbox.deliver(Play.DEFER)
    await outbox.deliver(Play.DEFER)
    await outbox.deliver()
    assert outbox.ledger.asked == [("e1",)] * 3


async def test_a_withdrawal_after_a_try_that_was_not_sent_says_that_it_never_was(outbox: Outbox) -> None:
    await outbox.append(heard("e1"))
    await outbox.deliver(Play.DEFER)
    outbox.ledger.withdraw()
    await outbox.deliver()
    assert await outbox.reasons() == {"e1": NEVER}


@pytest.mark.parametrize("first", [Play.NO_ANSWER, Play.LOCK])
async def test_of_several_waits_in_a_replay_the_longest_is_kept_and_what_may_have_arrived_is_not_forgotten(
    outbox: Outbox, first: Play
) -> None:
    outbox.klaviyo.clock = outbox.clock  # it notices what comes too early
    outbox.worker = outbox.service(limits=Limits(bulk_from=2))
    await outbox.append(heard("ann-1", "ann"), heard("ben-1", "ben"))
    await outbox.deliver(OneByOne())
    await outbox.deliver(first, Deferred("asked to wait", 100.0, is_ambiguous=first is Play.LOCK))
    for _ in range(12):
        outbox.clock.advance(timedelta(seconds=10))
        await outbox.worker.deliver_next()
    assert outbox.klaviyo.faults == []
    assert await outbox.store.books() == Books(delivered=2, accepted=2)
    assert len(outbox.klaviyo.requests) == 5


async def test_a_withdrawal_in_the_middle_of_a_replay_stops_the_rest_of_that_family(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"a{n}", "a") for n in range(6)), *(heard(f"b{n}", "b") for n in range(6)))
    await outbox.deliver(Play.LOSE_ANSWER)
    outbox.klaviyo.script(Rejected({}), Play.WITHDRAW)
    await outbox.finish()
    states = await outbox.states()
    assert [states[f"a{n}"] for n in range(6)] == ["delivered"] + ["withheld"] * 5
    assert {states[f"b{n}"] for n in range(6)} == {"delivered"}
    assert set((await outbox.reasons()).values()) == {PERHAPS}, "the first request had arrived"


@pytest.mark.parametrize("lost", [Play.LOSE_ANSWER, Play.NO_ANSWER])
async def test_what_moves_on_from_a_batch_of_unknown_outcome_stays_of_unknown_outcome(
    outbox: Outbox, lost: Play
) -> None:
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(12)))
    await outbox.deliver(lost)
    await outbox.deliver(Rejected({}))
    for n in range(12):
        outbox.ledger.withdraw(f"family-{n}")
    await outbox.finish()
    assert await outbox.store.books() == Books(withheld=12, accepted=12)
    assert set((await outbox.reasons()).values()) == {PERHAPS}


async def test_a_batch_that_was_not_sent_goes_on_in_bulk_without_those_who_withdrew(outbox: Outbox) -> None:
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(12)))
    await outbox.deliver(Play.DEFER)
    outbox.ledger.withdraw("family-3")
    await outbox.finish()
    assert outbox.klaviyo.lanes == ["bulk", "bulk"]
    assert outbox.klaviyo.requests[1] == tuple(f"e{n}" for n in range(12) if n != 3)
    assert await outbox.reasons() == {"e3": NEVER}


async def test_a_withdrawal_lets_the_profiles_next_delivery_go(outbox: Outbox) -> None:
    await outbox.append(heard("e1"), carded("c1"))
    outbox.ledger.withdraw()
    await outbox.finish()
    assert await outbox.states() == {"e1": "withheld", "c1": "delivered"}


async def test_an_update_whose_consent_was_withdrawn_takes_what_it_merged_with_it(outbox: Outbox) -> None:
    await outbox.append(changed("c1", Card(tier="1")), changed("c2", Card(tier="2")))
    outbox.ledger.withdraw(purpose="service")
    await outbox.finish()
    assert outbox.klaviyo.requests == []
    assert await outbox.store.books() == Books(withheld=1, superseded=1, accepted=2)


# What is told


async def test_the_observer_is_told_of_each_try_and_each_end(outbox: Outbox) -> None:
    outbox.klaviyo.poison = {"e3"}
    await outbox.append(*(heard(f"e{n}", f"family-{n}") for n in range(12)), carded("c", "q"))
    await outbox.deliver(Play.DEFER)
    await outbox.finish()
    assert sorted(outbox.noticed.tries) == [
        (Lane.EVENTS, "Accepted"),
        (Lane.EVENTS, "Deferred"),
        (Lane.EVENTS, "Rejected"),
        (Lane.PROFILE, "Accepted"),
    ]
    assert sorted(outbox.noticed.ends) == [
        (Lane.EVENTS, DeliveryState.DEAD, 1),
        (Lane.EVENTS, DeliveryState.DELIVERED, 11),
        (Lane.PROFILE, DeliveryState.DELIVERED, 1),
    ]
    assert outbox.noticed.locks == []


async def test_a_room_for_each_lane_is_known() -> None:
    assert set(ROOM) == set(Lane)


async def test_what_nobody_foresaw_is_tried_again_with_pauses_and_its_name_is_kept(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def stumble(delivery: Delivery) -> Answer:
        nonlocal tries
        tries += 1
        raise ZeroDivisionError

    await outbox.append(heard("e1"))
    with monkeypatch.context() as patch:
        patch.setattr(outbox.klaviyo, "send_one", stumble)
        for _ in range(600):
            await outbox.worker.deliver_next()
            outbox.clock.advance(timedelta(seconds=1))
    assert 8 < tries < 60
    [batch] = await outbox.open_batches()
    assert batch.last_reason == "failed with ZeroDivisionError"
    assert batch.ambiguous
    await outbox.finish()
    assert await outbox.states() == {"e1": "delivered"}
