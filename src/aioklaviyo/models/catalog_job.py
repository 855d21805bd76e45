"""Jobs that create, update or delete up to 100 items, variants or categories."""

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.batch_job import BatchJob, job_values
from aioklaviyo.models.catalog_category import CatalogCategory, category_from
from aioklaviyo.models.catalog_item import CatalogItem, item_from
from aioklaviyo.models.catalog_variant import CatalogVariant, variant_from


class CatalogItemJob(BatchJob):
    """A job over items. ``items`` are objects when included."""

    items: tuple[CatalogItem, ...] | None = None


class CatalogVariantJob(BatchJob):
    """A job over variants. ``variants`` are objects when included."""

    variants: tuple[CatalogVariant, ...] | None = None


class CatalogCategoryJob(BatchJob):
    """A job over categories. ``categories`` are objects when included."""

    categories: tuple[CatalogCategory, ...] | None = None


def item_job_from(resource: Resource) -> CatalogItemJob:
    """Build from a resource object and what was included beside it."""
    items = resource.included_as("items", "catalog-item", item_from)
    return CatalogItemJob.model_validate({**job_values(resource, "items"), "items": items})


def variant_job_from(resource: Resource) -> CatalogVariantJob:
    """Build from a resource object and what was included beside it."""
    variants = resource.included_as("variants", "catalog-variant", variant_from)
    return CatalogVariantJob.model_validate({**job_values(resource, "variants"), "variants": variants})


def category_job_from(resource: Resource) -> CatalogCategoryJob:
    """Build from a resource object and what was included beside it."""
    categories = resource.included_as("categories", "catalog-category", category_from)
    return CatalogCategoryJob.model_validate({**job_values(resource, "categories"), "categories": categories})
