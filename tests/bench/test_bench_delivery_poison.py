"""The row `poison` holds where exactly the bad events die, with the pointer, and everything else has arrived."""

from dataclasses import replace
from pathlib import Path

import pytest

from dreamflow.bench.delivery import poison
from dreamflow.bench.delivery.poison import Ended, Size, judge
from dreamflow.bench.model import Broken, Lab, Measured

TINY = Size(batches=3, batch=20)
BAD = frozenset({"a-3", "b-1"})
GOOD = frozenset({"a-1", "a-2", "b-2", "b-3"})
OF_TWO = Size(batches=2, batch=3)
REASON = (
    "refused with 400: invalid at /data/attributes/events-bulk-create/data/2/attributes/events/data/0/attributes/time"
)
RIGHT = Ended(stored=sorted(GOOD), delivered=GOOD, dead=dict.fromkeys(BAD, REASON), requests=4, bulk=4)


def measure(tmp_path: Path) -> Measured | Broken:
    lab = Lab(short=True, scratch=tmp_path, data=None, say=[].append)
    (found,) = poison.GROUP.outcomes(lab, 5)
    assert isinstance(found, Measured | Broken)
    return found


def test_the_bad_events_die_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poison, "SHORT", TINY)
    found = measure(tmp_path)
    assert isinstance(found, Measured), found
    assert (found.row, found.value, found.n) == ("poison", 1.0, 60)
    assert "57 delivered, 3 dead letters, 3 of them with the pointer; 6 requests, 6 of them in bulk" in found.note


def test_events_that_are_not_bad_break_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poison, "SHORT", TINY)
    monkeypatch.setattr(poison, "LONG_AGO", poison.LONG_AGO.replace(year=2020))
    found = measure(tmp_path)
    assert isinstance(found, Broken)
    assert "60 delivered, 0 dead letters" in found.reason


def test_what_is_promised_is_the_target() -> None:
    assert str(poison.POISON.target) == str(poison.POISON.short_target) == "<= 2"
    assert (poison.FULL.batches, poison.FULL.batch) == (100, 1_000)
    measured = judge(RIGHT, OF_TWO, BAD)
    assert isinstance(measured, Measured)
    assert measured.value == 1.0


@pytest.mark.parametrize(
    "ended",
    [
        replace(RIGHT, dead={"a-3": REASON}),
        replace(RIGHT, dead={"a-3": REASON, "b-2": REASON}),
        replace(RIGHT, dead={"a-3": REASON, "b-1": "refused with 400: no reason given"}),
        replace(RIGHT, delivered=GOOD - {"a-1"}),
        replace(RIGHT, stored=[*sorted(GOOD), "a-1"]),
        replace(RIGHT, stored=sorted(GOOD - {"a-1"})),
    ],
)
def test_a_count_that_is_off_breaks_the_row(ended: Ended) -> None:
    assert isinstance(judge(ended, OF_TWO, BAD), Broken)
