"""Jobs over the catalogue's variants: one job creates, updates or deletes up to 100 of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from aioklaviyo.job_batches import JOB_SECONDS, JobKind
from aioklaviyo.jsonapi import Json
from aioklaviyo.models.batch_job import JobStatus
from aioklaviyo.models.catalog_job import CatalogVariantJob, variant_job_from
from aioklaviyo.models.catalog_variant import CatalogVariantChanges, NewCatalogVariant
from aioklaviyo.operations import Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import XL, L
from aioklaviyo.resources.job_area import JobArea

BULK_CREATE = Operation("bulk_create_catalog_variants", "POST", "/api/catalog-variant-bulk-create-jobs", L)
BULK_UPDATE = Operation(
    "bulk_update_catalog_variants", "POST", "/api/catalog-variant-bulk-update-jobs", L, is_repeatable=True
)
BULK_DELETE = Operation(
    "bulk_delete_catalog_variants", "POST", "/api/catalog-variant-bulk-delete-jobs", L, is_repeatable=True
)
GET_CREATE_JOB = Operation("get_bulk_create_variants_job", "GET", "/api/catalog-variant-bulk-create-jobs/{job_id}", L)
GET_UPDATE_JOB = Operation("get_bulk_update_variants_job", "GET", "/api/catalog-variant-bulk-update-jobs/{job_id}", L)
GET_DELETE_JOB = Operation("get_bulk_delete_variants_job", "GET", "/api/catalog-variant-bulk-delete-jobs/{job_id}", XL)
LIST_CREATE_JOBS = Operation("get_bulk_create_variants_jobs", "GET", "/api/catalog-variant-bulk-create-jobs", L)
LIST_UPDATE_JOBS = Operation("get_bulk_update_variants_jobs", "GET", "/api/catalog-variant-bulk-update-jobs", L)
LIST_DELETE_JOBS = Operation("get_bulk_delete_variants_jobs", "GET", "/api/catalog-variant-bulk-delete-jobs", XL)

MAX_JOB_VARIANTS = 100
"""How many variants one job takes."""

CatalogVariantJobInclude: TypeAlias = Literal["variants"]


def _to_delete(variant_id: str) -> dict[str, Json]:
    return {"type": "catalog-variant", "id": variant_id}


def _itself(variant_id: str) -> str:
    return variant_id


CREATE_JOB = JobKind(
    BULK_CREATE,
    GET_CREATE_JOB,
    "catalog-variant-bulk-create-job",
    "variants",
    MAX_JOB_VARIANTS,
    NewCatalogVariant.resource,
    lambda variant: variant.id,
    variant_job_from,
)
UPDATE_JOB = JobKind(
    BULK_UPDATE,
    GET_UPDATE_JOB,
    "catalog-variant-bulk-update-job",
    "variants",
    MAX_JOB_VARIANTS,
    CatalogVariantChanges.resource,
    lambda changes: changes.id,
    variant_job_from,
)
DELETE_JOB = JobKind(
    BULK_DELETE,
    GET_DELETE_JOB,
    "catalog-variant-bulk-delete-job",
    "variants",
    MAX_JOB_VARIANTS,
    _to_delete,
    _itself,
    variant_job_from,
)
_KINDS: Mapping[str, JobKind[Any, CatalogVariantJob]] = {
    "create": CREATE_JOB,
    "update": UPDATE_JOB,
    "delete": DELETE_JOB,
}


class CatalogVariantJobs(JobArea):
    """What ``klaviyo.catalog_variants`` can do with jobs."""

    async def bulk_create(
        self, variants: Sequence[NewCatalogVariant], *, deadline_seconds: float | None = None
    ) -> CatalogVariantJob:
        """Have up to 100 variants created by a job of Klaviyo's; ``create_all`` takes any number of them.

        Not repeated once it may have been taken: a second job would refuse every variant as one that exists.

        Args:
            variants: 1 to 100, 5 MB at most.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Returns:
            The job as it begins. Which variants it could not create is told in its ``errors`` when it is finished.

        Raises:
            InvalidRequest: There is none.
            PayloadTooLarge: More than 100 variants or 5 MB.
            OutcomeUnknown: No readable answer came: the job may be there.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._submit(CREATE_JOB, variants, deadline_seconds)

    async def bulk_update(
        self, changes: Sequence[CatalogVariantChanges], *, deadline_seconds: float | None = None
    ) -> CatalogVariantJob:
        """Have up to 100 variants changed by a job of Klaviyo's; ``update_all`` takes any number of them.

        Repeated where no answer comes, because the same values may be set twice.

        Args:
            changes: 1 to 100, 5 MB at most.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: There are none.
            PayloadTooLarge: More than 100 variants or 5 MB.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._submit(UPDATE_JOB, changes, deadline_seconds)

    async def bulk_delete(
        self, variant_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> CatalogVariantJob:
        """Have up to 100 variants deleted by a job of Klaviyo's; ``delete_all`` takes any number of them.

        Repeated where no answer comes. The second job may then tell of variants that do not exist: the first has
        deleted them.

        Args:
            variant_ids: 1 to 100; see ``catalog_id``.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: There is none.
            PayloadTooLarge: More than 100 variants or 5 MB.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._submit(DELETE_JOB, variant_ids, deadline_seconds)

    async def get_create_job(
        self,
        job_id: str,
        *,
        include: Sequence[CatalogVariantJobInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CatalogVariantJob:
        """A job that creates variants. Klaviyo forgets jobs after some days; then it raises ``NotFound``.

        Args:
            job_id: As ``bulk_create`` answered it.
            include: ``variants`` resolves those that it has created.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.
        """
        call = GET_CREATE_JOB.call(
            job_id, query={"fields[catalog-variant-bulk-create-job]": fields, "include": include}
        )
        return await self._one(call, variant_job_from, deadline_seconds)

    async def get_update_job(
        self,
        job_id: str,
        *,
        include: Sequence[CatalogVariantJobInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CatalogVariantJob:
        """A job that changes variants; parameters and errors as in ``get_create_job``."""
        call = GET_UPDATE_JOB.call(
            job_id, query={"fields[catalog-variant-bulk-update-job]": fields, "include": include}
        )
        return await self._one(call, variant_job_from, deadline_seconds)

    async def get_delete_job(
        self, job_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> CatalogVariantJob:
        """A job that deletes variants; parameters and errors as in ``get_create_job``."""
        call = GET_DELETE_JOB.call(job_id, query={"fields[catalog-variant-bulk-delete-job]": fields})
        return await self._one(call, variant_job_from, deadline_seconds)

    def list_create_jobs(
        self,
        *,
        status: JobStatus | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CatalogVariantJob]:
        """The jobs that create variants, 100 on a page.

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
    ) -> Listing[CatalogVariantJob]:
        """The jobs that change variants; as ``list_create_jobs``."""
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
    ) -> Listing[CatalogVariantJob]:
        """The jobs that delete variants; as ``list_create_jobs``."""
        return self._jobs(
            LIST_DELETE_JOBS, DELETE_JOB, status=status, fields=fields, cursor=cursor, deadline_seconds=deadline_seconds
        )

    async def wait(
        self,
        job: CatalogVariantJob,
        *,
        timeout_seconds: float = JOB_SECONDS,
        progress: Callable[[CatalogVariantJob], None] | None = None,
    ) -> CatalogVariantJob:
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
