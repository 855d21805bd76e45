"""The tour drives every operation through the official SDK, and says what it could not drive, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dreamflow.bench.emulator import bench as rows
from dreamflow.bench.emulator.bench import COVERAGE, EmulatorBench
from dreamflow.bench.emulator.tour import AREAS, EXPECTED, SdkMissingError, Toured, official, take
from dreamflow.bench.model import Broken, Lab, Measured, Outcome, Skipped
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import running_emulator

if TYPE_CHECKING:
    from pathlib import Path


def tour(**settings: object) -> Toured:
    with running_emulator(EmulatorConfig(limits=False, **settings)) as running:  # pyright: ignore[reportArgumentType]
        return take(running.url)


def test_every_operation_is_driven() -> None:
    toured = tour()
    assert toured.failed == {}
    assert toured.driven == toured.operations == EXPECTED
    assert len(EXPECTED) == 305
    assert len(AREAS) == 15


def test_what_fails_is_told_and_stops_only_what_needs_it() -> None:
    toured = tour(faults="get_templates:503; create_webhook:500; delete_coupon:reset")
    needing = {"get_webhook", "update_webhook", "delete_webhook"}
    assert set(toured.failed) == {"get_templates", "create_webhook", "delete_coupon"} | needing
    assert toured.driven == EXPECTED - set(toured.failed)
    assert toured.failed["get_templates"].startswith("503 ")
    assert {toured.failed[name] for name in needing} == {"there is no id of webhooks"}
    assert toured.failed["delete_coupon"]


def test_an_operation_that_only_the_sdk_knows_is_not_driven(monkeypatch: pytest.MonkeyPatch) -> None:
    own = official.Sdk.operations

    def operations(sdk: official.Sdk, area: str) -> list[frozenset[str]]:
        return [*own(sdk, area), *([frozenset({"get_moods", "list_moods"})] if area == "Flows" else [])]

    def never(sdk: official.Sdk, area: str, operation: str, *arguments: object, **query: object) -> None:
        raise official.RefusedError("no")

    monkeypatch.setattr(official.Sdk, "operations", operations)
    monkeypatch.setattr(official.Sdk, "call", never)
    toured = tour()
    assert toured.operations == EXPECTED | {"get_moods"}
    assert toured.driven == frozenset()
    assert toured.failed["get_moods"] == "no step calls it"


def test_an_answer_that_no_model_reads_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_emulator(EmulatorConfig(limits=False)) as running:
        sdk = official.Sdk(running.url, "pk_test")
        assert sdk.call("Lists", "get_lists")["data"] == []
        with pytest.raises(official.RefusedError, match="no model"):
            sdk.call("Lists", "get_lists", fields_list=["name"])


def coverage(folder: Path) -> Outcome:
    lab = Lab(short=True, scratch=folder, data=None, say=print)
    only = rows._Run(lab, EmulatorBench().short, None)  # pyright: ignore[reportArgumentType]
    (outcome,) = rows._or_broken(lab, only.coverage(), COVERAGE)
    return outcome


def test_the_row_counts_what_was_driven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rows, "take", lambda url: Toured(EXPECTED, {}))
    found = coverage(tmp_path)
    assert isinstance(found, Measured)
    assert (found.value, found.n) == (305, 305)
    assert COVERAGE.target.holds(found.value)
    monkeypatch.setattr(rows, "take", lambda url: Toured(EXPECTED, {"get_tags": "503 no", "get_tag": "no"}))
    found = coverage(tmp_path)
    assert isinstance(found, Measured)
    assert (found.value, found.note) == (303, "get_tag: no; get_tags: 503 no")
    assert not COVERAGE.target.holds(found.value)
    monkeypatch.setattr(rows, "take", lambda url: Toured(EXPECTED | {"get_moods"}, {"get_moods": "no step calls it"}))
    found = coverage(tmp_path)
    assert isinstance(found, Broken)
    assert "get_moods" in found.reason


def test_without_the_sdk_the_row_is_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(official, "find_spec", lambda name: None)
    with pytest.raises(SdkMissingError):
        take("http://127.0.0.1:1")
    found = coverage(tmp_path)
    assert isinstance(found, Skipped)
    assert "bench" in found.reason
