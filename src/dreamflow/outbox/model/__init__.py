"""The words of delivery: facts, deliveries, answers, letters, jobs and pointers."""

from dreamflow.outbox.model.answers import (
    Accepted,
    Answer,
    Deferred,
    Locked,
    OneByOne,
    PartlyAccepted,
    Rejected,
    TooLarge,
)
from dreamflow.outbox.model.deliveries import (
    Batch,
    Books,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Lane,
    NewBatch,
    Verdict,
)
from dreamflow.outbox.model.facts import Entry, Envelope, Outbound, OutboundEvent, OutboundProfile, Outgoing
from dreamflow.outbox.model.jobs import DueJob
from dreamflow.outbox.model.letters import BatchState, Letter, Requeued, WholeLetter
from dreamflow.outbox.model.pointers import Pointer

__all__ = [
    "Accepted",
    "Answer",
    "Batch",
    "BatchState",
    "Books",
    "Deferred",
    "Delivery",
    "DeliveryKind",
    "DeliveryState",
    "DueJob",
    "Entry",
    "Envelope",
    "Lane",
    "Letter",
    "Locked",
    "NewBatch",
    "OneByOne",
    "Outbound",
    "OutboundEvent",
    "OutboundProfile",
    "Outgoing",
    "PartlyAccepted",
    "Pointer",
    "Rejected",
    "Requeued",
    "TooLarge",
    "Verdict",
    "WholeLetter",
]
