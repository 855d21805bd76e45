"""The journal of facts and everything that must reach the outside: durable, in order, once in effect."""

from dreamflow.outbox.errors import LeaseLost, MirrorUnavailable, NotDead, UnknownDelivery
from dreamflow.outbox.model import (
    Batch,
    Books,
    Delivery,
    DeliveryKind,
    DeliveryState,
    DueJob,
    Entry,
    Envelope,
    Lane,
    Letter,
    Outbound,
    OutboundEvent,
    OutboundProfile,
    Outgoing,
    Requeued,
    WholeLetter,
)
from dreamflow.outbox.ports import ConsentGate, DeliveryStore, Observer, Received, ReceivedEvent, Sink
from dreamflow.outbox.rules.cutting import Limits
from dreamflow.outbox.rules.timing import leaving_time
from dreamflow.outbox.service import DeadLetterService, DeliveryService, Upkeep

__all__ = [
    "Batch",
    "Books",
    "ConsentGate",
    "DeadLetterService",
    "Delivery",
    "DeliveryKind",
    "DeliveryService",
    "DeliveryState",
    "DeliveryStore",
    "DueJob",
    "Entry",
    "Envelope",
    "Lane",
    "LeaseLost",
    "Letter",
    "Limits",
    "MirrorUnavailable",
    "NotDead",
    "Observer",
    "Outbound",
    "OutboundEvent",
    "OutboundProfile",
    "Outgoing",
    "Received",
    "ReceivedEvent",
    "Requeued",
    "Sink",
    "UnknownDelivery",
    "Upkeep",
    "WholeLetter",
    "leaving_time",
]
