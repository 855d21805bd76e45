"""Named places in the code where a test may make the process die; inert unless armed by a setting."""

import os
import signal
from collections.abc import Callable

Reach = Callable[[str], None]
"""Called with the name of the place that was reached."""


def inert(_: str) -> None:
    """Nothing happens here: production."""


def kill_at(armed: str) -> Reach:
    """Die without warning when `armed` is reached, as under SIGKILL; nothing is flushed or closed."""

    def reach(name: str) -> None:
        if name == armed:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach
