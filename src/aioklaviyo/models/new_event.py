"""Events as written: what happened to whom."""

import datetime as dt
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, model_validator
from typing_extensions import override

from aioklaviyo.jsonapi import Json
from aioklaviyo.models.new_profile import Identifier, LocationAttributes, ProfilePatch
from aioklaviyo.models.writing import UNSET, JsonObject, Settable, Unset, WriteModel

_IDENTIFIERS = ("id", "email", "phone_number", "external_id", "anonymous_id", "kx")
_DETAILS = ("first_name", "last_name", "organization", "locale", "title", "image", "location")


class ProfileRef(WriteModel):
    """Whose event or push token it is: at least one identifier. Klaviyo creates the profile where none has it.

    What is given besides is written to the profile; ``UNSET`` leaves an attribute alone, None clears it.
    """

    id: Identifier | None = None
    email: Identifier | None = None
    phone_number: Identifier | None = None
    external_id: Identifier | None = None
    anonymous_id: Identifier | None = None
    kx: Identifier | None = None
    properties: JsonObject | None = None
    first_name: Settable[str] = UNSET
    last_name: Settable[str] = UNSET
    organization: Settable[str] = UNSET
    locale: Settable[str] = UNSET
    title: Settable[str] = UNSET
    image: Settable[str] = UNSET
    location: LocationAttributes | Literal[Unset.UNSET] = UNSET
    patch: ProfilePatch | None = None

    @model_validator(mode="after")
    def _has_identifier(self) -> Self:
        if not self.identifiers():
            raise ValueError(f"at least one of {', '.join(_IDENTIFIERS)} is needed")
        return self

    @property
    def is_repeatable(self) -> bool:
        """Whether writing it twice is writing it once."""
        return self.patch is None or self.patch.is_repeatable

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
        for name in _DETAILS:
            detail: Any = getattr(self, name)
            if detail is not UNSET:
                attributes[name] = detail.wire() if isinstance(detail, LocationAttributes) else detail
        if self.properties is not None:
            attributes["properties"] = dict(self.properties)
        resource: dict[str, Json] = {"type": "profile", "attributes": attributes}
        if self.id is not None:
            resource["id"] = self.id
        if self.patch is not None and (meta := self.patch.meta()):
            resource["meta"] = meta
        return resource


class NewEvent(WriteModel):
    """An event to create.

    Give each a ``unique_id``: it is the key by which Klaviyo drops a repeat, and without it Klaviyo keeps one event
    per profile, metric and second. ``time`` is cut to the second by Klaviyo; absent means the moment of receipt.
    ``backfill`` records it without setting off flows. ``service`` files the metric under an integration of that name
    instead of the API's.
    """

    metric: Annotated[str, Field(min_length=1, max_length=127)]
    profile: ProfileRef
    properties: JsonObject = Field(default_factory=dict[str, Any])
    time: AwareDatetime | None = None
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None
    value_currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    unique_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    backfill: bool = False
    service: Annotated[str, Field(min_length=1)] | None = None

    @property
    def is_repeatable(self) -> bool:
        """Whether creating it twice is creating it once."""
        return self.unique_id is not None and self.profile.is_repeatable

    @property
    def dedupe_key(self) -> tuple[str, str]:
        """What tells this event from others of the same profile and metric."""
        if self.unique_id is not None:
            return ("unique_id", self.unique_id)
        second = "" if self.time is None else self.time.astimezone(dt.UTC).isoformat(timespec="seconds")
        return ("time", second)

    def wire_attributes(self) -> dict[str, Json]:
        """The attributes without the profile, which a batch states once for all its events."""
        metric: dict[str, Json] = {"name": self.metric}
        if self.service is not None:
            metric["service"] = self.service
        attributes: dict[str, Json] = {
            "metric": {"data": {"type": "metric", "attributes": metric}},
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
