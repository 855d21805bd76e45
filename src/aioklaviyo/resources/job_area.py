"""What the areas with jobs over batches have in common: making a job, waiting for it, and runs of any length."""

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from aioklaviyo import filters
from aioklaviyo.bulk import BulkResult, Progress, in_background
from aioklaviyo.errors import invalid_request
from aioklaviyo.job_batches import Already, JobKind, JobRun
from aioklaviyo.models.batch_job import BatchJob, JobStatus
from aioklaviyo.operations import Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.resources.area import Area

T = TypeVar("T")
J = TypeVar("J", bound=BatchJob)


class JobArea(Area):
    """An area with jobs."""

    async def _submit(self, kind: JobKind[T, J], entries: Sequence[T], deadline_seconds: float | None) -> J:
        """The job that was made of these entries."""
        return await self._one(kind.call(entries), kind.parse, deadline_seconds)

    def _jobs(
        self,
        operation: Operation,
        kind: JobKind[T, J],
        *,
        status: JobStatus | None,
        fields: Sequence[str],
        cursor: str | None,
        deadline_seconds: float | None,
    ) -> Listing[J]:
        """The account's jobs of a kind."""
        where = None if status is None else filters.equals("status", status)
        return self._list(
            operation,
            parse=kind.parse,
            query={f"fields[{kind.type}]": fields},
            where=where,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def _finished(
        self,
        job: J,
        kinds: Mapping[str, JobKind[Any, J]],
        *,
        timeout_seconds: float,
        progress: Callable[[J], None] | None,
    ) -> J:
        """A job as it is when it is finished; ``kinds`` by what they do."""
        kind = kinds.get(job.verb or "")
        if kind is None:
            raise invalid_request("nobody knows how to read this job", method="GET", path="", parameter="job")
        return await kind.finished(self._caller, job, timeout_seconds=timeout_seconds, progress=progress)

    async def _run(
        self,
        kind: JobKind[T, J],
        source: Iterable[T] | AsyncIterable[T],
        *,
        already: Already[T] | None,
        max_in_flight: int,
        job_timeout_seconds: float,
        progress: Progress[T] | None,
    ) -> BulkResult[T]:
        """Everything of a source, done by as many jobs as it takes; interactive calls go first."""
        run = JobRun(in_background(self._caller), kind, already=already, job_timeout_seconds=job_timeout_seconds)
        return await run.run(source, max_in_flight=max_in_flight, progress=progress)
