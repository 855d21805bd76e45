"""The frame of the benches: what a report says, what holds, and what the command makes of it."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from dreamflow._version import __version__
from dreamflow.bench import BenchName, load
from dreamflow.bench.model import Bench, Broken, Lab, Measured, Outcome, Row, Skipped, at_least, at_most
from dreamflow.bench.repeating import percentile, repeat
from dreamflow.bench.runner import machine, run
from dreamflow.entrypoints import bench as command
from dreamflow.entrypoints.cli import app
from dreamflow.entrypoints.failures import CannotRun

FAST = Row(id="fast", unit="things/s", target=at_least(100), short_target=at_least(10))
SMALL = Row(id="small", unit="MB", target=at_most(5), short_target=at_most(50))


@dataclass
class Scripted:
    outcomes: Sequence[Outcome]
    rows: Sequence[Row] = (FAST, SMALL)
    seed: int = 7
    scratch: Path | None = None

    def measure(self, lab: Lab) -> Iterable[Outcome]:
        self.scratch = lab.scratch
        assert not list(lab.scratch.glob("*"))
        return self.outcomes


def fast(value: float, **more: object) -> Measured:
    return Measured(row="fast", value=value, n=3, **more)  # pyright: ignore[reportArgumentType]


def lab(folder: Path, *, short: bool = False, said: list[str] | None = None) -> Lab:
    return Lab(short=short, scratch=folder, data=None, say=[].append if said is None else said.append)


def test_a_report_is_what_the_contract_says(tmp_path: Path) -> None:
    outcomes = [
        Skipped("small", "no scales"),
        fast(123.4567891, rival="a snail", rival_value=0.1, interval=(100, 140), note="downhill"),
    ]
    document = run("race", Scripted(outcomes), lab(tmp_path)).document()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(document.pop("day")))
    assert json.loads(json.dumps(document)) == {
        "bench": "race",
        "version": __version__,
        "seed": 7,
        "short": False,
        "machine": machine(),
        "results": [
            {
                "id": "race.fast",
                "value": 123.457,
                "unit": "things/s",
                "target": ">= 100",
                "holds": True,
                "n": 3,
                "rival": "a snail",
                "rival_value": 0.1,
                "interval": [100, 140],
                "note": "downhill",
            },
            {
                "id": "race.small",
                "value": None,
                "unit": "MB",
                "target": "<= 5",
                "holds": None,
                "n": 0,
                "skipped": "no scales",
            },
        ],
    }


@pytest.mark.parametrize(
    ("outcome", "short", "holds"),
    [
        (fast(100), False, True),
        (fast(99.9), False, False),
        (fast(99.9), True, True),
        (fast(9.9), True, False),
        (Broken("fast", "it lost one"), False, False),
        (Skipped("fast", "no road"), False, True),
    ],
)
def test_what_is_not_kept_is_not_kept(tmp_path: Path, outcome: Outcome, *, short: bool, holds: bool) -> None:
    report = run("race", Scripted([outcome], rows=[FAST]), lab(tmp_path, short=short))
    assert report.holds is holds


def test_less_may_be_better(tmp_path: Path) -> None:
    def holds(value: float) -> bool:
        return run("race", Scripted([Measured(row="small", value=value, n=1)], rows=[SMALL]), lab(tmp_path)).holds

    assert [holds(4.9), holds(5), holds(5.1)] == [True, True, False]


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([fast(1)], "small"),
        ([fast(1), fast(1), Skipped("small", "")], "fast"),
        ([fast(1), Skipped("small", ""), Skipped("other", "")], "other"),
    ],
)
def test_a_row_is_measured_once(tmp_path: Path, outcomes: list[Outcome], said: str) -> None:
    with pytest.raises(RuntimeError, match=said):
        run("race", Scripted(outcomes), lab(tmp_path))


def test_who_waits_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    run("race", Scripted([fast(1), Skipped("small", "no scales")]), lab(tmp_path, said=said))
    assert said == ["race.fast: 1", "race.small: no scales"]


def test_the_machine_is_described_without_names_or_places() -> None:
    assert list(machine()) == ["cpus", "python", "sqlite", "platform"]
    assert re.fullmatch(r"\w+-\w+", str(machine()["platform"]))


def test_the_middle_of_the_repetitions_counts() -> None:
    values = iter([5.0, 1.0, 3.0])
    assert repeat(lambda: next(values)) == (3.0, (1.0, 5.0))


@pytest.mark.parametrize(("count", "expected"), [(1, 0), (2, 1), (20, 18), (21, 19), (100, 94)])
def test_the_ninety_fifth_percentile_is_one_of_the_values(count: int, expected: int) -> None:
    assert percentile([float(number) for number in reversed(range(count))], 0.95) == expected


@pytest.mark.parametrize("name", BenchName)
def test_every_bench_says_what_it_measures(name: BenchName) -> None:
    bench: Bench = load(name)
    rows = [row.id for row in bench.rows]
    assert rows
    assert len(set(rows)) == len(rows)


def show(bench: Scripted, monkeypatch: pytest.MonkeyPatch, folder: Path, form: command.Form, *only: str) -> int:
    """The status of the command's end."""
    monkeypatch.setattr(command, "load", lambda name: bench)
    try:
        command.run(BenchName.EMULATOR, short=False, only=frozenset(only), form=form, data=None, state_dir=folder)
    except typer.Exit as end:
        return end.exit_code
    return 0


@pytest.mark.parametrize(("value", "status"), [(100, 0), (1, 1)])
def test_the_status_tells_whether_all_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, value: float, status: int
) -> None:
    bench = Scripted([fast(value), Skipped("small", "no scales")])
    assert show(bench, monkeypatch, tmp_path / "state", command.Form.JSON) == status
    out, err = capsys.readouterr()
    assert [result["holds"] for result in json.loads(out)["results"]] == [not status, None]
    assert err.splitlines() == [f"emulator.fast: {value}", "emulator.small: no scales"]
    assert bench.scratch is not None
    assert bench.scratch.parent == tmp_path / "state"
    assert not bench.scratch.exists()


def test_a_table_says_the_same_to_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    measured = fast(1234.5, note="downhill", interval=(1, 2000), rival="a snail", rival_value=0.123456)
    bench = Scripted([measured, Broken("small", "it grew")])
    assert show(bench, monkeypatch, tmp_path, command.Form.TABLE) == 1
    out = capsys.readouterr().out
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.startswith("│")]
    assert cells == [
        ["fast", "1,234 things/s", ">= 100 things/s", "yes", "3"],
        ["small", "", "<= 5 MB", "NO", ""],
    ]
    assert "fast: downhill; from 1 to 2,000 things/s; a snail: 0.123 things/s" in out
    assert "small: it grew" in out
    assert "; seed 7; cpus " in out


def test_a_page_says_the_same_to_keep(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bench = Scripted([fast(1234.5, note="downhill"), Broken("small", "it grew")])
    assert show(bench, monkeypatch, tmp_path, command.Form.MARKDOWN) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"# `dreamflow bench emulator`, version {__version__}"
    assert lines[3:] == [
        "| row | value | target | holds | n |",
        "|---|---|---|---|---|",
        "| fast | 1,234 things/s | >= 100 things/s | yes | 3 |",
        "| small |  | <= 5 MB | NO |  |",
        "",
        "- **fast**: downhill",
        "- **small**: it grew",
    ]


def test_one_row_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bench = Scripted([fast(1), Skipped("small", "no scales")])
    assert show(bench, monkeypatch, tmp_path, command.Form.JSON, "small") == 0
    out, err = capsys.readouterr()
    assert [result["id"] for result in json.loads(out)["results"]] == ["emulator.small"]
    assert err.splitlines() == ["emulator.small: no scales"]
    with pytest.raises(CannotRun, match=r"no row slow\. It has fast, small"):
        show(bench, monkeypatch, tmp_path, command.Form.JSON, "slow")


@pytest.mark.parametrize("name", BenchName)
def test_what_was_not_asked_for_is_not_measured(name: BenchName, tmp_path: Path) -> None:
    nothing = Lab(short=True, scratch=tmp_path, data=None, say=[].append, only=frozenset({"none of them"}))
    assert list(load(name).measure(nothing)) == []


def test_data_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="no folder"):
        command.run(
            BenchName.EMULATOR,
            short=True,
            only=frozenset(),
            form=command.Form.JSON,
            data=tmp_path / "data",
            state_dir=tmp_path,
        )


def test_the_command_takes_the_data_folder_from_option_and_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(command, "run", lambda name, **given: asked.append((name, given["short"], given["data"])))
    monkeypatch.setenv("DREAMFLOW_DATA_DIR", str(tmp_path))
    main = typer.main.get_command(app)
    for arguments in (["--short"], ["--data", str(tmp_path / "other")]):
        main.main(["bench", "emulator", *arguments], standalone_mode=False)
    assert asked == [("emulator", True, tmp_path), ("emulator", False, tmp_path / "other")]
