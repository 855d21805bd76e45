"""What becomes of a batch after an answer: the table of outcomes, as a function.

answer                         what is known          what becomes of the batch
accepted                       all is there           all delivered
partly accepted                an import's errors     the named dead, the others delivered
rejected, with pointers        nothing was processed  the named dead, the others a new batch
rejected, without              nothing was processed  one by one, which tells who it was
rejected after a try of which  it may be there        one by one: repeats are dropped there
  nobody knows the outcome
repeated unique id             it is there, or was    one by one
too large                      nothing was processed  two halves, or dead when it is one
deferred                       perhaps, or nothing    the same bytes again, later
locked out                     nothing was processed  the same bytes again, when the door is open
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from dreamflow.outbox.model import (
    Accepted,
    Answer,
    Batch,
    Deferred,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Lane,
    Locked,
    NewBatch,
    OneByOne,
    PartlyAccepted,
    Rejected,
    TooLarge,
    Verdict,
)

DELIVERED = Verdict(DeliveryState.DELIVERED)
WITHHELD = Verdict(DeliveryState.WITHHELD, "consent was withdrawn before it was sent")
WITHHELD_PERHAPS_LATE = Verdict(DeliveryState.WITHHELD, "consent was withdrawn between two tries; it may have arrived")


@dataclass(frozen=True, slots=True)
class Settle:
    """Some deliveries end, and the batch with them.

    Attributes:
        verdicts: by delivery id.
        into: batches in which the others go on; together with the verdicts, every member is in one place.
    """

    verdicts: Mapping[str, Verdict]
    into: tuple[NewBatch, ...] = ()


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The same bytes again.

    Attributes:
        is_ambiguous: see `Deferred`.
        is_locked: nothing else needs to be tried before this one either.
    """

    reason: str
    after_seconds: float | None = None
    is_ambiguous: bool = False
    is_locked: bool = False


Step = Settle | TryAgain


def withheld(batch: Batch, permitted: frozenset[str]) -> Mapping[str, Verdict]:
    """How deliveries end whose consent no longer holds."""
    verdict = WITHHELD_PERHAPS_LATE if batch.is_ambiguous else WITHHELD
    return {each.id: verdict for each in batch.deliveries if each.id not in permitted}


def next_step(batch: Batch, answer: Answer) -> Step:
    """What becomes of a batch after an answer to all of its members.

    Args:
        batch: what was sent, one delivery or a bulk lane.
        answer: what came of it.
    """
    match answer:
        case Accepted():
            step = Settle({each.id: DELIVERED for each in batch.deliveries})
        case PartlyAccepted(reasons):
            step = Settle({each.id: _verdict(reasons.get(each.id)) for each in batch.deliveries})
        case Rejected(reasons):
            step = _after_refusal(batch, reasons)
        case OneByOne() if batch.lane.is_bulk:
            step = Settle({}, (_replayed(batch, is_ambiguous=True),))
        case OneByOne():
            step = _after_refusal(batch, {})  # it was alone already
        case TooLarge():
            step = _after_too_large(batch)
        case Deferred(reason, after_seconds, is_ambiguous):
            step = TryAgain(reason, after_seconds, is_ambiguous=is_ambiguous)
        case Locked(reason):
            step = TryAgain(reason, is_locked=True)
        case _:
            assert_never(answer)
    return step


def _verdict(reason: str | None) -> Verdict:
    return DELIVERED if reason is None else Verdict(DeliveryState.DEAD, reason)


def _after_refusal(batch: Batch, reasons: Mapping[str, str]) -> Settle:
    if not batch.lane.is_bulk:
        [only] = batch.deliveries
        return Settle({only.id: Verdict(DeliveryState.DEAD, reasons.get(only.id, "refused"))})
    named = {each.id: Verdict(DeliveryState.DEAD, reasons[each.id]) for each in batch.deliveries if each.id in reasons}
    if batch.is_ambiguous or not named:
        # Perhaps it is refused for being there already; or it does not say who is to blame.
        return Settle({}, (_replayed(batch, is_ambiguous=batch.is_ambiguous),))
    others = tuple(each for each in batch.deliveries if each.id not in named)
    return Settle(named, (NewBatch(batch.lane, _ids(others)),) if others else ())


def _after_too_large(batch: Batch) -> Settle:
    if len(batch.deliveries) == 1:
        return Settle({batch.deliveries[0].id: Verdict(DeliveryState.DEAD, "too large for Klaviyo, even alone")})
    halves = _halves(batch.deliveries)
    if len(halves) == 1:
        return Settle({}, (_replayed(batch, is_ambiguous=batch.is_ambiguous),))
    return Settle({}, tuple(NewBatch(batch.lane, _ids(half), batch.is_ambiguous) for half in halves))


def _halves(deliveries: Sequence[Delivery]) -> list[tuple[Delivery, ...]]:
    """Two parts of about the same length; what is of one profile stays together, so it may be one part only."""
    of_parent: dict[str, int] = {}
    for each in deliveries:
        of_parent[each.parent] = of_parent.get(each.parent, 0) + 1
    first: set[str] = set()
    count = 0
    for parent, length in of_parent.items():
        if count and count + length > len(deliveries) / 2:
            break
        first.add(parent)
        count += length
    halves = (
        tuple(each for each in deliveries if each.parent in first),
        tuple(each for each in deliveries if each.parent not in first),
    )
    return [half for half in halves if half]


def _replayed(batch: Batch, *, is_ambiguous: bool) -> NewBatch:
    return NewBatch(Lane.REPLAY, _ids(batch.deliveries), is_ambiguous)


def _ids(deliveries: Iterable[Delivery]) -> tuple[str, ...]:
    return tuple(each.id for each in deliveries)


def lane_of_one(delivery: Delivery) -> Lane:
    """The lane of a delivery that goes alone."""
    return Lane.PROFILE if delivery.kind is DeliveryKind.PROFILE else Lane.EVENT
