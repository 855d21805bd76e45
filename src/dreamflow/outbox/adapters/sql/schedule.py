"""Due jobs in SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, delete, or_, select, update
from typing_extensions import override

from dreamflow.kit.db import Database
from dreamflow.outbox.adapters.sql.dialect import for_update, insert_missing
from dreamflow.outbox.adapters.sql.tables import due_jobs
from dreamflow.outbox.errors import LeaseLost
from dreamflow.outbox.model import DueJob
from dreamflow.outbox.ports import JobLease, ScheduleStore

_LONGEST: Final = timedelta(minutes=10)
_NOBODY: Final[Mapping[str, Any]] = {"owner": None, "until": None}


def schedule(connection: Connection, job: DueJob) -> None:
    """Have a job run when it is due; call inside the transaction that makes it necessary.

    While a job with this id waits or runs, asking again changes nothing. It is run at least once: a worker may die
    after its handler has done all, and before that is known. So a handler's effect must not grow with repetition.
    """
    insert_missing(connection, due_jobs, [_row(job)])


class SqlSchedule(ScheduleStore):
    """The due jobs of one database.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def keep(self, job: DueJob) -> None:
        there = select(due_jobs.c.id).where(due_jobs.c.id == job.id, due_jobs.c.due <= job.due)
        if await self._database.read(lambda connection: connection.execute(there).first()) is not None:
            return

        def write(connection: Connection) -> None:
            schedule(connection, job)
            late = (due_jobs.c.id == job.id, due_jobs.c.due > job.due)
            connection.execute(update(due_jobs).where(*late).values(due=job.due))

        await self._database.write(write)

    @override
    async def claim(
        self, worker: str, names: frozenset[str], under_way: frozenset[str], now: datetime, lease: JobLease
    ) -> DueJob | None:
        free = (
            select(due_jobs)
            .where(*_free(names, under_way, now, lease))
            .order_by(due_jobs.c.due, due_jobs.c.id)
            .limit(1)
        )
        if await self._database.read(lambda connection: connection.execute(free).first()) is None:
            return None

        def write(connection: Connection) -> Row[Any] | None:
            row = connection.execute(for_update(free, skip_locked=True)).one_or_none()
            if row is not None:
                mine = update(due_jobs).where(due_jobs.c.id == row.id).values(owner=worker, until=lease.until)
                connection.execute(mine)
            return row

        row = await self._database.write(write)
        return None if row is None else DueJob(row.id, row.name, row.due, row.payload, row.attempts)

    @override
    async def hold(self, worker: str, job: str, until: datetime) -> None:
        await self._change(worker, job, {"until": until})

    @override
    async def end(self, worker: str, job: str, again: datetime | None) -> None:
        if again is None:
            done = delete(due_jobs).where(due_jobs.c.id == job, due_jobs.c.owner == worker)
            _must_be_one(await self._database.write(lambda connection: connection.execute(done).rowcount))
        else:
            await self._change(worker, job, {"due": again, "attempts": 0, "last_reason": None, **_NOBODY})

    @override
    async def fail(self, worker: str, job: str, due: datetime, reason: str) -> None:
        failed = {"due": due, "attempts": due_jobs.c.attempts + 1, "last_reason": reason}
        await self._change(worker, job, {**failed, **_NOBODY})

    @override
    async def release(self, worker: str) -> None:
        mine = due_jobs.c.owner == worker
        held = await self._database.read(
            lambda connection: connection.execute(select(due_jobs.c.id).where(mine)).first()
        )
        if held is not None:
            await self._database.write(
                lambda connection: connection.execute(update(due_jobs).where(mine).values(_NOBODY))
            )

    async def _change(self, worker: str, job: str, values: dict[str, Any]) -> None:
        changed = update(due_jobs).where(due_jobs.c.id == job, due_jobs.c.owner == worker).values(values)
        _must_be_one(await self._database.write(lambda connection: connection.execute(changed).rowcount))


def _free(
    names: frozenset[str], under_way: frozenset[str], now: datetime, lease: JobLease
) -> Sequence[ColumnElement[bool]]:
    return (
        due_jobs.c.due <= now,
        due_jobs.c.name.in_(names),
        due_jobs.c.id.not_in(under_way),
        or_(
            due_jobs.c.owner.is_(None),
            due_jobs.c.until < lease.since,
            # Nobody takes it for so long: whoever did had a clock that has been put back since.
            due_jobs.c.until > lease.until + _LONGEST,
        ),
    )


def _row(job: DueJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "name": job.name,
        "due": job.due,
        "payload": dict(job.payload),
        "attempts": job.attempts,
    }


def _must_be_one(changed: int) -> None:
    if not changed:
        raise LeaseLost("This job went to another worker.")
