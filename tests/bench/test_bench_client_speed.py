"""The rows of the client's speed: what is divided by what, and what does not count."""

import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from dreamflow.bench.client import importing, pages, speed
from dreamflow.bench.client.contest import Spent
from dreamflow.bench.client.importing import Imported, imported
from dreamflow.bench.client.speed import SpeedSize
from dreamflow.bench.model import Measured, Outcome, Skipped
from dreamflow.bench.subject import SubjectError

SIZE = SpeedSize(
    repetitions=3,
    throughput=600,
    sdk_throughput={1: 10, 16: 100},
    cpu={0: 50, 50: 20},
    sdk_cpu=10,
    pages={"events": 2, "profiles": 4},
)


class Scripted:
    """An entrant that takes so many seconds for a call or a page, and twice the time in its second repetition."""

    def __init__(self, name: str, per_call: Callable[[int], float], per_page: float = 0.0) -> None:
        self.version = f"{name} 1"
        self._per_call = per_call
        self._per_page = per_page
        self.asked: list[tuple[int, int]] = []

    def send(self, events: int, at_once: int) -> Spent:
        self.asked.append((events, at_once))
        seconds = events * self._per_call(at_once)
        return Spent(seconds, seconds / 2)

    def read(self, page: str, times: int, items: int) -> Spent:
        assert items == {"events": pages.EVENTS, "profiles": pages.PROFILES}[page]
        seconds = times * self._per_page * items
        return Spent(seconds, seconds / 2)


@pytest.fixture
def entrants(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Scripted]:
    """Ours takes a millisecond, a bare loop half of it, the SDK eight on one thread and four on sixteen."""
    made = {
        "ours": Scripted("ours", lambda _: 0.001, 0.00001),
        "paced": Scripted("ours", lambda _: 0.0015),
        "bare": Scripted("bare", lambda _: 0.0005, 0.000005),
        "official": Scripted("sdk", lambda threads: 0.008 if threads == 1 else 0.004, 0.0001),
    }

    @contextmanager
    def held(seed: int, delay_ms: int, *names: str) -> Generator[Mapping[str, Scripted]]:
        assert (seed, delay_ms in {0, 50}) == (4, True)
        yield {name: made[name] for name in names}

    monkeypatch.setattr(speed, "_contest", held)
    return made


def measured(outcomes: list[Outcome]) -> list[Measured]:
    assert all(isinstance(outcome, Measured) for outcome in outcomes), outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, Measured)]


def test_throughput_is_compared_with_the_best_number_of_threads(entrants: Mapping[str, Scripted]) -> None:
    (found,) = measured(list(speed.throughput(SIZE, 4)))
    assert (found.row, found.n) == ("throughput", 600)
    assert found.value == pytest.approx(4)
    assert "1,000 events/s on 200 sockets, of 4,000 possible; the SDK's threads 125 with 1, 250 with 16" in found.note
    assert "ours 1, sdk 1; median of 3" in found.note
    assert entrants["ours"].asked[1:] == [(600, 200)] * 3
    assert entrants["official"].asked[1:] == [(10, 1), (100, 16)] * 3


def test_processor_time_is_per_call_and_the_worse_delay_counts(entrants: Mapping[str, Scripted]) -> None:
    slower = {"ours": 0.001}

    def ours(_: int) -> float:
        # After 50 ms, which come second, it takes half as much again.
        if len(entrants["ours"].asked) > 1 + SIZE.repetitions:
            slower["ours"] = 0.0015
        return slower["ours"]

    entrants["ours"]._per_call = ours
    sdk, bare = measured(list(speed.cpu(SIZE, 4)))
    assert (sdk.row, bare.row) == ("cpu-sdk", "cpu-bare")
    assert sdk.value == pytest.approx(0.375)
    assert bare.value == pytest.approx(3)
    assert "answered after 0 ms: aioklaviyo 500, bare 250, with pacing 750, SDK 2,000" in sdk.note
    assert "answered after 50 ms: aioklaviyo 750, bare 250, with pacing 750, SDK 2,000" in sdk.note
    assert {at_once for _, at_once in entrants["official"].asked} == {64}


@pytest.mark.usefixtures("entrants")
def test_pages_are_compared_by_processor_time() -> None:
    events, profiles = measured(list(speed.decode(SIZE, 4)))
    assert [(found.row, found.n) for found in (events, profiles)] == [("decode-events", 2), ("decode-profiles", 4)]
    assert events.value == profiles.value == pytest.approx(0.1)
    assert "aioklaviyo 5 ms (10), bare 2.5 ms (5), SDK 50 ms (100)" in events.note
    assert "aioklaviyo 0.5 ms (1), bare 0.25 ms (0.5), SDK 5 ms (10)" in profiles.note


@pytest.mark.usefixtures("entrants")
def test_without_the_sdk_its_rows_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "is_installed", lambda: False)
    outcomes = [*speed.throughput(SIZE, 4), *speed.cpu(SIZE, 4), *speed.decode(SIZE, 4)]
    skipped = [outcome.row for outcome in outcomes if isinstance(outcome, Skipped)]
    assert skipped == ["throughput", "cpu-sdk", "decode-events", "decode-profiles"]
    (bare,) = [outcome for outcome in outcomes if isinstance(outcome, Measured)]
    assert (bare.row, bare.value) == ("cpu-bare", pytest.approx(2))


def test_the_client_is_imported_beside_what_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    def scripted(code: str, scratch: Path) -> Imported:
        assert scratch == tmp_path
        asked.append(code)
        return Imported(35, 30, 400, ["aiohttp"]) if "aioklaviyo" in code else Imported(26, 25, 300, ["pydantic"])

    monkeypatch.setattr(importing, "imported", scripted)
    (found,) = measured(list(importing.importing(3, tmp_path)))
    assert (found.row, found.value, found.n) == ("import", pytest.approx(1.2), 3)
    assert asked == ["from aioklaviyo import Klaviyo, NewEvent, ProfileRef\nKlaviyo('pk_bench')", importing._RIVAL] * 4
    assert "30 ms (35 ms passed), 400 modules, aiohttp among them" in found.note


def test_an_import_is_timed_in_an_interpreter_of_its_own(tmp_path: Path) -> None:
    found = imported("import json.tool", tmp_path)
    assert found.wall >= 0 <= found.cpu
    assert found.brought == []
    assert found.modules > 10
    with pytest.raises(SubjectError, match=re.escape("No module named 'nowhere'")):
        imported("import nowhere", tmp_path)


def test_what_is_imported_is_compiled_once_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    imported("import aioklaviyo", tmp_path)
    assert list(tmp_path.rglob("aioklaviyo/__init__.*.pyc"))
