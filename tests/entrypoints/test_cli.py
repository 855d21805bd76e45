"""The command line, as a stranger meets it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dreamflow.kit.turn import turn

COMMANDS = ["demo", "serve", "worker", "emulator", "token", "tonight", "story", "config", "config check"]


def dreamflow(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DREAMFLOW_")}
    return subprocess.run(
        [sys.executable, "-m", "dreamflow", *arguments],
        env={**environment, "COLUMNS": "160", "NO_COLOR": "1", **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_a_command_is_for(command: str) -> None:
    ran = dreamflow(*command.split(), "--help")
    assert ran.returncode == 0
    assert "Usage: " in ran.stdout
    assert len(ran.stdout.splitlines()) > 5


def test_a_story_needs_nothing_but_a_seed_and_comes_out_the_same(tmp_path: Path) -> None:
    arguments = ("story", "--seed", "11", "--minutes", "4", "--child", "Ada:5", "--child", "Bo:8", "--json")
    first, second = (dreamflow(*arguments, PYTHONHASHSEED=seed) for seed in ("1", "2"))
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
        (("config", "check"), {"DREAMFLOW_KLAVYIO__API_KEY": "pk_x"}, "DREAMFLOW_KLAVYIO__API_KEY"),
        (("config", "check"), {"DREAMFLOW_KLAVIYO__BASE_URL": "foo"}, "DREAMFLOW_KLAVIYO__BASE_URL"),
        (("config", "check"), {"DREAMFLOW_HTTP__PORT": "many"}, "DREAMFLOW_HTTP__PORT"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], settings: dict[str, str], said: str
) -> None:
    ran = dreamflow(*arguments, DREAMFLOW_STATE_DIR=str(tmp_path), **settings)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_serve_refuses_the_demos_issuer(tmp_path: Path) -> None:
    issuers = json.dumps([{"issuer": "urn:dreamflow:demo", "audience": "dreamflow", "hs256_secret": "x" * 40}])
    ran = dreamflow("serve", DREAMFLOW_STATE_DIR=str(tmp_path), DREAMFLOW_IDENTITY__ISSUERS=issuers)
    assert ran.returncode == 2
    assert "vouches for anybody" in ran.stderr


def test_config_check_shows_settings_and_hides_secrets(tmp_path: Path) -> None:
    ran = dreamflow("config", "check", DREAMFLOW_STATE_DIR=str(tmp_path), DREAMFLOW_KLAVIYO__API_KEY="pk_very_secret")
    assert ran.returncode == 0
    assert f"DREAMFLOW_STATE_DIR={tmp_path}" in ran.stdout
    assert "DREAMFLOW_KLAVIYO__API_KEY=**********" in ran.stdout
    assert "pk_very_secret" not in ran.stdout


def test_the_demo_once_prints_the_plan_the_story_and_what_klaviyo_has(tmp_path: Path) -> None:
    ran = dreamflow("demo", "--once", "--data", str(tmp_path), DREAMFLOW_KLAVIYO__API_KEY="pk_real_account")
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

    again = dreamflow("demo", "--once", *at)
    assert again.returncode == 0, again.stderr
    assert "The books balance." in again.stdout


def test_a_demo_that_was_cut_off_while_it_lived_its_weeks_begins_anew(tmp_path: Path) -> None:
    aside = tmp_path / ".history-cut-off"
    aside.mkdir()
    (aside / "dreamflow.sqlite").write_bytes(b"half a life")
    ran = dreamflow("demo", "--once", "--data", str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "dreamflow.sqlite").stat().st_mode & 0o077 == 0


def test_two_demos_on_one_folder_are_one_too_many(tmp_path: Path) -> None:
    with turn(tmp_path / "demo.turn"):
        ran = dreamflow("demo", "--once", "--data", str(tmp_path))
    assert ran.returncode == 2
    assert "A demo runs on this folder already" in ran.stderr
