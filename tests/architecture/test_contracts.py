"""The import contracts hold, they bite, and every room of the house is under them."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from architecture.architecture_texts import ROOT, SOURCES

HOUSE = SOURCES / "dreamflow"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS: list[dict[str, Any]] = PROJECT["tool"]["importlinter"]["contracts"]
LAYERS = [name.split(".")[1].strip(" ()") for row in CONTRACTS[0]["layers"] for name in row.split("|")]
DOMAINS = [name.split(".")[1] for name in CONTRACTS[1]["containers"]]

# What the house will have, from the top. A room that is not built yet is no folder.
PLANNED = [
    "entrypoints",
    "bench",
    "simulation",
    "bootstrap",
    "web",
    "mcp",
    "webhooks",
    "retention",
    "insights",
    "analytics",
    "stories",
    "experiments",
    "families",
    "catalog",
    "profiles",
    "subscriptions",
    "identity",
    "outbox",
    "kit",
]
BESIDE_THE_STACK = {"__init__", "__main__", "_version", "settings", "packs", "migrations"}
DOORS_AND_TOOLS = {"entrypoints", "bench", "simulation", "bootstrap", "web", "mcp", "webhooks", "kit"}
MAY_LOOK_INSIDE = {"bootstrap", "entrypoints", "bench"}


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    command = (Path(sys.executable).parent / "lint-imports", "--no-cache", "--config", root / "pyproject.toml")
    environment = {"PYTHONPATH": str(root / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=root, env=environment, text=True, capture_output=True, check=False)


def rooms() -> set[str]:
    inside = {path.stem for path in HOUSE.glob("*.py")}
    return inside | {path.name for path in HOUSE.iterdir() if path.is_dir() and path.name != "__pycache__"}


def test_the_contracts_are_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


def test_the_stack_is_the_planned_one() -> None:
    assert LAYERS == PLANNED


def test_every_room_is_in_the_stack_or_beside_it() -> None:
    assert rooms() <= set(PLANNED) | BESIDE_THE_STACK


def test_only_rooms_that_are_not_built_are_optional() -> None:
    """Brackets on a room that every checkout has would let it vanish without a word."""
    solid = {name.split(".")[1] for row in CONTRACTS[0]["layers"] for name in row.split(" | ") if "(" not in name}
    assert {"entrypoints", "bootstrap", "identity", "outbox", "kit"} <= solid <= rooms()


def test_every_domain_has_the_one_shape() -> None:
    assert {room for room in rooms() if (HOUSE / room).is_dir()} - DOORS_AND_TOOLS - BESIDE_THE_STACK == set(DOMAINS)


def test_no_exception_is_made() -> None:
    assert not [contract["name"] for contract in CONTRACTS if contract.get("ignore_imports")]


PLANTS = {
    "A1: upwards": ("dreamflow/kit/clock.py", "import dreamflow.stories"),
    "A1: upwards, inside a function": ("dreamflow/outbox/rules.py", "def late():\n    import dreamflow.families"),
    "A1: between siblings": ("dreamflow/profiles/rules.py", "import dreamflow.subscriptions"),
    "A2: a model reads its service": ("dreamflow/families/model.py", "import dreamflow.families.service"),
    "A2: a file with another name": ("dreamflow/families/utils.py", ""),
    "A3: rules with a database": ("dreamflow/outbox/rules.py", "import sqlalchemy"),
    "A3: a service that reaches SQL": ("dreamflow/profiles/service.py", "import dreamflow.kit.db"),
    "A4: the emulator reads the client": ("klaviyo_emulator/clock.py", "import aioklaviyo.errors"),
    "A5: the client reads the product": ("aioklaviyo/retry.py", "import dreamflow.kit.clock"),
    "A6: a page calls Klaviyo": ("dreamflow/web/pages.py", "import aioklaviyo"),
    "A6: a bench beside its contestant": ("dreamflow/bench/client/speed.py", "import aioklaviyo"),
    "A7: the worker knows the emulator": ("dreamflow/entrypoints/worker.py", "import klaviyo_emulator"),
    "A7: the frame of the benches knows the emulator": ("dreamflow/bench/runner.py", "import klaviyo_emulator"),
    "A8: a service reads settings": ("dreamflow/web/health.py", "import dreamflow.settings"),
    "A9: a circle": ("klaviyo_emulator/ids.py", "import klaviyo_emulator.app"),
    "E1: the state knows a route": ("klaviyo_emulator/state/tasks.py", "import klaviyo_emulator.routes.tags"),
}


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], str]:
    """Add a line to a copy of the sources and tell what the contracts say."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(SOURCES, copy / "src", ignore=shutil.ignore_patterns("__pycache__", "packs"))
    shutil.copy(ROOT / "pyproject.toml", copy)

    def planted(path: str, line: str) -> str:
        file = copy / "src" / path
        before = file.read_text() if file.exists() else None
        file.write_text(f"{before or ''}\n{line}\n")
        try:
            return lint(copy).stdout
        finally:
            file.unlink() if before is None else file.write_text(before)

    return planted


@pytest.mark.parametrize("broken", PLANTS)
def test_a_planted_violation_is_caught(plant: Callable[[str, str], str], broken: str) -> None:
    assert re.search(rf"^{broken[:2]} .* BROKEN$", plant(*PLANTS[broken]), re.MULTILINE)


def test_neighbours_use_the_front_door() -> None:
    """A room imports another domain by its facade or its `http`; only those who put a house together look inside."""
    found: list[str] = []
    for path in sorted(HOUSE.rglob("*.py")):
        room = path.relative_to(HOUSE).parts[0].removesuffix(".py")
        for name in _imported(path):
            _, *inner = name.split(".")
            if len(inner) > 1 and inner[0] in DOMAINS and inner[0] != room and room not in MAY_LOOK_INSIDE:
                found.append(f"{path.relative_to(HOUSE)}: {name}")
    assert not found


def _imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {node.module} | {name for name in modules if _is_module(name)}
    return {name for name in names if name.startswith("dreamflow.")}


def _is_module(name: str) -> bool:
    path = SOURCES.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()
