"""Categories of the catalogue. Scopes ``catalogs:read`` and ``catalogs:write``."""

from collections.abc import Sequence

from aioklaviyo.filters import Filter
from aioklaviyo.models.catalog import CatalogSort
from aioklaviyo.models.catalog_category import (
    CatalogCategory,
    CatalogCategoryChanges,
    NewCatalogCategory,
    category_from,
)
from aioklaviyo.models.catalog_item import CatalogItem, CatalogItemInclude, item_from
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import XL, L
from aioklaviyo.resources.area import identified
from aioklaviyo.resources.catalog_category_jobs import CatalogCategoryJobs

LIST = Operation("get_catalog_categories", "GET", "/api/catalog-categories", XL)
GET = Operation("get_catalog_category", "GET", "/api/catalog-categories/{id}", XL)
CREATE = Operation("create_catalog_category", "POST", "/api/catalog-categories", L)
UPDATE = Operation("update_catalog_category", "PATCH", "/api/catalog-categories/{id}", L)
DELETE = Operation("delete_catalog_category", "DELETE", "/api/catalog-categories/{id}", L, Need.NOTHING)
ITEMS = Operation("get_items_for_catalog_category", "GET", "/api/catalog-categories/{id}/items", XL)
ITEM_IDS = Operation("get_item_ids_for_catalog_category", "GET", "/api/catalog-categories/{id}/relationships/items", XL)
ADD_ITEMS = Operation(
    "add_items_to_catalog_category", "POST", "/api/catalog-categories/{id}/relationships/items", L, Need.NOTHING
)
SET_ITEMS = Operation(
    "update_items_for_catalog_category", "PATCH", "/api/catalog-categories/{id}/relationships/items", L, Need.NOTHING
)
REMOVE_ITEMS = Operation(
    "remove_items_from_catalog_category", "DELETE", "/api/catalog-categories/{id}/relationships/items", L, Need.NOTHING
)


class CatalogCategories(CatalogCategoryJobs):
    """``klaviyo.catalog_categories``. Ids are made by ``catalog_id``: ``$custom:::$default:::SKU-1``."""

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
    ) -> Listing[CatalogCategory]:
        """All categories, page after page.

        Args:
            filter: On ``ids``, ``item.id`` and ``name`` (contains).
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
            parse=category_from,
            query={"fields[catalog-category]": fields},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        category_id: str,
        *,
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CatalogCategory:
        """One category by its id.

        Args:
            category_id: As ``catalog_id`` makes it of your own id.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"fields[catalog-category]": fields}
        return await self._one(GET.call(category_id, query=query), category_from, deadline_seconds)

    async def create(self, category: NewCatalogCategory, *, deadline_seconds: float | None = None) -> CatalogCategory:
        """Create a category. Not repeated once it may have been processed: a repeat is refused as a conflict.

        Raises:
            Conflict: There is one with this external id.
            NotFound: An item does not exist.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._one(CREATE.call(data=category.resource()), category_from, deadline_seconds)

    async def update(
        self, changes: CatalogCategoryChanges, *, deadline_seconds: float | None = None
    ) -> CatalogCategory:
        """Change a category; what is ``UNSET`` stays, what is None becomes Klaviyo's default.

        Raises:
            NotFound: There is none with this id, or an item does not exist.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._one(UPDATE.call(changes.id, data=changes.resource()), category_from, deadline_seconds)

    async def delete(self, category_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a category; its items stay.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(category_id), deadline_seconds)

    def items(
        self,
        category_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: CatalogSort | None = None,
        include: Sequence[CatalogItemInclude] = (),
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CatalogItem]:
        """The items in a category, page after page.

        Args:
            category_id: As ``catalog_id`` makes it.
            filter: On ``ids``, ``category.id``, ``title`` (contains) and ``published``.
            sort: By creation, descending with a leading minus.
            include: ``variants`` resolves them to objects on each item.
            page_size: 1 to 100; Klaviyo's default is 100.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            NotFound: While iterating: there is no such category.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            ITEMS,
            category_id,
            parse=item_from,
            query={"fields[catalog-item]": fields, "include": include},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def item_ids(
        self,
        category_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: CatalogSort | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[str]:
        """The ids of the same items; parameters and errors as in ``items``."""
        return self._list_ids(
            ITEM_IDS,
            category_id,
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def add_items(
        self, category_id: str, item_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> None:
        """Put items into a category. Not repeated once it may have been processed: a repeat is refused as a conflict.

        Args:
            category_id: As ``catalog_id`` makes it.
            item_ids: Of items that it is not yet related to; none at all sends nothing.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            Conflict: One of them is related already.
            NotFound: There is no such category or item.
            OutcomeUnknown: No answer came. To be sure, state all of them with ``set_items``.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if item_ids:
            data = identified("catalog-item", item_ids)
            await self._done(ADD_ITEMS.call(category_id, data=data), deadline_seconds)

    async def set_items(
        self, category_id: str, item_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> None:
        """Put these items into a category and take all others out of it.

        Args:
            category_id: As ``catalog_id`` makes it.
            item_ids: All of them; empty means none.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such category or item.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        data = identified("catalog-item", item_ids)
        await self._done(SET_ITEMS.call(category_id, data=data), deadline_seconds)

    async def remove_items(
        self, category_id: str, item_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> None:
        """Take items out of a category; an empty list sends nothing.

        Raises:
            NotFound: There is no such category.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if item_ids:
            data = identified("catalog-item", item_ids)
            await self._done(REMOVE_ITEMS.call(category_id, data=data), deadline_seconds)
