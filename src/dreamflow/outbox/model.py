"""The journal of facts, and what of it must reach the outside.

    domain event ──▶ Envelope ──append, in the transaction that caused it──▶ journal row (never leaves)
                        └─ outgoing forms ─────────────────────────────────▶ delivery rows

    pending ──▶ delivered | dead | withheld | superseded

Every delivery ends in one of the four, with a reason, and `Books` balance at every moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal

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
        seq: position in the journal; rises in the order of acceptance.
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


Lane = Literal["single", "bulk"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries that go out in one request; its members never change once it is stored.

    Attributes:
        attempts: how often it was tried before, or may have been.
    """

    id: str
    lane: Lane
    deliveries: tuple[Delivery, ...]
    attempts: int


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
