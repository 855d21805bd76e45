"""The emulator's bench measures every row, and does not count the speed of what went wrong."""

import json
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from dreamflow.bench.emulator import bench as rows
from dreamflow.bench.emulator import subject
from dreamflow.bench.emulator.bench import EmulatorBench, Size
from dreamflow.bench.emulator.tour import EXPECTED, Toured
from dreamflow.bench.emulator.traffic import BULK, Traffic
from dreamflow.bench.http_load import Load, drive
from dreamflow.bench.model import Broken, Lab, Measured, Outcome
from dreamflow.bench.repeating import Repeated
from dreamflow.kit.clock import SystemClock

TINY = Size(singles=40, bulks=1, stored_events=5600, stored_profiles=150, histories=2, pages=4, instances=1)


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One repetition is enough to see that it works; the tour has tests of its own."""

    def repeat(measure: Callable[[], float], times: int = 1) -> Repeated:
        value = measure()
        return Repeated(value, (value, value))

    monkeypatch.setattr(rows, "repeat", repeat)
    monkeypatch.setattr(rows, "take", lambda url: Toured(EXPECTED, {}))


def measure(folder: Path, said: list[str]) -> dict[str, Outcome]:
    lab = Lab(short=True, scratch=folder, data=None, say=said.append)
    return {outcome.row: outcome for outcome in EmulatorBench(short=TINY).measure(lab)}


@pytest.mark.usefixtures("once")
def test_every_row_is_measured(tmp_path: Path) -> None:
    said: list[str] = []
    found = measure(tmp_path, said)
    assert list(found) == ["start", "instance", "single", "bulk", "page", "segment", "coverage"]
    numbers = {row: outcome for row, outcome in found.items() if isinstance(outcome, Measured)}
    assert set(numbers) == set(found), found
    assert all(outcome.value > 0 for outcome in numbers.values())
    assert (numbers["single"].n, numbers["bulk"].n) == (40, 1000)
    assert "all 44 were found in the file" in numbers["single"].note
    assert "all 2,000 were found in the file" in numbers["bulk"].note
    assert any("5,600" in line for line in said)
    assert numbers["coverage"].value == len(EXPECTED)


@pytest.mark.usefixtures("once")
def test_events_that_are_accepted_and_lost_are_no_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(url: str, requests: Iterable[bytes], connections: int) -> Load:
        return drive(url, list(requests)[1:], connections)

    monkeypatch.setattr(rows, "drive", forget)
    lab = Lab(short=True, scratch=tmp_path, data=None, say=print)
    single = next(outcome for outcome in EmulatorBench(short=TINY).measure(lab) if outcome.row == "single")
    assert single == Broken("single", "44 events were accepted, and 42 are stored")


@pytest.mark.usefixtures("once")
def test_events_that_are_refused_are_no_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dreamflow.bench.emulator.traffic.METRICS", ("",))
    found = measure(tmp_path, [])
    for row in ("single", "bulk", "page", "segment"):
        outcome = found[row]
        assert isinstance(outcome, Broken)
        assert "400" in outcome.reason
    assert isinstance(found["start"], Measured)


def test_an_emulator_that_does_not_start_is_told(tmp_path: Path) -> None:
    foreign = tmp_path / "file"
    foreign.write_text("not a database, but long enough to be looked at\n" * 50)
    with pytest.raises(subject.SubjectError, match="ended before it listened"), subject.served(foreign):
        pass


def test_an_emulator_is_gone_in_the_end(tmp_path: Path) -> None:
    with subject.served(tmp_path / "file") as served:
        assert served.process.poll() is None
    assert served.process.returncode in {0, -signal.SIGTERM}


def test_the_load_is_the_same_for_a_seed() -> None:
    clock = SystemClock()
    some = [
        b"".join([*traffic.singles(5, 9), *traffic.bulks(1, 9), *traffic.population(9, 5), *traffic.history("x", 5)])
        for traffic in (Traffic(1, clock), Traffic(1, clock), Traffic(2, clock))
    ]
    assert some[0] == some[1] != some[2]


def test_bulk_requests_are_full_and_repeat_nothing() -> None:
    traffic = Traffic(1, SystemClock())
    unique: list[str] = []
    for request in traffic.bulks(3, 50):
        document = json.loads(request.partition(b"\r\n\r\n")[2])
        entries = document["data"]["attributes"]["events-bulk-create"]["data"]
        events = [event["attributes"] for entry in entries for event in entry["attributes"]["events"]["data"]]
        assert len(events) == BULK
        unique += [event["unique_id"] for event in events]
    assert len(set(unique)) == len(unique)
