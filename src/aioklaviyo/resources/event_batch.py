"""Events as requests: alone, or as a batch in one body, or the reason why Klaviyo would refuse it.

Sending a batch that holds the same event twice loses all of it, and so does sending one that is too large; both are
noticed here, where nothing is lost.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from aioklaviyo.errors import CallRecord, PayloadTooLarge, invalid_request
from aioklaviyo.models.new_event import NewEvent
from aioklaviyo.operations import Call, Need, Operation, encoded
from aioklaviyo.rates import XL, M

CREATE = Operation("create_event", "POST", "/api/events", XL, Need.NOTHING)
BULK_CREATE = Operation("bulk_create_events", "POST", "/api/event-bulk-create-jobs", M, Need.NOTHING)
MAX_BATCH_EVENTS = 1_000
MAX_BATCH_BYTES = 5_000_000

_HEAD = b'{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":['
_TAIL = b"]}}}}"
_GROUP_HEAD = b'{"type":"event-bulk-create","attributes":{"profile":{"data":'
_GROUP_MIDDLE = b'},"events":{"data":['
_GROUP_TAIL = b"]}}}"
_GROUP_BYTES = len(_GROUP_HEAD + _GROUP_MIDDLE + _GROUP_TAIL)


@dataclass(frozen=True, slots=True)
class Written:
    """An event with the two parts of a batch's body that it becomes: written once, however often it is sent."""

    event: NewEvent
    profile: bytes
    entry: bytes


def written(event: NewEvent) -> Written:
    """The parts of a body that an event becomes.

    Raises:
        InvalidRequest: It cannot be written as JSON.
    """
    method, path = BULK_CREATE.method, BULK_CREATE.path
    return Written(
        event,
        encoded(method, path, event.profile.wire()),
        encoded(method, path, {"type": "event", "attributes": event.wire_attributes()}),
    )


class Likeness(enum.Enum):
    """How an event relates to one that a batch already holds."""

    REPEATED = "the same to Klaviyo, which would drop it"
    PERHAPS = "the same to Klaviyo if their profiles are"


@dataclass(slots=True)
class _Alike:
    """The events of one metric and one dedupe key so far, by what could make their profiles the same."""

    by_profile: dict[tuple[bytes, str | None], int] = field(default_factory=dict[tuple[bytes, str | None], int])
    by_identifier: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    by_kinds: dict[frozenset[str], int] = field(default_factory=dict[frozenset[str], int])

    def earlier(self, one: Written, identifiers: Mapping[str, str]) -> tuple[int, Likeness] | None:
        """The event whose profile may be this one: an identifier is equal, or none is comparable."""
        event = one.event
        same = self.by_profile.get((one.profile, event.service))
        if same is not None:
            is_certain = event.unique_id is not None or event.time is not None
            return same, Likeness.REPEATED if is_certain else Likeness.PERHAPS
        for identifier in identifiers.items():
            if identifier in self.by_identifier:
                return self.by_identifier[identifier], Likeness.PERHAPS
        kinds = identifiers.keys()
        perhaps = next((index for seen, index in self.by_kinds.items() if seen.isdisjoint(kinds)), None)
        return None if perhaps is None else (perhaps, Likeness.PERHAPS)

    def add(self, index: int, one: Written, identifiers: Mapping[str, str]) -> None:
        self.by_profile[one.profile, one.event.service] = index
        self.by_identifier.update((identifier, index) for identifier in identifiers.items())
        self.by_kinds.setdefault(frozenset(identifiers), index)


class EventBatch:
    """Events that go together: one group per profile, in order of first appearance."""

    def __init__(self) -> None:
        self.events: list[Written] = []
        self.size = len(_HEAD) + len(_TAIL)
        """How many bytes the body has."""
        self._groups: dict[bytes, list[Written]] = {}
        self._seen: dict[tuple[str, tuple[str, str]], _Alike] = {}

    def earlier(self, one: Written) -> tuple[int, Likeness] | None:
        """The event of this batch, by its place, that is or may be the same to Klaviyo as ``one``."""
        alike = self._seen.get((one.event.metric, one.event.dedupe_key))
        return None if alike is None else alike.earlier(one, comparable(one.event))

    def has_room_for(self, one: Written) -> bool:
        """Whether the batch with ``one`` keeps Klaviyo's limits."""
        return len(self.events) < MAX_BATCH_EVENTS and self.size + self._cost(one) <= MAX_BATCH_BYTES

    def add(self, one: Written) -> None:
        """Take an event in, whatever becomes of the batch."""
        self.size += self._cost(one)
        alike = self._seen.setdefault((one.event.metric, one.event.dedupe_key), _Alike())
        alike.add(len(self.events), one, comparable(one.event))
        self._groups.setdefault(one.profile, []).append(one)
        self.events.append(one)

    def groups(self) -> list[list[Written]]:
        """The groups of the body."""
        return list(self._groups.values())

    def call(self) -> Call:
        """The call that submits the batch."""
        groups = b",".join(
            _GROUP_HEAD + profile + _GROUP_MIDDLE + b",".join([one.entry for one in group]) + _GROUP_TAIL
            for profile, group in self._groups.items()
        )
        return replace(BULK_CREATE.call(), body=_HEAD + groups + _TAIL)

    def _cost(self, one: Written) -> int:
        if one.profile in self._groups:
            return 1 + len(one.entry)
        return (1 if self._groups else 0) + _GROUP_BYTES + len(one.profile) + len(one.entry)


def create_call(event: NewEvent) -> Call:
    """The call that submits one event alone.

    Raises:
        InvalidRequest: It cannot be written as JSON.
    """
    attributes = event.wire_attributes()
    attributes["profile"] = {"data": event.profile.wire()}
    return CREATE.call(data={"type": "event", "attributes": attributes}, is_repeatable=event.is_repeatable)


def batch_call(events: Sequence[NewEvent]) -> Call:
    """The call that submits ``events``.

    Raises:
        PayloadTooLarge: More events or bytes than Klaviyo takes.
        InvalidRequest: Two events are, or may be, the same to Klaviyo.
    """
    if len(events) > MAX_BATCH_EVENTS:
        raise too_large(f"{len(events)} events in one batch, of {MAX_BATCH_EVENTS} allowed")
    batch = EventBatch()
    for index, event in enumerate(events):
        one = written(event)
        earlier = batch.earlier(one)
        if earlier is not None:
            same = "unique_id" if event.unique_id is not None else "second, without a unique_id,"
            raise invalid_request(
                f"events {earlier[0]} and {index} have the same {same} for what may be the same profile and metric",
                method="POST",
                path=BULK_CREATE.path,
                pointer=f"/events/{index}/unique_id",
            )
        batch.add(one)
    if batch.size > MAX_BATCH_BYTES:
        raise too_large(f"{batch.size} bytes in one batch, of {MAX_BATCH_BYTES} allowed")
    return batch.call()


def comparable(event: NewEvent) -> dict[str, str]:
    """The identifiers of whose event it is, such that equal ones are equal to Klaviyo."""
    identifiers = event.profile.identifiers()
    if "email" in identifiers:
        # Klaviyo does not tell letter case apart in addresses.
        identifiers["email"] = identifiers["email"].casefold()
    return identifiers


def too_large(problem: str) -> PayloadTooLarge:
    """The error for what is longer than Klaviyo takes."""
    return PayloadTooLarge(f"Not sent: {problem}", CallRecord("POST", BULK_CREATE.path))
