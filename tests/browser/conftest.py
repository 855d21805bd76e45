"""The browser of this folder. Where there is none, what needs it is skipped by name."""

import shutil
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Generator["Browser"]:
    """One Chromium for all tests; each test has a profile of its own."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine (make test-all installs it)")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (make test-all does)")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield chromium
        chromium.close()
