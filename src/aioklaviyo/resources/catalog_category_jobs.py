"""Jobs over the catalogue's categories: one job creates, updates or deletes up to 100 of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from aioklaviyo.job_batches import JOB_SECONDS, JobKind
from aioklaviyo.jsonapi import Json
from aioklaviyo.models.batch_job import JobStatus
from aioklaviyo.models.catalog_category import CatalogCategoryChanges, NewCatalogCategory
from aioklaviyo.models.catalog_job import CatalogCategoryJob, category_job_from
from aioklaviyo.operations import Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import XL, L
from aioklaviyo.resources.job_area import JobArea

BULK_CREATE = Operation("bulk_create_catalog_categories", "POST", "/api/catalog-category-bulk-create-jobs", L)
BULK_UPDATE = Operation(
    "bulk_update_catalog_categories", "POST", "/api/catalog-category-bulk-update-jobs", L, is_repeatable=True
)
BULK_DELETE = Operation(
    "bulk_delete_catalog_categories", "POST", "/api/catalog-category-bulk-delete-jobs", L, is_repeatable=True
)
GET_CREATE_JOB = Operation(
    "get_bulk_create_categories_job", "GET", "/api/catalog-category-bulk-create-jobs/{job_id}", XL
)
GET_UPDATE_JOB = Operation(
    "get_bulk_update_categories_job", "GET", "/api/catalog-category-bulk-update-jobs/{job_id}", XL
)
GET_DELETE_JOB = Operation(
    "get_bulk_delete_categories_job", "GET", "/api/catalog-category-bulk-delete-jobs/{job_id}", XL
)
LIST_CREATE_JOBS = Operation("get_bulk_create_categories_jobs", "GET", "/api/catalog-category-bulk-create-jobs", XL)
LIST_UPDATE_JOBS = Operation("get_bulk_update_categories_jobs", "GET", "/api/catalog-category-bulk-update-jobs", XL)
LIST_DELETE_JOBS = Operation("get_bulk_delete_categories_jobs", "GET", "/api/catalog-category-bulk-delete-jobs", XL)

MAX_JOB_CATEGORIES = 100
"""How many categories one job takes."""

CatalogCategoryJobInclude: TypeAlias = Literal["categories"]


def _to_delete(category_id: str) -> dict[str, Json]:
    return {"type": "catalog-category", "id": category_id}


def _itself(category_id: str) -> str:
    return category_id


CREATE_JOB = JobKind(
    BULK_CREATE,
    GET_CREATE_JOB,
    "catalog-category-bulk-create-job",
    "categories",
    MAX_JOB_CATEGORIES,
    NewCatalogCategory.resource,
    lambda category: category.id,
    category_job_from,
)
UPDATE_JOB = JobKind(
    BULK_UPDATE,
    GET_UPDATE_JOB,
    "catalog-category-bulk-update-job",
    "categories",
    MAX_JOB_CATEGORIES,
    CatalogCategoryChanges.resource,
    lambda changes: changes.id,
    category_job_from,
)
DELETE_JOB = JobKind(
    BULK_DELETE,
    GET_DELETE_JOB,
    "catalog-category-bulk-delete-job",
    "categories",
    MAX_JOB_CATEGORIES,
    _to_delete,
    _itself,
    category_job_from,
)
_KINDS: Mapping[str, JobKind[Any, CatalogCategoryJob]] = {
    "create": CREATE_JOB,
    "update": UPDATE_JOB,
    "delete": DELETE_JOB,
}


class CatalogCategoryJobs(JobArea):
    """What ``klaviyo.catalog_categories`` can do with jobs."""

    async def bulk_create(
        self, categories: Sequence[NewCatalogCategory], *, deadline_seconds: float | None = None
    ) -> CatalogCategoryJob:
        """Have up to 100 categories created by a job of Klaviyo's; ``create_all`` takes any number of them.

        Not repeated once it may have been taken: a second job would refuse every category as one that exists.

        Args:
            categories: 1 to 100, 5 MB at most.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Returns:
            The job as it begins. Which categories it could not create is told in its ``errors`` when it is finished.

        Raises:
            InvalidRequest: There is none.
            PayloadTooLarge: More than 100 categories or 5 MB.
            OutcomeUnknown: No readable answer came: the job may be there.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._submit(CREATE_JOB, categories, deadline_seconds)

    async def bulk_update(
        self, changes: Sequence[CatalogCategoryChanges], *, deadline_seconds: float | None = None
    ) -> CatalogCategoryJob:
        """Have up to 100 categories changed by a job of Klaviyo's; ``update_all`` takes any number of them.

        Repeated where no answer comes, because the same values may be set twice.

        Args:
            changes: 1 to 100, 5 MB at most.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: There are none.
            PayloadTooLarge: More than 100 categories or 5 MB.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._submit(UPDATE_JOB, changes, deadline_seconds)

    async def bulk_delete(
        self, category_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> CatalogCategoryJob:
        """Have up to 100 categories deleted by a job of Klaviyo's; ``delete_all`` takes any number of them.

        Repeated where no answer comes. The second job may then tell of categories that do not exist: the first has
        deleted them.

        Args:
            category_ids: 1 to 100; see ``catalog_id``.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: There is none.
            PayloadTooLarge: More than 100 categories or 5 MB.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._submit(DELETE_JOB, category_ids, deadline_seconds)

    async def get_create_job(
        self,
        job_id: str,
        *,
        include: Sequence[CatalogCategoryJobInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CatalogCategoryJob:
        """A job that creates categories. Klaviyo forgets jobs after some days; then it raises ``NotFound``.

        Args:
            job_id: As ``bulk_create`` answered it.
            include: ``categories`` resolves those that it has created.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.
        """
        call = GET_CREATE_JOB.call(
            job_id, query={"fields[catalog-category-bulk-create-job]": fields, "include": include}
        )
        return await self._one(call, category_job_from, deadline_seconds)

    async def get_update_job(
        self,
        job_id: str,
        *,
        include: Sequence[CatalogCategoryJobInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CatalogCategoryJob:
        """A job that changes categories; parameters and errors as in ``get_create_job``."""
        call = GET_UPDATE_JOB.call(
            job_id, query={"fields[catalog-category-bulk-update-job]": fields, "include": include}
        )
        return await self._one(call, category_job_from, deadline_seconds)

    async def get_delete_job(
        self, job_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> CatalogCategoryJob:
        """A job that deletes categories; parameters and errors as in ``get_create_job``."""
        call = GET_DELETE_JOB.call(job_id, query={"fields[catalog-category-bulk-delete-job]": fields})
        return await self._one(call, category_job_from, deadline_seconds)

    def list_create_jobs(
        self,
        *,
        status: JobStatus | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CatalogCategoryJob]:
        """The jobs that create categories, 100 on a page.

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
    ) -> Listing[CatalogCategoryJob]:
        """The jobs that change categories; as ``list_create_jobs``."""
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
    ) -> Listing[CatalogCategoryJob]:
        """The jobs that delete categories; as ``list_create_jobs``."""
        return self._jobs(
            LIST_DELETE_JOBS, DELETE_JOB, status=status, fields=fields, cursor=cursor, deadline_seconds=deadline_seconds
        )

    async def wait(
        self,
        job: CatalogCategoryJob,
        *,
        timeout_seconds: float = JOB_SECONDS,
        progress: Callable[[CatalogCategoryJob], None] | None = None,
    ) -> CatalogCategoryJob:
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
