"""What happened to a plan, and the closed form of what leaves because of it."""

from datetime import datetime

from dreamflow.outbox import Envelope, OutboundEvent, OutboundProfile, Outgoing, leaving_time
from dreamflow.subscriptions.model import Subscription

_PURPOSE = "service"


class PlanProfile(OutboundProfile):
    """The plan as Klaviyo sees it."""

    purpose = _PURPOSE
    plan_tier: str


class SubscriptionCreated(OutboundEvent):
    """A plan began."""

    metric = "Subscription Created"
    purpose = _PURPOSE
    tier: str
    effective_at: datetime


def subscription_created(id_: str, subscription: Subscription, *, ledger_entry: str, simulated: bool) -> Envelope:
    """The plan's first fact."""
    tier = subscription.tier.value
    return Envelope(
        id=id_,
        parent=subscription.parent,
        type="subscriptions.subscription_created",
        occurred_at=subscription.since,
        facts={"tier": tier},
        outgoing=(
            Outgoing(PlanProfile(plan_tier=tier), ledger_entry),
            Outgoing(SubscriptionCreated(tier=tier, effective_at=leaving_time(subscription.since)), ledger_entry),
        ),
        simulated=simulated,
    )
