"""What subscriptions need."""

from typing import Protocol

from dreamflow.outbox import Envelope
from dreamflow.subscriptions.model import Subscription


class SubscriptionStore(Protocol):
    """Plans of families. A change commits together with its fact."""

    async def start(self, subscription: Subscription, fact: Envelope) -> None:
        """Store a first plan.

        Raises:
            SubscriptionExists: the family has one.
        """
        ...
