"""One process at a time: a lock on a file that ends with the process, however it ends."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from dreamflow.kit.errors import DreamFlowError


class TurnTaken(DreamFlowError):
    """Another process holds the turn."""

    code = "turn-taken"


@contextmanager
def turn(path: Path) -> Generator[None]:
    """Hold the turn that a file stands for.

    Raises:
        TurnTaken: another process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TurnTaken(f"Another process holds {path}.") from None
        yield
