"""What every file of the repository keeps to: locks, versions, hosts, names, ignores."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import aioklaviyo
from architecture.architecture_texts import ROOT, SOURCES, texts
from dreamflow._version import __version__

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("runtime", "test", "dev")
PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)(?: ; ([^\\]+))? \\$")
HASH = re.compile(r"^ {4}--hash=sha256:[0-9a-f]{64}( \\)?$")
MOST_RUNTIME_PINS = 65

# Written so that this file does not contain what it looks for.
PLACES = re.compile(
    r"(?:pypi|test[.]pypi)[.]org|pythonhosted[.]org|registry[.]npmjs|repo[.]maven|"
    r"(?<![\w.$}~-])/(?:root|home|work|Users|mnt|opt)/[\w.]"
)
IGNORE = re.compile(r"#\s*(?:type|pyright):\s*ignore(?P<rest>.*)")
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}


def pins(lock: str) -> dict[str, str]:
    lines = (ROOT / "locks" / f"{lock}.txt").read_text().splitlines()
    return {match[1]: match[2] for line in lines if (match := PIN.match(line))}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_pins_and_hashes_and_nothing_else(lock: str) -> None:
    lines = (ROOT / "locks" / f"{lock}.txt").read_text().splitlines()
    strange = [line for line in lines if not (PIN.match(line) or HASH.match(line))]
    assert not strange
    bare = [
        line for line, after in zip(lines, [*lines[1:], ""], strict=True) if PIN.match(line) and not HASH.match(after)
    ]
    assert not bare


def test_the_locks_contain_each_other() -> None:
    runtime, test, dev = map(pins, LOCKS)
    assert runtime.items() <= test.items() <= dev.items()
    assert len(runtime) <= MOST_RUNTIME_PINS


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        ("runtime", PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["build"]),
        ("test", PROJECT["dependency-groups"]["test"]),
        ("dev", PROJECT["dependency-groups"]["dev"]),
    ],
)
def test_what_is_asked_for_is_locked(lock: str, asked: list[Any]) -> None:
    locked = pins(lock)
    for line in asked:
        if isinstance(line, str):
            wanted = Requirement(line)
            assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)], prereleases=True), line


@pytest.mark.parametrize("folder", ["packaging/aioklaviyo", "packaging/klaviyo_emulator"])
def test_a_small_wheel_takes_version_and_licence_from_the_one_place(folder: str) -> None:
    small: dict[str, Any] = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())
    source = (ROOT / folder / small["tool"]["hatch"]["version"]["path"]).resolve()
    assert source == (ROOT / PROJECT["tool"]["hatch"]["version"]["path"]).resolve()
    assert small["project"]["dynamic"] == ["version"]
    for name in ("LICENSE", "NOTICE"):
        assert (ROOT / folder / name).read_bytes() == (ROOT / name).read_bytes()


def test_the_version_is_written_once() -> None:
    holders = [path for path in SOURCES.rglob("*.py") if re.search(r'^__version__ = "', path.read_text(), re.MULTILINE)]
    assert holders == [SOURCES / "dreamflow" / "_version.py"]
    assert aioklaviyo.__version__ == __version__
    released = re.findall(r"^## \[(\d\S*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == __version__


def test_no_file_names_a_registry_or_a_place_on_somebodys_machine() -> None:
    found = [f"{path.relative_to(ROOT)}: {match[0]}" for path, text in texts() for match in PLACES.finditer(text)]
    assert not found


def test_no_module_is_named_after_nothing() -> None:
    named = {path for path in SOURCES.rglob("*") if path.stem.lower() in FORBIDDEN_NAMES}
    assert not named


def test_an_ignored_type_says_which_and_why() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in SOURCES.rglob("*.py")
        for match in IGNORE.finditer(path.read_text())
        if not re.match(r"\[\w[\w, -]*\] - \S", match["rest"])
    ]
    assert not found


def test_every_package_says_that_it_is_typed() -> None:
    for package in ("aioklaviyo", "klaviyo_emulator", "dreamflow"):
        assert (Path(SOURCES) / package / "py.typed").is_file()
