"""Jobs over the catalogue's variants: one job creates, updates or deletes up to 100 of them."""

from typing import Literal, TypeAlias

from aioklaviyo.job_batches import JobKind
from aioklaviyo.models.catalog_job import CatalogVariantJob, variant_job_from
from aioklaviyo.models.catalog_variant import CatalogVariantChanges, NewCatalogVariant
from aioklaviyo.operations import Operation
from aioklaviyo.rates import XL, L
from aioklaviyo.resources.catalog_jobs import MAX_ENTRIES, CatalogJobs, id_of, to_delete

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

CatalogVariantJobInclude: TypeAlias = Literal["variants"]


class CatalogVariantJobs(
    CatalogJobs[NewCatalogVariant, CatalogVariantChanges, CatalogVariantJob, CatalogVariantJobInclude]
):
    """What ``klaviyo.catalog_variants`` can do with jobs."""

    _create_job = JobKind(
        BULK_CREATE,
        GET_CREATE_JOB,
        "catalog-variant-bulk-create-job",
        "variants",
        MAX_ENTRIES,
        NewCatalogVariant.resource,
        id_of,
        variant_job_from,
    )
    _update_job = JobKind(
        BULK_UPDATE,
        GET_UPDATE_JOB,
        "catalog-variant-bulk-update-job",
        "variants",
        MAX_ENTRIES,
        CatalogVariantChanges.resource,
        id_of,
        variant_job_from,
    )
    _delete_job = JobKind(
        BULK_DELETE,
        GET_DELETE_JOB,
        "catalog-variant-bulk-delete-job",
        "variants",
        MAX_ENTRIES,
        to_delete("catalog-variant"),
        str,
        variant_job_from,
    )
    _list_create_jobs = LIST_CREATE_JOBS
    _list_update_jobs = LIST_UPDATE_JOBS
    _list_delete_jobs = LIST_DELETE_JOBS
