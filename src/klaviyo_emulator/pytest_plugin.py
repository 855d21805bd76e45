"""A fixture for pytest: a fresh emulator for each test. The only module that needs pytest.

pytest_plugins = ["klaviyo_emulator.testing"]   # in conftest.py


def test_a_profile_is_kept(klaviyo_emulator):
    client = KlaviyoAPI("pk_test", test_host=klaviyo_emulator.url)


@pytest.mark.klaviyo(limits=True, faults="create_event:503*2", now="2026-11-20T12:00:00Z", families=10)
def test_it_is_patient(klaviyo_emulator): ...
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from klaviyo_emulator.clock import parse_instant
from klaviyo_emulator.config import EmulatorConfig
from klaviyo_emulator.demo import MAXIMUM_FAMILIES, fill
from klaviyo_emulator.testing import RunningEmulator, running_emulator

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

MARKER = "klaviyo"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(**fields): how the emulator of a test is to be: fields of EmulatorConfig; now, where its clock is "
        "stopped; families, how many it is filled with",
    )


@pytest.fixture
def klaviyo_emulator_config() -> EmulatorConfig:
    """How the emulators are, where a test's marker says nothing else; to be overridden. They keep no rate windows."""
    return EmulatorConfig(limits=False)


@pytest.fixture
def klaviyo_emulator(
    request: pytest.FixtureRequest, klaviyo_emulator_config: EmulatorConfig
) -> Generator[RunningEmulator]:
    """A fresh emulator, served for as long as the test lasts."""
    wanted = _wanted(request)
    now = wanted.pop("now", None)
    families = _families(wanted.pop("families", 0))
    try:
        config = replace(klaviyo_emulator_config, **wanted)
    except (TypeError, ValueError) as error:
        raise pytest.UsageError(f"@pytest.mark.{MARKER}: {error}") from None
    moment = None if now is None else _moment(now)
    with running_emulator(config) as running:
        if moment is not None:
            running.clock.put(moment, stopped=True)
        if families:
            fill(running.emulator, families)
        yield running


def _wanted(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the markers of a test say; the one nearest to it counts."""
    wanted: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers(MARKER))):
        if marker.args:
            raise pytest.UsageError(f"@pytest.mark.{MARKER} takes names with values, such as limits=True")
        wanted |= marker.kwargs
    return wanted


def _families(count: object) -> int:
    if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= MAXIMUM_FAMILIES:
        return count
    raise pytest.UsageError(f"@pytest.mark.{MARKER}: families must be a whole number up to {MAXIMUM_FAMILIES:,}")


def _moment(now: object) -> datetime:
    moment = parse_instant(str(now))
    if moment is None:
        raise pytest.UsageError(f"@pytest.mark.{MARKER}: now must be an instant such as 2026-11-20T12:00:00Z")
    return moment
