"""Which plan a family is on. Billing and rights build on this."""

from dreamflow.subscriptions.model import Subscription, Tier
from dreamflow.subscriptions.service import SubscriptionService

__all__ = ["Subscription", "SubscriptionService", "Tier"]
