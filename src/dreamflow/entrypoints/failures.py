"""Failures that are the user's to mend; they are told in one sentence, without a traceback."""

from dreamflow.kit.errors import DreamFlowError


class CannotRun(Exception):
    """The command cannot do what it was asked. The message says what to do."""


class CannotServe(CannotRun):
    """What was asked for does not make a house that may be opened."""


EXPECTED = (CannotRun, DreamFlowError, OSError)
