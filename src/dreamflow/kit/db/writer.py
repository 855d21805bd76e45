"""Group commit: one thread that writes for everybody.

Functions that wait while a commit is on its way share the next one, so that sixty callers cost one wait for the disk.
They first run together, without savepoints. When one of them raises, all of it is rolled back and they run once more,
each within a savepoint of its own: one that fails again undoes only itself. This is why `fn` must be re-runnable.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, Engine, exc

from dreamflow.kit.db.database import CommitUnknown, DatabaseUnavailable
from dreamflow.kit.db.gathering import gathering
from dreamflow.kit.db.holding import keys_of

T = TypeVar("T")

_GROUP_LIMIT: Final = 256
"""Functions in one commit: bounds the wait of the first."""

_TRIES_APART: Final = 3
"""How often a function that clashes with another process's is run on its own."""

_WAIT_APART: Final = 0.4
_WAIT_AFTER_A_CLASH: Final = 0.02
"""How long functions that run apart wait for a lock, as a share of the usual: everybody else waits along with them."""

_OF_THE_CALLER = (exc.IntegrityError, exc.DataError, exc.ProgrammingError, exc.NotSupportedError)
"""What a statement may do wrong; any other error of the driver is the database itself: full, locked, gone, damaged."""


class Manners(Protocol):
    """What the writer has to know of a database."""

    knows_when_refused: bool
    """Whether a failed commit certainly had no effect. Over a network it may have had one."""

    def hold(self, connection: Connection, keys: Sequence[int]) -> None:
        """Keep out, until the commit, other processes' functions that hold one of these; the keys are sorted."""
        ...

    def shorten_waits(self, connection: Connection, share: float) -> None:
        """Wait for locks of other processes this share of the usual time, until the end of the transaction."""
        ...

    def is_undone(self, connection: Connection) -> bool:
        """Whether the database has given up the transaction, or the savepoint, although nobody raised."""
        ...

    def is_clash(self, error: Exception) -> bool:
        """Whether another process was in the way, so that the same function may succeed in a new transaction."""
        ...


class GoneOn(RuntimeError):
    """A function caught an error of the database and went on: a defect. What it wrote was undone by the database.

    A statement that is allowed to fail belongs into a savepoint of its own (`connection.begin_nested()`).
    """


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    fn: Callable[[Connection], Any]
    keys: tuple[int, ...]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"


@dataclass(frozen=True, slots=True)
class _Settled:
    job: _Job
    value: Any = None
    error: Exception | None = None
    is_clash: bool = False


class _Again(Exception):
    """One of the functions raised; none of them has had an effect."""


class GroupWriter:
    """Runs functions one after the other in transactions that they share.

    Args:
        engine: one connection is enough; on SQLite its `begin` must keep other writers out.
        manners: of the database behind it.
    """

    def __init__(self, engine: Engine, manners: Manners) -> None:
        self._engine = engine
        self._manners = manners
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="dreamflow-write", daemon=True)
        self._thread.start()

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn`; when this returns, its effect is durable.

        Raises:
            DatabaseUnavailable: nothing was stored, or, as `CommitUnknown`, perhaps it was.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(fn, keys_of(fn), loop, future))
        return await future

    def close(self) -> None:
        """Finish what was accepted; blocks until that is done."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        ends = False
        while not ends:
            group, ends = self._next_group()
            waiting = [job for job in group if not job.future.cancelled()]
            if waiting:
                self._settle(waiting)

    def _next_group(self) -> tuple[list[_Job], bool]:
        """Wait for a job and take along whatever waits behind it; true when the end was asked for."""
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == _GROUP_LIMIT:
                return group, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _settle(self, group: Sequence[_Job]) -> None:
        waiting = self._attempt(group, self._together)
        for tries_left in reversed(range(_TRIES_APART)):
            if waiting:
                waiting = self._attempt(waiting, self._apart, may_clash=tries_left > 0)

    def _attempt(
        self,
        group: Sequence[_Job],
        run: Callable[[Connection, Sequence[_Job]], Sequence[_Settled]],
        *,
        may_clash: bool = True,
    ) -> Sequence[_Job]:
        """Run functions in one transaction and tell their callers; returns those that are to be run again."""
        try:
            settled = self._transaction(group, run)
        except _Again:
            return group
        except BaseException as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer, and others come
            refusal = error if isinstance(error, DatabaseUnavailable) else unavailable(error)
            settled = [_Settled(job, error=refusal) for job in group]
        clashed = [each.job for each in settled if each.is_clash] if may_clash else []
        _tell(settled if not clashed else [each for each in settled if not each.is_clash])
        return clashed

    def _transaction(
        self, group: Sequence[_Job], run: Callable[[Connection, Sequence[_Job]], Sequence[_Settled]]
    ) -> Sequence[_Settled]:
        is_committing = False
        try:
            with self._engine.connect() as connection, connection.begin():
                settled = run(connection, group)
                is_committing = True
        except exc.DBAPIError as error:
            # None of the group is durable, whatever its functions returned; only whether it was refused may be unknown.
            if not is_committing or self._manners.knows_when_refused or not error.connection_invalidated:
                raise
            raise CommitUnknown(
                "The connection to the database broke during the commit. Perhaps it was stored; look, or repeat it "
                "with the same Idempotency-Key."
            ) from error
        return settled

    def _together(self, connection: Connection, group: Sequence[_Job]) -> Sequence[_Settled]:
        try:
            self._hold(connection, {key for job in group for key in job.keys})
            with gathering(connection):
                return [self._run_one(connection, job) for job in group]
        except Exception as error:
            raise _Again from error

    def _apart(self, connection: Connection, group: Sequence[_Job]) -> Sequence[_Settled]:
        settled: list[_Settled] = []
        self._manners.shorten_waits(connection, _WAIT_APART)
        # Each takes its names and rows when its turn comes, so the turns follow the order of the names.
        for job in sorted(group, key=lambda job: (not job.keys, job.keys)):
            settled.append(self._alone(connection, job))
            if settled[-1].is_clash:
                self._manners.shorten_waits(connection, _WAIT_AFTER_A_CLASH)
        return settled

    def _alone(self, connection: Connection, job: _Job) -> _Settled:
        savepoint = connection.begin_nested()
        try:
            self._hold(connection, job.keys)
            with gathering(connection):
                settled = self._run_one(connection, job)
        except Exception as error:
            if getattr(error, "connection_invalidated", False):
                raise  # with the connection all others of the group are gone too
            savepoint.rollback()
            return _Settled(job, error=of_the_database(error), is_clash=self._manners.is_clash(error))
        savepoint.commit()
        return settled

    def _hold(self, connection: Connection, keys: Iterable[int]) -> None:
        if wanted := sorted(keys):
            self._manners.hold(connection, wanted)

    def _run_one(self, connection: Connection, job: _Job) -> _Settled:
        value = job.fn(connection)
        # PostgreSQL answers COMMIT of an aborted transaction without an error, and stores nothing.
        if self._manners.is_undone(connection):
            raise GoneOn("A function caught an error of the database and went on. What it wrote was undone.")
        return _Settled(job, value)


def of_the_database(error: Exception) -> Exception:
    """What a caller is told of an error: its own fault as it is, the database's as `DatabaseUnavailable`."""
    if isinstance(error, exc.DatabaseError) and not isinstance(error, _OF_THE_CALLER):
        return unavailable(error)
    return error


def unavailable(error: BaseException) -> DatabaseUnavailable:
    """The refusal that an error of the database is."""
    refusal = DatabaseUnavailable("The database did not accept the request. Nothing was stored; try again.")
    refusal.__cause__ = error
    return refusal


def _tell(settled: Iterable[_Settled]) -> None:
    """Wake each loop once, however many of its callers have their answer."""
    for loop, of_loop in groupby(settled, lambda each: each.job.loop):
        try:
            loop.call_soon_threadsafe(_resolve, list(of_loop))
        except RuntimeError:  # the loop is closed: nobody waits any more
            continue


def _resolve(settled: Iterable[_Settled]) -> None:
    for each in settled:
        if each.job.future.done():
            continue  # its caller has given up
        if each.error is None:
            each.job.future.set_result(each.value)
        else:
            each.job.future.set_exception(each.error)
