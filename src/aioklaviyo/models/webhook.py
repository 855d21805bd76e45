"""Webhooks as they are kept: where Klaviyo tells of events, and of which."""

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import ReadModel, Timestamp


class WebhookTopic(ReadModel):
    """A kind of news, such as ``event:klaviyo.opened_email`` or, for each metric, ``event:api.viewed_product``."""

    id: str


class Webhook(ReadModel):
    """A webhook. Klaviyo never shows its secret, and of ``endpoint_url`` only the host.

    ``topics`` are objects when included; their ids come along in any case.
    """

    id: str
    name: str | None = None
    description: str | None = None
    endpoint_url: str | None = None
    enabled: bool | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    topic_ids: tuple[str, ...] = ()
    topics: tuple[WebhookTopic, ...] | None = None


def webhook_topic_from(resource: Resource) -> WebhookTopic:
    """Build from a resource object."""
    return WebhookTopic.model_validate({**resource.attributes, "id": resource.id})


def webhook_from(resource: Resource) -> Webhook:
    """Build from a resource object and what was included beside it."""
    return Webhook.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "topic_ids": resource.related_ids("webhook-topics"),
            "topics": resource.included_as("webhook-topics", "webhook-topic", webhook_topic_from),
        }
    )
