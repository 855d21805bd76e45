"""Jobs over the catalogue's items: one job creates, updates or deletes up to 100 of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from aioklaviyo.job_batches import JOB_SECONDS, JobKind
from aioklaviyo.jsonapi import Json
from aioklaviyo.models.batch_job import JobStatus
from aioklaviyo.models.catalog_item import CatalogItemChanges, NewCatalogItem
from aioklaviyo.models.catalog_job import CatalogItemJob, item_job_from
from aioklaviyo.operations import Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import XL, L
from aioklaviyo.resources.job_area import JobArea

BULK_CREATE = Operation("bulk_create_catalog_items", "POST", "/api/catalog-item-bulk-create-jobs", L)
BULK_UPDATE = Operation(
    "bulk_update_catalog_items", "POST", "/api/catalog-item-bulk-update-jobs", L, is_repeatable=True
)
BULK_DELETE = Operation(
    "bulk_delete_catalog_items", "POST", "/api/catalog-item-bulk-delete-jobs", L, is_repeatable=True
)
GET_CREATE_JOB = Operation("get_bulk_create_catalog_items_job", "GET", "/api/catalog-item-bulk-create-jobs/{job_id}", L)
GET_UPDATE_JOB = Operation("get_bulk_update_catalog_items_job", "GET", "/api/catalog-item-bulk-update-jobs/{job_id}", L)
GET_DELETE_JOB = Operation(
    "get_bulk_delete_catalog_items_job", "GET", "/api/catalog-item-bulk-delete-jobs/{job_id}", XL
)
LIST_CREATE_JOBS = Operation("get_bulk_create_catalog_items_jobs", "GET", "/api/catalog-item-bulk-create-jobs", L)
LIST_UPDATE_JOBS = Operation("get_bulk_update_catalog_items_jobs", "GET", "/api/catalog-item-bulk-update-jobs", L)
LIST_DELETE_JOBS = Operation("get_bulk_delete_catalog_items_jobs", "GET", "/api/catalog-item-bulk-delete-jobs", XL)

MAX_JOB_ITEMS = 100
"""How many items one job takes."""

CatalogItemJobInclude: TypeAlias = Literal["items"]


def _to_delete(item_id: str) -> dict[str, Json]:
    return {"type": "catalog-item", "id": item_id}


def _itself(item_id: str) -> str:
    return item_id


CREATE_JOB = JobKind(
    BULK_CREATE,
    GET_CREATE_JOB,
    "catalog-item-bulk-create-job",
    "items",
    MAX_JOB_ITEMS,
    NewCatalogItem.resource,
    lambda item: item.id,
    item_job_from,
)
UPDATE_JOB = JobKind(
    BULK_UPDATE,
    GET_UPDATE_JOB,
    "catalog-item-bulk-update-job",
    "items",
    MAX_JOB_ITEMS,
    CatalogItemChanges.resource,
    lambda changes: changes.id,
    item_job_from,
)
DELETE_JOB = JobKind(
    BULK_DELETE,
    GET_DELETE_JOB,
    "catalog-item-bulk-delete-job",
    "items",
    MAX_JOB_ITEMS,
    _to_delete,
    _itself,
    item_job_from,
)
_KINDS: Mapping[str, JobKind[Any, CatalogItemJob]] = {
    "create": CREATE_JOB,
    "update": UPDATE_JOB,
    "delete": DELETE_JOB,
}


class CatalogItemJobs(JobArea):
    """What ``klaviyo.catalog_items`` can do with jobs."""

    async def bulk_create(
        self, items: Sequence[NewCatalogItem], *, deadline_seconds: float | None = None
    ) -> CatalogItemJob:
        """Have up to 100 items created by a job of Klaviyo's; ``create_all`` takes any number of them.

        Not repeated once it may have been taken: a second job would refuse every item as one that exists.

        Args:
            items: 1 to 100, 5 MB at most.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Returns:
            The job as it begins. Which items it could not create is told in its ``errors`` when it is finished.

        Raises:
            InvalidRequest: There is none.
            PayloadTooLarge: More than 100 items or 5 MB.
            OutcomeUnknown: No readable answer came: the job may be there.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._submit(CREATE_JOB, items, deadline_seconds)

    async def bulk_update(
        self, changes: Sequence[CatalogItemChanges], *, deadline_seconds: float | None = None
    ) -> CatalogItemJob:
        """Have up to 100 items changed by a job of Klaviyo's; ``update_all`` takes any number of them.

        Repeated where no answer comes, because the same values may be set twice.

        Args:
            changes: 1 to 100, 5 MB at most.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: There are none.
            PayloadTooLarge: More than 100 items or 5 MB.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._submit(UPDATE_JOB, changes, deadline_seconds)

    async def bulk_delete(self, item_ids: Sequence[str], *, deadline_seconds: float | None = None) -> CatalogItemJob:
        """Have up to 100 items deleted by a job of Klaviyo's; ``delete_all`` takes any number of them.

        Repeated where no answer comes. The second job may then tell of items that do not exist: the first has
        deleted them.

        Args:
            item_ids: 1 to 100; see ``catalog_id``.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: There is none.
            PayloadTooLarge: More than 100 items or 5 MB.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._submit(DELETE_JOB, item_ids, deadline_seconds)

    async def get_create_job(
        self,
        job_id: str,
        *,
        include: Sequence[CatalogItemJobInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CatalogItemJob:
        """A job that creates items. Klaviyo forgets jobs after some days; then it raises ``NotFound``.

        Args:
            job_id: As ``bulk_create`` answered it.
            include: ``items`` resolves those that it has created.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.
        """
        call = GET_CREATE_JOB.call(job_id, query={"fields[catalog-item-bulk-create-job]": fields, "include": include})
        return await self._one(call, item_job_from, deadline_seconds)

    async def get_update_job(
        self,
        job_id: str,
        *,
        include: Sequence[CatalogItemJobInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CatalogItemJob:
        """A job that changes items; parameters and errors as in ``get_create_job``."""
        call = GET_UPDATE_JOB.call(job_id, query={"fields[catalog-item-bulk-update-job]": fields, "include": include})
        return await self._one(call, item_job_from, deadline_seconds)

    async def get_delete_job(
        self, job_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> CatalogItemJob:
        """A job that deletes items; parameters and errors as in ``get_create_job``."""
        call = GET_DELETE_JOB.call(job_id, query={"fields[catalog-item-bulk-delete-job]": fields})
        return await self._one(call, item_job_from, deadline_seconds)

    def list_create_jobs(
        self,
        *,
        status: JobStatus | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CatalogItemJob]:
        """The jobs that create items, 100 on a page.

        Args:
            status: Only those with this one.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._jobs(
            LIST_CREATE_JOBS, CREATE_JOB, status=status, fields=fields, cursor=cursor, deadline_seconds=deadline_seconds
        )

    def list_update_jobs(
        self,
        *,
        status: JobStatus | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CatalogItemJob]:
        """The jobs that change items; as ``list_create_jobs``."""
        return self._jobs(
            LIST_UPDATE_JOBS, UPDATE_JOB, status=status, fields=fields, cursor=cursor, deadline_seconds=deadline_seconds
        )

    def list_delete_jobs(
        self,
        *,
        status: JobStatus | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CatalogItemJob]:
        """The jobs that delete items; as ``list_create_jobs``."""
        return self._jobs(
            LIST_DELETE_JOBS, DELETE_JOB, status=status, fields=fields, cursor=cursor, deadline_seconds=deadline_seconds
        )

    async def wait(
        self,
        job: CatalogItemJob,
        *,
        timeout_seconds: float = JOB_SECONDS,
        progress: Callable[[CatalogItemJob], None] | None = None,
    ) -> CatalogItemJob:
        """A job as it is when it is finished: asks after half a second, then less and less often.

        Args:
            job: As it was answered when it was made, or read.
            timeout_seconds: How long to wait at most; the job goes on without anybody waiting.
            progress: Told of every state that is seen.

        Raises:
            DeadlineExceeded: It is not finished by then.
            KlaviyoError: Reading failed; see ``aioklaviyo.errors``.
        """
        return await self._finished(job, _KINDS, timeout_seconds=timeout_seconds, progress=progress)
