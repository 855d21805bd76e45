"""The command line within this process: to start one takes longer than all it then does."""

import os
import sys
from dataclasses import dataclass
from typing import Protocol

import pytest

from dreamflow.entrypoints.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


class Command(Protocol):
    """Run `dreamflow` with arguments and settings, and with no other settings."""

    def __call__(self, *arguments: str, **settings: str) -> Ended: ...


@pytest.fixture
def command(_restored_logging: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str, **settings: str) -> Ended:
        for name in [name for name in os.environ if name.startswith("DREAMFLOW_")]:
            monkeypatch.delenv(name)
        for name, value in {"COLUMNS": "160", "NO_COLOR": "1", **settings}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["dreamflow", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0, said.out, said.err)

    return run
