"""What delivery needs from others."""

from dreamflow.outbox.ports.delivering import ConsentGate, DeliveryStore, LeaseStore, Sink
from dreamflow.outbox.ports.observing import Observer, Unobserved
from dreamflow.outbox.ports.operators import DeadLetters, Received, ReceivedEvent
from dreamflow.outbox.ports.sharing import Intake, PointedStore, Publisher, RelayStore
from dreamflow.outbox.ports.upkeep import JobLease, Journal, ScheduleStore, SettledStore

__all__ = [
    "ConsentGate",
    "DeadLetters",
    "DeliveryStore",
    "Intake",
    "JobLease",
    "Journal",
    "LeaseStore",
    "Observer",
    "PointedStore",
    "Publisher",
    "Received",
    "ReceivedEvent",
    "RelayStore",
    "ScheduleStore",
    "SettledStore",
    "Sink",
    "Unobserved",
]
