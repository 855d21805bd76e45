"""Variations of campaigns' messages. Scopes ``campaigns:read``, ``campaigns:write``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.models.campaign import CampaignMessage, CampaignVariation, message_from, variation_from
from aioklaviyo.models.campaign_content import NewVariation, VariationContent
from aioklaviyo.models.image import Image, image_from
from aioklaviyo.models.translation import Translation, translation_from
from aioklaviyo.models.writing import UNSET, Given, Settable, written
from aioklaviyo.operations import Need, Operation
from aioklaviyo.rates import M
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

_ONE = "/api/campaign-variations/{id}"
GET = Operation("get_campaign_variation", "GET", _ONE, M)
CREATE = Operation("create_campaign_variation", "POST", "/api/campaign-variations", M)
UPDATE = Operation("update_campaign_variation", "PATCH", _ONE, M)
DELETE = Operation("delete_campaign_variation", "DELETE", _ONE, M, Need.NOTHING)
MESSAGE = Operation("get_message_for_campaign_variation", "GET", f"{_ONE}/campaign-message", M)
MESSAGE_ID = Operation("get_message_id_for_campaign_variation", "GET", f"{_ONE}/relationships/campaign-message", M)
IMAGE = Operation("get_image_for_campaign_variation", "GET", f"{_ONE}/image", M)
IMAGE_ID = Operation("get_image_id_for_campaign_variation", "GET", f"{_ONE}/relationships/image", M)
TRANSLATION = Operation("get_translation_for_campaign_variation", "GET", f"{_ONE}/translation", M)
TRANSLATION_ID = Operation("get_translation_id_for_campaign_variation", "GET", f"{_ONE}/relationships/translation", M)

VariationInclude: TypeAlias = Literal["campaign-message", "image", "translation"]


class CampaignVariations(Area):
    """``klaviyo.campaign_variations``."""

    async def get(
        self,
        variation_id: str,
        *,
        include: Sequence[VariationInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CampaignVariation:
        """One variation by its id.

        Args:
            variation_id: As in ``CampaignMessage.variation_ids``.
            include: What to resolve to objects.
            fields: Only these attributes, dotted as in ``definition.details``; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"fields[campaign-variation]": fields, "include": include}
        return await self._one(GET.call(variation_id, query=query), variation_from, deadline_seconds)

    async def create(
        self,
        message_id: str,
        details: VariationContent | None = None,
        *,
        name: str | None = None,
        deadline_seconds: float | None = None,
    ) -> CampaignVariation:
        """Add a variation to a draft of a message. Not repeated once it may have been processed.

        Args:
            message_id: 26 letters and digits.
            details: What it says, in the channel of the message's other variations.
            name: What it is called.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such message.
            Conflict: The message is no draft.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = CREATE.call(
            data={
                "type": "campaign-variation",
                "attributes": NewVariation(details=details, name=name).wire(),
                "relationships": {"campaign-message": {"data": {"type": "campaign-message", "id": message_id}}},
            }
        )
        return await self._one(call, variation_from, deadline_seconds)

    async def update(
        self,
        variation_id: str,
        *,
        details: Given[VariationContent] = UNSET,
        name: Settable[str] = UNSET,
        deadline_seconds: float | None = None,
    ) -> CampaignVariation:
        """Change a variation of a draft; what is ``UNSET`` stays, in ``details`` too.

        Args:
            variation_id: As in ``CampaignMessage.variation_ids``.
            details: What it is to say.
            name: What it is to be called.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            Conflict: The message is no draft.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        changes: dict[str, Json] = {}
        if details is not UNSET:
            changes["details"] = written(details)
        if name is not UNSET:
            changes["name"] = name
        data: dict[str, Json] = {
            "type": "campaign-variation",
            "id": variation_id,
            "attributes": {"definition": changes},
        }
        return await self._one(UPDATE.call(variation_id, data=data), variation_from, deadline_seconds)

    async def delete(self, variation_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a variation of a draft.

        Raises:
            NotFound: There is none with this id.
            Conflict: The message is no draft.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(variation_id), deadline_seconds)

    async def message(
        self, variation_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> CampaignMessage | None:
        """The message of a variation.

        Raises:
            NotFound: There is no such variation.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = MESSAGE.call(variation_id, query={"fields[campaign-message]": fields})
        return await self._related(call, message_from, deadline_seconds)

    async def message_id(self, variation_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(MESSAGE_ID.call(variation_id), deadline_seconds)

    async def image(
        self, variation_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Image | None:
        """The image of a variation by SMS or push.

        Raises:
            NotFound: There is no such variation, or it has no image: ``image_id`` tells the two apart.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = IMAGE.call(variation_id, query={"fields[image]": fields})
        return await self._related(call, image_from, deadline_seconds)

    async def image_id(self, variation_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone; None where there is none.

        Raises:
            NotFound: There is no such variation.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._related_id(IMAGE_ID.call(variation_id), deadline_seconds)

    async def translation(
        self, variation_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Translation | None:
        """The translation of a variation.

        Raises:
            NotFound: There is no such variation, or it is not translated: ``translation_id`` tells the two apart.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = TRANSLATION.call(variation_id, query={"fields[translation]": fields})
        return await self._related(call, translation_from, deadline_seconds)

    async def translation_id(self, variation_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone; None where there is none.

        Raises:
            NotFound: There is no such variation.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._related_id(TRANSLATION_ID.call(variation_id), deadline_seconds)
