"""What can be wrong with the settings when the parts are put together; whoever starts the program can mend it."""

from dreamflow.kit.errors import DreamFlowError


class CannotOpen(DreamFlowError):
    """What the settings name cannot be used. The message says why, without a word of a URL."""

    code = "cannot-open"


class NotInstalled(DreamFlowError):
    """The settings ask for a part whose package is missing. The message names the extra that brings it."""

    code = "not-installed"
