"""The emulator's page: its commands, run as they stand; its tables, against the program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from architecture.architecture_texts import fences, rows, section
from klaviyo_emulator import DEFAULT_PORT, EmulatorConfig
from klaviyo_emulator.__main__ import parser
from klaviyo_emulator.demo import FAMILIES, MAXIMUM_FAMILIES, filling
from klaviyo_emulator.testing import RunningEmulator, running_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/emulator.md").read_text()
HERE = f"http://127.0.0.1:{DEFAULT_PORT}"
POINTED = [block for block in fences(section(PAGE, "Point something at it"), "python") if HERE in block]
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ID = re.compile(r'"id":"[^"]+"')
END = "\x1e"


@pytest.fixture
def running() -> Iterator[RunningEmulator]:
    with running_emulator() as emulator:
        yield emulator


def test_every_option_is_on_the_page() -> None:
    listed = {row[0].strip("`").split()[0]: row[2] for row in rows(section(PAGE, "Start it").replace("\\|", "/"))}
    options = {action.option_strings[-1]: action.default for action in parser()._actions if action.dest != "help"}
    assert listed.keys() == options.keys()
    for option, default in options.items():
        if isinstance(default, int | str) and default not in {"", ":memory:", False}:
            assert listed[option] == str(default), option
    assert listed["--families"] == str(FAMILIES)


def test_what_the_page_says_of_the_demo() -> None:
    text = " ".join(section(PAGE, "Start it").split())
    assert f"up to {MAXIMUM_FAMILIES:,}" in text
    assert filling._MOST_EVENINGS // filling._EVENINGS_OF_ONE == 16_000
    assert "with more than 16,000 not every evening is told" in text


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("bash"), reason="needs curl and bash")
def test_the_first_hour_goes_as_the_page_says(running: RunningEmulator) -> None:
    """Every command of the transcript, in one shell; what it prints is what is shown, but for ids and `...`."""
    commands: list[str] = []
    shown: dict[int, str] = {}
    for language, text in BLOCK.findall(section(PAGE, "A first hour")):
        if language == "sh":
            commands.append(text.replace(HERE, running.url))
        else:
            shown[len(commands) - 1] = text
    assert len(shown) >= 6
    ran = subprocess.run(
        ["bash", "-eu"],
        input="printf '\\x1e'\n".join([*commands, ""]),
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    printed = ran.stdout.split(END)
    assert len(printed) == len(commands) + 1
    for place, text in shown.items():
        assert matches(printed[place], text), f"{commands[place]}\nprints\n{printed[place]}\nand not\n{text}"


def matches(printed: str, shown: str) -> bool:
    wanted = re.escape(bare(shown)).replace(re.escape("..."), ".*")
    return re.fullmatch(wanted, bare(printed)) is not None


def bare(text: str) -> str:
    """Without space and line ends, and with one id for all."""
    return ID.sub('"id":"*"', re.sub(r"\s", "", text))


def test_a_transcript_that_is_wrong_would_be_noticed() -> None:
    shown = '{"data":[{"type":"profile","id":"A","attributes":{...}}],\n"links":...'
    assert matches('{"data":[{"type":"profile","id":"B","attributes":{"email":"x"}}],"links":{}}', shown)
    assert not matches('{"data":[],"links":{}}', shown)
    assert not matches('{"data":[{"type":"segment","id":"B","attributes":{"email":"x"}}],"links":{}}', shown)


@pytest.mark.parametrize("example", POINTED)
async def test_python_pointed_at_it(running: RunningEmulator, example: str) -> None:
    body = textwrap.indent(example.replace(HERE, running.url), "    ")
    names: dict[str, Any] = {}
    exec(compile(f"async def main():\n{body}", "docs/emulator.md", "exec"), names)
    await names["main"]()
    requests = running.emulator.instruments.requests.latest(10)
    assert [asked.status for asked in requests if (asked.status or 500) < 300]


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl_pointed_at_it(running: RunningEmulator) -> None:
    command = fences(section(PAGE, "Point something at it"), "sh")[-1].replace(HERE, running.url)
    assert command.startswith("curl ")
    ran = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith('{"data":[],"links":')


def test_the_fixture_is_used_as_the_page_says(pytester: pytest.Pytester) -> None:
    conftest, tests, _ = fences(section(PAGE, "In tests"), "python")
    pytester.makeconftest(conftest)
    pytester.makeini(
        "[pytest]\naddopts = --strict-markers -p no:cacheprovider\nasyncio_default_fixture_loop_scope = function\n"
    )
    pytester.makepyfile(tests)
    pytester.runpytest("-p", "no:xdist", "-p", "no:cov").assert_outcomes(passed=2)


def test_the_context_manager_is_used_as_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    example = fences(section(PAGE, "In tests"), "python")[-1]
    exec(compile(example, "docs/emulator.md", "exec"), {})
    assert capsys.readouterr().out.startswith("http://127.0.0.1:")


def test_the_table_of_operations_is_that_of_the_program() -> None:
    tool = ROOT / "tools/emulator-page"
    ran = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_every_field_that_the_reference_names_exists() -> None:
    text = (ROOT / "docs/emulator-reference.md").read_text()
    fields = set(re.findall(r"EmulatorConfig\((\w+)=", PAGE + text))
    assert fields
    assert all(hasattr(EmulatorConfig, field) for field in fields)
