"""Fixtures for all tests, and the promises they run under."""

import logging
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings as hypothesis_settings

from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import RunningEmulator, running_emulator
from world import World, world

pytest_plugins = ["coverage_gate", "databases", "kafka_server", "postgres_server", "pytester", "redis_server"]

# The same examples in every run: a red test stays red until it is mended.
hypothesis_settings.register_profile("dreamflow", derandomize=True, deadline=None)
hypothesis_settings.load_profile("dreamflow")


@pytest.fixture
def klaviyo() -> Generator[RunningEmulator]:
    """An emulated Klaviyo of this test's own, without rate windows."""
    with running_emulator(EmulatorConfig(limits=False)) as running:
        yield running


@pytest.fixture
async def here(tmp_path: Path, klaviyo: RunningEmulator, database_url: str | None) -> AsyncGenerator[World]:
    """A house in step with an emulated Klaviyo; its worker runs when the test says so."""
    async with world(tmp_path / "state", klaviyo.url, database_url=database_url) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _restored_logging() -> Generator[None]:
    """Logging as it was: a test that configures it must not make the others deaf."""
    before = structlog.get_config()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", default="", help="Folder for screenshots that documents show.")
