"""The PostgreSQL of tests and benches: what it keeps, what it forgets, what it leaves behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from dreamflow.bench.servers.postgres_process import NoPostgresError, PostgresProcess, postgres_programs
from postgres_server import folder_for_postgres

pytestmark = pytest.mark.postgres

# Starts a server, says the numbers of its processes, and waits to be killed.
OWNER = """\
import sys, time
from pathlib import Path
from dreamflow.bench.servers.postgres_process import PostgresProcess, postgres_programs
process = PostgresProcess(postgres_programs(), Path(sys.argv[1]), quick=True)
process.start()
print(process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(postgres_of_the_session: PostgresProcess) -> Iterator[Path]:
    with folder_for_postgres() as empty:
        yield empty


def ask(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
        return row[0] if row else None


def write(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def processes_of(pid: int) -> set[int]:
    """A process and its children that still run."""
    found: set[int] = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z" and pid in {int(stat.parent.name), int(parent)}:
            found.add(int(stat.parent.name))
    return found


def running(pids: set[int]) -> set[int]:
    return {pid for pid in pids if pid in processes_of(pid)}


def test_each_database_is_new_and_belongs_to_a_role_without_power(new_postgres_database: Callable[..., str]) -> None:
    one, other = new_postgres_database(), new_postgres_database()
    write(one, "CREATE TABLE t (x int)")
    assert ask(other, "SELECT to_regclass('t')") is None
    assert ask(one, "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user") is False


def test_a_database_can_be_copied(new_postgres_database: Callable[..., str]) -> None:
    origin = new_postgres_database()
    write(origin, "CREATE TABLE t (x int)", "INSERT INTO t VALUES (7)")
    copy = new_postgres_database(template=origin.rpartition("/")[2])
    write(copy, "INSERT INTO t VALUES (8)")
    assert ask(copy, "SELECT array_agg(x) FROM t") == [7, 8]
    assert ask(origin, "SELECT array_agg(x) FROM t") == [7]


def test_it_listens_on_loopback_only(postgres_url: str) -> None:
    assert ask(postgres_url, "SELECT current_setting('listen_addresses')") == "127.0.0.1"


@pytest.mark.parametrize("interruption", ["restart", "kill"])
def test_what_was_committed_survives_and_the_address_stays(
    postgres_process: PostgresProcess, postgres_url: str, interruption: str
) -> None:
    write(postgres_url, "CREATE TABLE t (x int)", "INSERT INTO t VALUES (7)")
    before = processes_of(postgres_process.pid)
    assert len(before) > 1
    with psycopg.connect(postgres_url) as open_connection:
        if interruption == "kill":
            postgres_process.kill()
            assert not running(before)
            postgres_process.start()
        else:
            postgres_process.restart()
        with pytest.raises(psycopg.OperationalError):
            open_connection.execute("INSERT INTO t VALUES (8)")
    assert ask(postgres_url, "SELECT array_agg(x) FROM t") == [7]
    assert not running(before)


def test_a_stopped_server_is_gone_until_it_is_started(postgres_process: PostgresProcess, postgres_url: str) -> None:
    pids = processes_of(postgres_process.pid)
    postgres_process.stop()
    postgres_process.stop()
    assert not running(pids)
    with pytest.raises(NoPostgresError, match="not running"):
        postgres_process.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres_url)
    postgres_process.start()
    pid = postgres_process.pid
    postgres_process.start()
    assert postgres_process.pid == pid
    assert ask(postgres_url, "SELECT 1") == 1


def test_one_that_ended_by_itself_can_be_started(postgres_process: PostgresProcess, postgres_url: str) -> None:
    pids = processes_of(postgres_process.pid)
    os.kill(postgres_process.pid, signal.SIGQUIT)
    until(lambda: not running(pids))
    postgres_process.start()
    assert ask(postgres_url, "SELECT 1") == 1


def test_backends_can_be_cut_off(postgres_process: PostgresProcess, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert postgres_process.terminate_backends() >= 1
        with pytest.raises(psycopg.OperationalError) as raised:
            connection.execute("SELECT 1")
    assert raised.value.sqlstate == "57P01"


def test_settings_hold_and_only_a_quick_one_does_not_wait_for_the_disk(folder: Path, postgres_url: str) -> None:
    process = PostgresProcess(programs(), folder, settings={"max_connections": "17"})
    with pytest.raises(NoPostgresError, match="not started"):
        process.url("any")
    try:
        process.start()
        process.create_database("one")
        assert ask(process.url("one"), "SELECT current_setting('max_connections')") == "17"
        assert ask(process.url("one"), "SELECT current_setting('fsync')") == "on"
    finally:
        process.stop()
    assert ask(postgres_url, "SELECT current_setting('fsync')") == "off"


def test_one_that_cannot_start_says_why(folder: Path) -> None:
    (folder / "data").write_text("in the way")
    with pytest.raises(NoPostgresError, match=r"did not start.*Not a directory"):
        PostgresProcess(programs(), folder).start()


def test_none_outlives_the_process_that_started_it(folder: Path) -> None:
    with subprocess.Popen((sys.executable, "-c", OWNER, folder), stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = processes_of(int(owner.stdout.readline()))
        assert len(pids) > 1
        owner.kill()
    until(lambda: not running(pids))


def programs() -> Path:
    found = postgres_programs()
    assert found is not None
    return found


def until(reached: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < ends_at
        time.sleep(0.01)
