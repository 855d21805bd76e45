"""A worker at work: its lease, its rounds, the sending of a batch; beside it upkeep, and the operator's commands."""

from dreamflow.outbox.service.dead_letters import DeadLetterService
from dreamflow.outbox.service.delivery import DeliveryService
from dreamflow.outbox.service.upkeep import Upkeep

__all__ = ["DeadLetterService", "DeliveryService", "Upkeep"]
