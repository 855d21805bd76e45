"""One writer thread with group commit, one reader thread, over SQLite.

Writes that arrive while a commit is under way share the next transaction, each in its own savepoint: the changes of a
request are kept or dropped together, and many requests share one flush to disk. An answer is given only after the
commit. A state in memory has one connection, so its reads wait in the writer's queue.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from klaviyo_emulator.state import segmentation
from klaviyo_emulator.state.schema import StateError, prepare, prepare_in_memory

MEMORY = ":memory:"
_MAXIMUM_BATCH = 256
_BUSY_SECONDS = 5.0
_CHECKPOINT_PAGES = 8192
"""How long the log grows until it is written back: a page of an index that changes often is written back once."""

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]


class StateUnavailableError(RuntimeError):
    """A transaction could not be made durable; nothing of it is stored."""


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work[Any]
    future: Future[Any]


class Database:
    """The state's only door. `read` and `write` may be called from any thread; their work runs on the state's own."""

    def __init__(self, path: str) -> None:
        """Open the file, or an empty state in memory. Raises StateError when the file cannot be used."""
        try:
            writing = _connect(path)
        except (sqlite3.Error, StateError) as error:
            raise StateError(f"cannot open the state in {path}: {error}") from error
        self._writer = _Worker(writing, "BEGIN IMMEDIATE", "klaviyo-emulator-writer")
        self._reader = self._writer
        if path != MEMORY:
            reading = _connect(path)
            reading.execute("PRAGMA query_only = ON")
            self._reader = _Worker(reading, "BEGIN", "klaviyo-emulator-reader")

    def write(self, work: Work[Result]) -> Future[Result]:
        """Run `work` in a transaction. What it raises rolls back its own changes and no others."""
        return self._writer.submit(work)

    def read(self, work: Work[Result]) -> Future[Result]:
        """Run `work`, which must not write, on a consistent snapshot."""
        return self._reader.submit(work)

    def close(self) -> None:
        """Finish what was submitted, then close the file. May be called twice."""
        self._reader.stop()
        self._writer.stop()


class _Worker:
    def __init__(self, connection: sqlite3.Connection, begin: str, name: str) -> None:
        self._connection = connection
        self._begin = begin
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Work[Result]) -> Future[Result]:
        future: Future[Result] = Future()
        with self._gate:
            if self._stopped:
                raise StateUnavailableError("the state is closed")
            self._queue.put(_Job(work, future))
        return future

    def stop(self) -> None:
        with self._gate:
            if not self._stopped:
                self._stopped = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            batch: list[_Job] = []
            job = self._queue.get()
            while job is not None:
                batch.append(job)
                if len(batch) == _MAXIMUM_BATCH or self._queue.empty():
                    break
                job = self._queue.get()
            running = job is not None
            if batch:
                self._transact(batch)
        self._connection.close()

    def _transact(self, batch: list[_Job]) -> None:
        outcomes: list[tuple[Any, BaseException | None]] = []
        try:
            self._connection.execute(self._begin)
            outcomes.extend(self._attempt(job.work) for job in batch)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            # Where a full disk has ended the transaction, a savepoint is missing next.
            failure = StateUnavailableError(str(error.__context__ or error))
            outcomes = [(None, failure)] * len(batch)
        for job, (result, problem) in zip(batch, outcomes, strict=True):
            # A request that was given up has cancelled its future; its work is done all the same.
            if job.future.set_running_or_notify_cancel():
                if problem is None:
                    job.future.set_result(result)
                else:
                    job.future.set_exception(problem)

    def _attempt(self, work: Work[Any]) -> tuple[Any, BaseException | None]:
        self._connection.execute("SAVEPOINT request")
        try:
            outcome: tuple[Any, BaseException | None] = (work(self._connection), None)
        except Exception as problem:  # noqa: BLE001 - it is handed to whoever waits for the work
            self._connection.execute("ROLLBACK TO request")
            outcome = (None, problem)
        self._connection.execute("RELEASE request")
        return outcome


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # First: what comes next changes the file, which may be somebody else's.
        (prepare_in_memory if path == MEMORY else prepare)(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA temp_store = MEMORY")
        segmentation.register(connection)
    except BaseException:
        connection.close()
        raise
    return connection
