"""The command line, as a stranger meets it."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import httpx2
import pytest
import typer

from dreamflow.entrypoints.cli import app, main
from dreamflow.kit.turn import turn
from klaviyo_emulator import DEFAULT_PORT, EmulatorConfig
from klaviyo_emulator.__main__ import parser

ISSUERS = json.dumps([{"issuer": "https://i.example", "audience": "dreamflow", "hs256_secret": "s" * 40}])
COMMANDS = [
    "demo",
    "serve",
    "worker",
    "emulator",
    "token",
    "tonight",
    "story",
    "bench",
    "doctor",
    "db",
    "db upgrade",
    "packs lint",
    "config",
    "config check",
]

# The command, killed as soon as the database of the weeks that are to be lived is open.
CUT_OFF = """
import os, signal
from dreamflow.entrypoints.cli import main
from dreamflow.simulation import demo_families
demo_families.live = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


def environment_of(settings: dict[str, str]) -> dict[str, str]:
    """That of the machine, with these settings and no others."""
    around = {name: value for name, value in os.environ.items() if not name.startswith("DREAMFLOW_")}
    return {**around, "COLUMNS": "160", "NO_COLOR": "1", **settings}


def dreamflow(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "dreamflow", *arguments],
        env=environment_of(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


class Refused(Protocol):
    """Run the command, which is to fail, within this process: to start one takes longer than all it then does."""

    def __call__(self, *arguments: str, **settings: str) -> str:
        """What it says on the standard error, after status 2 and nothing on the standard output."""
        ...


@pytest.fixture
def refused(_restored_logging: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Refused:
    def run(*arguments: str, **settings: str) -> str:
        for name in os.environ.keys() - environment_of(settings):
            monkeypatch.delenv(name)
        for name, value in environment_of(settings).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["dreamflow", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        assert (ended.value.code, said.out) == (2, "")
        return said.err

    return run


def stories_in(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "dreamflow.sqlite")) as database:
        return database.execute("SELECT count(*) FROM stories").fetchone()[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_a_command_is_for(command: str) -> None:
    ran = dreamflow(*command.split(), "--help")
    assert ran.returncode == 0
    assert "Usage: " in ran.stdout
    assert len(ran.stdout.splitlines()) > 5


def test_help_is_quick_because_it_loads_little() -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dreamflow", "--help"], capture_output=True, text=True, check=True
    ).stderr
    loaded = {line.rpartition("|")[2].strip() for line in told.splitlines()}
    assert "typer" in loaded
    assert loaded.isdisjoint({"fastapi", "sqlalchemy", "aiohttp", "pydantic", "jwt"})


def test_a_story_needs_nothing_but_a_seed_and_comes_out_the_same(tmp_path: Path) -> None:
    arguments = ("story", "--seed", "11", "--minutes", "4", "--child", "Ada:5", "--child", "Bo:8", "--json")
    settings = {"DREAMFLOW_STATE_DIR": str(tmp_path)}
    first, second = (dreamflow(*arguments, PYTHONHASHSEED=seed, **settings) for seed in ("1", "2"))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    trace = json.loads(first.stdout)
    assert {"text", "kind", "beat", "storylet", "energy"} == set(trace["passages"][0])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (("story", "--theme", "volcano"), {}, "There is no such world"),
        (("story", "--child", "Ada"), {}, "NAME:AGE"),
        (("tonight", "--email", "a@b.example", "--at", "noonish"), {}, "Cannot read the time"),
        (("tonight", "--email", "a@b.example", "--at", "9999-12-31T23:59"), {}, "The demo knows the years"),
        (("tonight", "--email", "a@b.example"), {}, "There is no demo here yet"),
        (("story", "--child", "Ada:99"), {}, "An age is"),
        (("serve",), {}, "No issuer is configured"),
        (("worker",), {}, "nowhere to deliver"),
        (("serve",), {"DREAMFLOW_KLAVIYO__API_KEY": "pk_x\n"}, "DREAMFLOW_KLAVIYO__API_KEY"),
        (("serve",), {"DREAMFLOW_IDENTITY__ISSUERS": ISSUERS, "DREAMFLOW_HTTP__HOST": "é..x"}, "Cannot listen on é..x"),
        (("bench", "patience"), {}, "'patience' is not one of 'client', 'delivery', 'emulator'"),
        (("config", "check"), {"DREAMFLOW_KLAVYIO__API_KEY": "pk_x"}, "DREAMFLOW_KLAVYIO__API_KEY"),
        (("config", "check"), {"DREAMFLOW_KLAVIYO__BASE_URL": "foo"}, "DREAMFLOW_KLAVIYO__BASE_URL"),
        (("config", "check"), {"DREAMFLOW_HTTP__PORT": "many"}, "DREAMFLOW_HTTP__PORT"),
        (("emulator", "--faults", "create_evnt:503"), {}, "did you mean create_event?"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(
    tmp_path: Path, refused: Refused, arguments: tuple[str, ...], settings: dict[str, str], said: str
) -> None:
    told = refused(*arguments, DREAMFLOW_STATE_DIR=str(tmp_path), **settings)
    assert said in told
    assert "Traceback" not in told


def test_a_mistake_ends_the_process_without_a_traceback(tmp_path: Path) -> None:
    ran = dreamflow("bench", "emulator", "--data", "nowhere", DREAMFLOW_STATE_DIR=str(tmp_path))
    assert ran.returncode == 2
    assert "There is no folder nowhere" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file or directory"), (b"pk_\xff\n", "UTF-8")])
def test_the_emulator_says_that_its_keys_cannot_be_read(
    tmp_path: Path, refused: Refused, content: bytes | None, reason: str
) -> None:
    keys = tmp_path / "keys"
    if content is not None:
        keys.write_bytes(content)
    (line,) = refused("emulator", "--port", "0", "--keys", str(keys)).splitlines()
    assert line.startswith(f"dreamflow: cannot read the keys in {keys}: ")
    assert reason in line


def test_the_emulator_says_that_its_file_is_none(tmp_path: Path, refused: Refused) -> None:
    data = tmp_path / "state.db"
    data.write_text("not a database, but long enough to be looked at\n" * 50)
    (line,) = refused("emulator", "--port", "0", "--data", str(data)).splitlines()
    assert line.startswith(f"dreamflow: cannot open the state in {data}: ")


def test_the_emulator_serves_those_whose_keys_it_has(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("pk_reader profiles:read\n")
    command = (sys.executable, "-m", "dreamflow", "emulator", "--port", "0", "--keys", str(keys))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().removeprefix("Klaviyo is emulated at ").strip()
            answered = [
                httpx2.get(
                    f"{url}/api/{path}", headers={"Authorization": f"Klaviyo-API-Key {key}", "revision": "2026-07-15"}
                ).status_code
                for path, key in (("profiles", "pk_reader"), ("events", "pk_reader"), ("profiles", "pk_other"))
            ]
        finally:
            process.terminate()
        _, errors = process.communicate(timeout=20)
    assert answered == [200, 403, 401]
    assert (process.returncode, errors) == (0, "")


def test_the_emulator_listens_where_its_own_command_does() -> None:
    assert f"[default: {DEFAULT_PORT}]" in dreamflow("emulator", "--help").stdout


def test_the_emulators_options_are_those_of_its_own_command() -> None:
    own = {action.dest: action.default for action in parser()._actions if action.dest != "help"}
    command: Any = typer.main.get_command(app)
    options = {option.name: option.default for option in command.commands["emulator"].params}
    assert options.keys() == own.keys()
    assert options | {"data": own["data"]} == own
    config = EmulatorConfig()
    for name, value in own.items():
        if hasattr(config, name) and name not in {"limits", "acceptance_log"}:
            assert getattr(config, name) == value, name


def test_serve_refuses_the_demos_issuer(tmp_path: Path, refused: Refused) -> None:
    issuers = json.dumps([{"issuer": "urn:dreamflow:demo", "audience": "dreamflow", "hs256_secret": "x" * 40}])
    told = refused("serve", DREAMFLOW_STATE_DIR=str(tmp_path), DREAMFLOW_IDENTITY__ISSUERS=issuers)
    assert "vouches for anybody" in told


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_session_key_that_is_none_is_refused_and_kept(tmp_path: Path, refused: Refused, size: int) -> None:
    key = tmp_path / "session.key"
    key.write_bytes(bytes(size))
    key.chmod(0o600)
    settings = {"DREAMFLOW_IDENTITY__ISSUERS": ISSUERS, "DREAMFLOW_HTTP__PORT": "0"}
    told = refused("serve", DREAMFLOW_STATE_DIR=str(tmp_path), **settings)
    assert f"{key} is not a key of this program" in told
    assert key.read_bytes() == bytes(size)


def test_config_check_shows_settings_and_hides_secrets(tmp_path: Path) -> None:
    ran = dreamflow("config", "check", DREAMFLOW_STATE_DIR=str(tmp_path), DREAMFLOW_KLAVIYO__API_KEY="pk_very_secret")
    assert ran.returncode == 0
    assert f"DREAMFLOW_STATE_DIR={tmp_path}" in ran.stdout
    assert "DREAMFLOW_KLAVIYO__API_KEY=**********" in ran.stdout
    assert "pk_very_secret" not in ran.stdout


# Nobody listens there: whoever asked would end.
REAL = {
    "DREAMFLOW_KLAVIYO__API_KEY": "pk_real_account",
    "DREAMFLOW_DATABASE__URL": "postgresql://real@127.0.0.1:9/families",
    "DREAMFLOW_REDIS__URL": "redis://127.0.0.1:9",
    "DREAMFLOW_KAFKA__BOOTSTRAP": "127.0.0.1:9",
}


def test_the_demo_once_prints_the_plan_the_story_and_what_klaviyo_has_and_touches_nothing_real(tmp_path: Path) -> None:
    ran = dreamflow("demo", "--once", "--data", str(tmp_path), **REAL)
    assert ran.returncode == 0, ran.stderr
    assert "Turns are shared" in ran.stdout
    assert "Noah" in ran.stdout
    assert "Lily" in ran.stdout
    assert "Story Generated" in ran.stdout
    assert "The books balance." in ran.stdout
    assert re.search(r"(\d+) accepted, \1 delivered", ran.stdout)

    # The same folder serves the other commands, in another shell.
    at = ("--data", str(tmp_path))
    token = dreamflow("token", "--email", "sarah@dreamflow.example", *at)
    assert token.stdout.count(".") == 2
    tonight = dreamflow("tonight", "--email", "emily@dreamflow.example", "--json", "--at", "21:30", *at)
    assert tonight.returncode == 0, tonight.stderr
    reasons = json.loads(tonight.stdout)["plan"]["minutes"]["reasons"]
    assert "It is late, so the story is shorter." in reasons

    before = stories_in(tmp_path)
    again = dreamflow("demo", "--once", *at)
    assert again.returncode == 0, again.stderr
    assert "The books balance." in again.stdout
    assert stories_in(tmp_path) == before + 1, "the weeks are lived once"


def test_a_demo_that_was_cut_off_while_it_lived_its_weeks_begins_anew(tmp_path: Path) -> None:
    at = ("--data", str(tmp_path))
    killed = subprocess.run([sys.executable, "-c", CUT_OFF, "demo", "--once", *at], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.glob(".history-*/dreamflow.sqlite"))
    assert not (tmp_path / "dreamflow.sqlite").exists()
    ran = dreamflow("demo", "--once", *at)
    assert ran.returncode == 0, ran.stderr
    assert "The books balance." in ran.stdout
    assert (tmp_path / "dreamflow.sqlite").stat().st_mode & 0o077 == 0


def test_two_demos_on_one_folder_are_one_too_many(tmp_path: Path, refused: Refused) -> None:
    with turn(tmp_path / "demo.turn"):
        told = refused("demo", "--once", "--data", str(tmp_path))
    assert "A demo runs on this folder already" in told
