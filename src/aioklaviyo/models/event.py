"""Events: what happened to whom, as read and as written."""

import datetime as dt
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field, model_validator
from typing_extensions import override

from aioklaviyo.jsonapi import Json, Resource
from aioklaviyo.models.metric import Metric, metric_from
from aioklaviyo.models.profile import Identifier, Profile, profile_from
from aioklaviyo.models.reading import Properties, ReadModel, Timestamp
from aioklaviyo.models.writing import JsonObject, WriteModel

_IDENTIFIERS = ("id", "email", "phone_number", "external_id", "anonymous_id", "kx")


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


class ProfileRef(WriteModel):
    """Whose event it is: at least one identifier. Klaviyo creates the profile where none has it."""

    id: Identifier | None = None
    email: Identifier | None = None
    phone_number: Identifier | None = None
    external_id: Identifier | None = None
    anonymous_id: Identifier | None = None
    kx: Identifier | None = None
    properties: JsonObject | None = None

    @model_validator(mode="after")
    def _has_identifier(self) -> Self:
        if not self.identifiers():
            raise ValueError(f"at least one of {', '.join(_IDENTIFIERS)} is needed")
        return self

    def identifiers(self) -> dict[str, str]:
        """The identifiers that are given, by name."""
        return {name: value for name in _IDENTIFIERS if (value := getattr(self, name)) is not None}

    @override
    def wire(self) -> dict[str, Json]:
        """The resource object."""
        attributes: dict[str, Json] = {}
        for name, value in self.identifiers().items():
            if name != "id":
                attributes["_kx" if name == "kx" else name] = value
        if self.properties is not None:
            attributes["properties"] = dict(self.properties)
        resource: dict[str, Json] = {"type": "profile", "attributes": attributes}
        if self.id is not None:
            resource["id"] = self.id
        return resource


class NewEvent(WriteModel):
    """An event to create.

    Give each a ``unique_id``: it is the key by which Klaviyo drops a repeat, and without it Klaviyo keeps one event
    per profile, metric and second. ``time`` is cut to the second by Klaviyo; absent means the moment of receipt.
    ``backfill`` records it without setting off flows.
    """

    metric: Annotated[str, Field(min_length=1, max_length=127)]
    profile: ProfileRef
    properties: JsonObject = Field(default_factory=dict[str, Any])
    time: AwareDatetime | None = None
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None
    value_currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    unique_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    backfill: bool = False

    @property
    def dedupe_key(self) -> tuple[str, str]:
        """What tells this event from others of the same profile and metric."""
        if self.unique_id is not None:
            return ("unique_id", self.unique_id)
        second = "" if self.time is None else self.time.astimezone(dt.UTC).isoformat(timespec="seconds")
        return ("time", second)

    def wire_attributes(self) -> dict[str, Json]:
        """The attributes without the profile, which a batch states once for all its events."""
        attributes: dict[str, Json] = {
            "metric": {"data": {"type": "metric", "attributes": {"name": self.metric}}},
            "properties": dict(self.properties),
        }
        if self.time is not None:
            attributes["time"] = self.time.isoformat()
        if self.value is not None:
            attributes["value"] = self.value
        if self.value_currency is not None:
            attributes["value_currency"] = self.value_currency
        if self.unique_id is not None:
            attributes["unique_id"] = self.unique_id
        if self.backfill:
            attributes["backfill"] = True
        return attributes


def event_from(resource: Resource) -> Event:
    """Build from a resource object and what was included beside it."""
    metric = resource.related("metric", "metric")
    profile = resource.related("profile", "profile")
    return Event.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "metric_id": resource.related_id("metric"),
            "profile_id": resource.related_id("profile"),
            "attribution_ids": resource.related_ids("attributions"),
            "metric": None if metric is None else metric_from(metric),
            "profile": None if profile is None else profile_from(profile),
        }
    )
