"""Items of the catalogue. Scopes ``catalogs:read`` and ``catalogs:write``."""

from collections.abc import Sequence

from aioklaviyo.filters import Filter
from aioklaviyo.models.catalog import CatalogSort
from aioklaviyo.models.catalog_category import CatalogCategory, category_from
from aioklaviyo.models.catalog_item import (
    CatalogItem,
    CatalogItemChanges,
    CatalogItemInclude,
    NewCatalogItem,
    item_from,
)
from aioklaviyo.models.catalog_variant import CatalogVariant, variant_from
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import XL, L
from aioklaviyo.resources.area import identified
from aioklaviyo.resources.catalog_item_jobs import CatalogItemJobs

LIST = Operation("get_catalog_items", "GET", "/api/catalog-items", XL)
GET = Operation("get_catalog_item", "GET", "/api/catalog-items/{id}", XL)
CREATE = Operation("create_catalog_item", "POST", "/api/catalog-items", L)
UPDATE = Operation("update_catalog_item", "PATCH", "/api/catalog-items/{id}", L)
DELETE = Operation("delete_catalog_item", "DELETE", "/api/catalog-items/{id}", L, Need.NOTHING)
VARIANTS = Operation("get_variants_for_catalog_item", "GET", "/api/catalog-items/{id}/variants", XL)
VARIANT_IDS = Operation("get_variant_ids_for_catalog_item", "GET", "/api/catalog-items/{id}/relationships/variants", XL)
CATEGORIES = Operation("get_categories_for_catalog_item", "GET", "/api/catalog-items/{id}/categories", XL)
CATEGORY_IDS = Operation(
    "get_category_ids_for_catalog_item", "GET", "/api/catalog-items/{id}/relationships/categories", XL
)
ADD_CATEGORIES = Operation(
    "add_categories_to_catalog_item", "POST", "/api/catalog-items/{id}/relationships/categories", L, Need.NOTHING
)
SET_CATEGORIES = Operation(
    "update_categories_for_catalog_item", "PATCH", "/api/catalog-items/{id}/relationships/categories", L, Need.NOTHING
)
REMOVE_CATEGORIES = Operation(
    "remove_categories_from_catalog_item", "DELETE", "/api/catalog-items/{id}/relationships/categories", L, Need.NOTHING
)


class CatalogItems(CatalogItemJobs):
    """``klaviyo.catalog_items``. Ids are made by ``catalog_id``: ``$custom:::$default:::SKU-1``."""

    _entries = LIST

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: CatalogSort | None = None,
        include: Sequence[CatalogItemInclude] = (),
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CatalogItem]:
        """All items, page after page.

        Args:
            filter: On ``ids``, ``category.id``, ``title`` (contains) and ``published``.
            sort: By creation, descending with a leading minus.
            include: ``variants`` resolves them to objects on each item.
            page_size: 1 to 100; Klaviyo's default is 100.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=item_from,
            query={"fields[catalog-item]": fields, "include": include},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        item_id: str,
        *,
        include: Sequence[CatalogItemInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CatalogItem:
        """One item by its id.

        Args:
            item_id: As ``catalog_id`` makes it of your own id.
            include: ``variants`` resolves them to objects on each item.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"fields[catalog-item]": fields, "include": include}
        return await self._one(GET.call(item_id, query=query), item_from, deadline_seconds)

    async def create(self, item: NewCatalogItem, *, deadline_seconds: float | None = None) -> CatalogItem:
        """Create an item. Not repeated once it may have been processed: a repeat is refused as a conflict.

        Raises:
            Conflict: There is one with this external id.
            NotFound: A category does not exist.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._one(CREATE.call(data=item.resource()), item_from, deadline_seconds)

    async def update(self, changes: CatalogItemChanges, *, deadline_seconds: float | None = None) -> CatalogItem:
        """Change an item; what is ``UNSET`` stays, what is None becomes Klaviyo's default.

        Raises:
            NotFound: There is none with this id, or a category does not exist.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._one(UPDATE.call(changes.id, data=changes.resource()), item_from, deadline_seconds)

    async def delete(self, item_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete an item and its variants.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(item_id), deadline_seconds)

    def variants(
        self,
        item_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: CatalogSort | None = None,
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CatalogVariant]:
        """The variants of an item, page after page.

        Args:
            item_id: As ``catalog_id`` makes it.
            filter: On ``ids``, ``item.id``, ``sku``, ``title`` (contains) and ``published``.
            sort: By creation, descending with a leading minus.
            page_size: 1 to 100; Klaviyo's default is 100.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            NotFound: While iterating: there is no such item.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            VARIANTS,
            item_id,
            parse=variant_from,
            query={"fields[catalog-variant]": fields},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def variant_ids(
        self,
        item_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: CatalogSort | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[str]:
        """The ids of the same variants; parameters and errors as in ``variants``."""
        return self._list_ids(
            VARIANT_IDS,
            item_id,
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def categories(
        self,
        item_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: CatalogSort | None = None,
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CatalogCategory]:
        """The categories that an item is in, page after page.

        Args:
            item_id: As ``catalog_id`` makes it.
            filter: On ``ids``, ``item.id`` and ``name`` (contains).
            sort: By creation, descending with a leading minus.
            page_size: 1 to 100; Klaviyo's default is 100.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            NotFound: While iterating: there is no such item.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            CATEGORIES,
            item_id,
            parse=category_from,
            query={"fields[catalog-category]": fields},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def category_ids(
        self,
        item_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: CatalogSort | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[str]:
        """The ids of the same categories; parameters and errors as in ``categories``."""
        return self._list_ids(
            CATEGORY_IDS,
            item_id,
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def add_categories(
        self, item_id: str, category_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> None:
        """Put an item into categories. Not repeated once it may have been processed: a repeat is refused as a conflict.

        Args:
            item_id: As ``catalog_id`` makes it.
            category_ids: Of categories that it is not yet related to; none at all sends nothing.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            Conflict: One of them is related already.
            NotFound: There is no such item or category.
            OutcomeUnknown: No answer came. To be sure, state all of them with ``set_categories``.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if category_ids:
            data = identified("catalog-category", category_ids)
            await self._done(ADD_CATEGORIES.call(item_id, data=data), deadline_seconds)

    async def set_categories(
        self, item_id: str, category_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> None:
        """Put an item into these categories and into no others.

        Args:
            item_id: As ``catalog_id`` makes it.
            category_ids: All of them; empty means none.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such item or category.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        data = identified("catalog-category", category_ids)
        await self._done(SET_CATEGORIES.call(item_id, data=data), deadline_seconds)

    async def remove_categories(
        self, item_id: str, category_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> None:
        """Take an item out of categories; an empty list sends nothing.

        Raises:
            NotFound: There is no such item.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if category_ids:
            data = identified("catalog-category", category_ids)
            await self._done(REMOVE_CATEGORIES.call(item_id, data=data), deadline_seconds)
