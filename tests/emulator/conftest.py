from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# The helpers beside this file are imported by their own names; tests are no package.
sys.path.append(str(Path(__file__).parent))

from emulator_wire import Served, served


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
