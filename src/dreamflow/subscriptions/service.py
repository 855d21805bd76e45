"""Plan use cases: start one."""

from dreamflow.identity import ParentId
from dreamflow.kit.clock import Clock
from dreamflow.kit.ids import Ids
from dreamflow.subscriptions.events import subscription_created
from dreamflow.subscriptions.model import Subscription, Tier
from dreamflow.subscriptions.ports import SubscriptionStore


class SubscriptionService:
    """Plans of families.

    Args:
        store: where they are.
        clock: for when a plan begins.
        ids: for facts.
        simulated: mark what starts here as made up.
    """

    def __init__(self, store: SubscriptionStore, clock: Clock, ids: Ids, *, simulated: bool = False) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._simulated = simulated

    async def start(self, parent: ParentId, tier: Tier, *, ledger_entry: str) -> Subscription:
        """Begin a plan.

        Args:
            parent: whose.
            tier: which.
            ledger_entry: the `service` consent under which Klaviyo may know.

        Raises:
            SubscriptionExists: the family has one already.
        """
        subscription = Subscription(parent, tier, self._clock.now())
        fact = subscription_created(self._ids.new(), subscription, ledger_entry=ledger_entry, simulated=self._simulated)
        await self._store.start(subscription, fact)
        return subscription
