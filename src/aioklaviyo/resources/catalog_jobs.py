"""Jobs over the catalogue: what items, variants and categories have in common in being done by the hundred."""

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from aioklaviyo.bulk import BulkResult, Progress
from aioklaviyo.calls import Caller
from aioklaviyo.job_batches import IN_FLIGHT, JOB_SECONDS, JobKind
from aioklaviyo.jsonapi import Json
from aioklaviyo.models.batch_job import BatchJob, JobStatus
from aioklaviyo.operations import Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.resources.catalog_state import gone, made
from aioklaviyo.resources.job_area import JobArea

MAX_ENTRIES = 100
"""How many entries one job takes."""


class Entry(Protocol):
    """What is written of an item, a variant or a category."""

    @property
    def id(self) -> str:
        """The id that it has, or is to have."""
        ...

    def resource(self) -> dict[str, Json]:
        """The resource object."""
        ...


New = TypeVar("New", bound=Entry)
Changes = TypeVar("Changes", bound=Entry)
J = TypeVar("J", bound=BatchJob)
Include = TypeVar("Include", bound=str)


def id_of(entry: Entry) -> str:
    """The id that an entry has, or is to have."""
    return entry.id


def to_delete(resource_type: str) -> Callable[[str], dict[str, Json]]:
    """How an entry that is to be deleted is written."""
    return lambda entry_id: {"type": resource_type, "id": entry_id}


class CatalogJobs(JobArea, Generic[New, Changes, J, Include]):
    """What ``klaviyo.catalog_items``, ``catalog_variants`` and ``catalog_categories`` can do with jobs.

    Their entries are items, variants, or categories.
    """

    # What is particular to an area; each states all of them.
    _create_job: JobKind[New, J]
    _update_job: JobKind[Changes, J]
    _delete_job: JobKind[str, J]
    _list_create_jobs: Operation
    _list_update_jobs: Operation
    _list_delete_jobs: Operation
    _entries: Operation

    async def bulk_create(self, entries: Sequence[New], *, deadline_seconds: float | None = None) -> J:
        """Have up to 100 entries created by a job of Klaviyo's; ``create_all`` takes any number of them.

        Not repeated once it may have been taken: a second job would refuse every entry as one that exists.

        Args:
            entries: 1 to 100, 5 MB at most.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Returns:
            The job as it begins. Which entries it could not create is told in its ``errors`` when it is finished.

        Raises:
            InvalidRequest: There is none.
            PayloadTooLarge: More than 100 entries or 5 MB.
            OutcomeUnknown: No readable answer came: the job may be there.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._submit(self._create_job, entries, deadline_seconds)

    async def bulk_update(self, changes: Sequence[Changes], *, deadline_seconds: float | None = None) -> J:
        """Have up to 100 entries changed by a job of Klaviyo's; ``update_all`` takes any number of them.

        Repeated where no answer comes, because the same values may be set twice.

        Args:
            changes: 1 to 100, 5 MB at most.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: There are none.
            PayloadTooLarge: More than 100 entries or 5 MB.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._submit(self._update_job, changes, deadline_seconds)

    async def bulk_delete(self, entry_ids: Sequence[str], *, deadline_seconds: float | None = None) -> J:
        """Have up to 100 entries deleted by a job of Klaviyo's; ``delete_all`` takes any number of them.

        Repeated where no answer comes. The second job may then tell of entries that do not exist: the first has
        deleted them.

        Args:
            entry_ids: 1 to 100; see ``catalog_id``.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: There is none.
            PayloadTooLarge: More than 100 entries or 5 MB.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._submit(self._delete_job, entry_ids, deadline_seconds)

    async def get_create_job(
        self,
        job_id: str,
        *,
        include: Sequence[Include] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> J:
        """A job that creates entries. Klaviyo forgets jobs after some days; then it raises ``NotFound``.

        Args:
            job_id: As ``bulk_create`` answered it.
            include: ``items``, ``variants`` or ``categories``, as the area is: resolves those that it has created.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.
        """
        kind = self._create_job
        call = kind.reads.call(job_id, query={f"fields[{kind.type}]": fields, "include": include})
        return await self._one(call, kind.parse, deadline_seconds)

    async def get_update_job(
        self,
        job_id: str,
        *,
        include: Sequence[Include] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> J:
        """A job that changes entries; parameters and errors as in ``get_create_job``."""
        kind = self._update_job
        call = kind.reads.call(job_id, query={f"fields[{kind.type}]": fields, "include": include})
        return await self._one(call, kind.parse, deadline_seconds)

    async def get_delete_job(
        self, job_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> J:
        """A job that deletes entries; parameters and errors as in ``get_create_job``."""
        kind = self._delete_job
        call = kind.reads.call(job_id, query={f"fields[{kind.type}]": fields})
        return await self._one(call, kind.parse, deadline_seconds)

    def list_create_jobs(
        self,
        *,
        status: JobStatus | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[J]:
        """The jobs that create entries, 100 on a page.

        Args:
            status: Only those with this one.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._jobs(
            self._list_create_jobs,
            self._create_job,
            status=status,
            fields=fields,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def list_update_jobs(
        self,
        *,
        status: JobStatus | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[J]:
        """The jobs that change entries; as ``list_create_jobs``."""
        return self._jobs(
            self._list_update_jobs,
            self._update_job,
            status=status,
            fields=fields,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def list_delete_jobs(
        self,
        *,
        status: JobStatus | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[J]:
        """The jobs that delete entries; as ``list_create_jobs``."""
        return self._jobs(
            self._list_delete_jobs,
            self._delete_job,
            status=status,
            fields=fields,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def wait(
        self,
        job: J,
        *,
        timeout_seconds: float = JOB_SECONDS,
        progress: Callable[[J], None] | None = None,
    ) -> J:
        """A job as it is when it is finished: asks after half a second, then less and less often.

        Args:
            job: As it was answered when it was made, or read.
            timeout_seconds: How long to wait at most; the job goes on without anybody waiting.
            progress: Told of every state that is seen.

        Raises:
            DeadlineExceeded: It is not finished by then.
            KlaviyoError: Reading failed; see ``aioklaviyo.errors``.
        """
        kinds: Mapping[str, JobKind[Any, J]] = {
            "create": self._create_job,
            "update": self._update_job,
            "delete": self._delete_job,
        }
        return await self._finished(job, kinds, timeout_seconds=timeout_seconds, progress=progress)

    async def create_all(
        self,
        entries: Iterable[New] | AsyncIterable[New],
        *,
        progress: Progress[New] | None = None,
        max_in_flight: int = IN_FLIGHT,
        job_timeout_seconds: float = JOB_SECONDS,
    ) -> BulkResult[New]:
        """Create any number of entries by as many jobs as it takes, and wait for them. Interactive calls go first.

        A job whose request got no answer is asked for again; entries that are there then as they were to be count as
        ``sent``. Entries that were there before are ``refused``.

        Args:
            entries: Read as there is room for them; at most ``max_in_flight`` times 100 are in memory.
            progress: Told of the result so far whenever a job is settled.
            max_in_flight: How many jobs are under way at once; Klaviyo allows an account 500.
            job_timeout_seconds: How long to wait for one job. After that its entries are ``unknown``.

        Returns:
            What became of every single one.

        Raises:
            BulkStopped: The credentials were refused; its ``result`` tells what was done until then.
            ValueError: ``max_in_flight`` is less than 1, or ``job_timeout_seconds`` not positive.
        """
        return await self._run(
            self._create_job,
            entries,
            already=self._made,
            max_in_flight=max_in_flight,
            job_timeout_seconds=job_timeout_seconds,
            progress=progress,
        )

    async def update_all(
        self,
        changes: Iterable[Changes] | AsyncIterable[Changes],
        *,
        progress: Progress[Changes] | None = None,
        max_in_flight: int = IN_FLIGHT,
        job_timeout_seconds: float = JOB_SECONDS,
    ) -> BulkResult[Changes]:
        """Change any number of entries; as ``create_all``.

        Two changes of the same entry are made one after the other.
        """
        return await self._run(
            self._update_job,
            changes,
            already=None,
            max_in_flight=max_in_flight,
            job_timeout_seconds=job_timeout_seconds,
            progress=progress,
        )

    async def delete_all(
        self,
        entry_ids: Iterable[str] | AsyncIterable[str],
        *,
        progress: Progress[str] | None = None,
        max_in_flight: int = IN_FLIGHT,
        job_timeout_seconds: float = JOB_SECONDS,
    ) -> BulkResult[str]:
        """Delete any number of entries by their ids; as ``create_all``. Those that do not exist are ``refused``."""
        return await self._run(
            self._delete_job,
            entry_ids,
            already=self._gone,
            max_in_flight=max_in_flight,
            job_timeout_seconds=job_timeout_seconds,
            progress=progress,
        )

    async def _made(self, caller: Caller, entries: Sequence[New]) -> set[str]:
        return await made(caller, self._entries, {entry.id: entry.resource() for entry in entries})

    async def _gone(self, caller: Caller, entry_ids: Sequence[str]) -> set[str]:
        return await gone(caller, self._entries, entry_ids)
