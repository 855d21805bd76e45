"""Three wheels from one source; each of the two small ones lives alone in an empty environment."""

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"
PROJECTS = {
    "dreamflow": ROOT,
    "aioklaviyo": ROOT / "packaging" / "aioklaviyo",
    "klaviyo_emulator": ROOT / "packaging" / "klaviyo_emulator",
}
PACKAGES = {name: (name,) for name in PROJECTS} | {"dreamflow": tuple(PROJECTS)}
VERSION = re.findall(r'"(.+?)"', (SOURCES / "dreamflow" / "_version.py").read_text())[-1]

ALONE = """\
from importlib.metadata import version
from importlib.util import find_spec
import {name}
assert version("{name}") == "{version}"
assert getattr({name}, "__version__", "{version}") == "{version}"
for other in {others!r}:
    assert find_spec(other) is None, other
"""
GREETING = """\
import asyncio, sys
from aioklaviyo import Klaviyo
async def main():
    async with Klaviyo(api_key="pk_alone", base_url=sys.argv[1]) as klaviyo:
        print((await klaviyo.accounts.get()).id)
asyncio.run(main())
"""


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    for project in PROJECTS.values():
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=project)
    return {path.name.split("-")[0]: path for path in folder.glob("*.whl")}


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata_of(wheel: Path, name: str) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"{name}-{VERSION}.dist-info/METADATA").decode())


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_holds_its_sources_whole_and_nothing_else(wheels: dict[str, Path], name: str) -> None:
    information = f"{name}-{VERSION}.dist-info/"
    expected = {
        path.relative_to(SOURCES).as_posix()
        for package in PACKAGES[name]
        for path in (SOURCES / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {entry for entry in names_in(wheels[name]) if not entry.startswith(information)} == expected
    assert {f"{package}/py.typed" for package in PACKAGES[name]} <= expected


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_says_version_licence_and_what_it_is(wheels: dict[str, Path], name: str) -> None:
    metadata = metadata_of(wheels[name], name)
    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Summary"]
    assert str(metadata.get_payload()).startswith("# ")
    licences = {f"{name}-{VERSION}.dist-info/licenses/{file}" for file in ("LICENSE", "NOTICE")}
    assert licences <= names_in(wheels[name])


def test_the_products_wheel_brings_its_data(wheels: dict[str, Path]) -> None:
    names = names_in(wheels["dreamflow"])
    for pattern in (
        r"dreamflow/packs/en/\w+\.toml",
        r"dreamflow/migrations/versions/\w+\.py",
        r"dreamflow/web/templates/\w+\.html",
        r"dreamflow/web/static/\w+\.css",
        r"klaviyo_emulator/\w+\.tsv",
    ):
        assert any(re.fullmatch(pattern, name) for name in names), pattern


@pytest.mark.parametrize("name", ["aioklaviyo", "klaviyo_emulator"])
def test_a_small_wheel_asks_for_what_the_product_asks_for(wheels: dict[str, Path], name: str) -> None:
    """The same bounds in both places, so that the two are tested with what they ask for."""

    def bounds(wheel: str) -> dict[str, str]:
        asked: list[str] = metadata_of(wheels[wheel], wheel).get_all("Requires-Dist") or []
        parts = [re.fullmatch(r"([\w.-]+)(?:\[[\w,]+\])?([^;]*)", line) for line in asked if "extra ==" not in line]
        return {part[1]: part[2].strip() for part in parts if part}

    assert bounds(name).items() <= bounds("dreamflow").items()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip, once for all, where packages cannot be had."""
    folder = tmp_path_factory.mktemp("probe")
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--retries", "0")
    asked = subprocess.run(
        (*command, "--timeout", "20", "--dest", folder, "typing-extensions"),
        text=True,
        capture_output=True,
        check=False,
    )
    if asked.returncode:
        pytest.skip("no package index can be reached: pip could not fetch typing-extensions")


@pytest.fixture(scope="module")
def alone(index: None, wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The Python of an empty environment for each small wheel."""
    pythons: dict[str, Path] = {}
    for name in ("aioklaviyo", "klaviyo_emulator"):
        home = tmp_path_factory.mktemp(name)
        run(sys.executable, "-m", "venv", "--without-pip", home)
        python = home / "bin" / "python"
        run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile", wheels[name])
        pythons[name] = python
    return pythons


@pytest.mark.index
@pytest.mark.parametrize("name", ["aioklaviyo", "klaviyo_emulator"])
def test_a_small_wheel_is_imported_without_the_others(alone: dict[str, Path], name: str, tmp_path: Path) -> None:
    others = tuple(other for other in PROJECTS if other != name)
    run(alone[name], "-I", "-W", "error", "-c", ALONE.format(name=name, version=VERSION, others=others), cwd=tmp_path)
    run(sys.executable, "-m", "pip", "--python", alone[name], "check")


@pytest.mark.index
def test_the_emulators_command_explains_itself(alone: dict[str, Path], tmp_path: Path) -> None:
    python = alone["klaviyo_emulator"]
    as_module = run(python, "-I", "-m", "klaviyo_emulator", "--help", cwd=tmp_path)
    as_command = run(python.parent / "klaviyo-emulator", "--help", cwd=tmp_path)
    assert as_module == as_command
    assert "--port" in as_module


@pytest.fixture
def address(alone: dict[str, Path], tmp_path: Path) -> Iterator[str]:
    """Where an emulator from its own wheel listens."""
    command = (alone["klaviyo_emulator"], "-I", "-m", "klaviyo_emulator", "--port", "0")
    with subprocess.Popen(command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, env={**os.environ}) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            process.wait(10)


@pytest.mark.index
def test_strangers_from_their_own_wheels_understand_each_other(
    alone: dict[str, Path], address: str, tmp_path: Path
) -> None:
    assert run(alone["aioklaviyo"], "-I", "-c", GREETING, address, cwd=tmp_path).strip()
