"""Audiences of campaigns. Scopes ``campaigns:read``, ``campaigns:write``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.models.campaign import (
    Campaign,
    CampaignAudience,
    CampaignMessage,
    audience_from,
    campaign_from,
    message_from,
)
from aioklaviyo.models.writing import UNSET, Given, Settable
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import M
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

GET = Operation("get_campaign_audience", "GET", "/api/campaign-audiences/{id}", M)
CREATE = Operation("create_campaign_audience", "POST", "/api/campaign-audiences", M)
UPDATE = Operation("update_campaign_audience", "PATCH", "/api/campaign-audiences/{id}", M)
DELETE = Operation("delete_campaign_audience", "DELETE", "/api/campaign-audiences/{id}", M, Need.NOTHING)
CLONE = Operation("clone_campaign_audience", "POST", "/api/campaign-audience-clone", M)
CAMPAIGN = Operation("get_campaign_for_campaign_audience", "GET", "/api/campaign-audiences/{id}/campaign", M)
CAMPAIGN_ID = Operation(
    "get_campaign_id_for_campaign_audience", "GET", "/api/campaign-audiences/{id}/relationships/campaign", M
)
MESSAGES = Operation(
    "get_campaign_messages_for_campaign_audience", "GET", "/api/campaign-audiences/{id}/campaign-messages", M
)
MESSAGE_IDS = Operation(
    "get_message_ids_for_campaign_audience", "GET", "/api/campaign-audiences/{id}/relationships/campaign-messages", M
)

AudienceInclude: TypeAlias = Literal["campaign", "campaign-messages"]


class CampaignAudiences(Area):
    """``klaviyo.campaign_audiences``."""

    async def get(
        self,
        audience_id: str,
        *,
        include: Sequence[AudienceInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CampaignAudience:
        """One audience by its id.

        Args:
            audience_id: As in ``Campaign.audience_ids``.
            include: What to resolve to objects.
            fields: Only these attributes, dotted as in ``definition.name``; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"fields[campaign-audience]": fields, "include": include}
        return await self._one(GET.call(audience_id, query=query), audience_from, deadline_seconds)

    async def create(
        self,
        campaign_id: str,
        *,
        included: Sequence[str],
        excluded: Sequence[str] = (),
        name: str | None = None,
        priority: int | None = None,
        deadline_seconds: float | None = None,
    ) -> CampaignAudience:
        """Add an audience to a campaign. Not repeated once it may have been processed.

        Args:
            campaign_id: 26 letters and digits.
            included: Ids of the lists and segments whose members are written to.
            excluded: Ids of those whose members are not.
            name: What it is called.
            priority: Which audience counts for somebody who is in several of them.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such campaign.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        definition: dict[str, Json] = {"included": list(included), "excluded": list(excluded)}
        if name is not None:
            definition["name"] = name
        if priority is not None:
            definition["priority"] = priority
        call = CREATE.call(
            data={
                "type": "campaign-audience",
                "attributes": {"definition": definition},
                "relationships": {"campaign": {"data": {"type": "campaign", "id": campaign_id}}},
            }
        )
        return await self._one(call, audience_from, deadline_seconds)

    async def update(
        self,
        audience_id: str,
        *,
        included: Given[Sequence[str]] = UNSET,
        excluded: Given[Sequence[str]] = UNSET,
        name: Settable[str] = UNSET,
        priority: Settable[int] = UNSET,
        deadline_seconds: float | None = None,
    ) -> CampaignAudience:
        """Change an audience whose messages are all drafts; what is ``UNSET`` stays, None clears.

        Args:
            audience_id: As in ``Campaign.audience_ids``.
            included: All the lists and segments whose members are written to.
            excluded: All those whose members are not.
            name: What it is to be called.
            priority: Which audience counts for somebody who is in several of them.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            Conflict: One of its messages is no draft.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        changes: dict[str, Json] = {}
        if included is not UNSET:
            changes["included"] = list(included)
        if excluded is not UNSET:
            changes["excluded"] = list(excluded)
        if name is not UNSET:
            changes["name"] = name
        if priority is not UNSET:
            changes["priority"] = priority
        data: dict[str, Json] = {
            "type": "campaign-audience",
            "id": audience_id,
            "attributes": {"definition": changes},
        }
        return await self._one(UPDATE.call(audience_id, data=data), audience_from, deadline_seconds)

    async def delete(self, audience_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete an audience with the messages to it, which must all be drafts.

        Raises:
            NotFound: There is none with this id.
            Conflict: One of its messages is no draft.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(audience_id), deadline_seconds)

    async def clone(
        self,
        audience_id: str,
        *,
        campaign_id: str | None = None,
        name: str | None = None,
        deadline_seconds: float | None = None,
    ) -> CampaignAudience:
        """Copy an audience. Not repeated once it may have been processed.

        Args:
            audience_id: As in ``Campaign.audience_ids``.
            campaign_id: Where the copy goes; None means the same campaign.
            name: What the copy is called; None means the same.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such audience or campaign.
            OutcomeUnknown: No readable answer came: the copy may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        attributes: dict[str, Json] = {"id": audience_id}
        if name is not None:
            attributes["name"] = name
        data: dict[str, Json] = {"type": "campaign-audience-clone", "id": audience_id, "attributes": attributes}
        if campaign_id is not None:
            data["relationships"] = {"campaign": {"data": {"type": "campaign", "id": campaign_id}}}
        return await self._one(CLONE.call(data=data), audience_from, deadline_seconds)

    async def campaign(
        self, audience_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Campaign | None:
        """The campaign of an audience.

        Raises:
            NotFound: There is no such audience.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = CAMPAIGN.call(audience_id, query={"fields[campaign]": fields})
        return await self._related(call, campaign_from, deadline_seconds)

    async def campaign_id(self, audience_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(CAMPAIGN_ID.call(audience_id), deadline_seconds)

    def messages(
        self,
        audience_id: str,
        *,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CampaignMessage]:
        """The messages to an audience, 100 per page.

        Args:
            audience_id: As in ``Campaign.audience_ids``.
            fields: Only these attributes, dotted as in ``definition.status``; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            NotFound: While iterating: there is no such audience.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            MESSAGES,
            audience_id,
            parse=message_from,
            query={"fields[campaign-message]": fields},
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def message_ids(
        self, audience_id: str, *, cursor: str | None = None, deadline_seconds: float | None = None
    ) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(MESSAGE_IDS, audience_id, cursor=cursor, deadline_seconds=deadline_seconds)
