"""The databases rows of the bench of delivery: a tiny form of one, and how pairs are judged."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bench.delivery_found import RIGHT
from dreamflow.bench.delivery import databases
from dreamflow.bench.delivery.account import Account
from dreamflow.bench.delivery.databases import FULL, KILL, DatabasesSize, Scene, Track
from dreamflow.bench.delivery.group import NotHereError
from dreamflow.bench.delivery.house import House
from dreamflow.bench.delivery.ledger import Found
from dreamflow.bench.delivery.producers import Produced
from dreamflow.bench.delivery.witness import Witness
from dreamflow.bench.model import Broken, Lab, Measured, Outcome, Row, Skipped
from dreamflow.bench.servers.postgres_process import postgres_programs
from dreamflow.bench.subject import SubjectError
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import running_emulator

TINY = DatabasesSize(
    warm_up_seconds=1, window_seconds=3, pairs=1, workers=1, rate=40, families=20, terminations=1, kills=1
)
ROWS = [f"databases-{what}" for what in ("restart", "terminate", "idle", "kill", "kills")]


@contextmanager
def account_aside(seed: int) -> Iterator[Account]:
    """In a thread, which is there sooner than a process."""
    config = EmulatorConfig(limits=False, job_ms=0, acceptance_log=True, seed=seed)
    with running_emulator(config) as running:
        running.emulator.app.add_middleware(Witness)
        yield Account(running.url, os.getpid())


@contextmanager
def nowhere(**_: str) -> Iterator[None]:
    raise NotHereError("There is no PostgreSQL server here.")
    yield


def measure(folder: Path) -> list[Outcome]:
    return list(databases.GROUP.outcomes(Lab(short=True, scratch=folder, data=None, say=[].append), 5))


@pytest.mark.postgres
@pytest.mark.parametrize("number", range(len(databases.TRACKS)))
def test_after_each_disturbance_delivery_goes_on_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    if postgres_programs() is None:
        pytest.skip("There is no PostgreSQL server here.")
    monkeypatch.setattr(databases, "account", account_aside)
    monkeypatch.setattr(databases, "SHORT", TINY)
    monkeypatch.setattr(databases, "CONNECTIONS", 30)
    monkeypatch.setattr(databases, "TRACKS", databases.TRACKS[number : number + 1])
    outcomes = measure(tmp_path)
    for row, _ in databases.TRACKS[0]:
        outcome = next(each for each in outcomes if each.row == row.id)
        assert isinstance(outcome, Measured), outcome
        assert outcome.n == 1
        assert "0 lost" in outcome.note


def test_without_a_server_the_rows_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "postgres_server", nowhere)
    assert measure(tmp_path) == [Skipped(row, "There is no PostgreSQL server here.") for row in ROWS]


def track(*pairs: tuple[float, float], found: Found = RIGHT) -> Track:
    return Track({KILL.id: pairs}, Produced({"a"}, 3), found)


def test_the_median_of_the_pairs_counts() -> None:
    outcome = databases.judged(KILL, track((100, 99), (100, 96), (50, 51)), FULL, is_short=False)
    assert isinstance(outcome, Measured)
    assert (outcome.value, outcome.interval, outcome.n) == (0.99, (0.96, 1.02), 3)


def test_without_anything_before_there_is_nothing_to_compare_with() -> None:
    outcome = databases.judged(KILL, track((0, 100), (100, 100)), FULL, is_short=False)
    assert outcome == Broken(KILL.id, "nothing was completed in a window before it")


def test_one_pair_that_is_too_low_breaks_the_row() -> None:
    pairs = ((100, 99), (100, 84), (100, 100))
    outcome = databases.judged(KILL, track(*pairs), FULL, is_short=False)
    assert isinstance(outcome, Broken)
    assert outcome.reason.startswith("a pair is as low as 0.84, median 0.99")
    # In a short run a window is too short to judge by one.
    assert isinstance(databases.judged(KILL, track(*pairs), FULL, is_short=True), Measured)


def test_a_worker_that_ends_by_itself_breaks_its_rows_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(scene: Scene, disturbances: Sequence[tuple[Row, object]], seed: int) -> Track:
        if disturbances is databases.TRACKS[0]:
            raise SubjectError("a worker ended by itself after databases-restart: ")
        return Track({row.id: [(100, 100)] for row, _ in disturbances}, Produced({"a"}, 3), RIGHT)

    @contextmanager
    def pretended(*_: object, **__: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(databases, "_track", end)
    for name in ("postgres_server", "account"):
        monkeypatch.setattr(databases, name, pretended)
    monkeypatch.setattr(databases, "postgres_house", lambda *_: House("PostgreSQL", tmp_path, "", []))
    outcomes = {outcome.row: outcome for outcome in measure(tmp_path)}
    for number, disturbances in enumerate(databases.TRACKS):
        for row, _ in disturbances:
            assert isinstance(outcomes[row.id], Measured if number else Broken)


def test_what_is_lost_breaks_the_row_however_fast_it_was() -> None:
    lossy = replace(RIGHT, lost=1, examples=("lost: a",))
    outcome = databases.judged(KILL, track((100, 100), found=lossy), FULL, is_short=False)
    assert isinstance(outcome, Broken)
    assert outcome.reason.endswith("lost: a")
