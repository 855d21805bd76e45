"""Sending any number of events: in batches as long as that works, one by one where it does not."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

from aioklaviyo.bulk import BulkResult, Failed, Progress, Splitter, Tally, in_background, patiently, settle_all
from aioklaviyo.calls import Caller
from aioklaviyo.errors import CredentialsRejected, KlaviyoError, OutcomeUnknown, RequestRejected
from aioklaviyo.models.new_event import NewEvent
from aioklaviyo.resources.event_batch import (
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    EventBatch,
    Likeness,
    Written,
    comparable,
    create_call,
    too_large,
    written,
)

MAX_DEFERRED = 1_000
"""How many events may wait for the next batch, before the present one goes as it is."""
FEW = 4
"""So few events are sent one by one at once: that counts against a limit 23 times as wide."""
SINGLES_AFTER_REFUSAL = 16
"""So few events of a refused batch are sent one by one, rather than halved again."""
SINGLES_AT_ONCE = 16
"""How many events are sent one by one at the same time."""

_PLACE = re.compile(r"/data/attributes/events-bulk-create/data/(\d+)(?:/attributes/events/data/(\d+))?(?:/.*)?")


@dataclass(slots=True)
class Parcel:
    """A batch, and what came in between that is not sent at all."""

    batch: EventBatch = field(default_factory=EventBatch)
    refused: list[Failed[NewEvent]] = field(default_factory=list[Failed[NewEvent]])
    duplicates: list[NewEvent] = field(default_factory=list[NewEvent])

    @property
    def total(self) -> int:
        """How many events are accounted for here."""
        return len(self.batch.events) + len(self.refused) + len(self.duplicates)


async def parcels(source: AsyncIterator[NewEvent]) -> AsyncGenerator[Parcel, None]:
    """All events in batches that Klaviyo takes.

    What may be the same to Klaviyo as an event of the batch waits for the next one, and so do all later events of a
    profile of which one waits: none is in an earlier batch than one that came before it.
    """
    packer = _Packer()
    async for event in source:
        for full in packer.take(event):
            yield full
    while not packer.is_empty:
        yield packer.close()


class _Packer:
    """Fills one batch after the other."""

    def __init__(self) -> None:
        self._parcel = Parcel()
        self._deferred: list[Written] = []
        self._waiting: set[tuple[str, str]] = set()
        """The identifiers of whose events wait."""

    @property
    def is_empty(self) -> bool:
        return not self._parcel.total and not self._deferred

    def take(self, event: NewEvent) -> list[Parcel]:
        """Take an event in; returns the batches that are full by that."""
        full: list[Parcel] = []
        try:
            one = _alone(event)
        except RequestRejected as error:
            self._parcel.refused.append(Failed(event, error))
        else:
            while not self._place(one):
                full.append(self.close())
        if self._parcel.total >= MAX_BATCH_EVENTS or len(self._deferred) >= MAX_DEFERRED:
            full.append(self.close())
        return full

    def close(self) -> Parcel:
        """The batch as it is; those that wait begin the next one."""
        full, self._parcel = self._parcel, Parcel()
        deferred, self._deferred = self._deferred, []
        self._waiting.clear()
        for one in deferred:
            if not self._place(one):
                self._defer(one)
        return full

    def _place(self, one: Written) -> bool:
        """Find a place for an event; False when the batch has no room for it."""
        identifiers = comparable(one.event).items()
        if self._waiting and not self._waiting.isdisjoint(identifiers):
            self._defer(one)
            return True
        earlier = self._parcel.batch.earlier(one)
        if earlier is None:
            if not self._parcel.batch.has_room_for(one):
                return False
            self._parcel.batch.add(one)
        elif earlier[1] is Likeness.REPEATED:
            self._parcel.duplicates.append(one.event)
        else:
            self._defer(one)
        return True

    def _defer(self, one: Written) -> None:
        self._deferred.append(one)
        self._waiting.update(comparable(one.event).items())


class EventSender:
    """Settles batches of events; its calls let interactive ones go first."""

    def __init__(self, caller: Caller) -> None:
        self._caller = in_background(caller)
        self._splitter = Splitter[Written, NewEvent](
            thing_of=lambda one: one.event,
            submit=self._submit,
            culprits=_named,
            submit_each=self._submit_each,
            each_from=SINGLES_AFTER_REFUSAL,
        )

    async def send_all(
        self,
        source: Iterable[NewEvent] | AsyncIterable[NewEvent],
        *,
        max_in_flight: int,
        progress: Progress[NewEvent] | None,
    ) -> BulkResult[NewEvent]:
        """Send everything, and tell what became of each."""
        return await settle_all(source, parcels, self._settle, max_in_flight=max_in_flight, progress=progress)

    async def _settle(self, parcel: Parcel, tally: Tally[NewEvent]) -> None:
        tally.refused += parcel.refused
        tally.duplicates += parcel.duplicates
        events = parcel.batch.events
        if len(events) <= FEW:
            await self._submit_each(events, tally)
        else:
            await self._splitter.settle(events, tally)

    async def _submit(self, events: Sequence[Written], tally: Tally[NewEvent]) -> None:
        call = _batch(events).call()
        try:
            await patiently(self._caller, lambda: self._caller.send(call))
        except OutcomeUnknown as error:
            # All or none of it was processed. What Klaviyo would drop as a repeat can be sent again, alone.
            lost = [one.event for one in events if not one.event.is_repeatable]
            tally.failed(lost, error)
            await self._submit_each([one for one in events if one.event.is_repeatable], tally, was_ambiguous=True)
        except RequestRejected:
            raise
        except KlaviyoError as error:
            tally.failed([one.event for one in events], error)
        else:
            tally.sent += len(events)

    async def _submit_each(
        self, events: Sequence[Written], tally: Tally[NewEvent], *, was_ambiguous: bool = False
    ) -> None:
        """Send events one by one, some at a time, until Klaviyo takes none of those any more."""
        for start in range(0, len(events), SINGLES_AT_ONCE):
            if tally.stopped_by is not None:
                _given_up(events[start:], tally.stopped_by, tally, was_ambiguous=was_ambiguous)
                break
            some = events[start : start + SINGLES_AT_ONCE]
            errors = await asyncio.gather(*(self._submit_one(one) for one in some))
            for one, error in zip(some, errors, strict=True):
                if error is None:
                    tally.sent += 1
                else:
                    _failed(one.event, error, tally, was_ambiguous=was_ambiguous)
            last = errors[-1]
            if last is not None and not any(error is None or isinstance(error, RequestRejected) for error in errors):
                # Klaviyo is away, or wants nothing of us: the next ones would fare no better.
                _given_up(events[start + SINGLES_AT_ONCE :], last, tally, was_ambiguous=was_ambiguous)
                break

    async def _submit_one(self, one: Written) -> KlaviyoError | None:
        call = create_call(one.event)
        try:
            await patiently(self._caller, lambda: self._caller.send(call))
        except KlaviyoError as error:
            return error
        return None


def _failed(event: NewEvent, error: KlaviyoError, tally: Tally[NewEvent], *, was_ambiguous: bool) -> None:
    if was_ambiguous and not isinstance(error, RequestRejected):
        # Whatever became of this attempt, the batch may have brought it.
        tally.unknown.append(Failed(event, error))
        if isinstance(error, CredentialsRejected):
            tally.stopped_by = error
    else:
        tally.failed([event], error)


def _given_up(events: Sequence[Written], error: KlaviyoError, tally: Tally[NewEvent], *, was_ambiguous: bool) -> None:
    """Count events that are not even tried any more."""
    place = tally.unknown if was_ambiguous else tally.unsent
    place += [Failed(one.event, error) for one in events]


def _alone(event: NewEvent) -> Written:
    """The event, written. Raises ``RequestRejected`` for one that cannot be sent at all."""
    one = written(event)
    empty = EventBatch()
    if not empty.has_room_for(one):
        empty.add(one)
        raise too_large(f"an event of {empty.size} bytes, of {MAX_BATCH_BYTES} allowed")
    return one


def _batch(events: Sequence[Written]) -> EventBatch:
    batch = EventBatch()
    for one in events:
        batch.add(one)
    return batch


def _named(error: RequestRejected, events: Sequence[Written]) -> set[int]:
    """The places of the events that a refusal's pointers are about: one, or all of a profile."""
    places = {id(one): place for place, one in enumerate(events)}
    groups = _batch(events).groups()
    named: set[int] = set()
    for detail in error.errors:
        found = _PLACE.fullmatch(detail.pointer or "")
        if found is None or int(found[1]) >= len(groups):
            continue
        group = groups[int(found[1])]
        if found[2] is None:
            named.update(places[id(one)] for one in group)
        elif int(found[2]) < len(group):
            named.add(places[id(group[int(found[2])])])
    return named
