"""`dreamflow bench`: measuring, and saying what was found as a table, as JSON, or as a page to keep."""

import json
import tempfile
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.table import Table

from dreamflow.bench import BenchName, load
from dreamflow.bench.model import Broken, Lab, Measured, Report, Result, Skipped
from dreamflow.bench.runner import run as measure
from dreamflow.entrypoints.failures import CannotRun

_HEADINGS: Final = ("row", "value", "target", "holds", "n")


class Form(StrEnum):
    """How a report is printed."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"


def run(name: BenchName, *, short: bool, only: frozenset[str], form: Form, data: Path | None, state_dir: Path) -> None:
    """Run one bench; ends the program with status 1 when a target is not held."""
    if data is not None and not data.is_dir():
        raise CannotRun(f"There is no folder {data}.")
    bench = load(name)
    known = [row.id for row in bench.rows]
    if unknown := only.difference(known):
        raise CannotRun(f"{name} has no row {', '.join(sorted(unknown))}. It has {', '.join(known)}.")
    # Below the state folder: elsewhere a file may be kept in memory only, and be durable faster than on any disk.
    state_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=state_dir) as scratch:
        lab = Lab(short=short, scratch=Path(scratch), data=data, say=lambda text: typer.echo(text, err=True), only=only)
        report = measure(name, bench, lab)
    match form:
        case Form.JSON:
            typer.echo(json.dumps(report.document(), indent=2))
        case Form.MARKDOWN:
            typer.echo("\n".join(_page(report)))
        case Form.TABLE:
            _show(report)
    if not report.holds:
        raise typer.Exit(1)


def _show(report: Report) -> None:
    table = Table(title=f"{report.bench}, version {report.version}", title_justify="left")
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading in {"row", "holds"} else "right")
    for result in report.results:
        table.add_row(result.row.id, *_cells(result))
    console = Console(highlight=False)
    console.print(table)
    for result in report.results:
        console.print(f"{result.row.id}: {_note(result)}")
    console.print(_made(report))


def _page(report: Report) -> Iterator[str]:
    """A report as Markdown, line by line."""
    yield f"# `dreamflow bench {report.bench}`, version {report.version}"
    yield _made(report)
    yield ""
    yield f"| {' | '.join(_HEADINGS)} |"
    yield f"|{'---|' * len(_HEADINGS)}"
    for result in report.results:
        yield f"| {' | '.join((result.row.id, *_cells(result)))} |"
    yield ""
    for result in report.results:
        yield f"- **{result.row.id}**: {_note(result)}"


def _made(report: Report) -> str:
    found = ", ".join(f"{name} {value}" for name, value in {**report.machine, **report.versions}.items())
    form = "short" if report.short else "long"
    return f"Measured on {report.day}, {form} form; seed {report.seed}; {found}."


def _cells(result: Result) -> tuple[str, ...]:
    unit = result.row.unit
    target = f"{result.target.sense} {_number(result.target.bound)} {unit}"
    holds = {True: "yes", False: "NO", None: "skipped"}[result.holds]
    match result.outcome:
        case Measured(value=value, n=n):
            return f"{_number(value)} {unit}", target, holds, f"{n:,}"
        case Skipped() | Broken():
            return "", target, holds, ""


def _note(result: Result) -> str:
    match result.outcome:
        case Skipped(reason=reason) | Broken(reason=reason):
            return reason
        case Measured() as measured:
            said = [measured.note] if measured.note else []
            if measured.interval is not None:
                low, high = measured.interval
                said.append(f"from {_number(low)} to {_number(high)} {result.row.unit}")
            if measured.rival is not None and measured.rival_value is not None:
                said.append(f"{measured.rival}: {_number(measured.rival_value)} {result.row.unit}")
            return "; ".join(said)


def _number(value: float) -> str:
    """Three digits are as many as a measurement of time is good for; whole numbers keep theirs."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"  # noqa: PLR2004
