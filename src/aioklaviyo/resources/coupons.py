"""Coupons. Scopes ``coupons:read`` and ``coupons:write``; their codes ``coupon-codes:read``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aioklaviyo.errors import invalid_request
from aioklaviyo.filters import Filter
from aioklaviyo.models.coupon import (
    COUPON_ID,
    AssignerConfiguration,
    Coupon,
    MonitorConfiguration,
    coupon_from,
)
from aioklaviyo.models.coupon_code import CouponCode, coupon_code_from
from aioklaviyo.models.writing import UNSET, Settable
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import L, S
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_coupons", "GET", "/api/coupons", L)
GET = Operation("get_coupon", "GET", "/api/coupons/{id}", L)
CREATE = Operation("create_coupon", "POST", "/api/coupons", S)
UPDATE = Operation("update_coupon", "PATCH", "/api/coupons/{id}", S)
DELETE = Operation("delete_coupon", "DELETE", "/api/coupons/{id}", S, Need.NOTHING)
CODES = Operation("get_coupon_codes_for_coupon", "GET", "/api/coupons/{id}/coupon-codes", L)
CODE_IDS = Operation("get_coupon_code_ids_for_coupon", "GET", "/api/coupons/{id}/relationships/coupon-codes", L)


class Coupons(Area):
    """``klaviyo.coupons``. A coupon's id is the external id that it was created with."""

    def list(
        self,
        *,
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[Coupon]:
        """All coupons, page after page.

        Args:
            page_size: 1 to 100; Klaviyo's default is 100.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=coupon_from,
            query={"fields[coupon]": fields},
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(self, coupon_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None) -> Coupon:
        """One coupon by its id.

        Args:
            coupon_id: Its external id. One that no coupon can have, with a hyphen for instance, is refused with 400.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._one(GET.call(coupon_id, query={"fields[coupon]": fields}), coupon_from, deadline_seconds)

    async def create(
        self,
        external_id: str,
        *,
        description: str | None = None,
        monitor_configuration: MonitorConfiguration | None = None,
        assigner_configuration: AssignerConfiguration | None = None,
        deadline_seconds: float | None = None,
    ) -> Coupon:
        """Create a coupon. Not repeated once it may have been processed: a repeat is refused as a conflict.

        Args:
            external_id: What it is called here, in mails and in your shop: letters, digits and underscores.
            description: What it is, for those who choose it.
            monitor_configuration: When to warn that codes run out.
            assigner_configuration: Whether somebody who has had a code is given another one; None means they are.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: The external id holds something else.
            Conflict: There is one with this external id.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if not COUPON_ID.fullmatch(external_id):
            raise invalid_request(
                "a coupon's id is made of letters, digits and underscores",
                method="POST",
                path=CREATE.path,
                pointer="/data/attributes/external_id",
            )
        attributes: dict[str, Json] = {"external_id": external_id}
        if description is not None:
            attributes["description"] = description
        if monitor_configuration is not None:
            attributes["monitor_configuration"] = monitor_configuration.wire()
        if assigner_configuration is not None:
            attributes["assigner_configuration"] = assigner_configuration.wire()
        call = CREATE.call(data={"type": "coupon", "attributes": attributes})
        return await self._one(call, coupon_from, deadline_seconds)

    async def update(
        self,
        coupon_id: str,
        *,
        description: Settable[str] = UNSET,
        monitor_configuration: Settable[MonitorConfiguration] = UNSET,
        assigner_configuration: Settable[AssignerConfiguration] = UNSET,
        deadline_seconds: float | None = None,
    ) -> Coupon:
        """Change a coupon; what is ``UNSET`` stays, None clears. What it is called cannot be changed.

        Args:
            coupon_id: Its external id.
            description: What it is.
            monitor_configuration: When to warn that codes run out.
            assigner_configuration: Whether somebody who has had a code is given another one.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        changes: dict[str, Json] = {}
        if description is not UNSET:
            changes["description"] = description
        if monitor_configuration is not UNSET:
            changes["monitor_configuration"] = monitor_configuration and monitor_configuration.wire()
        if assigner_configuration is not UNSET:
            changes["assigner_configuration"] = assigner_configuration and assigner_configuration.wire()
        call = UPDATE.call(coupon_id, data={"type": "coupon", "id": coupon_id, "attributes": changes})
        return await self._one(call, coupon_from, deadline_seconds)

    async def delete(self, coupon_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a coupon with its codes.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(coupon_id), deadline_seconds)

    def codes(
        self,
        coupon_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CouponCode]:
        """The codes of a coupon, page after page.

        Args:
            coupon_id: Its external id.
            filter: On ``expires_at`` (ranges), ``status`` and ``profile.id``.
            page_size: 1 to 100; Klaviyo's default is 100.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            NotFound: While iterating: there is no such coupon.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            CODES,
            coupon_id,
            parse=coupon_code_from,
            query={"fields[coupon-code]": fields},
            where=filter,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def code_ids(
        self,
        coupon_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        page_size: int | None = None,
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[str]:
        """The ids of the same codes; parameters and errors as in ``codes``."""
        return self._list_ids(
            CODE_IDS,
            coupon_id,
            where=filter,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )
