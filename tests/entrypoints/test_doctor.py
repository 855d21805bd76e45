"""`dreamflow doctor`: what is well, what is not, and what to do, though half of the house be broken."""

import asyncio
import json
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from dreamflow.bench.client.limits.redis_process import RedisProcess
from dreamflow.bench.servers.kafka_process import KafkaProcess
from dreamflow.bootstrap import DATABASE, upgrade
from dreamflow.entrypoints.doctor.delivery import Records
from dreamflow.entrypoints.doctor.model import State
from dreamflow.kit.clock import ManualClock
from dreamflow.settings import DatabaseSettings, Settings
from entrypoints.command_line import Command, command
from kafka_server import create_topic
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import RunningEmulator, running_emulator
from world import world

__all__ = ["command"]

EMAIL = "canary@families.example"
CHILD = "Canary"


class Doctor:
    """What the doctor finds in one house, part by part."""

    def __init__(self, command: Command, state: Path, **settings: str) -> None:
        self._command = command
        self._settings = {"DREAMFLOW_STATE_DIR": str(state), **settings}

    def look(self, **more: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """The exit status, and what is said of each part."""
        ended = self._command("doctor", "--json", **{**self._settings, **more})
        assert "canary" not in (ended.out + ended.err).lower()
        told = json.loads(ended.out)
        assert told["trouble"] == (ended.status == 1)
        return ended.status, {check["part"]: check for check in told["checks"]}

    def state_of(self, part: str, **more: str) -> str:
        return self.look(**more)[1][part]["state"]


def live(state: Path, klaviyo_url: str, *, delivers: bool = True) -> None:
    """One evening of one family."""

    async def evening() -> None:
        async with world(state, klaviyo_url) as opened:
            home = await opened.family((CHILD, 5), email=EMAIL)
            await home.tell()
            if delivers:
                await opened.deliver()

    asyncio.run(evening())


@pytest.fixture(scope="module")
def account() -> Iterator[RunningEmulator]:
    """Klaviyo for all houses here: nobody changes it after the first evening."""
    with running_emulator(EmulatorConfig(limits=False)) as running:
        yield running


@pytest.fixture(scope="module")
def first_evening(tmp_path_factory: pytest.TempPathFactory, account: RunningEmulator) -> Path:
    """The state of a house in which one evening was lived."""
    state = tmp_path_factory.mktemp("first") / "state"
    live(state, account.url)
    return state


@pytest.fixture
def lived(tmp_path: Path, first_evening: Path, account: RunningEmulator, command: Command) -> Doctor:
    """The doctor of a house where all is well, in the folder "state"."""
    shutil.copytree(first_evening, tmp_path / "state")
    return Doctor(command, tmp_path / "state", **reaching(account.url))


def reaching(klaviyo_url: str) -> dict[str, str]:
    return {"DREAMFLOW_KLAVIYO__API_KEY": "pk_test", "DREAMFLOW_KLAVIYO__BASE_URL": klaviyo_url}


def change(state: Path, *statements: str) -> None:
    """Do to a database what must not happen."""
    with closing(sqlite3.connect(state / DATABASE)) as database, database:
        for statement in statements:
            database.execute(statement)


@pytest.fixture
def closed() -> Iterator[int]:
    """A port on which nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_house_where_all_is_well(lived: Doctor) -> None:
    status, found = lived.look()
    assert status == 0
    assert {part for part, check in found.items() if check["state"] == "ok"} == {
        "settings",
        "state folder",
        "database",
        "books",
        "oldest waiting",
        "dead letters",
        "workers",
        "clock",
        "Klaviyo",
    }
    assert {part for part, check in found.items() if check["state"] == "skipped"} == {"Redis", "Kafka"}
    assert found["Klaviyo"]["says"].startswith("account ")
    assert found["database"]["says"].endswith("schema 0002, takes writes")
    assert " + 0 pending" in found["books"]["says"]


def test_for_people_there_is_one_line_for_each_part(lived: Doctor, command: Command, tmp_path: Path) -> None:
    (tmp_path / "state" / "session.key").chmod(0o644)
    ended = command("doctor", DREAMFLOW_STATE_DIR=str(tmp_path / "state"))
    lines = ended.out.splitlines()
    assert ended.status == 1
    assert len(lines) == len(lived.look()[1])
    key = tmp_path / "state" / "session.key"
    assert lines[1] == f"trouble state folder    other users can read {key}. Run 'chmod 600 {key}'."


def test_a_house_that_nobody_has_entered_yet_is_not_in_trouble(tmp_path: Path, command: Command) -> None:
    status, found = Doctor(command, tmp_path / "new").look()
    assert status == 0
    assert [found[part]["state"] for part in ("state folder", "database", "books")] == ["warning", "warning", "skipped"]
    assert not (tmp_path / "new").exists(), "looking makes nothing"


def test_settings_that_cannot_be_used_are_named_and_end_the_look(tmp_path: Path, command: Command) -> None:
    status, found = Doctor(command, tmp_path).look(DREAMFLOW_HTTP__PORT="-1")
    assert (status, list(found)) == (1, ["settings"])
    assert "DREAMFLOW_HTTP__PORT" in found["settings"]["says"]


@pytest.mark.parametrize(
    ("harm", "part", "state"),
    [
        ("DELETE FROM deliveries WHERE seq = 1", "books", "trouble"),
        ("UPDATE deliveries SET state = 'dead' WHERE seq = 1", "dead letters", "warning"),
        ("UPDATE batches SET open = 1", "workers", "warning"),
        ("UPDATE alembic_version SET version_num = '0001'", "database", "trouble"),
        ("UPDATE alembic_version SET version_num = '9999'", "database", "trouble"),
        ("DROP TABLE leases", "database", "trouble"),
    ],
)
def test_what_is_wrong_with_deliveries_is_seen(lived: Doctor, tmp_path: Path, harm: str, part: str, state: str) -> None:
    change(tmp_path / "state", harm)
    status, found = lived.look()
    assert found[part]["state"] == state
    assert status == (1 if state == "trouble" else 0)
    assert found["Klaviyo"]["state"] == "ok", "the rest is looked at all the same"


def test_a_dead_letter_that_was_dropped_is_nobodys_worry(lived: Doctor, tmp_path: Path) -> None:
    change(
        tmp_path / "state",
        "UPDATE deliveries SET state = 'dead' WHERE seq = 1",
        "INSERT INTO dropped_letters SELECT id, 'seen', '2026-01-01' FROM deliveries WHERE seq = 1",
    )
    assert lived.state_of("dead letters") == "ok"


def test_what_waits_for_long_is_seen(tmp_path: Path, klaviyo: RunningEmulator, command: Command) -> None:
    state = tmp_path / "state"
    live(state, klaviyo.url, delivers=False)
    doctor = Doctor(command, state, **reaching(klaviyo.url))
    for minutes, seen in ((5, "ok"), (16, "trouble")):
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        change(state, f"UPDATE journal SET occurred_at = '{at:%Y-%m-%d %H:%M:%S.%f}'")
        _, found = doctor.look()
        assert found["oldest waiting"]["state"] == seen
        assert f"for {minutes} min" in found["oldest waiting"]["says"]
        assert found["workers"]["state"] == "warning", "nobody delivers"
    assert doctor.state_of("oldest waiting", DREAMFLOW_KLAVIYO__API_KEY="") == "warning"


@pytest.mark.parametrize(
    ("harm", "part"),
    [
        (lambda state: (state / "session.key").chmod(0o640), "state folder"),
        (lambda state: (state / DATABASE).chmod(0o644), "state folder"),
        (lambda state: (state / "session.key").write_bytes(b"short"), "state folder"),
        (lambda state: (state / DATABASE).write_bytes(b"no database at all, but long enough " * 200), "database"),
    ],
    ids=["open key", "open database", "no key", "no database"],
)
def test_what_is_wrong_with_files_is_seen(
    lived: Doctor, tmp_path: Path, harm: Callable[[Path], object], part: str
) -> None:
    harm(tmp_path / "state")
    status, found = lived.look()
    assert (status, found[part]["state"]) == (1, "trouble")
    assert found["Klaviyo"]["state"] == "ok"


def test_a_folder_that_others_may_enter_is_worth_a_word(lived: Doctor, tmp_path: Path) -> None:
    (tmp_path / "state").chmod(0o755)
    status, found = lived.look()
    assert (status, found["state folder"]["state"]) == (0, "warning")


def test_klaviyo_that_refuses_the_key_is_trouble_and_one_that_is_away_is_not(lived: Doctor, closed: int) -> None:
    with running_emulator(EmulatorConfig(keys={"pk_other": frozenset()})) as strict:
        assert lived.state_of("Klaviyo", **reaching(strict.url)) == "trouble"
    status, found = lived.look(**reaching(f"http://127.0.0.1:{closed}"))
    assert (status, found["Klaviyo"]["state"]) == (0, "warning")


@pytest.mark.redis
def test_redis_is_asked_where_it_is_configured(lived: Doctor, redis_process: RedisProcess) -> None:
    assert lived.state_of("Redis", DREAMFLOW_REDIS__URL=redis_process.url) == "ok"
    redis_process.stop()
    status, found = lived.look(DREAMFLOW_REDIS__URL=redis_process.url)
    assert (status, found["Redis"]["state"]) == (1, "trouble")
    assert found["Klaviyo"]["state"] == "ok"


def test_a_kafka_that_is_not_there_is_seen(lived: Doctor, closed: int) -> None:
    status, found = lived.look(DREAMFLOW_KAFKA__BOOTSTRAP=f"127.0.0.1:{closed},[::1]:{closed}")
    assert (status, found["Kafka"]["state"]) == (1, "trouble")
    assert "0 of 2 brokers" in found["Kafka"]["says"]


@pytest.mark.kafka
def test_kafka_is_asked_for_its_topic(lived: Doctor, kafka: KafkaProcess, closed: int) -> None:
    at = {"DREAMFLOW_KAFKA__BOOTSTRAP": kafka.bootstrap}
    some = {"DREAMFLOW_KAFKA__BOOTSTRAP": f"{kafka.bootstrap},127.0.0.1:{closed}"}
    assert lived.state_of("Kafka", **at, DREAMFLOW_KAFKA__TOPIC="doctor.none") == "warning"
    for topic, partitions, state in (("doctor.right", 64, "ok"), ("doctor.wrong", 3, "trouble")):
        asyncio.run(create_topic(kafka.bootstrap, topic, partitions=partitions))
        ends_at = time.monotonic() + 20  # a broker takes its time to show a new topic
        while (seen := lived.state_of("Kafka", **at, DREAMFLOW_KAFKA__TOPIC=topic)) == "warning":
            assert time.monotonic() < ends_at
        assert seen == state
    assert lived.state_of("Kafka", **some, DREAMFLOW_KAFKA__TOPIC="doctor.right") == "warning"


@pytest.mark.postgres
def test_postgres_is_looked_at_like_the_file(command: Command, tmp_path: Path, postgres_url: str) -> None:
    doctor = Doctor(command, tmp_path, DREAMFLOW_DATABASE__URL=postgres_url)
    assert doctor.look()[1]["database"]["do"] == "Run 'dreamflow db upgrade'."
    settings = Settings(state_dir=tmp_path, database=DatabaseSettings(url=SecretStr(postgres_url)))
    asyncio.run(upgrade(settings))
    status, found = doctor.look()
    assert status == 0
    assert {found[part]["state"] for part in ("database", "books", "workers", "clock")} == {"ok"}

    async def clock_that_is_off(seconds: float) -> State:
        clock = ManualClock(datetime.now(UTC) + timedelta(seconds=seconds))
        looks = dict(Records(settings, clock).looks())
        await looks["database"]()
        return (await looks["clock"]()).state

    assert asyncio.run(clock_that_is_off(3)) is State.WARNING
    assert asyncio.run(clock_that_is_off(-30)) is State.TROUBLE


def test_a_part_that_cannot_be_looked_at_is_trouble_and_the_others_are_looked_at(
    lived: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: Settings) -> None:
        raise ZeroDivisionError("canary")

    monkeypatch.setattr("dreamflow.entrypoints.doctor.look_at_klaviyo", fail)
    status, found = lived.look()
    assert status == 1
    assert found["Klaviyo"]["says"] == "it could not be looked at (ZeroDivisionError)"
    assert found["Kafka"]["state"] == "skipped"
