"""The disk rows of the bench of delivery: tiny forms of them hold, and one in which the API lies is told."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from dreamflow.bench.delivery import disk
from dreamflow.bench.delivery.account import Account
from dreamflow.bench.delivery.disk import Answer, DiskSize
from dreamflow.bench.delivery.house import Known
from dreamflow.bench.delivery.witness import Witness
from dreamflow.bench.model import Measured, Skipped
from dreamflow.bench.subject import SubjectError
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import running_emulator

TINY = DiskSize(requests=8)


@contextmanager
def account_aside(seed: int) -> Iterator[Account]:
    """In a thread, which is there sooner than a process."""
    config = EmulatorConfig(limits=False, job_ms=0, acceptance_log=True, seed=seed)
    with running_emulator(config) as running:
        running.emulator.app.add_middleware(Witness)
        yield Account(running.url, os.getpid())


@pytest.fixture(autouse=True)
def _aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "account", account_aside)


def test_on_a_full_disk_nobody_is_told_a_lie_and_it_heals(tmp_path: Path) -> None:
    found = disk.refused(tmp_path, TINY, 5)
    assert (found.row, found.value, found.n) == ("disk-refused", 0, 8), found.note
    assert "8 x 503, of which 0" in found.note


@pytest.mark.skipif(shutil.which("strace") is None, reason="There is no strace here.")
def test_the_same_when_what_was_written_does_not_reach_the_disk(tmp_path: Path) -> None:
    found = disk.fsync(tmp_path, TINY, 5)
    assert isinstance(found, Measured)
    assert (found.row, found.value, found.n) == ("disk-fsync", 0, 8), found.note
    assert "8 x 503, of which 0" in found.note


def test_without_strace_fsync_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert disk.fsync(tmp_path, TINY, 5) == Skipped("disk-fsync", "There is no strace here, which makes fsync fail.")


def test_an_api_that_lies_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = disk.ask
    troubled: set[str] = set()

    def lying(url: str, family: Known, key: str) -> Answer:
        answer = ask(url, family, key)
        if answer.status == 503 and key in {"trouble-0", "trouble-1"} and key not in troubled:
            troubled.add(key)
            # The one says that it told a story, the other that it broke.
            status, story = (201, "no-such-story") if key == "trouble-0" else (500, None)
            return Answer(key, status, story, is_problem=True)
        return answer

    monkeypatch.setattr(disk, "ask", lying)
    found = disk.refused(tmp_path, TINY, 5)
    # Not there, not the same when asked for again, and neither told nor refused as it should be.
    assert found.value == 3, found.note


def test_a_trouble_that_is_none_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "limited", lambda _: nullcontext())
    with pytest.raises(SubjectError, match="the trouble was none"):
        disk.refused(tmp_path, TINY, 5)
