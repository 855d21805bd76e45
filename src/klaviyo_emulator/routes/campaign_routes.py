"""Which handler serves which operation of campaigns, in which of the two models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.errors import not_found
from klaviyo_emulator.routes import campaign_parts, campaign_sending, campaigns, former_campaigns
from klaviyo_emulator.routes.campaign_types import AUDIENCE_TYPE, CAMPAIGN_TYPE, MESSAGE_TYPE, VARIATION_TYPE
from klaviyo_emulator.routes.campaign_types import TYPES as _TYPES
from klaviyo_emulator.routes.former_campaigns import FORMER_CAMPAIGN, FORMER_MESSAGE, REVISION
from klaviyo_emulator.routes.resources import many, one, related, related_ids

if TYPE_CHECKING:
    from klaviyo_emulator.routes.context import ApiRequest, Context, Handler, Reply, Routes, Types

TYPES: Types = {**_TYPES, **former_campaigns.TYPES}


def _by_revision(former: Handler, later: Handler) -> Handler:
    async def handle(context: Context, request: ApiRequest) -> Reply:
        return await (former if request.revision == REVISION else later)(context, request)

    return handle


def _required(handler: Handler, what: str) -> Handler:
    """A handler of something that an answer cannot be without: 404 instead of null."""

    async def handle(context: Context, request: ApiRequest) -> Reply:
        reply = await handler(context, request)
        if reply.document is not None and reply.document["data"] is None:
            raise not_found(f"{what} {request.arguments[0]} not found.")
        return reply

    return handle


ROUTES: Routes = {
    "get_campaigns": _by_revision(former_campaigns.list_campaigns, many(CAMPAIGN_TYPE)),
    "get_campaign": _by_revision(one(FORMER_CAMPAIGN), one(CAMPAIGN_TYPE)),
    "create_campaign": _by_revision(former_campaigns.create, campaigns.create),
    "update_campaign": _by_revision(former_campaigns.update, campaigns.update),
    "delete_campaign": campaigns.delete,
    "create_campaign_clone": campaigns.clone,
    "get_campaign_audiences_for_campaign": related(CAMPAIGN_TYPE, "campaign-audiences"),
    "get_audience_ids_for_campaign": related_ids(CAMPAIGN_TYPE, "campaign-audiences"),
    "get_messages_for_campaign": related(CAMPAIGN_TYPE, "campaign-messages"),
    "get_message_ids_for_campaign": related_ids(CAMPAIGN_TYPE, "campaign-messages"),
    "get_tags_for_campaign": related(CAMPAIGN_TYPE, "tags"),
    "get_tag_ids_for_campaign": related_ids(CAMPAIGN_TYPE, "tags"),
    "get_campaign_audience": one(AUDIENCE_TYPE),
    "create_campaign_audience": campaign_parts.create_audience,
    "update_campaign_audience": campaign_parts.update_audience,
    "delete_campaign_audience": campaign_parts.delete_audience,
    "clone_campaign_audience": campaign_parts.clone_audience,
    "get_campaign_for_campaign_audience": related(AUDIENCE_TYPE, "campaign"),
    "get_campaign_id_for_campaign_audience": related_ids(AUDIENCE_TYPE, "campaign"),
    "get_campaign_messages_for_campaign_audience": related(AUDIENCE_TYPE, "campaign-messages"),
    "get_message_ids_for_campaign_audience": related_ids(AUDIENCE_TYPE, "campaign-messages"),
    "get_campaign_messages": many(MESSAGE_TYPE),
    "get_campaign_message": _by_revision(one(FORMER_MESSAGE), one(MESSAGE_TYPE)),
    "create_campaign_message": campaign_parts.create_message,
    "update_campaign_message": _by_revision(former_campaigns.update_message, campaign_parts.update_message),
    "delete_campaign_message": campaign_parts.remove_message,
    "clone_campaign_message": campaign_parts.clone_message,
    "assign_template_to_campaign_message": campaign_parts.assign,
    "get_campaign_for_campaign_message": related(MESSAGE_TYPE, "campaign"),
    "get_campaign_id_for_campaign_message": related_ids(MESSAGE_TYPE, "campaign"),
    "get_audience_for_campaign_message": related(MESSAGE_TYPE, "campaign-audience"),
    "get_audience_id_for_campaign_message": related_ids(MESSAGE_TYPE, "campaign-audience"),
    "get_variations_for_campaign_message": related(MESSAGE_TYPE, "campaign-variations"),
    "get_variation_ids_for_campaign_message": related_ids(MESSAGE_TYPE, "campaign-variations"),
    "get_tags_for_campaign_message": related(MESSAGE_TYPE, "tags"),
    "get_tag_ids_for_campaign_message": related_ids(MESSAGE_TYPE, "tags"),
    "get_template_for_campaign_message": related(MESSAGE_TYPE, "template"),
    "get_template_id_for_campaign_message": related_ids(MESSAGE_TYPE, "template"),
    "get_image_for_campaign_message": _required(related(FORMER_MESSAGE, "image"), "Image of the campaign message"),
    "get_image_id_for_campaign_message": related_ids(FORMER_MESSAGE, "image"),
    "update_image_for_campaign_message": campaign_parts.update_image,
    "get_campaign_variation": one(VARIATION_TYPE),
    "create_campaign_variation": campaign_parts.create_variation,
    "update_campaign_variation": campaign_parts.update_variation,
    "delete_campaign_variation": campaign_parts.remove_variation,
    "get_message_for_campaign_variation": related(VARIATION_TYPE, "campaign-message"),
    "get_message_id_for_campaign_variation": related_ids(VARIATION_TYPE, "campaign-message"),
    "get_image_for_campaign_variation": _required(related(VARIATION_TYPE, "image"), "Image of the campaign variation"),
    "get_image_id_for_campaign_variation": related_ids(VARIATION_TYPE, "image"),
    "get_translation_for_campaign_variation": _required(
        related(VARIATION_TYPE, "translation"), "Translation of the campaign variation"
    ),
    "get_translation_id_for_campaign_variation": related_ids(VARIATION_TYPE, "translation"),
    "schedule_campaign": campaign_sending.schedule_campaign,
    "schedule_campaign_message": campaign_sending.schedule_message,
    "update_campaign_message_schedule": campaign_sending.stop_message,
    "send_campaign": campaign_sending.send,
    "get_campaign_send_job": campaign_sending.read_job,
    "cancel_campaign_send": campaign_sending.stop_job,
    "refresh_campaign_recipient_estimation": campaign_sending.estimate,
    "get_campaign_recipient_estimation_job": campaign_sending.read_estimation_job,
    "get_campaign_recipient_estimation": campaign_sending.read_estimation,
}
