"""The raw rows of the bench of delivery: tiny forms of them, with every process that a long one has."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dreamflow.bench.delivery import raw
from dreamflow.bench.delivery.group import NotHereError
from dreamflow.bench.delivery.raw import RawSize
from dreamflow.bench.model import Broken, Lab, Measured, Outcome, Skipped
from dreamflow.bench.servers.postgres_process import postgres_programs

TINY = RawSize(repetitions=1, families=20, sqlite=128, sqlite_batched=1_000, postgres=128, postgres_batched=1_000)
ROWS = ("raw-sqlite", "raw-sqlite-batched", "raw-postgres", "raw-postgres-batched")


@contextmanager
def nowhere(**_: str) -> Iterator[None]:
    raise NotHereError("There is no PostgreSQL server here.")
    yield


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "SHORT", TINY)


def measure(folder: Path) -> list[Outcome]:
    return list(raw.GROUP.outcomes(Lab(short=True, scratch=folder, data=None, say=[].append), 5))


def assert_measured(outcome: Outcome, row: str, n: int) -> None:
    assert isinstance(outcome, Measured), outcome
    assert (outcome.row, outcome.n) == (row, n)
    assert outcome.value > 0
    assert outcome.rival_value is not None
    assert outcome.rival_value > 0
    assert "stored" in outcome.note


def test_without_a_server_sqlite_is_measured_and_the_rows_of_postgresql_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw, "postgres_server", nowhere)
    one_by_one, batched, *others = measure(tmp_path)
    assert_measured(one_by_one, ROWS[0], 128)
    assert_measured(batched, ROWS[1], 1_000)
    assert others == [Skipped(row, "There is no PostgreSQL server here.") for row in ROWS[2:]]


@pytest.mark.postgres
def test_postgresql_is_measured_as_sqlite_is(tmp_path: Path) -> None:
    if postgres_programs() is None:
        pytest.skip("There is no PostgreSQL server here.")
    one_by_one, batched = raw.on_postgres(tmp_path, TINY, 5)
    assert_measured(one_by_one, ROWS[2], 128)
    assert_measured(batched, ROWS[3], 1_000)


def test_a_process_that_ends_too_early_breaks_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "_HERE", "dreamflow.bench.no_such_room")
    outcomes = measure(tmp_path)
    assert [outcome.row for outcome in outcomes] == list(ROWS)
    assert all(isinstance(outcome, Broken) and "ended before" in outcome.reason for outcome in outcomes)
