"""The durable schedule: what is due is run by one worker at a time, at least once, and again if it fails."""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from dreamflow.kit.clock import Clock, SystemClock
from dreamflow.kit.errors import Unavailable
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.kit.logging import where
from dreamflow.outbox.errors import LeaseLost
from dreamflow.outbox.model import DueJob
from dreamflow.outbox.ports import JobLease, ScheduleStore
from dreamflow.outbox.rules.timing import wait_seconds

POLL_SECONDS: Final = 1.0
LEASE_SECONDS: Final = 30.0
_RENEWALS: Final = 3
"""Times that a lease is renewed within its length: two may fail."""
_AT_ONCE: Final = 4
"""Jobs that one worker runs at the same time: a long one must not hold up the others."""

Handler = Callable[[DueJob], Awaitable[None]]
"""Does a job. It may be run again, after a failure or the death of a worker, and it may be cancelled at every await."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recurring:
    """Something that is to be done again and again.

    Attributes:
        name: also the id of its one job, so that all workers mean the same.
        first: when it is due at the start of a worker, unless it is due sooner.
        following: when it is due after a run; both take the present moment.
        run: does it.
    """

    name: str
    first: Callable[[datetime], datetime]
    following: Callable[[datetime], datetime]
    run: Callable[[], Awaitable[None]]


class ScheduleService:
    """Runs due jobs.

    A job belongs to one worker until it ends, or until the lease that this worker renews runs out. That it was done
    and when it is due again are stored in one transaction, which is refused to a worker that has lost the job.

    Args:
        store: where the jobs are.
        handlers: by the name of the jobs they do. Jobs of other names wait for a worker that knows them.
        recurring: what this worker sees to by itself.
        clock: for due times.
        rng: for jitter.
        wall_clock: for leases: the machine's, whatever the house's is.
        lease_seconds: how long after its last sign of life a worker counts as dead.
        reach: failpoints.
    """

    def __init__(
        self,
        store: ScheduleStore,
        handlers: Mapping[str, Handler],
        recurring: Sequence[Recurring] = (),
        *,
        clock: Clock,
        rng: random.Random,
        wall_clock: Clock | None = None,
        lease_seconds: float = LEASE_SECONDS,
        reach: Reach = inert,
    ) -> None:
        self._store = store
        self._handlers = dict(handlers)
        self._recurring = {each.name: each for each in recurring}
        self._clock = clock
        self._rng = rng
        self._wall_clock = wall_clock or SystemClock()
        self._length = timedelta(seconds=lease_seconds)
        self._reach = reach
        # Not from the seeded ids of a simulation: two processes with one seed must not be one worker.
        self._worker = secrets.token_hex(12)
        self._looked: datetime | None = None
        self._running: dict[asyncio.Task[None], str] = {}

    async def run(self, stop: asyncio.Event, *, poll_seconds: float = POLL_SECONDS) -> None:
        """Run what is due until `stop` is set; then what runs is cancelled and given back, for others to run at once.

        Args:
            stop: ends the loop.
            poll_seconds: how soon it is noticed that something is due.
        """
        failures = 0
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                try:
                    is_busy = await self._round()
                    failures = 0
                except Exception as error:  # noqa: BLE001 - a fault in here must not end the schedule
                    _log.error("schedule.failed", **where(error))
                    is_busy, failures = False, failures + 1
                wait = 0.0 if is_busy else poll_seconds
                if failures:
                    wait = max(poll_seconds, wait_seconds(failures, None, self._rng.random()))
                await asyncio.wait({stopping, *self._running}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            await self.aclose()

    async def run_due(self) -> int:
        """Run all that is due now, and wait for its end; returns how many jobs that were."""
        count = 0
        while await self._round():
            count += 1
            await asyncio.gather(*self._running)
        return count

    async def aclose(self) -> None:
        """Cancel what runs and give it back."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()
        with suppress(Unavailable):  # then the leases run out by themselves
            await self._store.release(self._worker)

    async def _round(self) -> bool:
        """Start one job that is due; false when there is none, or no hand free."""
        for task in [task for task in self._running if task.done()]:
            del self._running[task]
        now = self._clock.now()
        if self._looked is None or now < self._looked:
            # What was put off by a clock that has been put back since is due by the right one.
            await self._keep(now)
        self._looked = now
        if len(self._running) >= _AT_ONCE:
            return False
        names = frozenset(self._handlers) | frozenset(self._recurring)
        under_way = frozenset(self._running.values())
        job = await self._store.claim(self._worker, names, under_way, now, self._lease())
        if job is None:
            return False
        self._running[asyncio.create_task(self._do(job))] = job.id
        return True

    async def _keep(self, now: datetime) -> None:
        for each in self._recurring.values():
            await self._store.keep(DueJob(each.name, each.name, each.first(now), {}))

    def _lease(self) -> JobLease:
        now = self._wall_clock.now()
        return JobLease(now, now + self._length)

    async def _do(self, job: DueJob) -> None:
        """Run a job and store what came of it; nothing that goes wrong here passes on."""
        try:
            try:
                await self._handle(job)
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a handler raises, it is run again
                await self._fail(job, error)
            else:
                self._reach("schedule.ran")
                recurring = self._recurring.get(job.name)
                again = recurring.following(self._clock.now()) if recurring else None
                await self._store.end(self._worker, job.id, again)
        except LeaseLost:
            _log.warning("schedule.lease_lost", job=job.name)
        except Exception as error:  # noqa: BLE001 - it is run again when its lease has run out
            _log.error("schedule.not_stored", job=job.name, **where(error))

    async def _handle(self, job: DueJob) -> None:
        recurring = self._recurring.get(job.name)
        work = asyncio.ensure_future(recurring.run() if recurring else self._handlers[job.name](job))
        try:
            while not (await asyncio.wait({work}, timeout=self._length.total_seconds() / _RENEWALS))[0]:
                with suppress(Unavailable):  # the next one may pass
                    await self._store.hold(self._worker, job.id, self._lease().until)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        work.result()

    async def _fail(self, job: DueJob, error: Exception) -> None:
        seconds = wait_seconds(job.attempts + 1, None, self._rng.random())
        _log.error("schedule.job_failed", job=job.name, wait_seconds=round(seconds, 2), **where(error))
        due = self._clock.now() + timedelta(seconds=seconds)
        # The type alone: a message may quote what somebody typed.
        await self._store.fail(self._worker, job.id, due, type(error).__name__)
