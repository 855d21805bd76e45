"""What the outbox may be refused."""

from dreamflow.kit.errors import Unavailable


class MirrorUnavailable(Unavailable):
    """The other side cannot be read right now."""

    code = "mirror-unavailable"
