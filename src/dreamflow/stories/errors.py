"""What a story may be refused."""

from dreamflow.kit.errors import Conflict, NotFound, Unavailable


class StoryNotFound(NotFound):
    """No such story in this family."""

    code = "story-not-found"


class ListenerNotFound(NotFound):
    """A child that was named is not of this family."""

    code = "child-not-found"


class NobodyListens(Conflict):
    """A story needs at least one child in the family."""

    code = "nobody-listens"


class WritingFailed(Unavailable):
    """The writer found no text that passes the guard."""

    code = "writing-failed"
