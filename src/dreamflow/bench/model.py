"""What a bench consists of: rows with targets, what was found for each, and the report that a program can read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from typing_extensions import override

if TYPE_CHECKING:
    from pathlib import Path

JsonValue = str | int | float | bool | None | Sequence["JsonValue"] | Mapping[str, "JsonValue"]

REPETITIONS = 3
"""How often what is timed is done; the median counts."""


@dataclass(frozen=True, slots=True)
class Target:
    """What must hold of a value."""

    sense: Literal[">=", "<="]
    bound: float

    def holds(self, value: float) -> bool:
        """Whether a value is good enough."""
        return value >= self.bound if self.sense == ">=" else value <= self.bound

    @override
    def __str__(self) -> str:
        """As in `>= 1500`."""
        return f"{self.sense} {self.bound:g}"


def at_least(bound: float) -> Target:
    """More is better."""
    return Target(">=", bound)


def at_most(bound: float) -> Target:
    """Less is better."""
    return Target("<=", bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Something that is measured, and what must hold of it; a short run has less to do, and a target of its own."""

    id: str
    unit: str
    target: Target
    short_target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured for a row."""

    row: str
    value: float
    n: int
    """How many of the things that `unit` counts or times went into one repetition."""
    note: str = ""
    """How it was measured, as far as the row does not say."""
    rival: str | None = None
    """What else was measured in the same run, to compare with."""
    rival_value: float | None = None
    interval: tuple[float, float] | None = None
    """Within which the value lies, or lay in the repetitions; the note says which."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that cannot be measured here."""

    row: str
    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A row whose subject did something wrong, so that its speed does not count. It does not hold."""

    row: str
    reason: str


Outcome = Measured | Skipped | Broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """Where and how a bench is run."""

    short: bool
    scratch: Path
    """An empty folder on a disk, which is removed afterwards."""
    data: Path | None
    """The folder with data sets for measuring, where there is one."""
    say: Callable[[str], None]
    """Tells whoever waits what is going on."""
    only: frozenset[str] = frozenset()
    """Ids of the rows that somebody asked for; none means all."""

    def wants(self, rows: Iterable[Row]) -> bool:
        """Whether any of these rows was asked for."""
        return not self.only or any(row.id in self.only for row in rows)


class Bench(Protocol):
    """A bench. Rows that share a costly set-up are measured in one go, so it measures all of them."""

    @property
    def seed(self) -> int:
        """Of all chance in it."""
        ...

    @property
    def rows(self) -> Sequence[Row]:
        """What it measures."""
        ...

    def measure(self, lab: Lab) -> Iterable[Outcome]:
        """Measure each row once, in any order; those that the lab does not want may be left out."""
        ...


@runtime_checkable
class Versioned(Protocol):
    """A bench whose figures depend on more than this program and the machine."""

    def versions(self) -> Mapping[str, str]:
        """Of libraries and servers, by name."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """A row, the target that was in force, and what came out."""

    row: Row
    target: Target
    outcome: Outcome

    @property
    def holds(self) -> bool | None:
        """Whether the target is held; None where nothing could be measured."""
        match self.outcome:
            case Measured(value=value):
                return self.target.holds(value)
            case Broken():
                return False
            case Skipped():
                return None

    def document(self, bench: str) -> dict[str, JsonValue]:
        """As it stands in a report."""
        found: dict[str, JsonValue] = {
            "id": f"{bench}.{self.row.id}",
            "value": None,
            "unit": self.row.unit,
            "target": str(self.target),
            "holds": self.holds,
            "n": 0,
        }
        match self.outcome:
            case Measured() as measured:
                found |= {"value": _rounded(measured.value), "n": measured.n}
                if measured.rival is not None and measured.rival_value is not None:
                    found |= {"rival": measured.rival, "rival_value": _rounded(measured.rival_value)}
                if measured.interval is not None:
                    found["interval"] = [_rounded(bound) for bound in measured.interval]
                if measured.note:
                    found["note"] = measured.note
            case Skipped(reason=reason):
                found["skipped"] = reason
            case Broken(reason=reason):
                found["note"] = reason
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run of a bench says."""

    bench: str
    version: str
    seed: int
    day: str
    """When it was measured, in UTC."""
    short: bool
    machine: Mapping[str, JsonValue]
    results: Sequence[Result]
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of libraries and servers that the figures depend on."""

    @property
    def holds(self) -> bool:
        """Whether every target that could be measured is held."""
        return all(result.holds is not False for result in self.results)

    def document(self) -> dict[str, JsonValue]:
        """As JSON."""
        return {
            "bench": self.bench,
            "version": self.version,
            "seed": self.seed,
            "day": self.day,
            "short": self.short,
            "machine": self.machine,
            **({"versions": self.versions} if self.versions else {}),
            "results": [result.document(self.bench) for result in self.results],
        }


def _rounded(value: float) -> float:
    """Six digits, which are more than a measurement is good for."""
    return float(f"{value:.6g}")
