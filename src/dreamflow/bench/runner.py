"""Running a bench: every row is measured exactly once, and the report says on what machine."""

from __future__ import annotations

import os
import platform
import sqlite3
from typing import TYPE_CHECKING

from dreamflow._version import __version__
from dreamflow.bench.model import JsonValue, Measured, Outcome, Report, Result, Versioned
from dreamflow.kit.clock import SystemClock

if TYPE_CHECKING:
    from dreamflow.bench.model import Bench, Lab


def run(name: str, bench: Bench, lab: Lab) -> Report:
    """Measure the rows of a bench that the lab wants."""
    rows = {row.id: row for row in bench.rows if lab.wants([row])}
    outcomes: dict[str, Outcome] = {}
    for outcome in bench.measure(lab):
        if lab.only and outcome.row not in rows:
            continue  # it came along with one that was asked for
        if outcome.row not in rows or outcome.row in outcomes:
            raise RuntimeError(f"{name} measures {outcome.row}, which is not a row of it, or was measured already")
        outcomes[outcome.row] = outcome
        lab.say(f"{name}.{outcome.row}: {_words(outcome)}")
    missing = rows.keys() - outcomes.keys()
    if missing:
        raise RuntimeError(f"{name} does not measure {', '.join(sorted(missing))}")
    return Report(
        bench=name,
        version=__version__,
        seed=bench.seed,
        day=SystemClock().now().date().isoformat(),
        short=lab.short,
        machine=machine(),
        results=[Result(row, row.short_target if lab.short else row.target, outcomes[row.id]) for row in rows.values()],
        versions=bench.versions() if isinstance(bench, Versioned) else {},
    )


def machine() -> dict[str, JsonValue]:
    """What the numbers depend on; neither names nor paths of the machine."""
    return {
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "platform": f"{platform.system()}-{platform.machine()}",
    }


def _words(outcome: Outcome) -> str:
    if isinstance(outcome, Measured):
        return f"{outcome.value:,.6g}"
    return outcome.reason
