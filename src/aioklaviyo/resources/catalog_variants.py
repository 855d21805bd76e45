"""Variants of the catalogue's items. Scopes ``catalogs:read`` and ``catalogs:write``."""

from collections.abc import Sequence

from aioklaviyo.filters import Filter
from aioklaviyo.models.catalog import CatalogSort
from aioklaviyo.models.catalog_variant import CatalogVariant, CatalogVariantChanges, NewCatalogVariant, variant_from
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import XL, L
from aioklaviyo.resources.catalog_variant_jobs import CatalogVariantJobs

LIST = Operation("get_catalog_variants", "GET", "/api/catalog-variants", XL)
GET = Operation("get_catalog_variant", "GET", "/api/catalog-variants/{id}", XL)
CREATE = Operation("create_catalog_variant", "POST", "/api/catalog-variants", L)
UPDATE = Operation("update_catalog_variant", "PATCH", "/api/catalog-variants/{id}", L)
DELETE = Operation("delete_catalog_variant", "DELETE", "/api/catalog-variants/{id}", L, Need.NOTHING)


class CatalogVariants(CatalogVariantJobs):
    """``klaviyo.catalog_variants``. Ids are made by ``catalog_id``: ``$custom:::$default:::SKU-1``."""

    _entries = LIST

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: CatalogSort | None = None,
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CatalogVariant]:
        """All variants, page after page.

        Args:
            filter: On ``ids``, ``item.id``, ``sku``, ``title`` (contains) and ``published``.
            sort: By creation, descending with a leading minus.
            page_size: 1 to 100; Klaviyo's default is 100.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=variant_from,
            query={"fields[catalog-variant]": fields},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        variant_id: str,
        *,
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CatalogVariant:
        """One variant by its id.

        Args:
            variant_id: As ``catalog_id`` makes it of your own id.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"fields[catalog-variant]": fields}
        return await self._one(GET.call(variant_id, query=query), variant_from, deadline_seconds)

    async def create(self, variant: NewCatalogVariant, *, deadline_seconds: float | None = None) -> CatalogVariant:
        """Create a variant. Not repeated once it may have been processed: a repeat is refused as a conflict.

        Raises:
            Conflict: There is one with this external id.
            NotFound: The item does not exist.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._one(CREATE.call(data=variant.resource()), variant_from, deadline_seconds)

    async def update(self, changes: CatalogVariantChanges, *, deadline_seconds: float | None = None) -> CatalogVariant:
        """Change a variant; what is ``UNSET`` stays, what is None becomes Klaviyo's default.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._one(UPDATE.call(changes.id, data=changes.resource()), variant_from, deadline_seconds)

    async def delete(self, variant_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a variant.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(variant_id), deadline_seconds)
