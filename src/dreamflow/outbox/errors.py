"""What the outbox may be refused."""

from dreamflow.kit.errors import Conflict, DreamFlowError, NotFound, Unavailable


class MirrorUnavailable(Unavailable):
    """The other side cannot be read right now."""

    code = "mirror-unavailable"


class LeaseLost(DreamFlowError):
    """Others took this worker for dead: it was asleep for longer than its lease. What it held is theirs."""

    code = "lease-lost"


class UnknownDelivery(NotFound):
    """There is no delivery with this id."""

    code = "unknown-delivery"


class NotDead(Conflict):
    """Only a dead letter can be sent again or dropped."""

    code = "not-dead"


class BrokerUnavailable(Unavailable):
    """The log does not answer, or has just refused something that it may take later."""

    code = "broker-unavailable"


class UnusableTopic(DreamFlowError):
    """The topic cannot carry pointers: it was made for something else."""

    code = "unusable-topic"
