"""`dreamflow outbox`, as an operator meets it."""

import asyncio
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import update

from dreamflow.bootstrap import DATABASE
from dreamflow.entrypoints.cli import State, app, main
from dreamflow.kit.db import Database, PostgresDatabase, SqliteDatabase, migrate
from dreamflow.outbox import DeliveryState, Envelope
from dreamflow.outbox.adapters.sql import append, deliveries
from kit.kit_house import EVENING, SCRIPTS
from outbox.outbox_fakes import heard

COMMANDS = ("ls", "show", "requeue", "drop")
REASON = "400 invalid at /data/attributes/properties [x]"
Ran = tuple[int, str, str]
Run = Callable[..., Ran]


@pytest.fixture
def run(
    tmp_path: Path,
    _restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Run:
    """Run `dreamflow outbox` in this process: status, standard output, standard error."""
    monkeypatch.setenv("DREAMFLOW_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")

    def run(*arguments: str, **settings: str) -> Ran:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["dreamflow", "outbox", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


async def _fill(database: Database, envelopes: Sequence[Envelope], dead: Sequence[str]) -> None:
    ended = {"state": DeliveryState.DEAD, "reason": REASON, "settled_at": EVENING}
    try:
        await database.write(lambda connection: append(connection, envelopes))
        these = update(deliveries).where(deliveries.c.id.in_(dead)).values(ended)
        await database.write(lambda connection: connection.execute(these))
    finally:
        await database.aclose()


@pytest.fixture
def two_dead(tmp_path: Path) -> None:
    """One delivery waits, two are dead."""

    async def fill() -> None:
        database = SqliteDatabase(tmp_path / DATABASE, durable=False)
        await database.write(lambda connection: migrate(connection, SCRIPTS))
        await _fill(database, [heard("e1", "family-1"), heard("e2"), heard("e3")], ["e1", "e2"])

    asyncio.run(fill())


def ids(run: Run, *arguments: str) -> list[str]:
    status, out, _ = run("ls", "--json", *arguments)
    assert status == 0
    return [each["id"] for each in json.loads(out)]


def test_dead_letters_are_listed_without_what_they_say(two_dead: None, run: Run) -> None:
    status, out, err = run("ls")
    assert (status, err) == (0, "")
    assert re.search(r"e2 .*Heard.*10 Mar 19:10", out)
    assert "e3" not in out
    assert REASON in out
    assert "schema" not in out
    status, out, err = run("ls", "--json", "--limit", "1")
    assert json.loads(out) == [
        {"id": "e2", "parent": "p", "name": "Heard", "state": "dead", "reason": REASON, "since": EVENING.isoformat()}
    ]
    assert ids(run, "--state", "pending") == ["e3"]


def test_an_empty_list_says_so_and_is_no_failure(two_dead: None, run: Run) -> None:
    assert run("ls", "--state", "withheld") == (0, "No delivery is withheld.\n", "")
    assert run("ls", "--dropped") == (0, "There is no dropped dead letter.\n", "")
    assert run("ls", "--state", "delivered", "--json") == (0, "[]\n", "")


def test_one_is_shown_whole_to_people_and_to_programs(two_dead: None, run: Run) -> None:
    status, out, _ = run("show", "e1", "--json")
    shown: dict[str, Any] = json.loads(out)
    assert (status, shown["id"], shown["parent"], shown["reason"]) == (0, "e1", "family-1", REASON)
    assert (shown["body"], shown["backfill"]) == ({"what": "e1", "schema": 3, "seq": 1}, False)
    assert (shown["batch"], shown["ended_at"]) == (None, EVENING.isoformat())
    status, out, _ = run("show", "e1")
    lines = dict(re.split(r"  +", line.strip(), maxsplit=1) for line in out.splitlines())
    assert (status, lines["reason"], lines["body"]) == (0, REASON, '{"what": "e1", "schema": 3, "seq": 1}')


def test_a_letter_is_sent_again_and_another_given_up(two_dead: None, run: Run) -> None:
    assert run("requeue", "e1") == (0, "1 to be sent again.\n", "")
    assert ids(run, "--state", "pending") == ["e1", "e3"]
    assert run("drop", "e2", "--reason", "a test") == (
        0,
        "1 dropped. They stay counted as dead; what they said is deleted.\n",
        "",
    )
    assert (ids(run), ids(run, "--dropped")) == ([], ["e2"])
    assert run("requeue", "--all") == (0, "There is nothing to send again.\n", "")


def test_all_of_a_reason_are_sent_again(two_dead: None, run: Run) -> None:
    assert run("requeue", "--all", "--reason-like", "phone") == (0, "There is nothing to send again.\n", "")
    assert run("requeue", "--all", "--reason-like", "Properties [x]") == (0, "2 to be sent again.\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "e9"), "There is no delivery e9."),
        (("requeue", "e1", "e9"), "There is no delivery e9. Nothing was changed."),
        (("requeue", "e3"), "e3 is pending, not dead. Nothing was changed."),
        (("drop", "e3", "--reason", "why not"), "e3 is pending, not dead. Nothing was changed."),
        (("drop", "e1", "--reason", " "), "Give a reason of 1 to 200 characters."),
    ],
)
def test_a_mistake_is_told_in_one_sentence_and_changes_nothing(
    two_dead: None, run: Run, arguments: tuple[str, ...], said: str
) -> None:
    assert run(*arguments) == (2, "", f"dreamflow: {said}\n")
    assert ids(run) == ["e2", "e1"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("requeue",), "Give ids, or --all."),
        (("requeue", "e1", "--all"), "Give ids, or --all."),
        (("requeue", "e1", "--reason-like", "x"), "give --all with it"),
        (("drop", "e1"), "Missing option '--reason'"),
        (("ls", "--state", "lost"), "'lost' is not one of"),
        (("ls", "--dropped", "--state", "pending"), "Only dead letters are dropped."),
    ],
)
def test_options_that_do_not_fit_together_are_refused(
    two_dead: None, run: Run, arguments: tuple[str, ...], said: str
) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert said in err


def test_where_there_is_no_database_none_is_made(tmp_path: Path, run: Run) -> None:
    status, out, err = run("ls")
    assert (status, out) == (2, "")
    assert err == f"dreamflow: There is no database in {tmp_path} yet. See DREAMFLOW_STATE_DIR.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.postgres
def test_the_commands_work_on_postgresql(migrated_postgres_url: str, run: Run) -> None:
    asyncio.run(_fill(PostgresDatabase(migrated_postgres_url), [heard("e1"), heard("e2")], ["e1", "e2"]))
    run("ls", DREAMFLOW_DATABASE__URL=migrated_postgres_url)
    assert ids(run) == ["e2", "e1"]
    assert run("requeue", "e2") == (0, "1 to be sent again.\n", "")
    assert run("show", "e2", "--json")[0] == 0
    assert run("drop", "e1", "--reason", "a test")[0] == 0
    assert ids(run) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_worth_reading(run: Run, command: str) -> None:
    status, out, _ = run(command, "--help")
    assert (status, "Usage: dreamflow outbox" in out) == (0, True)
    assert len(out.splitlines()) > 12


def test_the_states_are_those_of_deliveries() -> None:
    assert {state.value for state in State} == {state.value for state in DeliveryState}
    group: Any = typer.main.get_command(app)
    assert set(group.commands["outbox"].commands) == set(COMMANDS)
