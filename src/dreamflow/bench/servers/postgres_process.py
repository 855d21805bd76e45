"""A PostgreSQL of one's own: a process on loopback, with its data in a folder of the caller's."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from dreamflow.bench.servers.leash import Leash

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE_SECONDS = 60.0  # recovery after SIGKILL included
_POLL_SECONDS = 0.005
_SERVERS_USER = "postgres"  # who runs it when we are root, whom it refuses

# Below the ports that the system gives to outgoing connections: a client that tries again and again while the server
# is away would sooner or later be given the server's own port, and connect to itself.
_FIRST_PORT, _PORTS = 15_000, 10_000

_ALWAYS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",  # within the folder, so that nothing stays behind
    "logging_collector": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For tests that end with the machine anyway: nothing waits for the disk. It still survives the death of its processes.
_QUICK: Final = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB", "max_wal_size": "256MB"}


class NoPostgresError(Exception):
    """It does not start; the message ends with what it said."""


def postgres_programs() -> Path | None:
    """The folder with `initdb` and `postgres`, or none if they are not here or there is no user to run them."""
    if os.geteuid() == 0 and not _has_user():
        return None
    on_path = shutil.which("postgres")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    if config := shutil.which("pg_config"):
        said = subprocess.run((config, "--bindir"), capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
        candidates.append(Path(said.stdout.strip()))
    # Debian keeps them off the path, one folder for each major version.
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    return next((path for path in candidates if (path / "initdb").is_file() and (path / "postgres").is_file()), None)


class PostgresProcess:
    """A PostgreSQL on a port of its own, which keeps its data from one start to the next.

    The role `app` may log in without a password and is no superuser; it owns the databases made here. Texts sort by
    their bytes (locale C). Every commit waits for the disk as it does in production, unless it is `quick`.

    Args:
        programs: where `initdb` and `postgres` are; see `postgres_programs`.
        folder: an empty one, or that of a former process. When we are root it is given to the user postgres, who must
            be able to enter the folders above: pytest's own cannot be entered, one made by `tempfile` can.
        settings: of the server, e.g. `{"max_connections": "400"}`; they win over those of this class.
        quick: for tests: nothing waits for the disk.
    """

    def __init__(
        self, programs: Path, folder: Path, *, settings: Mapping[str, str] | None = None, quick: bool = False
    ) -> None:
        self._programs = programs
        self._data = folder / "data"
        self.log: Final = folder / "log"
        self._settings = {**_ALWAYS, **(_QUICK if quick else {}), **(settings or {})}
        self._user: int | None = None
        self._group: int | None = None
        if os.geteuid() == 0:
            user = pwd.getpwnam(_SERVERS_USER)
            self._user, self._group = user.pw_uid, user.pw_gid
            os.chown(folder, user.pw_uid, user.pw_gid)
        self._port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: Leash | None = None

    @property
    def pid(self) -> int:
        """The number of its first process, the parent of all others; it is running."""
        return self._running().pid

    def url(self, database: str) -> str:
        """Where a database of it is, for the role `app`; the same after each start. Not known before the first."""
        return f"postgresql://app@127.0.0.1:{self._listening()}/{database}"

    def start(self) -> None:
        """Start it with what the folder holds, and wait until it accepts connections, recovery included.

        Nothing, if it is running.

        Raises:
            NoPostgresError: It does not start.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self._end(signal.SIGKILL)  # of one that ended by itself
        is_new = not self._data.exists()
        if is_new:
            self._initialise()
        if self._port is None:
            self._port = _free_port()
        command = [self._programs / "postgres", "-D", self._data, "-p", str(self._port)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self._process = process = subprocess.Popen(  # noqa: S603 - our own
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",  # which every user can enter
                start_new_session=True,  # Ctrl-C in the terminal is for us to answer, and to pass on
                user=self._user,
                group=self._group,
                extra_groups=self._groups(),
            )
        self._leash = Leash(process.pid, "QUIT")
        self._wait_until_ready()
        if is_new:
            self._tell(sql.SQL("CREATE ROLE app LOGIN"))

    def stop(self) -> None:
        """End it in good order: clients are thrown out, what was committed is on the disk.

        Nothing, if it is not running.
        """
        self._end(signal.SIGINT)

    def restart(self) -> None:
        """Stop it in good order and start it again."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End all its processes at once with SIGKILL. Other than in a power cut, what it gave to the system is kept."""
        process = self._running()
        os.kill(process.pid, signal.SIGSTOP)  # so that it can neither start another nor send the others home
        children = _children(process.pid)
        for child in children:
            os.kill(child, signal.SIGKILL)
        self._end(signal.SIGKILL)
        _wait_until_gone(children)

    def create_database(self, name: str, *, template: str = "template1") -> None:
        """Make a database that `app` owns: an empty one, or a copy of one that nobody is connected to."""
        names = (sql.Identifier(name), sql.Identifier(template))
        self._tell(sql.SQL("CREATE DATABASE {} OWNER app TEMPLATE {}").format(*names))

    def drop_database(self, name: str) -> None:
        """Remove a database, and whoever is connected to it."""
        self._tell(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def terminate_backends(self) -> int:
        """Cut off every client, as an administrator does; returns how many there were."""
        with self._administrator() as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            return ended.rowcount

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise NoPostgresError("PostgreSQL is not running")
        return self._process

    def _listening(self) -> int:
        if self._port is None:
            raise NoPostgresError("PostgreSQL was not started yet")
        return self._port

    def _administrator(self) -> psycopg.Connection[Any]:
        """A connection of the superuser: it finds a place where `app` does not any more."""
        return psycopg.connect(f"postgresql://postgres@127.0.0.1:{self._listening()}/postgres", autocommit=True)

    def _tell(self, statement: sql.Composed | sql.SQL) -> None:
        with self._administrator() as connection:
            connection.execute(statement)

    def _initialise(self) -> None:
        command = (self._programs / "initdb", "-D", self._data, "-U", _SERVERS_USER, "-A", "trust", "--no-sync")
        options = ("--locale=C", "--encoding=UTF8", "--no-instructions")
        done = subprocess.run(  # noqa: S603 - our own
            (*command, *options),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            user=self._user,
            group=self._group,
            extra_groups=self._groups(),
        )
        if done.returncode:
            raise NoPostgresError(f"initdb failed: {done.stderr.strip()}")

    def _groups(self) -> tuple[int, ...] | None:
        return None if self._user is None else ()  # none of root's

    def _wait_until_ready(self) -> None:
        process = self._running()
        ends_at = time.monotonic() + _PATIENCE_SECONDS
        while not self._is_ready(process.pid):
            if process.poll() is not None or time.monotonic() > ends_at:
                self._end(signal.SIGQUIT)
                said = self.log.read_text(errors="replace").splitlines()[-3:]
                raise NoPostgresError(f"PostgreSQL did not start: {' | '.join(said)}")
            time.sleep(_POLL_SECONDS)

    def _is_ready(self, pid: int) -> bool:
        """Read from its own file, as `pg_ctl` does: the process in the first line, its state in the eighth."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return lines[:1] == [str(pid)] and [line.strip() for line in lines[7:8]] == ["ready"]

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._leash is not None:
            self._leash.release()
        # In bad cases ever harder: in good order, at once, without its consent.
        for step in dict.fromkeys((how, signal.SIGQUIT, signal.SIGKILL)):
            self._process.send_signal(step)
            try:
                self._process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            break
        self._process = self._leash = None


def _version(programs: Path) -> float:
    name = programs.parent.name
    return float(name) if re.fullmatch(r"\d+(\.\d+)?", name) else 0


def _has_user() -> bool:
    try:
        pwd.getpwnam(_SERVERS_USER)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    for step in range(_PORTS):
        # Processes that look at the same time begin at different places.
        port = _FIRST_PORT + (os.getpid() * 101 + step) % _PORTS
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise NoPostgresError("no port is free")


def _children(pid: int) -> list[int]:
    """The processes that one has started and that still run, where the system tells (Linux)."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it ended meanwhile
        if int(parent) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def _wait_until_gone(pids: list[int]) -> None:
    """Until none of them holds the shared memory any more, so that the server can be started again."""
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    for pid in pids:
        while _is_alive(pid) and time.monotonic() < ends_at:
            time.sleep(_POLL_SECONDS)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
