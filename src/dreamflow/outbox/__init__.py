"""The journal of facts and everything that must reach the outside: durable, in order, once in effect."""

from dreamflow.outbox.errors import MirrorUnavailable
from dreamflow.outbox.model import (
    Batch,
    Books,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Envelope,
    Outbound,
    OutboundEvent,
    OutboundProfile,
    Outgoing,
)
from dreamflow.outbox.ports import ConsentGate, DeliveryStore, Received, ReceivedEvent, Sink
from dreamflow.outbox.rules import leaving_time
from dreamflow.outbox.service import DeliveryService

__all__ = [
    "Batch",
    "Books",
    "ConsentGate",
    "Delivery",
    "DeliveryKind",
    "DeliveryService",
    "DeliveryState",
    "DeliveryStore",
    "Envelope",
    "MirrorUnavailable",
    "Outbound",
    "OutboundEvent",
    "OutboundProfile",
    "Outgoing",
    "Received",
    "ReceivedEvent",
    "Sink",
    "leaving_time",
]
