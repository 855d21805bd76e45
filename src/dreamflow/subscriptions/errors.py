"""What a subscription may be refused."""

from dreamflow.kit.errors import Conflict


class SubscriptionExists(Conflict):
    """The family has a plan already."""

    code = "subscription-exists"
