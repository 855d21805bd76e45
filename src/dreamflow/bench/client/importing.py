"""How long it takes until the client can be used, in interpreters that have imported nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from dreamflow.bench.model import Measured, Row, at_most
from dreamflow.bench.repeating import Repeated
from dreamflow.bench.subject import SubjectError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamflow.bench.model import Outcome

IMPORT = Row(id="import", unit="times", target=at_most(1.5), short_target=at_most(1.5))

_OURS = "from aioklaviyo import Klaviyo, NewEvent, ProfileRef\nKlaviyo('pk_bench')"
_RIVAL = "import aiohttp, pydantic"
_AROUND = """\
import json, sys, time
began, cpu_began = time.perf_counter(), time.process_time()
{code}
spent = time.perf_counter() - began, time.process_time() - cpu_began
print(json.dumps([*spent, len(sys.modules), [name for name in {looked_for!r} if name in sys.modules]]))
"""
_LOOKED_FOR = ("aiohttp", "pydantic", "opentelemetry", "redis")


class Imported(NamedTuple):
    """What an import took, in milliseconds, and what it brought."""

    wall: float
    cpu: float
    modules: int
    brought: list[str]


def importing(repetitions: int, scratch: Path) -> Iterator[Outcome]:
    """What a user writes first, beside the two packages that it cannot do without; ``scratch`` takes compiled code."""
    for code in (_OURS, _RIVAL):
        imported(code, scratch)  # so that all is compiled
    ours: list[Imported] = []
    rival: list[Imported] = []
    for _ in range(repetitions):
        ours.append(imported(_OURS, scratch))
        rival.append(imported(_RIVAL, scratch))
    ratios = [mine.cpu / other.cpu for mine, other in zip(ours, rival, strict=True)]
    value, interval = Repeated(median(ratios), (min(ratios), max(ratios)))
    note = (
        f"`{_OURS.replace(chr(10), '; ')}` in a fresh interpreter: {_words(ours)}; `{_RIVAL}`: {_words(rival)}; "
        f"processor time counts; median of {repetitions}, in turn"
    )
    yield Measured(row=IMPORT.id, value=value, n=repetitions, interval=interval, note=note)


def imported(code: str, scratch: Path) -> Imported:
    """What some code takes in a fresh interpreter. Raises SubjectError where it does not run."""
    program = _AROUND.format(code=code, looked_for=_LOOKED_FOR)
    # An environment that forbids compiled code to be kept would have every import compile ours, and only ours.
    command = [sys.executable, "-E", "-X", f"pycache_prefix={scratch}", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SubjectError(f"a fresh interpreter failed: {done.stderr.strip().splitlines()[-1]}")
    wall, cpu, modules, brought = json.loads(done.stdout)
    return Imported(wall * 1000, cpu * 1000, modules, brought)


def _words(some: list[Imported]) -> str:
    return (
        f"{median(one.cpu for one in some):,.0f} ms ({median(one.wall for one in some):,.0f} ms passed), "
        f"{some[-1].modules:,} modules, {', '.join(some[-1].brought)} among them"
    )
