"""Messages of campaigns. Scopes ``campaigns:read``, ``campaigns:write``.

What is related needs a scope as well: ``images:read``, ``tags:read``, ``templates:read``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.filters import Filter
from aioklaviyo.models.campaign import (
    AssignedMessage,
    Campaign,
    CampaignAudience,
    CampaignMessage,
    CampaignVariation,
    assigned_from,
    audience_from,
    campaign_from,
    message_from,
    variation_from,
)
from aioklaviyo.models.campaign_content import MessageVariation, variations_wire
from aioklaviyo.models.campaign_options import AbTestAttributes, SendOptionsAttributes, TrackingOptionsAttributes
from aioklaviyo.models.campaign_schedule import MessageSchedule, Schedule, message_schedule_from
from aioklaviyo.models.image import Image, image_from
from aioklaviyo.models.tag import Tag, tag_from
from aioklaviyo.models.template import Template, template_from
from aioklaviyo.models.writing import UNSET, Given, Settable, WriteModel
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import M, S
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

_ONE = "/api/campaign-messages/{id}"
LIST = Operation("get_campaign_messages", "GET", "/api/campaign-messages", M)
GET = Operation("get_campaign_message", "GET", _ONE, M)
CREATE = Operation("create_campaign_message", "POST", "/api/campaign-messages", M)
UPDATE = Operation("update_campaign_message", "PATCH", _ONE, M)
DELETE = Operation("delete_campaign_message", "DELETE", _ONE, M, Need.NOTHING)
CLONE = Operation("clone_campaign_message", "POST", "/api/campaign-message-clone", M)
# Each time the message gets a copy of its own, and the one before is gone: the last is like the first.
ASSIGN = Operation(
    "assign_template_to_campaign_message", "POST", "/api/campaign-message-assign-template", M, is_repeatable=True
)
SCHEDULE = Operation("schedule_campaign_message", "POST", "/api/campaign-message-schedule", M)
STOP = Operation("update_campaign_message_schedule", "PATCH", "/api/campaign-message-schedule/{id}", M, Need.NOTHING)
CAMPAIGN = Operation("get_campaign_for_campaign_message", "GET", f"{_ONE}/campaign", M)
CAMPAIGN_ID = Operation("get_campaign_id_for_campaign_message", "GET", f"{_ONE}/relationships/campaign", M)
AUDIENCE = Operation("get_audience_for_campaign_message", "GET", f"{_ONE}/campaign-audience", M)
AUDIENCE_ID = Operation("get_audience_id_for_campaign_message", "GET", f"{_ONE}/relationships/campaign-audience", M)
VARIATIONS = Operation("get_variations_for_campaign_message", "GET", f"{_ONE}/campaign-variations", M)
VARIATION_IDS = Operation(
    "get_variation_ids_for_campaign_message", "GET", f"{_ONE}/relationships/campaign-variations", M
)
TAGS = Operation("get_tags_for_campaign_message", "GET", f"{_ONE}/tags", S)
TAG_IDS = Operation("get_tag_ids_for_campaign_message", "GET", f"{_ONE}/relationships/tags", S)
TEMPLATE = Operation("get_template_for_campaign_message", "GET", f"{_ONE}/template", M)
TEMPLATE_ID = Operation("get_template_id_for_campaign_message", "GET", f"{_ONE}/relationships/template", M)
IMAGE = Operation("get_image_for_campaign_message", "GET", f"{_ONE}/image", M)
IMAGE_ID = Operation("get_image_id_for_campaign_message", "GET", f"{_ONE}/relationships/image", M)
SET_IMAGE = Operation("update_image_for_campaign_message", "PATCH", f"{_ONE}/relationships/image", M, Need.NOTHING)

CampaignMessageInclude: TypeAlias = Literal["campaign", "campaign-variations"]
CampaignMessageSort: TypeAlias = Literal[
    "created", "-created", "id", "-id", "name", "-name", "status", "-status", "updated", "-updated"
]
CampaignMessageStatus: TypeAlias = Literal["cancelled", "draft", "scheduled", "sending", "sent"]


class CampaignMessages(Area):
    """``klaviyo.campaign_messages``."""

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: CampaignMessageSort | None = None,
        include: Sequence[Literal["campaign"]] = (),
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CampaignMessage]:
        """The messages of all campaigns, page after page.

        Args:
            filter: ``equals`` on ``campaign_id`` and ``status``; ``equals`` or ``any_of`` on ``id``; ``contains`` on
                ``name``; ranges on ``created`` and ``updated``.
            sort: One attribute, descending with a leading minus.
            include: What to resolve to objects on each message.
            page_size: 1 to 100; Klaviyo's default is 20.
            fields: Only these attributes, dotted as in ``definition.status``; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=message_from,
            query={"fields[campaign-message]": fields, "include": include},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        message_id: str,
        *,
        include: Sequence[CampaignMessageInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CampaignMessage:
        """One message by its id.

        Args:
            message_id: 26 letters and digits.
            include: What to resolve to objects.
            fields: Only these attributes, dotted as in ``definition.status``; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"fields[campaign-message]": fields, "include": include}
        return await self._one(GET.call(message_id, query=query), message_from, deadline_seconds)

    async def create(
        self,
        campaign_id: str,
        audience_id: str,
        *,
        name: str | None = None,
        variations: Sequence[MessageVariation] = (),
        tracking_options: TrackingOptionsAttributes | None = None,
        send_options: SendOptionsAttributes | None = None,
        ab_test: AbTestAttributes | None = None,
        deadline_seconds: float | None = None,
    ) -> CampaignMessage:
        """Add a message to a campaign, as a draft. Not repeated once it may have been processed.

        Args:
            campaign_id: 26 letters and digits.
            audience_id: Whom it is for: an audience of the same campaign.
            name: What it is called.
            variations: What it says, all in one channel; they can also be added later.
            tracking_options: What is measured of it.
            send_options: How ``campaigns.send`` is to send it.
            ab_test: How the best of several variations is found.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such campaign or audience.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        definition: dict[str, Json] = {} if name is None else {"name": name}
        options: dict[str, WriteModel | None] = {
            "tracking_options": tracking_options,
            "send_options": send_options,
            "ab_test": ab_test,
        }
        definition |= {member: value.wire() for member, value in options.items() if value is not None}
        attributes: dict[str, Json] = {"definition": definition}
        if variations:
            attributes["variations"] = variations_wire(variations)
        call = CREATE.call(
            data={
                "type": "campaign-message",
                "attributes": attributes,
                "relationships": {
                    "campaign": {"data": {"type": "campaign", "id": campaign_id}},
                    "campaign-audience": {"data": {"type": "campaign-audience", "id": audience_id}},
                },
            }
        )
        return await self._one(call, message_from, deadline_seconds)

    async def update(
        self,
        message_id: str,
        *,
        name: Settable[str] = UNSET,
        status: Given[CampaignMessageStatus] = UNSET,
        tracking_options: Settable[TrackingOptionsAttributes] = UNSET,
        send_options: Settable[SendOptionsAttributes] = UNSET,
        ab_test: Settable[AbTestAttributes] = UNSET,
        deadline_seconds: float | None = None,
    ) -> CampaignMessage:
        """Change a message; what is ``UNSET`` stays, None clears. Of one that is no draft, only the name.

        Args:
            message_id: 26 letters and digits.
            name: What it is to be called.
            status: Klaviyo's schema takes it; ``schedule``, ``cancel``, ``revert`` and ``campaigns.send`` are what
                changes it.
            tracking_options: What is measured of it.
            send_options: How ``campaigns.send`` is to send it.
            ab_test: How the best of several variations is found.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            Conflict: It is no draft.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        changes: dict[str, Json] = {}
        if name is not UNSET:
            changes["name"] = name
        if status is not UNSET:
            changes["status"] = status
        options: dict[str, Settable[WriteModel]] = {
            "tracking_options": tracking_options,
            "send_options": send_options,
            "ab_test": ab_test,
        }
        for member, value in options.items():
            if value is not UNSET:
                changes[member] = None if value is None else value.wire()
        data: dict[str, Json] = {
            "type": "campaign-message",
            "id": message_id,
            "attributes": {"definition": changes},
        }
        return await self._one(UPDATE.call(message_id, data=data), message_from, deadline_seconds)

    async def delete(self, message_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a message with its variations.

        Raises:
            NotFound: There is none with this id.
            Conflict: It is scheduled or being sent: cancel it first.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(message_id), deadline_seconds)

    async def clone(
        self, message_id: str, audience_id: str, *, name: str | None = None, deadline_seconds: float | None = None
    ) -> CampaignMessage:
        """Copy a message with its variations, as a draft. Not repeated once it may have been processed.

        Args:
            message_id: 26 letters and digits.
            audience_id: Whom the copy is for; it goes to this audience's campaign.
            name: What the copy is called; None means the same.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such message or audience.
            OutcomeUnknown: No readable answer came: the copy may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        attributes: dict[str, Json] = {"id": message_id}
        if name is not None:
            attributes["name"] = name
        call = CLONE.call(
            data={
                "type": "campaign-message",
                "id": message_id,
                "attributes": attributes,
                "relationships": {"campaign-audience": {"data": {"type": "campaign-audience", "id": audience_id}}},
            }
        )
        return await self._one(call, message_from, deadline_seconds)

    async def assign_template(
        self, message_id: str, template_id: str, *, deadline_seconds: float | None = None
    ) -> AssignedMessage:
        """Give an e-mail of a draft a copy of a template; later changes of the template do not reach it.

        Repeated after failures: the message has one copy in the end.

        Args:
            message_id: 26 letters and digits.
            template_id: Six letters and digits.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such message or template.
            Conflict: The message is no draft.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = ASSIGN.call(
            data={
                "type": "campaign-message",
                "id": message_id,
                "relationships": {"template": {"data": {"type": "template", "id": template_id}}},
            }
        )
        return await self._one(call, assigned_from, deadline_seconds)

    async def schedule(
        self, message_id: str, schedule: Schedule, *, deadline_seconds: float | None = None
    ) -> MessageSchedule:
        """Schedule one message; several of one campaign at once with ``campaigns.schedule``.

        Not repeated once it may have been processed: the repeat would be refused, and one who takes it back in
        between would have it scheduled again.

        Args:
            message_id: 26 letters and digits.
            schedule: When and how.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            Conflict: It is no draft.
            OutcomeUnknown: No readable answer came: look at its ``status``.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = SCHEDULE.call(
            data={
                "type": "campaign-message-schedule",
                "attributes": schedule.wire(),
                "relationships": {"campaign-message": {"data": {"type": "campaign-message", "id": message_id}}},
            }
        )
        return await self._one(call, message_schedule_from, deadline_seconds)

    async def cancel(self, message_id: str, *, deadline_seconds: float | None = None) -> None:
        """Cancel a message for good. What was sent already stays sent.

        Repeated after failures, so that it does get through. Where an attempt without an answer had done it, the
        repeat is refused with ``Conflict``.

        Raises:
            NotFound: It is not scheduled.
            Conflict: It is sent or cancelled already.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._stop(message_id, "cancel", deadline_seconds)

    async def revert(self, message_id: str, *, deadline_seconds: float | None = None) -> None:
        """Make a scheduled message a draft again, as long as nothing was sent.

        Repeated after failures. Where an attempt without an answer had done it, the repeat is refused with
        ``NotFound``: a draft has no schedule.

        Raises:
            NotFound: It is not scheduled.
            Conflict: It is being sent, or sent, or cancelled.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._stop(message_id, "revert", deadline_seconds)

    async def _stop(self, message_id: str, action: Literal["cancel", "revert"], deadline_seconds: float | None) -> None:
        data: dict[str, Json] = {
            "type": "campaign-message-schedule",
            "id": message_id,
            "attributes": {"action": action},
        }
        await self._done(STOP.call(message_id, data=data), deadline_seconds)

    async def campaign(
        self, message_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Campaign | None:
        """The campaign of a message.

        Raises:
            NotFound: There is no such message.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = CAMPAIGN.call(message_id, query={"fields[campaign]": fields})
        return await self._related(call, campaign_from, deadline_seconds)

    async def campaign_id(self, message_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(CAMPAIGN_ID.call(message_id), deadline_seconds)

    async def audience(
        self, message_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> CampaignAudience | None:
        """The audience of a message.

        Raises:
            NotFound: There is no such message.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = AUDIENCE.call(message_id, query={"fields[campaign-audience]": fields})
        return await self._related(call, audience_from, deadline_seconds)

    async def audience_id(self, message_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(AUDIENCE_ID.call(message_id), deadline_seconds)

    def variations(
        self, message_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[CampaignVariation]:
        """The variations of a message. Raises ``NotFound`` while iterating where there is no such message."""
        return self._list(
            VARIATIONS,
            message_id,
            parse=variation_from,
            query={"fields[campaign-variation]": fields},
            deadline_seconds=deadline_seconds,
        )

    def variation_ids(self, message_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(VARIATION_IDS, message_id, deadline_seconds=deadline_seconds)

    def tags(
        self, message_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[Tag]:
        """The tags of a message. Raises ``NotFound`` while iterating where there is no such message."""
        return self._list(
            TAGS, message_id, parse=tag_from, query={"fields[tag]": fields}, deadline_seconds=deadline_seconds
        )

    def tag_ids(self, message_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(TAG_IDS, message_id, deadline_seconds=deadline_seconds)

    async def template(
        self, message_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Template | None:
        """The template of a message by e-mail, which is its own copy where one was assigned; None without one.

        Raises:
            NotFound: There is no such message.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = TEMPLATE.call(message_id, query={"fields[template]": fields})
        return await self._related(call, template_from, deadline_seconds)

    async def template_id(self, message_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(TEMPLATE_ID.call(message_id), deadline_seconds)

    async def image(
        self, message_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Image | None:
        """The image of a message by SMS or push.

        Raises:
            NotFound: There is no such message, or it has no image: ``image_id`` tells the two apart.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = IMAGE.call(message_id, query={"fields[image]": fields})
        return await self._related(call, image_from, deadline_seconds)

    async def image_id(self, message_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone; None where there is none.

        Raises:
            NotFound: There is no such message.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._related_id(IMAGE_ID.call(message_id), deadline_seconds)

    async def set_image(self, message_id: str, image_id: str, *, deadline_seconds: float | None = None) -> None:
        """Show an image in a draft of a message by SMS or push; an e-mail has its images in its template.

        Raises:
            NotFound: There is no such message or image.
            Conflict: The message is no draft.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(SET_IMAGE.call(message_id, data={"type": "image", "id": image_id}), deadline_seconds)
