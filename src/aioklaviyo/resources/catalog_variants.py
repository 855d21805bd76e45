"""Variants of the catalogue's items. Scopes ``catalogs:read`` and ``catalogs:write``."""

from collections.abc import AsyncIterable, Iterable, Sequence

from aioklaviyo.bulk import BulkResult, Progress
from aioklaviyo.calls import Caller
from aioklaviyo.filters import Filter
from aioklaviyo.job_batches import IN_FLIGHT, JOB_SECONDS
from aioklaviyo.models.catalog import CatalogSort
from aioklaviyo.models.catalog_variant import CatalogVariant, CatalogVariantChanges, NewCatalogVariant, variant_from
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import XL, L
from aioklaviyo.resources.catalog_state import gone, made
from aioklaviyo.resources.catalog_variant_jobs import CREATE_JOB, DELETE_JOB, UPDATE_JOB, CatalogVariantJobs

LIST = Operation("get_catalog_variants", "GET", "/api/catalog-variants", XL)
GET = Operation("get_catalog_variant", "GET", "/api/catalog-variants/{id}", XL)
CREATE = Operation("create_catalog_variant", "POST", "/api/catalog-variants", L)
UPDATE = Operation("update_catalog_variant", "PATCH", "/api/catalog-variants/{id}", L)
DELETE = Operation("delete_catalog_variant", "DELETE", "/api/catalog-variants/{id}", L, Need.NOTHING)


class CatalogVariants(CatalogVariantJobs):
    """``klaviyo.catalog_variants``. Ids are made by ``catalog_id``: ``$custom:::$default:::SKU-1``."""

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

    async def create_all(
        self,
        variants: Iterable[NewCatalogVariant] | AsyncIterable[NewCatalogVariant],
        *,
        progress: Progress[NewCatalogVariant] | None = None,
        max_in_flight: int = IN_FLIGHT,
        job_timeout_seconds: float = JOB_SECONDS,
    ) -> BulkResult[NewCatalogVariant]:
        """Create any number of variants by as many jobs as it takes, and wait for them. Interactive calls go first.

        A job whose request got no answer is asked for again; variants that are there then as they were to be count as
        ``sent``. Variants that were there before are ``refused``.

        Args:
            variants: Read as there is room for them; at most ``max_in_flight`` times 100 are in memory.
            progress: Told of the result so far whenever a job is settled.
            max_in_flight: How many jobs are under way at once; Klaviyo allows an account 500.
            job_timeout_seconds: How long to wait for one job. After that its variants are ``unknown``.

        Returns:
            What became of every single one.

        Raises:
            BulkStopped: The credentials were refused; its ``result`` tells what was done until then.
            ValueError: ``max_in_flight`` is less than 1, or ``job_timeout_seconds`` not positive.
        """
        return await self._run(
            CREATE_JOB,
            variants,
            already=_made,
            max_in_flight=max_in_flight,
            job_timeout_seconds=job_timeout_seconds,
            progress=progress,
        )

    async def update_all(
        self,
        changes: Iterable[CatalogVariantChanges] | AsyncIterable[CatalogVariantChanges],
        *,
        progress: Progress[CatalogVariantChanges] | None = None,
        max_in_flight: int = IN_FLIGHT,
        job_timeout_seconds: float = JOB_SECONDS,
    ) -> BulkResult[CatalogVariantChanges]:
        """Change any number of variants; as ``create_all``.

        Two changes of the same variant are made one after the other.
        """
        return await self._run(
            UPDATE_JOB,
            changes,
            already=None,
            max_in_flight=max_in_flight,
            job_timeout_seconds=job_timeout_seconds,
            progress=progress,
        )

    async def delete_all(
        self,
        variant_ids: Iterable[str] | AsyncIterable[str],
        *,
        progress: Progress[str] | None = None,
        max_in_flight: int = IN_FLIGHT,
        job_timeout_seconds: float = JOB_SECONDS,
    ) -> BulkResult[str]:
        """Delete any number of variants by their ids; as ``create_all``. Those that do not exist are ``refused``."""
        return await self._run(
            DELETE_JOB,
            variant_ids,
            already=_gone,
            max_in_flight=max_in_flight,
            job_timeout_seconds=job_timeout_seconds,
            progress=progress,
        )


async def _made(caller: Caller, variants: Sequence[NewCatalogVariant]) -> set[str]:
    return await made(caller, LIST, {variant.id: variant.resource() for variant in variants})


async def _gone(caller: Caller, variant_ids: Sequence[str]) -> set[str]:
    return await gone(caller, LIST, variant_ids)
