"""The rows of the night: everything arrives once, in Klaviyo's time and in little memory."""

from dataclasses import replace
from pathlib import Path

import pytest

from dreamflow.bench.delivery import night
from dreamflow.bench.delivery.night import judge
from dreamflow.bench.delivery.night_process import Night, peak_mb
from dreamflow.bench.model import Broken, Lab, Measured

WHOLE = Night(seconds=402.0, delivered=1_000, left=0, requests=1_000, throttled=0, cpu_seconds=150.0, memory_mb=200.0)


def test_a_small_night_is_delivered_by_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(night, "SHORT", 2_100)
    lab = Lab(short=True, scratch=tmp_path, data=None, say=[].append)
    time, memory = night.GROUP.outcomes(lab, 5)
    assert isinstance(time, Measured), time
    assert isinstance(memory, Measured), memory
    assert (time.row, time.n) == ("night", 2_100)
    # The even pace of three requests, and their answers.
    assert 2 * 0.4 / 60 < time.value < 0.03
    assert "2,100 delivered and 0 not, 2,100 stored there; 3 requests, 0 answers 429" in time.note
    assert 50 < memory.value < 300


def test_the_times_are_told_in_minutes_and_memory_beside_them() -> None:
    time, memory = judge(WHOLE, 1_000, 1_000)
    assert isinstance(time, Measured)
    assert isinstance(memory, Measured)
    assert (time.value, memory.value) == (6.7, 200.0)
    assert {row.id: str(row.target) for row in night.GROUP.rows} == {"night": "<= 7", "night-memory": "<= 300"}
    assert night.FULL == 1_000_000


@pytest.mark.parametrize(
    ("found", "stored"),
    [
        (replace(WHOLE, delivered=999, left=1), 999),
        (replace(WHOLE, left=1), 1_000),
        (WHOLE, 999),
        (WHOLE, 1_001),
        (replace(WHOLE, cpu_seconds=403.0), 1_000),
    ],
)
def test_a_night_that_is_not_whole_breaks_its_rows(found: Night, stored: int) -> None:
    assert [type(outcome) for outcome in judge(found, stored, 1_000)] == [Broken, Broken]


def test_the_memory_of_this_process_is_told() -> None:
    assert 10 < peak_mb() < 10_000
