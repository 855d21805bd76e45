"""SQLite with one writer thread and group commit.

Why a thread of its own: under SQLite's default begin, concurrent read-modify-writes lose updates silently, and
one fsync per transaction caps the rate. Here all writes run one after another under `BEGIN IMMEDIATE`; those
that wait while a commit is on its way share the next one (`synchronous=FULL`). Each function has its own
savepoint, so one that raises undoes only itself.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, exc
from typing_extensions import override

from dreamflow.kit.db.database import Database, DatabaseUnavailable
from dreamflow.kit.private_file import drafted

T = TypeVar("T")

_READERS = 4
_GROUP_LIMIT = 256  # transactions in one commit: bounds the wait of the first
_BUSY_TIMEOUT_SECONDS = 10.0  # for another process on the same file

# What a statement may do wrong; any other error of the driver is the database itself: full, locked, gone, damaged.
_OF_THE_CALLER = (exc.IntegrityError, exc.DataError, exc.ProgrammingError, exc.NotSupportedError)

_Job = tuple[Callable[[Connection], Any], "Future[Any]"]


class SqliteDatabase(Database):
    """One SQLite file in WAL mode.

    Several processes may open the same file; each has its own writer thread and they take turns.

    Args:
        path: the file; made when it is missing, readable by its owner only.
        durable: whether a write waits for the disk; only a file that is thrown away after a crash can do without.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        _create(path)
        self._write_engine = _engine(path, begin="BEGIN IMMEDIATE", connections=1, durable=durable)
        self._read_engine = _engine(path, begin="BEGIN", connections=_READERS, durable=durable)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="dreamflow-read")
        self._writer = threading.Thread(target=self._write_loop, name="dreamflow-write", daemon=True)
        self._is_closed = False
        self._writer.start()

    @override
    async def read(self, fn: Callable[[Connection], T]) -> T:
        self._refuse_when_closed()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, fn)

    @override
    async def write(self, fn: Callable[[Connection], T]) -> T:
        self._refuse_when_closed()  # nobody would answer
        future: Future[T] = Future()
        self._jobs.put((fn, future))
        return await asyncio.wrap_future(future)

    @override
    async def aclose(self) -> None:
        self._is_closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        self._write_engine.dispose()
        self._read_engine.dispose()

    def _refuse_when_closed(self) -> None:
        if self._is_closed:
            raise DatabaseUnavailable("The database is closed. Nothing was stored.")

    def _read(self, fn: Callable[[Connection], T]) -> T:
        try:
            with self._read_engine.connect() as connection, connection.begin():
                return fn(connection)
        except exc.DatabaseError as error:
            if isinstance(error, _OF_THE_CALLER):
                raise
            raise _unavailable(error) from error

    def _write_loop(self) -> None:
        group: list[_Job] = []
        while (job := self._jobs.get()) is not None:
            group.append(job)
            last = self._gather(group)
            self._commit([member for member in group if member[1].set_running_or_notify_cancel()])
            group.clear()
            if last:
                return

    def _gather(self, group: list[_Job]) -> bool:
        """Take along whatever already waits; true when the end was asked for."""
        while len(group) < _GROUP_LIMIT:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return False
            if job is None:
                return True
            group.append(job)
        return False

    def _commit(self, group: list[_Job]) -> None:
        settled: list[tuple[Future[Any], Any, Exception | None]] = []
        try:
            with self._write_engine.connect() as connection, connection.begin():
                for fn, future in group:
                    settled.append((future, *_attempt(connection, fn)))
        except exc.SQLAlchemyError as error:
            # Begin or commit failed: none of the group is durable, whatever its functions returned.
            for _, future in group:
                future.set_exception(_unavailable(error))
            return
        for future, value, error in settled:
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)


def _attempt(connection: Connection, fn: Callable[[Connection], Any]) -> tuple[Any, Exception | None]:
    savepoint = connection.begin_nested()
    try:
        value = fn(connection)
    except Exception as error:  # noqa: BLE001 - handed to the caller who sent the function
        savepoint.rollback()
        is_refusal = isinstance(error, exc.DatabaseError) and not isinstance(error, _OF_THE_CALLER)
        return None, _unavailable(error) if is_refusal else error
    savepoint.commit()
    return value, None


def _create(path: Path) -> None:
    """Make an empty database in WAL mode that only its owner may read: children's names will be in it.

    It is made aside and linked into place: processes that start at once would refuse each other the switch to WAL.
    An existing file is not opened here, because closing it would drop the locks that SQLite holds on it.
    """
    if path.exists():
        return
    with drafted(path) as draft, closing(sqlite3.connect(draft)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def _unavailable(error: Exception) -> DatabaseUnavailable:
    unavailable = DatabaseUnavailable("The database did not accept the request. Nothing was stored; try again.")
    unavailable.__cause__ = error
    return unavailable


def _engine(path: Path, *, begin: str, connections: int, durable: bool) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # a failed statement must not put a child's name into a log
    )

    def emit_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "begin", emit_begin)
    return engine
