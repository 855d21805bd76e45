"""Jobs over the catalogue's categories: one job creates, updates or deletes up to 100 of them."""

from typing import Literal, TypeAlias

from aioklaviyo.job_batches import JobKind
from aioklaviyo.models.catalog_category import CatalogCategoryChanges, NewCatalogCategory
from aioklaviyo.models.catalog_job import CatalogCategoryJob, category_job_from
from aioklaviyo.operations import Operation
from aioklaviyo.rates import XL, L
from aioklaviyo.resources.catalog_jobs import MAX_ENTRIES, CatalogJobs, id_of, to_delete

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

CatalogCategoryJobInclude: TypeAlias = Literal["categories"]


class CatalogCategoryJobs(
    CatalogJobs[NewCatalogCategory, CatalogCategoryChanges, CatalogCategoryJob, CatalogCategoryJobInclude]
):
    """What ``klaviyo.catalog_categories`` can do with jobs."""

    _create_job = JobKind(
        BULK_CREATE,
        GET_CREATE_JOB,
        "catalog-category-bulk-create-job",
        "categories",
        MAX_ENTRIES,
        NewCatalogCategory.resource,
        id_of,
        category_job_from,
    )
    _update_job = JobKind(
        BULK_UPDATE,
        GET_UPDATE_JOB,
        "catalog-category-bulk-update-job",
        "categories",
        MAX_ENTRIES,
        CatalogCategoryChanges.resource,
        id_of,
        category_job_from,
    )
    _delete_job = JobKind(
        BULK_DELETE,
        GET_DELETE_JOB,
        "catalog-category-bulk-delete-job",
        "categories",
        MAX_ENTRIES,
        to_delete("catalog-category"),
        str,
        category_job_from,
    )
    _list_create_jobs = LIST_CREATE_JOBS
    _list_update_jobs = LIST_UPDATE_JOBS
    _list_delete_jobs = LIST_DELETE_JOBS
