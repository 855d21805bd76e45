"""Back in stock: who wants to hear when a variant is there again. Scopes ``catalogs:write`` and ``profiles:write``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.errors import invalid_request
from aioklaviyo.operations import Need, Operation
from aioklaviyo.rates import XL
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

SUBSCRIBE = Operation("create_back_in_stock_subscription", "POST", "/api/back-in-stock-subscriptions", XL, Need.NOTHING)

BackInStockChannel: TypeAlias = Literal["EMAIL", "PUSH", "SMS", "WHATSAPP"]


class BackInStock(Area):
    """``klaviyo.back_in_stock``. Subscriptions can be written only; Klaviyo does not list them."""

    async def subscribe(
        self,
        variant_id: str,
        *,
        channels: Sequence[BackInStockChannel],
        profile_id: str | None = None,
        email: str | None = None,
        phone_number: str | None = None,
        external_id: str | None = None,
        deadline_seconds: float | None = None,
    ) -> None:
        """Note that somebody waits for a variant. It changes no consent, and sends nothing unless a flow does.

        Not repeated once it may have been processed: every call is an event on the profile.

        Args:
            variant_id: As ``catalog_id`` makes it; ``$shopify:::$default:::...`` for a variant of Shopify's.
            channels: How to tell them, at least one.
            profile_id: Klaviyo's id of the profile. One of the four is needed.
            email: Who it is. Klaviyo makes a profile where nobody has it.
            phone_number: Who it is, in E.164.
            external_id: Who it is, in your own system.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: There is no channel, or nobody is named.
            NotFound: There is no such variant.
            OutcomeUnknown: No answer came: it may have been noted.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if not channels:
            raise _invalid("at least one channel is needed", "/data/attributes/channels")
        named = {"email": email, "phone_number": phone_number, "external_id": external_id}
        attributes: dict[str, Json] = {name: value for name, value in named.items() if value}
        if not attributes and not profile_id:
            raise _invalid("somebody has to be named", "/data/attributes/profile/data")
        profile: dict[str, Json] = {"type": "profile", "attributes": attributes}
        if profile_id:
            profile["id"] = profile_id
        variant: Json = {"data": {"type": "catalog-variant", "id": variant_id}}
        data: Json = {
            "type": "back-in-stock-subscription",
            "attributes": {"channels": list(channels), "profile": {"data": profile}},
            "relationships": {"variant": variant},
        }
        await self._done(SUBSCRIBE.call(data=data), deadline_seconds)


def _invalid(problem: str, pointer: str) -> Exception:
    return invalid_request(problem, method="POST", path=SUBSCRIBE.path, pointer=pointer)
