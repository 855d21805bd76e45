"""Producers of facts for a house, seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple, Self

from dreamflow.bench.delivery.feeding import families_line
from dreamflow.bench.subject import PATIENCE_SECONDS, SubjectError

if TYPE_CHECKING:
    from types import TracebackType

    from dreamflow.bench.delivery.house import House


class Produced(NamedTuple):
    """What came of it."""

    acknowledged: set[str]
    """Ids of facts: they are promised."""
    refused: int
    """Times that a write was refused, and tried again."""


class Producers:
    """Callers who write facts for a house at a pace, in a process of their own; see `producing`.

    As a context manager they begin with the block; at its end they are gone, ended or not.

    Args:
        house: whose.
        rate: facts in a second, together.
        callers: who share it.
        seed: of the facts.
    """

    def __init__(self, house: House, rate: float, *, callers: int, seed: int) -> None:
        self._house = house
        self._given = ("--rate", str(rate), "--callers", str(callers), "--seed", str(seed))

    def __enter__(self) -> Self:
        """Begin, and wait until they have. Raises SubjectError if they cannot."""
        command = (sys.executable, "-m", "dreamflow.bench.delivery.producing", self._house.place, *self._given)
        self._process = subprocess.Popen(  # noqa: S603 - of ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self._process.stdin is not None:
            self._process.stdin.write(families_line(self._house.families))
            self._process.stdin.flush()
        if self._process.stdout is None or not self._process.stdout.readline():
            raise SubjectError("those who write facts ended before they had begun")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of them."""
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    @property
    def pid(self) -> int:
        """Of their process."""
        return self._process.pid

    def end(self) -> Produced:
        """Let them write no more, and tell what came of it. Raises SubjectError if they cannot."""
        try:
            said, _ = self._process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise SubjectError("those who write facts did not end") from None
        if self._process.returncode:
            raise SubjectError(f"those who write facts ended with status {self._process.returncode}")
        found = json.loads(said)
        return Produced(set(found["acknowledged"]), found["refused"])
