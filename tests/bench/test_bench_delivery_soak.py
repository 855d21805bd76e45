"""The soak rows of the bench of delivery: a tiny form of them, and what grows is told."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.delivery_found import RIGHT
from dreamflow.bench.delivery import soak
from dreamflow.bench.delivery.account import Account
from dreamflow.bench.delivery.ledger import Found
from dreamflow.bench.delivery.soak import Look, SoakSize
from dreamflow.bench.delivery.witness import Witness
from dreamflow.bench.model import Broken, Lab, Measured, Outcome
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import running_emulator

TINY = SoakSize(seconds=2.5, warm_up_seconds=0.5, warm_up_rate=30, every_seconds=0.1, rate=30, families=20)


@contextmanager
def account_aside(seed: int, *, faults: str = "") -> Iterator[Account]:
    """In a thread, which is there sooner than a process."""
    config = EmulatorConfig(limits=False, job_ms=0, acceptance_log=True, seed=seed, faults=faults)
    with running_emulator(config) as running:
        running.emulator.app.add_middleware(Witness)
        yield Account(running.url, os.getpid())


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "SHORT", TINY)
    monkeypatch.setattr(soak, "account", account_aside)


def measure(folder: Path) -> list[Outcome]:
    return list(soak.GROUP.outcomes(Lab(short=True, scratch=folder, data=None, say=[].append), 5))


def test_a_worker_is_looked_at_while_it_delivers(tmp_path: Path) -> None:
    outcomes = measure(tmp_path)
    assert [outcome.row for outcome in outcomes] == ["soak-memory", "soak-files", "soak-tasks"]
    for outcome in outcomes:
        assert isinstance(outcome, Measured), outcome
        assert outcome.n >= 5
        assert "0 lost" in outcome.note
        assert "books balanced" in outcome.note
        assert not outcome.note.split("at most ")[1].startswith("0;")  # it was really looked at


def test_what_grows_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [Look(minutes=number / 10, megabytes=100 + number / 5, files=20 + number) for number in range(9)]

    def grown(*_: Any) -> tuple[list[Look], list[int], Found]:
        return looks, [7] * 8 + [9], RIGHT

    monkeypatch.setattr(soak, "_run", grown)
    memory, files, tasks = measure(tmp_path)
    assert isinstance(memory, Measured)
    assert memory.value == pytest.approx(2)
    assert isinstance(files, Measured)
    assert files.value == 6
    assert isinstance(tasks, Measured)
    assert tasks.value == 0


def test_what_is_lost_breaks_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "_run", lambda *_: ([], [], replace(RIGHT, lost=1, examples=("lost: a",))))
    outcomes = measure(tmp_path)
    assert len(outcomes) == 3
    assert all(isinstance(outcome, Broken) and "1 lost" in outcome.reason for outcome in outcomes)
