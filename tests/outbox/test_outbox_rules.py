"""What goes out together, what an answer means, who looks after whom, and how long to wait."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamflow.outbox import Batch, Delivery, DeliveryKind, DeliveryState, Lane, Limits, leaving_time
from dreamflow.outbox.model import (
    Accepted,
    Deferred,
    Locked,
    NewBatch,
    OneByOne,
    PartlyAccepted,
    Rejected,
    TooLarge,
    Verdict,
)
from dreamflow.outbox.rules.cutting import FRAME_BYTES, MOST_BYTES, MOST_EVENTS, MOST_PROFILES, Cut, Waiting, cut
from dreamflow.outbox.rules.outcomes import Settle, TryAgain, lane_of_one, next_step, withheld
from dreamflow.outbox.rules.partitions import PARTITIONS, fair_share, partition_of
from dreamflow.outbox.rules.timing import (
    FIRST_WAIT_SECONDS,
    LONGEST_ASKED_SECONDS,
    LONGEST_WAIT_SECONDS,
    wait_seconds,
)

EVENT, PROFILE = DeliveryKind.EVENT, DeliveryKind.PROFILE
HOUR = datetime(2026, 3, 10, 19, tzinfo=UTC)
SMALL = Limits(bulk_from=3, events=4, profiles=3)
PLENTY = {Lane.EVENT: 99, Lane.EVENTS: 99, Lane.PROFILE: 99, Lane.PROFILES: 99}


def waiting_of(*each: str, size: int = 100) -> list[Waiting]:
    """Deliveries, oldest first: "a" an event of family a, "A" an update of a's, "A2" one under another consent."""
    return [
        Waiting(
            seq=place,
            parent=name[0].lower(),
            kind=EVENT if name.islower() else PROFILE,
            purpose="listening" if name.islower() else "service",
            ledger_entry=f"entry-{name[1:]}",
            size=size,
        )
        for place, name in enumerate(each)
    ]


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [
        ("", []),
        ("a", [(Lane.EVENT, 0)]),
        ("a b", [(Lane.EVENT, 0), (Lane.EVENT, 1)]),
        ("a a", [(Lane.EVENT, 0)]),
        ("a a a", [(Lane.EVENTS, 0, 1, 2)]),
        ("a b c", [(Lane.EVENTS, 0, 1, 2)]),
        ("a b c d e", [(Lane.EVENTS, 0, 1, 2, 3), (Lane.EVENTS, 4)]),
        ("a a a a a b", [(Lane.EVENTS, 0, 1, 2, 3), (Lane.EVENTS, 5)]),
        ("a b b b b c", [(Lane.EVENTS, 0, 1, 2, 3), (Lane.EVENTS, 5)]),
        ("a A a", [(Lane.EVENT, 0)]),
        ("A", [(Lane.PROFILE, 0)]),
        ("A a", [(Lane.PROFILE, 0)]),
        ("A A a A", [(Lane.PROFILE, 1)]),
        ("A B b", [(Lane.PROFILE, 0), (Lane.PROFILE, 1)]),
        ("A B C", [(Lane.PROFILES, 0, 1, 2)]),
        ("A B C D", [(Lane.PROFILES, 0, 1, 2)]),
        ("A A B A C", [(Lane.PROFILES, 2, 3, 4)]),
        ("A A2 A", [(Lane.PROFILE, 0)]),
        ("a B c", [(Lane.EVENT, 0), (Lane.EVENT, 2), (Lane.PROFILE, 1)]),
    ],
)
def test_what_goes_next(waiting: str, expected: list[tuple[Any, ...]]) -> None:
    cuts = cut(waiting_of(*waiting.split()), PLENTY, SMALL)
    assert [(each.lane, *each.members) for each in cuts] == expected


def test_ten_changes_of_one_profile_become_one_update_that_names_the_nine_it_takes_in() -> None:
    [only] = cut(waiting_of(*["A"] * 10), PLENTY, SMALL)
    assert only == Cut(Lane.PROFILE, (9,), {9: tuple(range(9))})


def test_updates_in_a_row_are_one_also_where_other_families_come_between() -> None:
    [only] = cut(waiting_of("A", "B", "A", "C", "B"), PLENTY, SMALL)
    assert only == Cut(Lane.PROFILES, (2, 3, 4), {2: (0,), 4: (1,)})


@pytest.mark.parametrize("other", [{"purpose": "news"}, {"ledger_entry": "entry-9"}])
def test_updates_that_cite_another_consent_wait_for_those_before_them(other: dict[str, str]) -> None:
    first, second, third = waiting_of("A", "A", "A")
    assert cut([first, second, replace(third, **other)], PLENTY, SMALL) == [Cut(Lane.PROFILE, (1,), {1: (0,)})]
    assert cut([first, replace(second, **other), third], PLENTY, SMALL) == [Cut(Lane.PROFILE, (0,))]


@pytest.mark.parametrize("full", list(PLENTY))
def test_a_full_lane_gets_nothing_and_the_others_go_on(full: Lane) -> None:
    room = PLENTY | {full: 0}
    few = cut(waiting_of("a", "b", "C", "D"), room, SMALL)
    many = cut(waiting_of(*"abcdefABCDEF".replace("", " ").split()[:6], *"GHIJ"), room, SMALL)
    assert all(each.lane is not full for each in (*few, *many))
    assert {each.lane for each in few} == {Lane.EVENT, Lane.PROFILE} - {full}
    assert {each.lane for each in many} == {Lane.EVENTS, Lane.PROFILES} - {full}


def test_a_lane_that_nobody_speaks_of_is_full() -> None:
    assert cut(waiting_of("a", "B"), {}, SMALL) == []
    assert cut(waiting_of(*"abcABC"), {}, SMALL) == []
    assert cut(waiting_of(*"ABC"), {}, SMALL) == []
    assert cut(waiting_of("a", "b", "C", "D"), {}, SMALL) == []


def test_there_are_no_more_batches_than_a_lane_has_room_for_and_the_oldest_go_first() -> None:
    room = {Lane.EVENT: 1, Lane.EVENTS: 2, Lane.PROFILE: 1, Lane.PROFILES: 1}
    assert [each.members for each in cut(waiting_of("a", "b", "C", "D"), room, SMALL)] == [(0,), (2,)]
    many = cut(waiting_of(*"abcdefghij"), room, SMALL)
    assert [each.members for each in many] == [(0, 1, 2, 3), (4, 5, 6, 7)]


@pytest.mark.parametrize("names", ["abcdef", "ABCDEF"])
def test_a_batch_is_cut_before_its_bytes_are_more_than_klaviyo_takes(names: str) -> None:
    limits = Limits(bulk_from=3)
    half = MOST_BYTES // 2 - FRAME_BYTES
    assert len(cut(waiting_of(*names, size=half), PLENTY, limits)[0].members) == 2
    assert len(cut(waiting_of(*names, size=half + 1), PLENTY, limits)[0].members) == 1
    one_byte_more = [replace(each, size=half + (each.seq == 1)) for each in waiting_of(*names, size=half)]
    assert len(cut(one_byte_more, PLENTY, limits)[0].members) == 1
    assert len(cut(waiting_of(*names, size=9 * MOST_BYTES), PLENTY, limits)[0].members) == 1


def test_what_an_update_takes_in_counts_among_its_bytes() -> None:
    third = MOST_BYTES // 3
    [bulk] = cut(waiting_of("A", "A", "B", "C", size=third), PLENTY, SMALL)
    assert bulk.members == (1,)


def test_the_limits_are_klaviyos() -> None:
    assert (Limits().bulk_from, Limits().events, Limits().profiles) == (10, MOST_EVENTS, MOST_PROFILES)
    assert (MOST_EVENTS, MOST_PROFILES) == (1000, 10_000)
    assert MOST_BYTES < 5_000_000
    many = [replace(waiting_of("a")[0], seq=n, parent=f"p{n}") for n in range(2500)]
    assert [len(each.members) for each in cut(many, PLENTY, Limits())] == [1000, 1000, 500]


@st.composite
def backlogs(draw: st.DrawFn) -> list[Waiting]:
    sizes = st.one_of(st.integers(10, 900), st.just(MOST_BYTES // 3))
    names = draw(st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d", "A", "A2", "B", "B", "C", "D"]), sizes)))
    return [
        replace(each, seq=2 * each.seq + 5, size=size)
        for each, (_, size) in zip(waiting_of(*(name for name, _ in names)), names, strict=True)
    ]


rooms = st.fixed_dictionaries({lane: st.integers(0, 3) for lane in PLENTY})
limits_ = st.builds(Limits, bulk_from=st.integers(1, 5), events=st.integers(1, 5), profiles=st.integers(1, 5))


@given(backlogs(), rooms, limits_)
def test_no_cut_breaks_a_promise(waiting: list[Waiting], room: Mapping[Lane, int], limits: Limits) -> None:
    of_seq = {each.seq: each for each in waiting}
    cuts = cut(waiting, room, limits)
    gone = [seq for each in cuts for member in each.members for seq in (*each.merged.get(member, ()), member)]
    assert len(gone) == len(set(gone)), "one is in two places"
    assert set(gone) <= of_seq.keys()
    _no_two_batches_hold_the_same_profile(cuts, of_seq)
    _of_each_profile_the_oldest_go(set(gone), waiting)
    for each in cuts:
        assert list(each.members) == sorted(each.members), "not in order"
        _is_within_limits(each, of_seq, limits)
        _is_merged_rightly(each, of_seq, waiting)
    for lane in Lane:
        assert sum(each.lane is lane for each in cuts) <= room.get(lane, 0)


def _no_two_batches_hold_the_same_profile(cuts: Sequence[Cut], of_seq: Mapping[int, Waiting]) -> None:
    parents = [{of_seq[seq].parent for seq in each.members} for each in cuts]
    assert sum(map(len, parents)) == len(set().union(*parents))


def _of_each_profile_the_oldest_go(gone: set[int], waiting: Sequence[Waiting]) -> None:
    of_parent: dict[str, list[bool]] = defaultdict(list)
    for each in waiting:
        of_parent[each.parent].append(each.seq in gone)
    for went in of_parent.values():
        assert went == sorted(went, reverse=True), "something was overtaken"


def _is_within_limits(each: Cut, of_seq: Mapping[int, Waiting], limits: Limits) -> None:
    every = [seq for member in each.members for seq in (*each.merged.get(member, ()), member)]
    kinds = {of_seq[seq].kind for seq in every}
    assert kinds == ({EVENT} if each.lane in {Lane.EVENT, Lane.EVENTS} else {PROFILE})
    if not each.lane.is_bulk:
        assert len(each.members) == 1
        return
    assert 1 <= len(each.members) <= (limits.events if each.lane is Lane.EVENTS else limits.profiles)
    frames = FRAME_BYTES * len(each.members)
    assert len(each.members) == 1 or sum(of_seq[seq].size for seq in every) + frames <= MOST_BYTES
    if each.lane is Lane.PROFILES:
        assert len({of_seq[seq].parent for seq in each.members}) == len(each.members), "a profile twice in one import"


def _is_merged_rightly(each: Cut, of_seq: Mapping[int, Waiting], waiting: Sequence[Waiting]) -> None:
    assert each.merged.keys() <= set(each.members)
    for last, older in each.merged.items():
        run = [*older, last]
        assert older
        assert run == sorted(run)
        assert len({(of_seq[s].parent, of_seq[s].kind, of_seq[s].purpose, of_seq[s].ledger_entry) for s in run}) == 1
        mine = [one.seq for one in waiting if one.parent == of_seq[last].parent]
        assert mine[: len(run)] == run, "merged across something else of the profile"


@given(backlogs(), limits_)
def test_with_room_everything_that_may_go_goes_and_something_always_does(
    waiting: list[Waiting], limits: Limits
) -> None:
    cuts = cut(waiting, PLENTY, limits)
    assert bool(cuts) == bool(waiting)
    events = [each for each in cuts if each.lane in {Lane.EVENT, Lane.EVENTS}]
    fronts = dict(reversed([(each.parent, each.kind) for each in waiting]))
    for_events = {parent for parent, kind in fronts.items() if kind is EVENT}
    assert {waiting_of_seq(waiting, seq).parent for each in events for seq in each.members} == for_events


def waiting_of_seq(waiting: Sequence[Waiting], seq: int) -> Waiting:
    return next(each for each in waiting if each.seq == seq)


@given(backlogs(), limits_)
def test_events_go_in_bulk_exactly_when_so_many_may_go(waiting: list[Waiting], limits: Limits) -> None:
    ready = {
        kind: sum(
            (1 if kind is PROFILE else len(list(run)))
            for parent in {each.parent for each in waiting}
            for first, run in [next(iter(groupby((e for e in waiting if e.parent == parent), lambda e: e.kind)))]
            if first is kind
        )
        for kind in (EVENT, PROFILE)
    }
    lanes = {each.lane for each in cut(waiting, PLENTY, limits)}
    assert (Lane.EVENTS in lanes) == (ready[EVENT] >= limits.bulk_from)
    assert (Lane.PROFILES in lanes) == (ready[PROFILE] >= limits.bulk_from)


# Outcomes


def delivery(id_: str, parent: str = "p", kind: DeliveryKind = EVENT) -> Delivery:
    return Delivery(
        id=id_,
        seq=1,
        parent=parent,
        kind=kind,
        name="Heard",
        body={},
        identity=frozenset(),
        purpose="listening",
        ledger_entry="entry-1",
        occurred_at=HOUR,
        backfill=False,
    )


def batch_of(lane: Lane, *ids: str, is_ambiguous: bool = False) -> Batch:
    """Ids tell the family by their first letter."""
    kind = PROFILE if lane in {Lane.PROFILE, Lane.PROFILES} else EVENT
    members = tuple(delivery(id_, id_[0], kind) for id_ in ids)
    return Batch("batch", lane, members, 0, is_ambiguous)


GONE = Verdict(DeliveryState.DELIVERED)
FOUR = ("a1", "a2", "b1", "c1")


def dead(reason: str) -> Verdict:
    return Verdict(DeliveryState.DEAD, reason)


@pytest.mark.parametrize("is_ambiguous", [False, True])
@pytest.mark.parametrize("lane", [Lane.EVENT, Lane.EVENTS, Lane.PROFILE, Lane.PROFILES])
def test_what_means_the_same_for_every_batch(lane: Lane, is_ambiguous: bool) -> None:  # noqa: FBT001
    ids = FOUR if lane.is_bulk else FOUR[:1]
    batch = batch_of(lane, *ids, is_ambiguous=is_ambiguous)
    assert next_step(batch, Accepted()) == Settle(dict.fromkeys(ids, GONE))
    assert next_step(batch, PartlyAccepted({"a1": "bad"})) == Settle({**dict.fromkeys(ids, GONE), "a1": dead("bad")})
    assert next_step(batch, Deferred("busy", 3.0)) == TryAgain("busy", 3.0, is_ambiguous=True, is_locked=False)
    assert next_step(batch, Deferred("busy", is_ambiguous=False)) == TryAgain("busy")
    assert next_step(batch, Locked("key")) == TryAgain("key", is_locked=True)


@pytest.mark.parametrize("lane", [Lane.EVENTS, Lane.PROFILES])
def test_when_a_batch_is_refused_the_named_are_dead_and_the_others_go_on_together(lane: Lane) -> None:
    step = next_step(batch_of(lane, *FOUR), Rejected({"a2": "bad", "c1": "worse", "stranger": "?"}))
    assert step == Settle({"a2": dead("bad"), "c1": dead("worse")}, (NewBatch(lane, ("a1", "b1")),))
    everybody: dict[str, str] = dict.fromkeys(FOUR, "bad")
    assert next_step(batch_of(lane, *FOUR), Rejected(everybody)) == Settle(dict.fromkeys(FOUR, dead("bad")))


@pytest.mark.parametrize("reasons", [{}, {"stranger": "?"}])
def test_when_a_refusal_names_nobody_each_one_is_asked_about(reasons: Mapping[str, str]) -> None:
    step = next_step(batch_of(Lane.EVENTS, *FOUR), Rejected(reasons))
    assert step == Settle({}, (NewBatch(Lane.REPLAY, FOUR),))


@pytest.mark.parametrize("answer", [Rejected({}), Rejected({"a1": "bad"}), OneByOne()])
def test_what_is_refused_after_a_try_of_unknown_outcome_may_be_there_and_goes_one_by_one(answer: Any) -> None:
    step = next_step(batch_of(Lane.EVENTS, *FOUR, is_ambiguous=True), answer)
    assert step == Settle({}, (NewBatch(Lane.REPLAY, FOUR, is_ambiguous=True),))


def test_where_one_is_there_already_they_go_one_by_one_and_may_all_be_there() -> None:
    step = next_step(batch_of(Lane.EVENTS, *FOUR), OneByOne())
    assert step == Settle({}, (NewBatch(Lane.REPLAY, FOUR, is_ambiguous=True),))


@pytest.mark.parametrize("is_ambiguous", [False, True])
@pytest.mark.parametrize("lane", [Lane.EVENT, Lane.PROFILE])
def test_a_refused_single_is_dead(lane: Lane, is_ambiguous: bool) -> None:  # noqa: FBT001
    batch = batch_of(lane, "a1", is_ambiguous=is_ambiguous)
    assert next_step(batch, Rejected({"a1": "bad"})) == Settle({"a1": dead("bad")})
    assert next_step(batch, Rejected({})) == Settle({"a1": dead("refused")})
    assert next_step(batch, OneByOne()) == Settle({"a1": dead("refused")}), "it was alone already"


@pytest.mark.parametrize("lane", [Lane.EVENT, Lane.EVENTS, Lane.PROFILES])
def test_what_is_too_large_alone_is_dead(lane: Lane) -> None:
    assert next_step(batch_of(lane, "a1"), TooLarge()) == Settle({"a1": dead("too large for Klaviyo, even alone")})


@pytest.mark.parametrize("is_ambiguous", [False, True])
@pytest.mark.parametrize(
    ("ids", "halves"),
    [
        (("a1", "b1"), [("a1",), ("b1",)]),
        (("a1", "b1", "c1"), [("a1",), ("b1", "c1")]),
        (("a1", "b1", "c1", "d1"), [("a1", "b1"), ("c1", "d1")]),
        (("a1", "b1", "a2", "b2"), [("a1", "a2"), ("b1", "b2")]),
        (("a1", "b1", "a2", "a3", "a4"), [("a1", "a2", "a3", "a4"), ("b1",)]),
        (("a1", "b1", "b2", "b3"), [("a1",), ("b1", "b2", "b3")]),
        (("a1", "b1", "c1", "c2", "c3", "c4"), [("a1", "b1"), ("c1", "c2", "c3", "c4")]),
        (("a1", "b1", "b2", "c1", "d1", "d2"), [("a1", "b1", "b2"), ("c1", "d1", "d2")]),
        (("a1", "b1", "b2", "b3", "c1"), [("a1",), ("b1", "b2", "b3", "c1")]),
    ],
)
def test_what_is_too_large_goes_on_in_halves_and_no_profile_is_torn(
    ids: tuple[str, ...],
    halves: list[tuple[str, ...]],
    is_ambiguous: bool,  # noqa: FBT001
) -> None:
    step = next_step(batch_of(Lane.EVENTS, *ids, is_ambiguous=is_ambiguous), TooLarge())
    assert step == Settle({}, tuple(NewBatch(Lane.EVENTS, half, is_ambiguous) for half in halves))


@pytest.mark.parametrize("is_ambiguous", [False, True])
def test_what_is_too_large_of_one_profile_goes_one_by_one(is_ambiguous: bool) -> None:  # noqa: FBT001
    step = next_step(batch_of(Lane.EVENTS, "a1", "a2", is_ambiguous=is_ambiguous), TooLarge())
    assert step == Settle({}, (NewBatch(Lane.REPLAY, ("a1", "a2"), is_ambiguous),))


ids_ = st.lists(st.sampled_from([f"{p}{n}" for p in "abcd" for n in range(4)]), min_size=1, max_size=9, unique=True)
answers = st.one_of(
    st.sampled_from([Accepted(), OneByOne(), TooLarge(), Deferred("busy"), Locked("key")]),
    st.dictionaries(st.sampled_from(["a1", "b1", "c1", "x"]), st.just("bad")).map(Rejected),
    st.dictionaries(st.sampled_from(["a1", "b1", "c1", "x"]), st.just("bad")).map(PartlyAccepted),
)


@given(ids_, answers, st.sampled_from([Lane.EVENTS, Lane.PROFILES]), st.booleans())
def test_after_every_answer_each_member_is_in_exactly_one_place_and_in_order(
    ids: list[str],
    answer: Any,
    lane: Lane,
    is_ambiguous: bool,  # noqa: FBT001
) -> None:
    step = next_step(batch_of(lane, *ids, is_ambiguous=is_ambiguous), answer)
    if isinstance(step, TryAgain):
        assert isinstance(answer, (Deferred, Locked))
        return
    assert sorted([*step.verdicts, *(id_ for new in step.into for id_ in new.members)]) == sorted(ids)
    for new in step.into:
        assert list(new.members) == [id_ for id_ in ids if id_ in new.members]
        assert new.is_ambiguous or not is_ambiguous, "forgotten that it may be there"
        # It ends: what goes on is smaller, or goes alone.
        assert new.lane is Lane.REPLAY or len(new.members) < len(ids)
    families = [{id_[0] for id_ in new.members} for new in step.into]
    assert sum(map(len, families)) == len(set().union(*families)), "a profile is in two batches at a time"


@pytest.mark.parametrize("is_ambiguous", [False, True])
def test_a_withheld_delivery_is_honest_about_what_may_have_arrived(is_ambiguous: bool) -> None:  # noqa: FBT001
    verdicts = withheld(batch_of(Lane.EVENTS, "a1", "b1", is_ambiguous=is_ambiguous), frozenset({"a1"}))
    assert list(verdicts) == ["b1"]
    assert verdicts["b1"].state is DeliveryState.WITHHELD
    reason = (
        "consent was withdrawn between two tries; it may have arrived"
        if is_ambiguous
        else "consent was withdrawn before it was sent"
    )
    assert verdicts["b1"].reason == reason


def test_each_kind_has_a_lane_for_what_goes_alone() -> None:
    assert lane_of_one(delivery("a1")) is Lane.EVENT
    assert lane_of_one(delivery("a1", kind=PROFILE)) is Lane.PROFILE
    assert [lane for lane in Lane if lane.is_bulk] == [Lane.EVENTS, Lane.PROFILES]


# Partitions


def test_a_profile_stays_in_its_partition_for_ever() -> None:
    known = {"": 0, "ann": 51, "parent-1": 54, "Zoë": 42}
    assert {name: partition_of(name) for name in known} == known


@given(st.text())
def test_every_profile_has_a_partition(parent: str) -> None:
    assert 0 <= partition_of(parent) < PARTITIONS == 64


def test_profiles_spread_over_the_partitions() -> None:
    counts = [0] * PARTITIONS
    for n in range(6400):
        counts[partition_of(f"parent-{n}")] += 1
    assert min(counts) > 50
    assert max(counts) < 150


@given(st.integers(1, 200), st.integers(1, 200))
def test_fair_shares_cover_everything_and_are_as_small_as_can_be(partitions: int, workers: int) -> None:
    share = fair_share(partitions, workers)
    assert share * workers >= partitions
    assert (share - 1) * workers < partitions


def test_who_is_alone_holds_everything_also_before_it_is_counted() -> None:
    assert (fair_share(64, 1), fair_share(64, 0), fair_share(64, 3)) == (64, 64, 22)


# Timing

jitters = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 10_000), jitters)
def test_a_wait_is_bounded_however_often_it_failed(attempts: int, jitter: float) -> None:
    seconds = wait_seconds(attempts, None, jitter)
    assert 0 <= seconds < LONGEST_WAIT_SECONDS
    assert seconds <= FIRST_WAIT_SECONDS * 2 ** min(attempts - 1, 20)


@given(st.integers(1, 10_000), st.floats(0, 1e6), jitters)
def test_a_wait_that_was_asked_for_is_obeyed_within_reason(attempts: int, asked: float, jitter: float) -> None:
    seconds = wait_seconds(attempts, asked, jitter)
    assert seconds == max(min(asked, LONGEST_ASKED_SECONDS), wait_seconds(attempts, None, jitter))


@given(st.integers(1, 10_000), jitters)
def test_waits_do_not_shrink_with_more_failures(attempts: int, jitter: float) -> None:
    assert wait_seconds(attempts, None, jitter) <= wait_seconds(attempts + 1, None, jitter)


def test_the_first_waits_double_up_to_the_longest() -> None:
    ceilings = [wait_seconds(attempts, None, 1.0) for attempts in range(1, 10)]
    assert ceilings == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_an_absurd_wait_is_obeyed_in_parts_of_a_quarter_of_an_hour() -> None:
    assert wait_seconds(1, 1e9, 0.0) == 900


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3)), timezone(timedelta(hours=14))])))
def test_no_time_finer_than_the_hour_leaves(moment: datetime) -> None:
    leaving = leaving_time(moment)
    assert (leaving.minute, leaving.second, leaving.microsecond) == (0, 0, 0)
    assert timedelta(0) <= moment - leaving < timedelta(hours=1)
    assert leaving_time(leaving) == leaving
