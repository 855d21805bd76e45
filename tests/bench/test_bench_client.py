"""The client's bench measures every row, and what breaks on the way breaks its own rows only."""

from collections.abc import Iterator
from http.client import RemoteDisconnected
from pathlib import Path

import pytest

import dreamflow.bench.client
from dreamflow.bench.client import bench as assembly
from dreamflow.bench.client.bench import FULL, SHORT, ClientBench
from dreamflow.bench.model import Broken, Lab, Measured, Outcome
from dreamflow.bench.runner import run
from dreamflow.bench.subject import SubjectError

SPEED = ("throughput", "cpu-sdk", "cpu-bare", "decode-events", "decode-profiles")
LIMITS = ("limit-one", "limit-four")
TROUBLE = ("faults", "faults-doubled", "faults-p99", "unsafe")


def measured(*rows: str) -> Iterator[Outcome]:
    return (Measured(row=row, value=1, n=1) for row in rows)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The sizes that the rows are measured with; nothing is measured."""
    given: list[object] = []

    def scripted(*rows: str, is_one: bool = False) -> object:
        def measure(size: object, *_: object) -> object:
            given.append(size)
            return next(measured(*rows)) if is_one else measured(*rows)

        return measure

    monkeypatch.setattr(assembly.speed, "throughput", scripted("throughput"))
    monkeypatch.setattr(assembly.speed, "cpu", scripted("cpu-sdk", "cpu-bare"))
    monkeypatch.setattr(assembly.speed, "decode", scripted("decode-events", "decode-profiles"))
    monkeypatch.setattr(assembly.importing, "importing", scripted("import"))
    monkeypatch.setattr(assembly, "limit_one", scripted("limit-one", is_one=True))
    monkeypatch.setattr(assembly, "limit_four", scripted("limit-four", is_one=True))
    monkeypatch.setattr(assembly.trouble, "faults", scripted("faults", "faults-doubled", "faults-p99"))
    monkeypatch.setattr(assembly.trouble, "unsafe", scripted("unsafe"))
    return given


@pytest.mark.parametrize(("short", "size"), [(True, SHORT), (False, FULL)])
def test_every_row_is_measured_as_long_as_it_should(
    sizes: list[object], tmp_path: Path, *, short: bool, size: assembly.Size
) -> None:
    lab = Lab(short=short, scratch=tmp_path, data=None, say=[].append)
    report = run("client", ClientBench(), lab)
    assert [result.row.id for result in report.results] == [*SPEED, "import", *LIMITS, *TROUBLE]
    assert sizes == [*[size.speed] * 3, size.imports, lab, lab, *[size.trouble] * 2]


def test_what_is_promised_is_the_target() -> None:
    targets = {row.id: str(row.target) for row in ClientBench().rows}
    assert targets == {
        "throughput": ">= 3",
        "cpu-sdk": "<= 0.35",
        "cpu-bare": "<= 2.5",
        "decode-events": "<= 0.25",
        "decode-profiles": "<= 0.25",
        "import": "<= 1.5",
        "limit-one": ">= 99",
        "limit-four": ">= 97",
        "faults": "<= 0.1",
        "faults-doubled": "<= 0",
        "faults-p99": "<= 30",
        "unsafe": "<= 0",
    }
    assert FULL.speed.repetitions == 5
    assert set(FULL.speed.sdk_throughput) == set(SHORT.speed.sdk_throughput) == {1, 16, 64, 200}
    assert FULL.trouble.calls == 20_000


@pytest.mark.usefixtures("sizes")
def test_what_goes_wrong_breaks_its_own_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def half(*_: object) -> Iterator[Outcome]:
        yield from measured("cpu-sdk")
        raise SubjectError("ours ended before its time")

    def cut(*_: object) -> Outcome:
        raise RemoteDisconnected("cut")

    monkeypatch.setattr(assembly.speed, "cpu", half)
    monkeypatch.setattr(assembly, "limit_four", cut)
    lab = Lab(short=True, scratch=tmp_path, data=None, say=[].append)
    broken = [outcome for outcome in ClientBench().measure(lab) if isinstance(outcome, Broken)]
    assert broken == [Broken("cpu-bare", "ours ended before its time"), Broken("limit-four", "cut")]


def test_the_package_has_a_bench_and_imports_it_late() -> None:
    assert isinstance(dreamflow.bench.client.BENCH, ClientBench)
    with pytest.raises(AttributeError, match="RIVALS"):
        _ = dreamflow.bench.client.RIVALS
