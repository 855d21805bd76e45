"""Campaigns and their parts, as they are read.

What Klaviyo wraps in a ``definition`` is said by the models themselves: ``campaign.name``. Of what a call includes, the
models that it answers with hold objects; inside of these there are ids alone.
"""

from typing import Any

from aioklaviyo.jsonapi import Json, Resource
from aioklaviyo.models.campaign_details import VariationDetails
from aioklaviyo.models.image import Image, image_from
from aioklaviyo.models.reading import ReadModel, Timestamp
from aioklaviyo.models.tag import Tag, tag_from
from aioklaviyo.models.translation import Translation, translation_from


class SendSettings(ReadModel):
    """How a campaign as a whole is sent."""

    send_timezone: str | None = None
    send_strategy: str | None = None
    send_passed_rltz_immediately: bool | None = None
    exit_condition_enabled: bool | None = None
    exit_condition_conversion_metric_id: str | None = None


class TrackingOptions(ReadModel):
    """What is measured of a message."""

    is_add_utm: bool | None = None
    is_tracking_clicks: bool | None = None
    is_tracking_opens: bool | None = None


class SendOptions(ReadModel):
    """How a message is sent; strategy, throttling and unit are plain text.

    ``send_times`` are the moments by the ids of variations, where Klaviyo chooses or tries them.
    """

    send_time: Timestamp | None = None
    send_times: dict[str, Any] | None = None
    send_strategy: str | None = None
    recipient_percentage: int | None = None
    throttling_type: str | None = None
    throttle_unit: str | None = None
    is_ignoring_unsubscribes: bool | None = None


class AbTest(ReadModel):
    """How the best of several variations is found."""

    winner_metric: str | None = None
    winner_percentage: int | None = None
    winner_wait_hours: int | None = None


class CampaignVariation(ReadModel):
    """One version of a message. ``message``, ``image`` and ``translation`` are objects when included."""

    id: str
    name: str | None = None
    details: VariationDetails | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    message_id: str | None = None
    image_id: str | None = None
    translation_id: str | None = None
    message: "CampaignMessage | None" = None
    image: Image | None = None
    translation: Translation | None = None


class CampaignMessage(ReadModel):
    """What an audience of a campaign is told. ``campaign`` and ``variations`` are objects when included.

    ``status`` is plain text: draft, scheduled, sending, sent, cancelled so far.
    """

    id: str
    name: str | None = None
    status: str | None = None
    tracking_options: TrackingOptions | None = None
    send_options: SendOptions | None = None
    ab_test: AbTest | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    campaign_id: str | None = None
    audience_id: str | None = None
    variation_ids: tuple[str, ...] = ()
    campaign: "Campaign | None" = None
    variations: tuple[CampaignVariation, ...] | None = None


class CampaignAudience(ReadModel):
    """Whom messages of a campaign are for. ``campaign`` and ``messages`` are objects when included.

    ``included`` and ``excluded`` are ids of lists and segments.
    """

    id: str
    name: str | None = None
    included: tuple[str, ...] | None = None
    excluded: tuple[str, ...] | None = None
    priority: int | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    campaign_id: str | None = None
    message_ids: tuple[str, ...] = ()
    campaign: "Campaign | None" = None
    messages: tuple[CampaignMessage, ...] | None = None


class Campaign(ReadModel):
    """A campaign. ``audiences``, ``messages`` and ``tags`` are objects when included.

    It has no status: its messages have.
    """

    id: str
    name: str | None = None
    builder: str | None = None
    archived: bool | None = None
    color: str | None = None
    description: str | None = None
    send_settings: SendSettings | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    audience_ids: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    audiences: tuple[CampaignAudience, ...] | None = None
    messages: tuple[CampaignMessage, ...] | None = None
    tags: tuple[Tag, ...] | None = None


class AssignedMessage(ReadModel):
    """A message as it is answered after a template was assigned to it, which is in the words of earlier revisions.

    ``template_id`` is that of the copy, which belongs to the message.
    """

    id: str
    label: str | None = None
    channel: str | None = None
    content: dict[str, Any] | None = None
    send_times: tuple[dict[str, Any], ...] | None = None
    render_options: dict[str, Any] | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    campaign_id: str | None = None
    template_id: str | None = None


class RecipientEstimation(ReadModel):
    """How many recipients a campaign would have had when they were last counted."""

    id: str
    estimated_recipient_count: int | None = None


def campaign_from(resource: Resource) -> Campaign:
    """Build from a resource object and what was included beside it."""
    read = _campaign(resource)
    read["audiences"] = resource.included_as("campaign-audiences", "campaign-audience", _audience)
    read["messages"] = resource.included_as("campaign-messages", "campaign-message", _message)
    read["tags"] = resource.included_as("tags", "tag", tag_from)
    return Campaign.model_validate(read)


def audience_from(resource: Resource) -> CampaignAudience:
    """Build from a resource object and what was included beside it."""
    read = _audience(resource)
    read["messages"] = resource.included_as("campaign-messages", "campaign-message", _message)
    if campaign := resource.related("campaign", "campaign"):
        read["campaign"] = _campaign(campaign)
    return CampaignAudience.model_validate(read)


def message_from(resource: Resource) -> CampaignMessage:
    """Build from a resource object and what was included beside it."""
    read = _message(resource)
    read["variations"] = resource.included_as("campaign-variations", "campaign-variation", _variation)
    if campaign := resource.related("campaign", "campaign"):
        read["campaign"] = _campaign(campaign)
    return CampaignMessage.model_validate(read)


def variation_from(resource: Resource) -> CampaignVariation:
    """Build from a resource object and what was included beside it."""
    read = _variation(resource)
    if message := resource.related("campaign-message", "campaign-message"):
        read["message"] = _message(message)
    if image := resource.related("image", "image"):
        read["image"] = image_from(image)
    if translation := resource.related("translation", "translation"):
        read["translation"] = translation_from(translation)
    return CampaignVariation.model_validate(read)


def assigned_from(resource: Resource) -> AssignedMessage:
    """Build from a resource object."""
    return AssignedMessage.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "campaign_id": resource.related_id("campaign"),
            "template_id": resource.related_id("template"),
        }
    )


def estimation_from(resource: Resource) -> RecipientEstimation:
    """Build from a resource object."""
    return RecipientEstimation.model_validate({**resource.attributes, "id": resource.id})


# Of included resources only this much is taken: a campaign and its messages name each other, without end.


def _campaign(resource: Resource) -> dict[str, Any]:
    return {
        **_flat(resource),
        "audience_ids": resource.related_ids("campaign-audiences"),
        "message_ids": resource.related_ids("campaign-messages"),
    }


def _audience(resource: Resource) -> dict[str, Any]:
    return {
        **_flat(resource),
        "campaign_id": resource.related_id("campaign"),
        "message_ids": resource.related_ids("campaign-messages"),
    }


def _message(resource: Resource) -> dict[str, Any]:
    return {
        **_flat(resource),
        "campaign_id": resource.related_id("campaign"),
        "audience_id": resource.related_id("campaign-audience"),
        "variation_ids": resource.related_ids("campaign-variations"),
    }


def _variation(resource: Resource) -> dict[str, Any]:
    return {
        **_flat(resource),
        "message_id": resource.related_id("campaign-message"),
        "image_id": resource.related_id("image"),
        "translation_id": resource.related_id("translation"),
    }


def _flat(resource: Resource) -> dict[str, Json]:
    flat = dict(resource.attributes)
    definition = flat.pop("definition", None)
    if isinstance(definition, dict):
        flat.update(definition)
    flat["id"] = resource.id
    return flat
