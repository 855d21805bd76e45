"""The machine finds planted bugs: a net that lets these through would prove nothing."""

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, false, select, update
from typing_extensions import override

from dreamflow.outbox import Batch, ConsentGate, Delivery, DeliveryKind, DeliveryState, Lane
from dreamflow.outbox.adapters.sql import SqlDeliveries, SqlLeases, appending, leasing, looking
from dreamflow.outbox.adapters.sql.tables import batches, deliveries
from dreamflow.outbox.model import NewBatch, Verdict
from dreamflow.outbox.rules import cutting, outcomes
from dreamflow.outbox.rules.cutting import Waiting
from dreamflow.outbox.rules.outcomes import DELIVERED, Settle, Step
from dreamflow.outbox.service import sending
from outbox.outbox_machine import OutboxMachine, run

EXAMPLES = 150
"""A search ends with what it finds."""
STEPS = 12
CHANGES = frozenset({"leave", "fall_asleep", "wake_up", "decide", "the_clock_is_set"})
CRASHES = CHANGES | {"crash", "deliver_while_somebody_changes_their_mind"}
"""What does not matter for some bugs; without it the others come sooner."""

# The package shows a table under the module's name.
stored: Any = importlib.import_module("dreamflow.outbox.adapters.sql.deliveries")

Plant = Callable[[pytest.MonkeyPatch], None]


def the_barrier_is_dropped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(looking, "_IS_BUSY", false())


def the_fence_is_dropped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stored, "_hold", lambda connection, batch, worker: True)


def a_dead_workers_batches_are_cut_anew(patch: pytest.MonkeyPatch) -> None:
    adopt = SqlLeases._adopt

    def forgetful(self: SqlLeases, connection: Connection, worker: str) -> None:
        orphans = select(batches.c.id).where(batches.c.open, batches.c.owner.is_(None))
        connection.execute(update(deliveries).where(deliveries.c.batch.in_(orphans), stored.PENDING).values(batch=None))
        connection.execute(update(batches).where(batches.c.open, batches.c.owner.is_(None)).values(open=False))
        adopt(self, connection, worker)

    patch.setattr(SqlLeases, "_adopt", forgetful)


def an_adopted_batch_counts_as_never_sent(patch: pytest.MonkeyPatch) -> None:
    adopt = SqlLeases._adopt

    def trusting(self: SqlLeases, connection: Connection, worker: str) -> None:
        sure = select(batches.c.id).where(batches.c.open, batches.c.owner.is_(None), ~batches.c.ambiguous)
        found = connection.execute(sure).scalars().all()
        adopt(self, connection, worker)
        connection.execute(update(batches).where(batches.c.id.in_(found)).values(ambiguous=False))

    patch.setattr(SqlLeases, "_adopt", trusting)


def a_lost_answer_counts_as_none(patch: pytest.MonkeyPatch) -> None:
    defer = SqlDeliveries.defer

    async def sure(
        self: SqlDeliveries, worker: str, batch: Batch, due: datetime, reason: str, *, is_ambiguous: bool
    ) -> None:
        await defer(self, worker, batch, due, reason, is_ambiguous=False)

    patch.setattr(SqlDeliveries, "defer", sure)


def the_named_are_tried_again(patch: pytest.MonkeyPatch) -> None:
    after = outcomes._after_refusal

    def patient(batch: Batch, reasons: Mapping[str, str]) -> Settle:
        step = after(batch, reasons)
        if not batch.lane.is_bulk or not step.verdicts:
            return step
        return Settle({}, (*step.into, NewBatch(batch.lane, tuple(step.verdicts))))

    patch.setattr(outcomes, "_after_refusal", patient)


def the_rest_of_a_refused_batch_is_dropped(patch: pytest.MonkeyPatch) -> None:
    after = outcomes._after_refusal

    def careless(batch: Batch, reasons: Mapping[str, str]) -> Settle:
        step = after(batch, reasons)
        if not step.into or not step.verdicts:
            return step
        dropped = {id_: Verdict(DeliveryState.DEAD, "its neighbour was refused") for id_ in step.into[0].members}
        return Settle({**step.verdicts, **dropped})

    patch.setattr(outcomes, "_after_refusal", careless)


def an_event_is_superseded_by_the_update_after_it(patch: pytest.MonkeyPatch) -> None:
    fronts = cutting._fronts
    update_of = cutting._update

    def mixed(waiting: Iterable[Waiting]) -> list[list[Waiting]]:
        every = list(waiting)
        found = fronts(every)
        for front in found:
            if front[0].kind is DeliveryKind.EVENT:
                mine = [each for each in every if each.parent == front[0].parent]
                if len(mine) > len(front):
                    front[:] = [replace(front[0], kind=DeliveryKind.PROFILE), mine[len(front)]]
        return found

    def of_all(front: Sequence[Waiting]) -> cutting.Update:
        *older, last = front
        return update_of(front) if older and older[0].purpose == last.purpose else cutting.Update(last, tuple(older))

    patch.setattr(cutting, "_fronts", mixed)
    patch.setattr(cutting, "_update", of_all)


@dataclass
class RememberingGate(ConsentGate):
    """Asks once for each delivery."""

    gate: ConsentGate
    known: set[str] = field(default_factory=set)

    @override
    async def permitted(self, deliveries: Sequence[Delivery]) -> frozenset[str]:
        if not self.known.issuperset(each.id for each in deliveries):
            self.known |= await self.gate.permitted(deliveries)
        return frozenset(self.known)


def consent_is_asked_for_once(patch: pytest.MonkeyPatch) -> None:
    init = sending.Sender.__init__

    def remembering(self: sending.Sender, *, gate: ConsentGate, **parts: Any) -> None:
        init(self, gate=RememberingGate(gate), **parts)

    patch.setattr(sending.Sender, "__init__", remembering)


def updates_are_merged_across_an_event(patch: pytest.MonkeyPatch) -> None:
    fronts = cutting._fronts

    def without_events(waiting: Iterable[Waiting]) -> list[list[Waiting]]:
        every = list(waiting)
        found = fronts(every)
        for front in found:
            if front[0].kind is DeliveryKind.PROFILE:
                mine = (each for each in every if each.parent == front[0].parent)
                front[:] = [each for each in mine if each.kind is DeliveryKind.PROFILE]
        return found

    patch.setattr(cutting, "_fronts", without_events)


def updates_are_merged_across_consents(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cutting, "_update", lambda front: cutting.Update(front[-1], tuple(front[:-1])))


def a_wait_is_ignored(patch: pytest.MonkeyPatch) -> None:
    due = stored._due

    def eager(connection: Connection, worker: str, now: datetime, *others: Any) -> list[Batch]:
        return due(connection, worker, now + timedelta(days=9), *others)

    patch.setattr(stored, "_due", eager)


def halving_loses_the_middle_one(patch: pytest.MonkeyPatch) -> None:
    after = outcomes._after_too_large

    def careless(batch: Batch) -> Settle:
        step = after(batch)
        if len(step.into) < 2:
            return step
        *first, middle = step.into[0].members
        halves = (replace(step.into[0], members=tuple(first)), *step.into[1:])
        return Settle({middle: DELIVERED}, halves if first else halves[1:])

    patch.setattr(outcomes, "_after_too_large", careless)


def two_forms_of_a_fact_count_as_one(patch: pytest.MonkeyPatch) -> None:
    numbers = appending._numbers

    def careless(connection: Connection, envelopes: Sequence[Any]) -> dict[str, int]:
        return numbers(connection, [replace(each, outgoing=each.outgoing[:1]) for each in envelopes])

    patch.setattr(appending, "_numbers", careless)


def an_unexplained_refusal_is_the_end_of_all(patch: pytest.MonkeyPatch) -> None:
    step = sending.next_step

    def harsh(batch: Batch, answer: Any) -> Step:
        if batch.lane is Lane.EVENTS and answer == outcomes.Rejected({}):
            return Settle({each.id: Verdict(DeliveryState.DEAD, "refused") for each in batch.deliveries})
        return step(batch, answer)

    patch.setattr(sending, "next_step", harsh)


def the_dead_are_never_buried(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(leasing.SqlLeases, "_bury", lambda self, connection, now, until: None)


@pytest.mark.parametrize(
    ("plant", "broken", "without"),
    [
        (the_barrier_is_dropped, "two batches at a time|overtakes|out of order", frozenset()),
        (
            the_fence_is_dropped,
            "buried changed something|another shape|again after a recorded success",
            frozenset(),
        ),
        (
            a_dead_workers_batches_are_cut_anew,
            "another shape|dead, but nothing was wrong|said not to be sent|before the wait was over",
            CHANGES,
        ),
        (
            an_adopted_batch_counts_as_never_sent,
            "dead, but nothing was wrong|said not to be sent|another shape",
            CHANGES,
        ),
        (a_lost_answer_counts_as_none, "dead, but nothing was wrong|said not to be sent|another shape", CHANGES),
        (the_named_are_tried_again, "never ends|two batches at a time", CRASHES),
        (the_rest_of_a_refused_batch_is_dropped, "dead, but nothing was wrong", CRASHES),
        (an_event_is_superseded_by_the_update_after_it, "an event was superseded|merged across consents", frozenset()),
        (consent_is_asked_for_once, "sent without consent", CHANGES),
        (updates_are_merged_across_an_event, "merged across something else", frozenset()),
        (updates_are_merged_across_consents, "merged across consents", frozenset()),
        (a_wait_is_ignored, "before the wait was over", frozenset()),
        (halving_loses_the_middle_one, "called delivered, but it is not there", CRASHES),
        (two_forms_of_a_fact_count_as_one, "books do not balance|a delivery was lost", frozenset()),
        (an_unexplained_refusal_is_the_end_of_all, "dead, but nothing was wrong", CRASHES),
        (the_dead_are_never_buried, "never ends|two batches", frozenset()),
    ],
    ids=lambda case: case.__name__ if callable(case) else "",
)
def test_the_machine_finds(plant: Plant, broken: str, without: frozenset[str], monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=broken):
        run(machine_without(without), examples=EXAMPLES, steps=STEPS, shrinks=False)


def machine_without(rules: frozenset[str]) -> type[OutboxMachine]:
    assert all(callable(getattr(OutboxMachine, name)) for name in rules)
    return type("FewerRules", (OutboxMachine,), dict.fromkeys(rules)) if rules else OutboxMachine
