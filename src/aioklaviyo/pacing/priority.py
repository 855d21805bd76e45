"""Whose call goes first when not all can go at once."""

import enum

OVERTAKEN_AT_MOST = 9
"""How many interactive calls go in a row while a background call waits."""


class Priority(enum.IntEnum):
    """How urgent a call is; the lower number goes first."""

    INTERACTIVE = 0
    """Somebody waits for the answer. May use a window's whole burst."""
    BACKGROUND = 1
    """Nobody waits: bulk loads, imports, nightly work. Keeps an even pace, so that room comes free all the time."""
