"""Campaigns. Scopes ``campaigns:read``, ``campaigns:write``; their tags also need ``tags:read``.

Audiences, messages and their variations are resources of their own: see the modules beside this one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.filters import Filter
from aioklaviyo.jobs import finished
from aioklaviyo.models.campaign import (
    Campaign,
    CampaignAudience,
    CampaignMessage,
    RecipientEstimation,
    audience_from,
    campaign_from,
    estimation_from,
    message_from,
)
from aioklaviyo.models.campaign_content import NewAudience, inline_wire
from aioklaviyo.models.campaign_options import SendSettingsAttributes
from aioklaviyo.models.campaign_schedule import CampaignSchedule, Schedule, campaign_schedule_from
from aioklaviyo.models.job import Job, job_from
from aioklaviyo.models.tag import Tag, tag_from
from aioklaviyo.models.writing import UNSET, Given, Settable
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import M, S
from aioklaviyo.resources.area import Area, identified

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_campaigns", "GET", "/api/campaigns", M)
GET = Operation("get_campaign", "GET", "/api/campaigns/{id}", M)
CREATE = Operation("create_campaign", "POST", "/api/campaigns", M)
UPDATE = Operation("update_campaign", "PATCH", "/api/campaigns/{id}", M)
DELETE = Operation("delete_campaign", "DELETE", "/api/campaigns/{id}", M, Need.NOTHING)
# Since 2026-10-15 Klaviyo calls it clone_campaign.
CLONE = Operation("create_campaign_clone", "POST", "/api/campaign-clone", M)
AUDIENCES = Operation("get_campaign_audiences_for_campaign", "GET", "/api/campaigns/{id}/campaign-audiences", M)
AUDIENCE_IDS = Operation(
    "get_audience_ids_for_campaign", "GET", "/api/campaigns/{id}/relationships/campaign-audiences", M
)
MESSAGES = Operation("get_messages_for_campaign", "GET", "/api/campaigns/{id}/campaign-messages", M)
MESSAGE_IDS = Operation("get_message_ids_for_campaign", "GET", "/api/campaigns/{id}/relationships/campaign-messages", M)
TAGS = Operation("get_tags_for_campaign", "GET", "/api/campaigns/{id}/tags", S)
TAG_IDS = Operation("get_tag_ids_for_campaign", "GET", "/api/campaigns/{id}/relationships/tags", S)
SCHEDULE = Operation("schedule_campaign", "POST", "/api/campaign-schedule", M)
SEND = Operation("send_campaign", "POST", "/api/campaign-send-jobs", M)
SEND_JOB = Operation("get_campaign_send_job", "GET", "/api/campaign-send-jobs/{id}", M)
STOP = Operation("cancel_campaign_send", "PATCH", "/api/campaign-send-jobs/{id}", M, Need.NOTHING)
# Counting twice costs Klaviyo time and changes nothing: the job bears the campaign's id.
COUNT = Operation(
    "refresh_campaign_recipient_estimation",
    "POST",
    "/api/campaign-recipient-estimation-jobs",
    M,
    is_repeatable=True,
)
COUNT_JOB = Operation("get_campaign_recipient_estimation_job", "GET", "/api/campaign-recipient-estimation-jobs/{id}", M)
ESTIMATION = Operation("get_campaign_recipient_estimation", "GET", "/api/campaign-recipient-estimations/{id}", M)

COUNTING_SECONDS = 300.0
"""How long ``estimate_recipients`` waits where nothing is said."""
SENDING_SECONDS = 3_600.0
"""How long ``wait_until_sent`` waits where nothing is said."""

CampaignInclude: TypeAlias = Literal["campaign-audiences", "campaign-messages", "tags"]
CampaignSort: TypeAlias = Literal[
    "created_at", "-created_at", "id", "-id", "name", "-name", "updated_at", "-updated_at"
]
CampaignBuilder: TypeAlias = Literal["canvas", "wizard"]


class Campaigns(Area):
    """``klaviyo.campaigns``."""

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: CampaignSort | None = None,
        include: Sequence[CampaignInclude] = (),
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[Campaign]:
        """All campaigns, of all channels, page after page.

        Args:
            filter: ``any_of`` on ``id``; ``contains`` on ``name``; ``equals`` on ``archived`` and ``builder``; ranges
                on ``created_at`` and ``updated_at``.
            sort: One attribute, descending with a leading minus.
            include: What to resolve to objects on each campaign.
            page_size: 1 to 100, which is also the default.
            fields: Only these attributes, dotted as in ``definition.name``; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=campaign_from,
            query={"fields[campaign]": fields, "include": include},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        campaign_id: str,
        *,
        include: Sequence[CampaignInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Campaign:
        """One campaign by its id.

        Args:
            campaign_id: 26 letters and digits.
            include: What to resolve to objects.
            fields: Only these attributes, dotted as in ``definition.name``; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"fields[campaign]": fields, "include": include}
        return await self._one(GET.call(campaign_id, query=query), campaign_from, deadline_seconds)

    async def create(
        self,
        name: str,
        *,
        audiences: Sequence[NewAudience] = (),
        tag_ids: Sequence[str] = (),
        builder: CampaignBuilder | None = None,
        archived: bool | None = None,
        color: str | None = None,
        description: str | None = None,
        send_settings: SendSettingsAttributes | None = None,
        deadline_seconds: float | None = None,
    ) -> Campaign:
        """Create a campaign as a draft, with its audiences, messages to them and variations of these in one call.

        Not repeated once it may have been processed: names need not be unique.

        Args:
            name: What it is called.
            audiences: Whom it is for, each with the messages to it. They can also be added later.
            tag_ids: Tags it is to bear.
            builder: In which of Klaviyo's editors it opens.
            archived: Whether it is put away at once.
            color: Six hexadecimal digits.
            description: A few words for colleagues.
            send_settings: How the campaign as a whole is sent.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``; where a part is refused, nothing is made.
        """
        definition: dict[str, Json] = {
            "name": name,
            "builder": builder,
            "archived": archived,
            "color": color,
            "description": description,
            "send_settings": None if send_settings is None else send_settings.wire(),
        }
        attributes: dict[str, Json] = {
            "definition": {member: value for member, value in definition.items() if value is not None}
        }
        if audiences:
            attributes["audiences"], attributes["messages"] = inline_wire(audiences)
        data: dict[str, Json] = {"type": "campaign", "attributes": attributes}
        if tag_ids:
            data["relationships"] = {"tags": {"data": identified("tag", tag_ids)}}
        return await self._one(CREATE.call(data=data), campaign_from, deadline_seconds)

    async def update(
        self,
        campaign_id: str,
        *,
        name: Given[str] = UNSET,
        archived: Given[bool] = UNSET,
        builder: Given[CampaignBuilder] = UNSET,
        color: Settable[str] = UNSET,
        description: Settable[str] = UNSET,
        send_settings: Settable[SendSettingsAttributes] = UNSET,
        deadline_seconds: float | None = None,
    ) -> Campaign:
        """Change what a campaign says of itself; what is ``UNSET`` stays, None clears.

        Args:
            campaign_id: 26 letters and digits.
            name: What it is to be called.
            archived: Whether it is put away.
            builder: In which of Klaviyo's editors it opens.
            color: Six hexadecimal digits.
            description: A few words for colleagues.
            send_settings: How the campaign as a whole is sent; of a draft alone.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            Conflict: The campaign is on its way, or was.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        changes: dict[str, Json] = {}
        if send_settings is not UNSET:
            changes["send_settings"] = None if send_settings is None else send_settings.wire()
        plain = {"name": name, "archived": archived, "builder": builder, "color": color, "description": description}
        changes |= {member: value for member, value in plain.items() if value is not UNSET}
        call = UPDATE.call(
            campaign_id, data={"type": "campaign", "id": campaign_id, "attributes": {"definition": changes}}
        )
        return await self._one(call, campaign_from, deadline_seconds)

    async def delete(self, campaign_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a campaign with its audiences, messages and variations.

        Raises:
            NotFound: There is none with this id.
            Conflict: It is scheduled or being sent: cancel it first.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(campaign_id), deadline_seconds)

    async def clone(
        self, campaign_id: str, *, name: str | None = None, deadline_seconds: float | None = None
    ) -> Campaign:
        """Copy a campaign with its parts, as a draft. Not repeated once it may have been processed.

        Args:
            campaign_id: 26 letters and digits.
            name: What the copy is called; None leaves it to Klaviyo, which puts a few words before the old name.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            OutcomeUnknown: No readable answer came: the copy may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        attributes: dict[str, Json] = {} if name is None else {"name": name}
        call = CLONE.call(data={"type": "campaign", "id": campaign_id, "attributes": attributes})
        return await self._one(call, campaign_from, deadline_seconds)

    def audiences(
        self, campaign_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[CampaignAudience]:
        """The audiences of a campaign. Raises ``NotFound`` while iterating where there is no such campaign."""
        return self._list(
            AUDIENCES,
            campaign_id,
            parse=audience_from,
            query={"fields[campaign-audience]": fields},
            deadline_seconds=deadline_seconds,
        )

    def audience_ids(self, campaign_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(AUDIENCE_IDS, campaign_id, deadline_seconds=deadline_seconds)

    def messages(
        self,
        campaign_id: str,
        *,
        include: Sequence[Literal["campaign"]] = (),
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CampaignMessage]:
        """The messages of a campaign, 100 per page.

        Args:
            campaign_id: 26 letters and digits.
            include: What to resolve to objects on each message.
            fields: Only these attributes, dotted as in ``definition.status``; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            NotFound: While iterating: there is no such campaign.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            MESSAGES,
            campaign_id,
            parse=message_from,
            query={"fields[campaign-message]": fields, "include": include},
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def message_ids(
        self, campaign_id: str, *, cursor: str | None = None, deadline_seconds: float | None = None
    ) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(MESSAGE_IDS, campaign_id, cursor=cursor, deadline_seconds=deadline_seconds)

    def tags(
        self, campaign_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[Tag]:
        """The tags of a campaign. Raises ``NotFound`` while iterating where there is no such campaign."""
        return self._list(
            TAGS, campaign_id, parse=tag_from, query={"fields[tag]": fields}, deadline_seconds=deadline_seconds
        )

    def tag_ids(self, campaign_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(TAG_IDS, campaign_id, deadline_seconds=deadline_seconds)

    async def schedule(
        self, campaign_id: str, schedules: Mapping[str, Schedule], *, deadline_seconds: float | None = None
    ) -> CampaignSchedule:
        """Schedule messages of a campaign, each in its own way.

        Not repeated once it may have been processed: the repeat would be refused, and one who takes it back in
        between would have it scheduled again.

        Args:
            campaign_id: 26 letters and digits.
            schedules: By the ids of messages, as in ``{id: schedule for id in campaign.message_ids}``.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such campaign.
            Conflict: A message is no draft.
            OutcomeUnknown: No readable answer came: look at the messages' ``status``.
            KlaviyoError: See ``aioklaviyo.errors``; where a message is refused, none is scheduled.
        """
        entries: list[Json] = [{"message_id": message, **schedule.wire()} for message, schedule in schedules.items()]
        call = SCHEDULE.call(
            data={
                "type": "campaign-schedule",
                "attributes": {"message_schedules": entries},
                "relationships": {"campaign": {"data": {"type": "campaign", "id": campaign_id}}},
            }
        )
        return await self._one(call, campaign_schedule_from, deadline_seconds)

    async def send(self, campaign_id: str, *, deadline_seconds: float | None = None) -> Job:
        """Have all drafts of a campaign sent: now, unless their ``send_options`` name a time to come.

        Never repeated once it may have been processed. ``wait_until_sent`` tells when it is done.

        Args:
            campaign_id: 26 letters and digits.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            Conflict: It is on its way already, or was.
            OutcomeUnknown: No readable answer came: look at ``send_job`` before trying again.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = SEND.call(data={"type": "campaign-send-job", "id": campaign_id})
        return await self._one(call, job_from, deadline_seconds)

    async def send_job(self, campaign_id: str, *, deadline_seconds: float | None = None) -> Job:
        """How far a campaign is with being sent; the job bears the campaign's id.

        Raises:
            NotFound: It was neither sent nor scheduled.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._one(SEND_JOB.call(campaign_id), job_from, deadline_seconds)

    async def wait_until_sent(
        self,
        campaign_id: str,
        *,
        timeout_seconds: float = SENDING_SECONDS,
        progress: Callable[[Job], None] | None = None,
        deadline_seconds: float | None = None,
    ) -> Job:
        """Wait until a campaign is sent or cancelled: asks less and less often, at last every 15 seconds.

        Args:
            campaign_id: 26 letters and digits.
            timeout_seconds: How long to wait at most. One that is scheduled is waited for as well.
            progress: Told of every state that is read.
            deadline_seconds: For each time it is asked; None means the client's.

        Raises:
            NotFound: It was neither sent nor scheduled.
            DeadlineExceeded: It is not sent by then; it goes on.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await finished(
            self._caller,
            await self.send_job(campaign_id, deadline_seconds=deadline_seconds),
            lambda job_id: self.send_job(job_id, deadline_seconds=deadline_seconds),
            path=SEND_JOB.path,
            timeout_seconds=timeout_seconds,
            progress=progress,
        )

    async def cancel(self, campaign_id: str, *, deadline_seconds: float | None = None) -> None:
        """Cancel a campaign for good. What was sent already stays sent.

        Repeated after failures, so that it does get through. Where an attempt without an answer had done it, the
        repeat is refused with ``Conflict``.

        Raises:
            NotFound: It was neither sent nor scheduled.
            Conflict: It is sent or cancelled already.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._stop(campaign_id, "cancel", deadline_seconds)

    async def revert(self, campaign_id: str, *, deadline_seconds: float | None = None) -> None:
        """Make a scheduled campaign a draft again, as long as nothing was sent; repeated and refused as ``cancel`` is.

        Raises:
            NotFound: It was neither sent nor scheduled.
            Conflict: It is being sent, or sent, or cancelled.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._stop(campaign_id, "revert", deadline_seconds)

    async def _stop(
        self, campaign_id: str, action: Literal["cancel", "revert"], deadline_seconds: float | None
    ) -> None:
        data: dict[str, Json] = {"type": "campaign-send-job", "id": campaign_id, "attributes": {"action": action}}
        await self._done(STOP.call(campaign_id, data=data), deadline_seconds)

    async def refresh_recipient_estimation(self, campaign_id: str, *, deadline_seconds: float | None = None) -> Job:
        """Have a campaign's recipients counted; ``estimate_recipients`` also waits. Repeated after failures.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = COUNT.call(data={"type": "campaign-recipient-estimation-job", "id": campaign_id})
        return await self._one(call, job_from, deadline_seconds)

    async def recipient_estimation_job(self, campaign_id: str, *, deadline_seconds: float | None = None) -> Job:
        """How far counting is; the job bears the campaign's id.

        Raises:
            NotFound: They were never counted.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._one(COUNT_JOB.call(campaign_id), job_from, deadline_seconds)

    async def recipient_estimation(
        self, campaign_id: str, *, deadline_seconds: float | None = None
    ) -> RecipientEstimation:
        """How many recipients were counted last.

        Raises:
            NotFound: They were never counted.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._one(ESTIMATION.call(campaign_id), estimation_from, deadline_seconds)

    async def estimate_recipients(
        self,
        campaign_id: str,
        *,
        timeout_seconds: float = COUNTING_SECONDS,
        progress: Callable[[Job], None] | None = None,
        deadline_seconds: float | None = None,
    ) -> RecipientEstimation:
        """Count a campaign's recipients: start the job, wait for it, read the result.

        Args:
            campaign_id: 26 letters and digits.
            timeout_seconds: How long to wait for the job at most.
            progress: Told of every state of the job that is read.
            deadline_seconds: For each call; None means the client's.

        Raises:
            NotFound: There is none with this id, or Klaviyo has finished without a result, as it does now and then.
            DeadlineExceeded: The job is not finished by then; it goes on.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await finished(
            self._caller,
            await self.refresh_recipient_estimation(campaign_id, deadline_seconds=deadline_seconds),
            lambda job_id: self.recipient_estimation_job(job_id, deadline_seconds=deadline_seconds),
            path=COUNT_JOB.path,
            timeout_seconds=timeout_seconds,
            progress=progress,
        )
        return await self.recipient_estimation(campaign_id, deadline_seconds=deadline_seconds)
