"""Contestants in processes of their own, asked in turn."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dreamflow.bench.subject import SubjectError, running

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Generator, Mapping

Name = Literal["ours", "paced", "bare", "official"]
"""Who can be asked; `paced` is ours with pacing."""

_MODULE = "dreamflow.bench.client.contestants"


@dataclass(frozen=True, slots=True)
class Spent:
    """What something took a contestant."""

    seconds: float
    cpu_seconds: float


class Entrant:
    """A contestant, from outside."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self._name = name
        self._process = process
        self.version: str = self._heard()["version"]
        """Its name and version."""

    def send(self, events: int, at_once: int) -> Spent:
        """Let it create events by single calls. Raises SubjectError when it does not succeed with all of them."""
        return _spent(self._told(do="send", events=events, at_once=at_once))

    def read(self, page: str, times: int, items: int) -> Spent:
        """Let it read a page several times. Raises SubjectError when it does not find `items` on each."""
        answer = self._told(do="read", page=page, times=times)
        if answer["items"] != times * items:
            raise SubjectError(f"{self._name} found {answer['items']:,} items on {times} pages of {items:,}")
        return _spent(answer)

    def _told(self, **task: object) -> dict[str, Any]:
        to_it = self._process.stdin
        if to_it is None:
            raise SubjectError(f"{self._name} cannot be talked to")
        to_it.write(json.dumps(task) + "\n")
        to_it.flush()
        return self._heard()

    def _heard(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise SubjectError(f"{self._name} ended before its time")
        answer = json.loads(line)
        if "error" in answer:
            raise SubjectError(f"{self._name}: {answer['error']}")
        return answer


@contextmanager
def contest(url: str, *names: Name) -> Generator[Mapping[Name, Entrant]]:
    """Contestants by name until the block ends, each with the same server. Raises SubjectError if one cannot."""
    with ExitStack() as stack:
        yield {name: Entrant(name, stack.enter_context(running(_MODULE, name, url, listens=True))) for name in names}


def _spent(answer: dict[str, Any]) -> Spent:
    return Spent(answer["seconds"], answer["cpu_seconds"])
