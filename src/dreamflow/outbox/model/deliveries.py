"""What must reach the outside.

    pending ──▶ delivered | dead | withheld | superseded        dead ──▶ pending, when an operator asks for it

Every delivery ends in one of the four, with a reason, and `Books` balance at every moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


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
