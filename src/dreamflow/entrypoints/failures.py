"""Failures that are the user's to mend; they are told in one sentence, without a traceback."""

from dreamflow.entrypoints.demo_state import UnreadableTime
from dreamflow.entrypoints.http import CannotServe
from dreamflow.entrypoints.serving import PortTaken
from dreamflow.kit.errors import DreamFlowError
from dreamflow.settings import SettingsError

EXPECTED = (CannotServe, DreamFlowError, PortTaken, SettingsError, UnreadableTime, OSError)
