"""Events as read: what happened to whom."""

from typing import Any

from pydantic import Field

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.metric import Metric, metric_from
from aioklaviyo.models.profile import Profile, profile_from
from aioklaviyo.models.reading import Properties, ReadModel, Timestamp


class Event(ReadModel):
    """Something that happened. ``metric`` and ``profile`` are objects when included, else None beside their ids."""

    id: str
    timestamp: int | None = None
    datetime: Timestamp | None = None
    uuid: str | None = None
    event_properties: Properties = Field(default_factory=dict[str, Any])
    metric_id: str | None = None
    profile_id: str | None = None
    attribution_ids: tuple[str, ...] = ()
    metric: Metric | None = None
    profile: Profile | None = None

    @property
    def unique_id(self) -> str | None:
        """The ``unique_id`` it was created with (Klaviyo keeps it as ``$event_id``)."""
        found = self.event_properties.get("$event_id")
        return found if isinstance(found, str) else None


def event_from(resource: Resource) -> Event:
    """Build from a resource object and what was included beside it."""
    read: dict[str, Any] = {
        **resource.attributes,
        "id": resource.id,
        "metric_id": resource.related_id("metric"),
        "profile_id": resource.related_id("profile"),
    }
    if attributions := resource.related_ids("attributions"):
        read["attribution_ids"] = attributions
    if metric := resource.related("metric", "metric"):
        read["metric"] = metric_from(metric)
    if profile := resource.related("profile", "profile"):
        read["profile"] = profile_from(profile)
    return Event.model_validate(read)
