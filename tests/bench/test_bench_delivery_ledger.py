"""The check of what became of every fact finds each thing that can be wrong, and nothing where all is right."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from dreamflow.bench.delivery.account import Accepted, Arrived
from dreamflow.bench.delivery.ledger import Entry, Found, check
from dreamflow.outbox import Books

EVENTS, SINGLE = "/api/event-bulk-create-jobs", "/api/events"
UPDATES = "/api/profile-import"


def event(id_: str, parent: str, number: int, **more: Any) -> Entry:
    return Entry(id_, f"fact-{id_}", f"story-{id_}", parent, number, "event", "delivered", 10.0, id_, **more)


def update(id_: str, parent: str, number: int, says: str, state: str = "delivered") -> Entry:
    return Entry(id_, f"fact-{id_}", None, parent, number, "profile", state, 10.0, f"{parent}:{says}")


HOUSE = [event("a", "ann", 1), event("b", "ann", 2), event("c", "bob", 1), update("u", "ann", 3, "7")]
PROMISED = ["fact-a", "story-b", "fact-c", "fact-u"]


def accepted(*ids: str, operation: str = "bulk_create_events", is_stored: bool = True) -> list[Accepted]:
    return [Accepted(place, operation, each, is_stored) for place, each in enumerate(ids)]


def arrived(*carries: str, path: str = EVENTS, at: float = 1.0, status: int | None = 202) -> Arrived:
    return Arrived(at, path, status, is_readable=True, carries=carries)


def found(
    house: Sequence[Entry] = HOUSE,
    *,
    log: Sequence[Accepted] | None = None,
    requests: Sequence[Arrived] | None = None,
    says: str = "7",
    promised: Sequence[str] = PROMISED,
) -> Found:
    return check(
        house,
        Books(delivered=4, accepted=4),
        accepted=accepted("a", "b", "c") if log is None else log,
        arrived=[arrived("a", "b", "c"), arrived("ann:7", path=UPDATES)] if requests is None else requests,
        properties={"ann": {"stories_28d": says}},
        promised=promised,
    )


def test_nothing_is_wrong_where_all_is_right() -> None:
    right = found()
    assert (right.wrong, right.unpromised, right.ambiguous, right.deferred, right.failed) == (0, 0, 0, 0, 0)
    assert (right.events, right.single, right.updates, right.requests) == (3, 0, 1, 2)
    assert right.examples == ()
    assert "0 lost, 0 doubled in effect, 0 out of order, 0 re-sent after a recorded success" in right.words()
    assert right.words().endswith("books balanced")


@pytest.mark.parametrize(
    ("house", "more", "lost"),
    [
        (HOUSE[1:], {}, ["fact-a"]),
        (HOUSE, {"log": accepted("a", "b")}, ["c"]),
        (HOUSE, {"log": accepted("a", "b") + accepted("c", is_stored=False)}, ["c"]),
        ([*HOUSE[:2], replace(HOUSE[2], state="dead"), HOUSE[3]], {}, ["c"]),
        ([*HOUSE[:3], replace(HOUSE[3], state="withheld")], {}, ["u"]),
        (HOUSE, {"says": "6"}, ["u"]),
    ],
    ids=["not in the books", "delivered in the books only", "only dropped", "dead", "withheld", "overwritten"],
)
def test_what_was_promised_and_is_not_there_is_lost(house: list[Entry], more: dict[str, Any], lost: list[str]) -> None:
    wrong = found(house, **more)
    assert wrong.lost == len(lost)
    assert [f"lost: {each}" for each in lost] == [example for example in wrong.examples if example.startswith("lost")]


def test_an_update_that_went_along_with_a_later_one_is_not_lost() -> None:
    house = [update("t", "ann", 1, "6", "superseded"), *[replace(each, number=each.number + 1) for each in HOUSE]]
    assert found(house, promised=["fact-t", *PROMISED]).wrong == 0


def test_a_story_promises_all_that_its_fact_lets_leave() -> None:
    house = [*HOUSE, replace(event("d", "bob", 2), fact="fact-d"), replace(update("w", "bob", 3, "8"), fact="fact-d")]
    right = found(house, log=accepted("a", "b", "c", "d"), promised=[*PROMISED, "story-d"])
    assert (right.unpromised, right.lost) == (0, 1)  # what bob says is not what the update said


def test_what_nobody_was_promised_may_be_there() -> None:
    assert (found(promised=PROMISED[1:]).wrong, found(promised=PROMISED[1:]).unpromised) == (0, 1)


@pytest.mark.parametrize("twice", ["a", "nobody knows it"])
def test_what_is_there_twice_or_never_was_accepted_is_doubled(twice: str) -> None:
    assert found(log=accepted("a", "b", "c", twice)).doubled == 1


def test_a_repeat_that_was_dropped_is_not_doubled() -> None:
    assert found(log=accepted("a", "b", "c") + accepted("a", is_stored=False)).wrong == 0


def test_an_overtaken_event_is_out_of_order_of_acceptance() -> None:
    wrong = found(log=accepted("c", "b", "a"))
    assert (wrong.disorder, wrong.examples) == (1, ("out of order of acceptance: a",))


def test_an_update_before_an_earlier_event_is_out_of_order_of_arrival() -> None:
    wrong = found(requests=[arrived("a"), arrived("ann:7", path=UPDATES), arrived("b", "c")])
    assert (wrong.disorder, wrong.examples) == (1, ("out of order of arrival: b",))


def test_updates_that_say_the_same_are_not_told_apart() -> None:
    house = [*HOUSE, update("v", "ann", 4, "7")]
    requests = [arrived("ann:7", path=UPDATES), arrived("a", "b", "c"), arrived("ann:7", path=UPDATES, at=20.0)]
    assert found(house, requests=requests, promised=[*PROMISED, "fact-v"]).wrong == 0


def test_a_request_after_its_success_was_recorded_is_wrong() -> None:
    again = found(requests=[arrived("a", "b", "c"), arrived("ann:7", path=UPDATES), arrived("a", at=10.5)])
    assert (again.resent, again.ambiguous, again.wrong) == (1, 0, 1)


@pytest.mark.parametrize(
    ("status", "is_readable", "counted"),
    [
        (None, False, "ambiguous"),
        (503, True, "ambiguous"),
        (202, False, "ambiguous"),
        (202, True, "ambiguous"),
        (429, True, "deferred"),
        (400, True, "deferred"),
    ],
)
def test_a_repeat_counts_by_what_was_known_before(status: int | None, is_readable: bool, counted: str) -> None:  # noqa: FBT001
    first = Arrived(1.0, EVENTS, status, is_readable, ("a", "b", "c"))
    again = found(requests=[first, arrived("a", "b", "c", at=2.0), arrived("ann:7", path=UPDATES)])
    assert {name: getattr(again, name) for name in ("ambiguous", "deferred", "resent")} == {
        "ambiguous": counted == "ambiguous",
        "deferred": counted == "deferred",
        "resent": 0,
    }
    assert again.failed == (status != 202 or not is_readable)


def test_what_was_ever_ambiguous_stays_so() -> None:
    requests = [arrived("a", status=None), arrived("a", status=429, at=2.0), arrived("a", "b", "c", at=3.0)]
    assert found(requests=requests).ambiguous == 2


def test_two_runs_add_up() -> None:
    one = found(log=accepted("a", "b", "c", operation="create_event"))
    both = one + found(says="6")
    assert (both.events, both.single, both.lost, both.requests, both.books.accepted) == (6, 3, 1, 4, 8)
    assert both.single_share == 0.5
    assert both.examples == ("lost: u",)
