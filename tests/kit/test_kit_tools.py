"""Clocks, ids, times in the database, secrets, logs and failpoints."""

import errno
import io
import json
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import StatementError
from typing_extensions import override

from dreamflow.kit import logging as kit_logging
from dreamflow.kit import private_file, urls
from dreamflow.kit.clock import ManualClock, OffsetClock, SystemClock
from dreamflow.kit.db import SqliteDatabase, UtcDateTime
from dreamflow.kit.errors import FieldError, Invalid, Refused, Unavailable
from dreamflow.kit.failpoints import inert
from dreamflow.kit.ids import RandomIds, SeededIds
from dreamflow.kit.turn import TurnTaken, turn
from kit.kit_house import EVENING


def test_the_machines_clock_is_aware_and_in_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert before <= now <= datetime.now(UTC)


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(EVENING.astimezone(timezone(timedelta(hours=5))))
    assert (clock.now(), clock.now().tzinfo) == (EVENING, UTC)
    clock.advance(timedelta(days=21))
    assert clock.now() == EVENING + timedelta(days=21)
    clock.set(EVENING - timedelta(hours=1))
    assert clock.now() == EVENING - timedelta(hours=1)


def test_an_offset_clock_begins_where_it_is_told_and_keeps_the_others_pace() -> None:
    base = ManualClock(EVENING)
    clock = OffsetClock(base, EVENING + timedelta(days=400))
    assert clock.now() == EVENING + timedelta(days=400)
    base.advance(timedelta(minutes=3))
    assert clock.now() == EVENING + timedelta(days=400, minutes=3)


def test_ids_are_random_uuids_that_tell_no_time() -> None:
    ids = RandomIds()
    made = {ids.new() for _ in range(200)}
    assert len(made) == 200
    assert all(uuid.UUID(each).version == 4 and str(uuid.UUID(each)) == each for each in made)


def test_the_same_seed_gives_the_same_ids_and_another_seed_gives_others() -> None:
    one, same, other = SeededIds(7), SeededIds(7), SeededIds(8)
    first = [one.new() for _ in range(50)]
    assert first == [same.new() for _ in range(50)]
    assert set(first).isdisjoint(other.new() for _ in range(50))
    assert all(uuid.UUID(each).version == 4 for each in first)


moments = Table("moments", MetaData(), Column("n", Integer, primary_key=True), Column("at", UtcDateTime))


async def test_a_stored_moment_comes_back_as_the_same_moment_in_utc(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "house.sqlite")
    await database.write(moments.metadata.create_all)
    told = [EVENING.astimezone(timezone(timedelta(hours=-9, minutes=-30))), EVENING, None]
    await database.write(lambda c: c.execute(insert(moments), [{"n": n, "at": at} for n, at in enumerate(told)]))
    read = await database.read(lambda c: c.execute(select(moments.c.at).order_by(moments.c.n)).scalars().all())
    assert list(read) == told
    assert [at and at.tzinfo for at in read] == [UTC, UTC, None]
    await database.aclose()


ZONES = st.timedeltas(min_value=timedelta(hours=-23), max_value=timedelta(hours=23)).map(timezone)


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=ZONES))  # noqa: DTZ001 - bounds
def test_a_moment_is_text_to_sqlite_as_sqlalchemy_would_write_it(at: datetime) -> None:
    dialect = sqlite.dialect()
    ours = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)
    theirs = sqlite.DATETIME().bind_processor(dialect)
    assert ours is not None
    assert theirs is not None
    assert ours(at) == theirs(at.astimezone(UTC))


async def test_a_moment_without_a_zone_is_refused(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "house.sqlite")
    await database.write(moments.metadata.create_all)
    naive = EVENING.replace(tzinfo=None)
    with pytest.raises(StatementError, match="naive"):
        await database.write(lambda c: c.execute(insert(moments).values(n=1, at=naive)))
    assert await database.read(lambda c: c.execute(select(moments)).all()) == []
    await database.aclose()


def secret(content: bytes = b"a secret") -> Callable[[], bytes]:
    return lambda: content


def test_a_private_file_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "session.key"
    before = os.umask(0)  # the most careless one
    try:
        assert private_file.load_or_create(path, secret()) == b"a secret"
    finally:
        os.umask(before)
    assert private_file.load_or_create(path, secret(b"another one")) == b"a secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["session.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o644, 0o620])
def test_a_private_file_that_others_can_reach_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "session.key"
    private_file.load_or_create(path, secret())
    path.chmod(mode)
    with pytest.raises(private_file.UnusablePrivateFile, match=f"chmod 600 {path}"):
        private_file.load_or_create(path, secret())
    path.chmod(0o600)
    assert private_file.load_or_create(path, secret(b"another one")) == b"a secret"


def test_those_who_start_at_once_agree_on_one_private_file(tmp_path: Path) -> None:
    for round_ in range(20):
        path = tmp_path / f"{round_}.key"
        barrier = threading.Barrier(4)

        def start(number: int, path: Path = path, barrier: threading.Barrier = barrier) -> bytes:
            barrier.wait(10)
            return private_file.load_or_create(path, secret(b"%d" % number))

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(start, range(4))) == [path.read_bytes()] * 4


def test_a_draft_that_comes_second_leaves_the_first_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "session.key"
    with private_file.drafted(path) as draft:
        draft.write_bytes(b"second")
        private_file.load_or_create(path, secret(b"first"))
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_draft_that_was_given_up_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> bytes:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        private_file.load_or_create(tmp_path / "session.key", interrupted)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://stars.example", True),
        ("http://127.0.0.1:8000", True),
        ("http://localhost", True),
        ("http://stars.example", False),
        ("https://user@stars.example", False),
        ("https://stars.example:port", False),
    ],
)
def test_what_is_secret_goes_over_https_or_stays_on_this_machine(url: str, *, safe: bool) -> None:
    assert urls.is_safe(url) is safe


def test_what_libraries_log_is_told_without_their_words() -> None:
    stream = io.StringIO()
    kit_logging.configure(json=True, stream=stream)
    library = logging.getLogger("some.library")
    library.warning("could not read %s", "Canary")
    try:
        raise ValueError("Canary")  # noqa: TRY301 - the failure is what is logged
    except ValueError:
        library.exception("Canary")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line["logger"], line.get("error")) for line in lines] == [
        ("library.log", "some.library", None),
        ("library.log", "some.library", "ValueError"),
    ]
    assert "Canary" not in stream.getvalue()


class FullDisk(io.StringIO):
    @override
    def write(self, s: str, /) -> int:
        raise OSError(errno.ENOSPC, "no space")


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "exception", "critical"])
def test_a_log_that_cannot_be_written_hurts_nobody(level: str) -> None:
    kit_logging.configure(json=True, level="DEBUG", stream=FullDisk())
    getattr(structlog.get_logger(), level)("something.happened")


@pytest.mark.parametrize(
    ("level", "told"),
    [
        (logging.WARNING, None),
        (logging.ERROR, "error"),
        (logging.ERROR + 5, "error"),
        (logging.CRITICAL, "critical"),
        (logging.CRITICAL + 50, "critical"),
    ],
)
def test_what_libraries_log_keeps_its_level(level: int, told: str | None) -> None:
    stream = io.StringIO()
    kit_logging.configure(json=True, level="ERROR", stream=stream)
    logging.getLogger("some.library").log(level, "Canary")
    assert [json.loads(line)["level"] for line in stream.getvalue().splitlines()] == ([] if told is None else [told])


def test_machines_get_one_json_object_a_line_from_the_chosen_level_on() -> None:
    stream = io.StringIO()
    kit_logging.configure(json=True, level="WARNING", stream=stream)
    structlog.get_logger().info("kit.quiet")
    structlog.get_logger().warning("kit.loud", count=3)
    [line] = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert {name: entry[name] for name in ("event", "level", "count")} == {
        "event": "kit.loud",
        "level": "warning",
        "count": 3,
    }
    assert datetime.fromisoformat(entry["timestamp"]).tzinfo is not None
    assert logging.getLogger().level == logging.WARNING


def test_people_get_text_without_control_codes() -> None:
    stream = io.StringIO()
    kit_logging.configure(json=False, stream=stream)
    structlog.get_logger().info("kit.said")
    assert "kit.said" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_an_exception_is_logged_by_type_and_place_without_its_message() -> None:
    def typed_by_a_parent() -> None:
        raise ValueError("Mia-Canary")

    def wrapped() -> None:
        try:
            typed_by_a_parent()
        except ValueError as error:
            raise LookupError("Mia-Canary again") from error

    with pytest.raises(LookupError) as raised:
        wrapped()
    told = kit_logging.where(raised.value)
    assert told["error"] == "LookupError"
    assert any("test_kit_tools.py" in place for place in told["at"])
    assert "Canary" not in str(told)
    assert kit_logging.where(ValueError("Mia-Canary")) == {"error": "ValueError", "at": []}


def test_a_turn_is_held_by_one_at_a_time_and_free_again_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "new" / "worker.turn"
    with turn(path):
        with pytest.raises(TurnTaken, match="Another process"), turn(path):
            raise AssertionError("two have the turn")
        with turn(tmp_path / "other.turn"):
            pass
    with turn(path):
        pass


_HOLDING = """
import sys
from pathlib import Path
from dreamflow.kit.failpoints import kill_at
from dreamflow.kit.turn import turn
with turn(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read(1)
    kill_at("now")("now")
"""


def test_a_turn_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    path = tmp_path / "worker.turn"
    command = [sys.executable, "-c", _HOLDING, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(TurnTaken), turn(path):
            raise AssertionError("two have the turn")
        other.communicate("!", timeout=60)
        assert other.returncode == -signal.SIGKILL
    with turn(path):
        pass


_DYING = """
import sys
from dreamflow.kit.failpoints import kill_at
reach = kill_at("stories.committed")
reach("stories.written")
sys.stdout.write("alive ")
sys.stdout.flush()
reach("stories.committed")
sys.stdout.write("still alive")
sys.stdout.flush()
"""


def test_an_armed_failpoint_ends_the_process_at_its_place_and_nowhere_else() -> None:
    ended = subprocess.run([sys.executable, "-c", _DYING], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout == "alive "
    inert("stories.committed")  # and in production nothing happens


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1))
def test_an_invalid_value_is_told_field_by_field(told: list[tuple[str, str]]) -> None:
    error = Invalid(*(FieldError(pointer, detail) for pointer, detail in told))
    assert [(each.pointer, each.detail) for each in error.errors] == told
    assert error.message == " ".join(detail for _, detail in told)


def test_only_what_is_unavailable_is_worth_another_try() -> None:
    assert Unavailable("Not there.").retryable
    assert not Refused("No.").retryable
