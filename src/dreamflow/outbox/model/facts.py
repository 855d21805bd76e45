"""Facts on their way into the journal, and the closed forms in which something of them may leave.

domain event ──▶ Envelope ──append, in the transaction that caused it──▶ journal row (never leaves)
└─ outgoing forms ─────────────────────────────────▶ delivery rows
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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
