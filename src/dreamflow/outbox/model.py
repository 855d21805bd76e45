"""The journal of facts, and what of it must reach the outside.

    domain event ──▶ Envelope ──append, in the transaction that caused it──▶ journal row (never leaves)
                        └─ outgoing forms ─────────────────────────────────▶ delivery rows

    pending ──▶ delivered | dead | withheld | superseded        dead ──▶ pending, when an operator asks for it

Every delivery ends in one of the four, with a reason, and `Books` balance at every moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Outbound(BaseModel):
    """The closed form in which something may leave the house; its fields are all that can be sent.

    A subclass lists its fields; nothing else can be serialised. `purpose` names the consent it needs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    purpose: ClassVar[str]
    schema_version: ClassVar[int] = 1

    def body(self) -> dict[str, Any]:
        """What goes on the wire: JSON values only, absent fields left out."""
        return self.model_dump(mode="json", exclude_unset=True)


class OutboundEvent(Outbound):
    """An event for Klaviyo; `schema` and `seq` are added when it is written down.

    `seq` counts what leaves about one parent, so that events within one hour keep their order.
    """

    metric: ClassVar[str]


class OutboundProfile(Outbound):
    """Profile fields for Klaviyo; `identity` fields are Klaviyo's own, all others are custom properties."""

    identity: ClassVar[frozenset[str]] = frozenset()


class DeliveryKind(StrEnum):
    """Which door of the other side a delivery uses."""

    EVENT = "event"
    PROFILE = "profile"


class DeliveryState(StrEnum):
    """Where a delivery stands; all but `PENDING` are final."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    WITHHELD = "withheld"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A closed form together with the consent that lets it go.

    Attributes:
        content: what would be sent.
        ledger_entry: id of the consent it cites.
    """

    content: OutboundEvent | OutboundProfile
    ledger_entry: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """One domain event on its way into the journal.

    Attributes:
        id: random; also the idempotency key of what is sent.
        parent: whose family it concerns; deliveries keep their order per parent.
        type: past tense, dotted, e.g. "stories.story_generated".
        occurred_at: when it happened, aware.
        facts: JSON values for our own use; they never leave.
        outgoing: at most one of each kind.
        simulated: made up for a demo; sent as backfill so that no flow acts on it.
    """

    id: str
    parent: str
    type: str
    occurred_at: datetime
    facts: Mapping[str, Any]
    outgoing: tuple[Outgoing, ...] = ()
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery row as the worker sees it.

    Attributes:
        id: random, unique; Klaviyo's `unique_id` for an event.
        seq: its place among all deliveries; rises in the order of acceptance.
        parent: the profile's external id.
        name: metric name, or "profile".
        body: event properties, or profile fields.
        identity: names of body fields that are Klaviyo's own profile attributes.
        purpose, ledger_entry: the consent it needs and the entry it cites.
        occurred_at: truncated to the hour; no finer time leaves the house.
        backfill: record without triggering flows.
    """

    id: str
    seq: int
    parent: str
    kind: DeliveryKind
    name: str
    body: Mapping[str, Any]
    identity: frozenset[str]
    purpose: str
    ledger_entry: str
    occurred_at: datetime
    backfill: bool


class Lane(StrEnum):
    """How a batch goes out."""

    EVENT = "event"
    """One fresh event."""
    EVENTS = "events"
    """Many events in one request: all of them are processed, or none."""
    PROFILE = "profile"
    """One profile update."""
    PROFILES = "profiles"
    """Many profile updates as one import."""
    REPLAY = "replay"
    """What may be there already, one by one: the other side drops repeats of single sends."""

    @property
    def is_bulk(self) -> bool:
        """Whether it is one request for many."""
        return self in {Lane.EVENTS, Lane.PROFILES}


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries that go out together; once a bulk request may have been sent, its members never change.

    Attributes:
        deliveries: those that have not ended yet, oldest first.
        attempts: failed tries.
        is_ambiguous: a try may have had its effect without our knowing: its answer was lost, or its worker died.
    """

    id: str
    lane: Lane
    deliveries: tuple[Delivery, ...]
    attempts: int
    is_ambiguous: bool


@dataclass(frozen=True, slots=True)
class NewBatch:
    """Deliveries of a batch that go on in another one.

    Attributes:
        members: ids, oldest first.
        is_ambiguous: they may be there already; see `Batch`.
    """

    lane: Lane
    members: tuple[str, ...]
    is_ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one delivery ended."""

    state: DeliveryState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The other side has all of it."""


@dataclass(frozen=True, slots=True)
class PartlyAccepted:
    """The other side has it, save the named deliveries, which can never be: reasons by delivery id."""

    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing was processed, and the named deliveries can never be: reasons by delivery id; empty if it did not say."""

    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OneByOne:
    """Nothing was processed, because one of them is there already: single sends are dropped where they repeat."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """Nothing was processed: send less at once."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now. Try the same bytes again.

    Attributes:
        reason: for people.
        after_seconds: what the other side asked for, if it did.
        is_ambiguous: perhaps it had its effect, perhaps not.
    """

    reason: str
    after_seconds: float | None = None
    is_ambiguous: bool = True


@dataclass(frozen=True, slots=True)
class Locked:
    """The door is locked for everything: a wrong key, a wrong address. People must mend that; all of it waits."""

    reason: str


Answer = Accepted | PartlyAccepted | Rejected | OneByOne | TooLarge | Deferred | Locked


@dataclass(frozen=True, slots=True)
class Books:
    """How many deliveries were accepted, and where they are."""

    delivered: int = 0
    dead: int = 0
    withheld: int = 0
    superseded: int = 0
    pending: int = 0
    accepted: int = 0

    @property
    def balanced(self) -> bool:
        """Nothing was lost: accepted = delivered + dead + withheld + superseded + pending."""
        return self.accepted == self.delivered + self.dead + self.withheld + self.superseded + self.pending


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal entry as a subscriber reads it; see `Envelope`.

    Attributes:
        seq: its place in the journal; rises, with gaps.
    """

    seq: int
    id: str
    parent: str
    type: str
    occurred_at: datetime
    facts: Mapping[str, Any]
    simulated: bool


@dataclass(frozen=True, slots=True)
class DueJob:
    """Something to be done at a time, as surely as a fact is delivered.

    Attributes:
        id: chosen by whoever asks for it, so that asking twice is asking once.
        name: which handler does it.
        due: not before this moment of the house's clock, aware.
        payload: JSON values for the handler.
        attempts: failed runs so far.
    """

    id: str
    name: str
    due: datetime
    payload: Mapping[str, Any]
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery as an operator sees it in a list: never what it says.

    Attributes:
        name: metric name, or "profile".
        reason: why it ended so; of a dropped one, why it was dropped.
        since: when it ended; of one that waits, the hour of what it tells.
    """

    id: str
    parent: str
    name: str
    state: DeliveryState
    reason: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as an operator sees it.

    Attributes:
        attempts: failed tries.
        is_ambiguous: see `Batch`.
        is_open: whether a member of it has not ended.
    """

    id: str
    lane: Lane
    attempts: int
    is_ambiguous: bool
    is_open: bool
    due: datetime | None
    last_reason: str | None


@dataclass(frozen=True, slots=True)
class WholeLetter:
    """All that is known of a delivery, on the operator's own machine.

    Attributes:
        delivery: what would be sent or was; a dropped one has no body any more.
        fact: id of the journal entry that caused it.
        number: counts what leaves about its parent, from 1.
        ended_at: none while it waits.
        batch: the one it is in or was in last.
        dropped: why an operator gave it up, if one did.
    """

    delivery: Delivery
    fact: str
    number: int
    state: DeliveryState
    reason: str | None
    ended_at: datetime | None
    batch: BatchState | None
    dropped: str | None


@dataclass(frozen=True, slots=True)
class Requeued:
    """What became of dead letters that were asked to be sent again.

    Attributes:
        waiting: go again.
        superseded: profile updates of which newer ones say all.
    """

    waiting: int = 0
    superseded: int = 0


@dataclass(frozen=True, slots=True)
class Pointer:
    """That a delivery waits, for workers that learn it from a log instead of the database.

    Attributes:
        seq: see `Delivery`.
        id: of the delivery.
        parent: whose it is; also what places it in the log.
        number: counts what leaves about its parent, from 1.
        partition: of the outbox, and of the log.
    """

    seq: int
    id: str
    parent: str
    number: int
    partition: int
