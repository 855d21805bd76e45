from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# The helpers beside this file are imported by their own names; tests are no package.
sys.path.append(str(Path(__file__).parent))

from emulator_specification import Judge
from emulator_wire import SPECIFICATION, Served, served


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge | None]:
    """Who looks at every answer and every accepted body of the whole suite, where there is a file to judge by."""
    if not SPECIFICATION.exists():
        yield None
        return
    found = Judge()
    with pytest.MonkeyPatch.context() as patch:
        found.install(patch)
        yield found


@pytest.fixture(autouse=True)
def _as_specified(judge: Judge | None) -> Iterator[None]:
    """Fail a test in which the emulator answered or accepted what Klaviyo's own file does not allow."""
    yield
    if judge is not None:
        deviations, judge.deviations = judge.deviations, []
        assert deviations == []


@pytest.fixture
def klaviyo() -> Iterator[Served]:
    """A fresh emulator, rate windows kept, on a clock that stands still."""
    with served() as running:
        yield running


@pytest.fixture
def free() -> Iterator[Served]:
    """The same without rate windows."""
    with served(limits=False) as running:
        yield running
