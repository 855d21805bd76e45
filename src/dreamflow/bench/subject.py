"""What is measured, when it is a program: a process of its own, for as long as a block lasts."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

PATIENCE_SECONDS = 30.0
"""How long a process may take to end when it is told to."""
_URL = re.compile(r"http://\S+")


class SubjectError(Exception):
    """What is measured did not do what it was asked. The message says what."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A served program."""

    url: str
    process: subprocess.Popen[str]

    def kill(self) -> None:
        """End it as a power cut would, as far as a process can tell."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)


@contextmanager
def running(*arguments: str, listens: bool = False) -> Generator[subprocess.Popen[str]]:
    """`python -m` with these arguments, until the block ends.

    One that `listens` has an input, and is expected to end with it; others are told by SIGTERM.
    """
    command: Sequence[str] = (sys.executable, "-m", *arguments)
    to_it = subprocess.PIPE if listens else None
    with subprocess.Popen(command, stdin=to_it, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - of ours
        try:
            yield process
        finally:
            if process.stdin is None:
                process.terminate()
            else:
                with suppress(BrokenPipeError):
                    process.stdin.close()
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def started(*arguments: str) -> Generator[Subject]:
    """The same with a program that says its URL when it listens. Raises SubjectError when it does not."""
    with running(*arguments) as process:
        url = _URL.search(process.stdout.readline() if process.stdout else "")
        if url is None:
            raise SubjectError(f"{arguments[0]} ended before it listened")
        yield Subject(url[0], process)
