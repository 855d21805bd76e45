"""The rows of the bench of delivery in which programs die: tiny forms of them hold, and a wrong one is told."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench.delivery_found import RIGHT
from dreamflow.bench.delivery import api_kills, callers, failpoints, kills
from dreamflow.bench.delivery.account import Account
from dreamflow.bench.delivery.group import NotHereError
from dreamflow.bench.delivery.kills import Half, KillsSize
from dreamflow.bench.delivery.witness import Witness
from dreamflow.bench.model import Broken, Lab, Measured, Outcome, Skipped
from dreamflow.kit.failpoints import PLACES
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import running_emulator

TINY = KillsSize(
    events=60, families=10, burst=20, trickle=5, kills=1, least_single=0.0, least_requests=4, least_faults=0
)


@contextmanager
def account_aside(seed: int, *, duplicates: Any = "request", faults: str = "") -> Iterator[Account]:
    """In a thread, which is there sooner than a process."""
    config = EmulatorConfig(
        limits=False, job_ms=0, acceptance_log=True, seed=seed, bulk_duplicates=duplicates, faults=faults
    )
    with running_emulator(config) as running:
        running.emulator.app.add_middleware(Witness)
        yield Account(running.url, os.getpid())


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (kills, failpoints, api_kills, callers):
        monkeypatch.setattr(module, "account", account_aside)
    for module in (kills, failpoints):
        monkeypatch.setattr(module, "postgres_server", nowhere)


@contextmanager
def nowhere(**_: str) -> Iterator[None]:
    raise NotHereError("There is no PostgreSQL server here.")
    yield


def measure(module: ModuleType, folder: Path) -> list[Outcome]:
    return list(module.GROUP.outcomes(Lab(short=True, scratch=folder, data=None, say=[].append), 5))


def test_nothing_is_wrong_when_a_worker_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kills, "SHORT", TINY)
    monkeypatch.setattr(kills, "READINGS", ("history",))
    sqlite, postgres = measure(kills, tmp_path)
    assert isinstance(sqlite, Measured), sqlite
    assert (sqlite.row, sqlite.value, sqlite.n) == ("kills-sqlite", 0, 60)
    assert "books balanced; the worker was killed 1 times" in sqlite.note
    assert postgres == Skipped("kills-postgres", "There is no PostgreSQL server here.")


@pytest.mark.parametrize("wrong", [{"lost": 1}, {"doubled": 1}, {"disorder": 1}, {"resent": 1}])
def test_whatever_is_wrong_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, int]) -> None:
    halves = [Half(RIGHT, 2, 1.0, 5), Half(replace(RIGHT, **wrong, examples=("wrong: a",)), 2, 1.0, 5)]
    monkeypatch.setattr(kills, "SHORT", TINY)
    monkeypatch.setattr(kills, "run", lambda *_: halves)
    sqlite, _ = measure(kills, tmp_path)
    assert isinstance(sqlite, Measured)
    assert (sqlite.value, sqlite.note.endswith("; wrong: a")) == (1, True)


@pytest.mark.parametrize("more", [{"least_single": 0.4}, {"least_requests": 50}, {"least_faults": 11}])
def test_a_run_with_too_little_of_something_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    monkeypatch.setattr(kills, "SHORT", replace(TINY, **more))
    monkeypatch.setattr(kills, "run", lambda *_: [Half(RIGHT, 2, 1.0, 5), Half(RIGHT, 2, 1.0, 5)])
    sqlite, _ = measure(kills, tmp_path)
    assert isinstance(sqlite, Broken)
    assert "too few for the run to count" in sqlite.reason


def test_a_worker_may_die_at_a_failpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failpoints, "SHORT", {"SQLite": ("outbox.settling",)})
    (found,) = measure(failpoints, tmp_path)
    assert isinstance(found, Measured), found
    assert (found.value, found.n, found.note) == (
        100,
        1,
        "1 cells: 1 on SQLite; There is no PostgreSQL server here.",
    )


def test_a_failpoint_that_is_not_reached_fails_its_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failpoints, "SHORT", {"SQLite": ("kafka.committed",)})
    monkeypatch.setattr(failpoints, "_PATIENCE_SECONDS", 0.5)
    (found,) = measure(failpoints, tmp_path)
    assert isinstance(found, Measured), found
    assert found.value == 0
    assert "failed: kafka.committed on SQLite: it did not come to this" in found.note


def test_every_place_is_tried_on_every_ground_where_it_can_be_reached() -> None:
    tried = {name: failpoints.places(name, short=False) for name in failpoints.SHORT}
    assert set(tried["Kafka"]) == set(PLACES)
    assert set(tried["SQLite"]) == set(tried["PostgreSQL"])
    assert set(PLACES) - set(tried["SQLite"]) == {name for name in PLACES if name.startswith(("kafka.", "relay."))}
    assert {place for places in failpoints.SHORT.values() for place in places} < set(PLACES)


def test_what_a_killed_api_has_acknowledged_is_delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_kills, "SHORT_KILLS", 1)
    monkeypatch.setattr(api_kills, "RATE", 5)  # a busy machine must be up to it
    monkeypatch.setattr(api_kills, "READY_SECONDS", 60)
    (found,) = measure(api_kills, tmp_path)
    assert isinstance(found, Measured), found
    assert (found.row, found.value, found.n) == ("api-kills", 0, 1)
    assert "stories acknowledged of" in found.note


def test_a_start_that_takes_too_long_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def measured(*_: object) -> Any:
        return [1.0, 5.1], callers.Calls([(0.0, 0.1, 201, "s")]), RIGHT

    monkeypatch.setattr(api_kills, "_measure", measured)
    (found,) = measure(api_kills, tmp_path)
    assert isinstance(found, Measured)
    assert found.value == 1


def test_parents_notice_little_of_a_worker_that_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "SHORT", callers.CallersSize(calm_seconds=1, kills=1, hints_seconds=0.5))
    monkeypatch.setattr(callers, "_WARM_UP_SECONDS", 0.1)
    monkeypatch.setattr(callers, "_REQUESTS", 5)
    monkeypatch.setattr(callers, "RATE", 5)
    failing, p99 = measure(callers, tmp_path)
    assert isinstance(failing, Measured), failing
    assert isinstance(p99, Measured), p99
    assert (failing.row, failing.value, p99.row) == ("callers", 0, "callers-p99")
    assert p99.value > 0
    assert "in 1 kills of the worker" in failing.note
