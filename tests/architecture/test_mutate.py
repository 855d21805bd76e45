"""`tools/mutate`, which CI does not run: that it still finds its modules and their tests, and judges them rightly."""

import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

from architecture.architecture_texts import ROOT

TOOL = ROOT / "tools" / "mutate"
PLAY = """
import sys
from pathlib import Path
import hypothesis, pytest  # once, before the forks
from architecture.test_mutate import loaded

tool = loaded()
mutants = [
    tool.Mutant("some", "adding", "src/adding.py", 1, 0, "", "", new, f"def add(a, b): return {new}")
    for new in ("a - b", "b + a")
]
for mutant, fate in tool.fates_of(Path.cwd(), mutants, {"some": ["tests"]}, seconds=30, jobs=2):
    print(mutant.new, fate, file=sys.stderr)
"""


def loaded() -> Any:
    """The tool as a module."""
    spec = spec_from_loader("mutate", SourceFileLoader("mutate", str(TOOL)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["mutate"] = module  # where its dataclasses look for what their annotations name
    spec.loader.exec_module(module)
    return module


def test_the_modules_that_are_mutated_and_the_tests_that_speak_for_them_exist() -> None:
    for part in loaded().PARTS.values():
        for module in part.modules:
            assert (ROOT / part.folder / f"{module}.py").is_file(), module
        for pattern in part.tests:
            assert list(ROOT.glob(pattern)), pattern


def test_a_mistake_that_a_test_notices_is_killed_and_a_change_that_none_notices_survives(tmp_path: Path) -> None:
    for folder in ("src", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "src" / "adding.py").write_text("def add(a, b): return a + b")
    (tmp_path / "tests" / "test_adding.py").write_text("import adding\ndef test_add(): assert adding.add(2, 3) == 5")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PLAY],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "src"), str(ROOT / "tests")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert sorted(done.stderr.splitlines()) == ["a - b killed", "b + a survived"]
