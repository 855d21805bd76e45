"""Jobs over the catalogue's items: one job creates, updates or deletes up to 100 of them."""

from typing import Literal, TypeAlias

from aioklaviyo.job_batches import JobKind
from aioklaviyo.models.catalog_item import CatalogItemChanges, NewCatalogItem
from aioklaviyo.models.catalog_job import CatalogItemJob, item_job_from
from aioklaviyo.operations import Operation
from aioklaviyo.rates import XL, L
from aioklaviyo.resources.catalog_jobs import MAX_ENTRIES, CatalogJobs, id_of, to_delete

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

CatalogItemJobInclude: TypeAlias = Literal["items"]


class CatalogItemJobs(CatalogJobs[NewCatalogItem, CatalogItemChanges, CatalogItemJob, CatalogItemJobInclude]):
    """What ``klaviyo.catalog_items`` can do with jobs."""

    _create_job = JobKind(
        BULK_CREATE,
        GET_CREATE_JOB,
        "catalog-item-bulk-create-job",
        "items",
        MAX_ENTRIES,
        NewCatalogItem.resource,
        id_of,
        item_job_from,
    )
    _update_job = JobKind(
        BULK_UPDATE,
        GET_UPDATE_JOB,
        "catalog-item-bulk-update-job",
        "items",
        MAX_ENTRIES,
        CatalogItemChanges.resource,
        id_of,
        item_job_from,
    )
    _delete_job = JobKind(
        BULK_DELETE,
        GET_DELETE_JOB,
        "catalog-item-bulk-delete-job",
        "items",
        MAX_ENTRIES,
        to_delete("catalog-item"),
        str,
        item_job_from,
    )
    _list_create_jobs = LIST_CREATE_JOBS
    _list_update_jobs = LIST_UPDATE_JOBS
    _list_delete_jobs = LIST_DELETE_JOBS
