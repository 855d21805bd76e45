"""What goes out together: batches cut from what waits, so that nothing overtakes anything of its profile.

Of each profile only the front can go: its oldest waiting deliveries of one kind. A profile is in one batch at a time;
that is the whole barrier. A few fresh events go alone, many go in bulk. Profile updates in a row become one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from dreamflow.outbox.model import DeliveryKind, Lane

MOST_EVENTS: Final = 1000
"""Events in one bulk request, as Klaviyo allows."""
MOST_PROFILES: Final = 10_000
"""Profiles in one import, as Klaviyo allows."""
MOST_BYTES: Final = 4_600_000
"""Of the 5 MB that Klaviyo allows in one request; bytes bind before the count when deliveries are long."""
FRAME_BYTES: Final = 700
"""At most so much is written around the body of one delivery: type, profile, metric, time, unique id."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When deliveries go together, and how many.

    Attributes:
        bulk_from: so many that may go now leave in bulk; fewer are fresh and go one by one.
        events, profiles: most in one request.
    """

    bulk_from: int = 10
    events: int = MOST_EVENTS
    profiles: int = MOST_PROFILES


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a cut must know of a waiting delivery.

    Attributes:
        seq: its place in the order of acceptance.
        size: bytes of its body.
    """

    seq: int
    parent: str
    kind: DeliveryKind
    purpose: str
    ledger_entry: str
    size: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A batch to be.

    Attributes:
        members: by seq, oldest first.
        merged: for a member, the older profile updates that it takes in, oldest first; they end superseded.
    """

    lane: Lane
    members: tuple[int, ...]
    merged: Mapping[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])


@dataclass(frozen=True, slots=True)
class Update:
    """Profile updates of one parent that become one: the last, and those it takes in."""

    last: Waiting
    older: tuple[Waiting, ...]

    @property
    def size(self) -> int:
        """At most so many bytes of body."""
        return self.last.size + sum(each.size for each in self.older)


def cut(waiting: Iterable[Waiting], room: Mapping[Lane, int], limits: Limits) -> list[Cut]:
    """Choose the next batches.

    Args:
        waiting: oldest first, without profiles that are in a batch already.
        room: how many more batches of each lane may be under way.
        limits: sizes.

    Returns:
        Batches of which no two hold the same profile.
    """
    fronts = _fronts(waiting)
    events = [front for front in fronts if front[0].kind is DeliveryKind.EVENT]
    updates = [_update(front) for front in fronts if front[0].kind is DeliveryKind.PROFILE]
    return _cut_events(events, room, limits) + _cut_updates(updates, room, limits)


def _fronts(waiting: Iterable[Waiting]) -> list[list[Waiting]]:
    """For each profile its oldest deliveries of one kind, in the order of the oldest."""
    fronts: dict[str, list[Waiting]] = {}
    closed: set[str] = set()
    for each in waiting:
        front = fronts.setdefault(each.parent, [])
        if front and front[0].kind is not each.kind:
            closed.add(each.parent)
        if each.parent not in closed:
            front.append(each)
    return list(fronts.values())


def _update(front: Sequence[Waiting]) -> Update:
    """The updates that may be one: the oldest, and those right after it that cite the same consent."""
    cited = (front[0].purpose, front[0].ledger_entry)
    *older, last = takewhile(lambda each: (each.purpose, each.ledger_entry) == cited, front)
    return Update(last, tuple(older))


def _cut_events(fronts: Sequence[Sequence[Waiting]], room: Mapping[Lane, int], limits: Limits) -> list[Cut]:
    if sum(map(len, fronts)) < limits.bulk_from:
        return [Cut(Lane.EVENT, (front[0].seq,)) for front in fronts[: room.get(Lane.EVENT, 0)]]
    batches: list[list[Waiting]] = []
    left = list(fronts)
    while left and len(batches) < room.get(Lane.EVENTS, 0):
        batch, left = _fill(left, limits.events)
        batches.append(batch)
    return [Cut(Lane.EVENTS, tuple(sorted(each.seq for each in batch))) for batch in batches]


def _fill(fronts: Sequence[Sequence[Waiting]], most: int) -> tuple[list[Waiting], list[Sequence[Waiting]]]:
    """A full batch, and the profiles of which nothing is in it. Of a long front it takes as much as fits."""
    batch: list[Waiting] = []
    size = 0
    for place, front in enumerate(fronts):
        for each in front:
            size += each.size + FRAME_BYTES
            if batch and (len(batch) == most or size > MOST_BYTES):
                # A profile that has begun in this batch goes on in the one after it, when this one is settled.
                has_begun = batch[-1].parent == each.parent
                return batch, list(fronts[place + has_begun :])
            batch.append(each)
    return batch, []


def _cut_updates(updates: Sequence[Update], room: Mapping[Lane, int], limits: Limits) -> list[Cut]:
    if len(updates) < limits.bulk_from:
        return [_cut_of(Lane.PROFILE, [update]) for update in updates[: room.get(Lane.PROFILE, 0)]]
    if not room.get(Lane.PROFILES, 0):
        return []
    batch: list[Update] = []
    size = 0
    for update in updates[: limits.profiles]:
        size += update.size + FRAME_BYTES
        if batch and size > MOST_BYTES:
            break
        batch.append(update)
    return [_cut_of(Lane.PROFILES, batch)]


def _cut_of(lane: Lane, updates: Sequence[Update]) -> Cut:
    members = tuple(sorted(update.last.seq for update in updates))
    return Cut(lane, members, {u.last.seq: tuple(each.seq for each in u.older) for u in updates if u.older})
