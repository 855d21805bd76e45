"""Profiles: people, as read and as written."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from aioklaviyo.jsonapi import Json, Resource
from aioklaviyo.models.reading import Properties, ReadModel, Timestamp
from aioklaviyo.models.subscription import Subscriptions
from aioklaviyo.models.writing import UNSET, JsonObject, Settable, Unset, WriteModel

Coordinate = float | str
"""Degrees. Klaviyo takes and gives numbers and text."""


class Location(ReadModel):
    """Where a person is, as far as Klaviyo knows."""

    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    country: str | None = None
    region: str | None = None
    zip: str | None = None
    latitude: Coordinate | None = None
    longitude: Coordinate | None = None
    timezone: str | None = None
    ip: str | None = None


class PredictiveAnalytics(ReadModel):
    """Klaviyo's own predictions; all None until the account has enough orders."""

    historic_clv: float | None = None
    predicted_clv: float | None = None
    total_clv: float | None = None
    historic_number_of_orders: float | None = None
    predicted_number_of_orders: float | None = None
    average_days_between_orders: float | None = None
    average_order_value: float | None = None
    churn_probability: float | None = None
    expected_date_of_next_order: Timestamp | None = None
    ranked_channel_affinity: tuple[str, ...] | None = None


class Profile(ReadModel):
    """A person as Klaviyo sees them. ``subscriptions`` and ``predictive_analytics`` come when asked for."""

    id: str
    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    organization: str | None = None
    locale: str | None = None
    title: str | None = None
    image: str | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    last_event_date: Timestamp | None = None
    location: Location | None = None
    properties: Properties = Field(default_factory=dict[str, Any])
    subscriptions: Subscriptions | None = None
    predictive_analytics: PredictiveAnalytics | None = None


@dataclass(frozen=True, slots=True)
class Upserted:
    """The profile after an upsert.

    ``created`` is True for a new profile, False for an existing one, and None when it cannot be told: an earlier
    attempt of the same call got no answer, so the profile found now may be the one it made.
    """

    profile: Profile
    created: bool | None


class LocationAttributes(WriteModel):
    """A location to write."""

    address1: Settable[str] = UNSET
    address2: Settable[str] = UNSET
    city: Settable[str] = UNSET
    country: Settable[str] = UNSET
    region: Settable[str] = UNSET
    zip: Settable[str] = UNSET
    latitude: Settable[Coordinate] = UNSET
    longitude: Settable[Coordinate] = UNSET
    timezone: Settable[str] = UNSET
    ip: Settable[str] = UNSET


Identifier = Annotated[str, Field(min_length=1)]


class ProfileAttributes(WriteModel):
    """What to write of a profile: ``UNSET`` leaves an attribute alone, None clears it.

    ``properties`` are merged into the existing ones by name. A location cannot be cleared as a whole, only its parts.
    """

    email: Settable[Identifier] = UNSET
    phone_number: Settable[Identifier] = UNSET
    external_id: Settable[Identifier] = UNSET
    first_name: Settable[str] = UNSET
    last_name: Settable[str] = UNSET
    organization: Settable[str] = UNSET
    locale: Settable[str] = UNSET
    title: Settable[str] = UNSET
    image: Settable[str] = UNSET
    location: LocationAttributes | Literal[Unset.UNSET] = UNSET
    properties: Settable[JsonObject] = UNSET

    @property
    def has_identifier(self) -> bool:
        """Whether Klaviyo can tell whose attributes these are."""
        return bool(self.email or self.phone_number or self.external_id)


class ProfilePatch(WriteModel):
    """Changes inside ``properties``: add to or take from lists, or remove names altogether."""

    append: JsonObject = Field(default_factory=dict[str, Any])
    unappend: JsonObject = Field(default_factory=dict[str, Any])
    unset: tuple[str, ...] = ()

    @property
    def is_repeatable(self) -> bool:
        """Whether applying it twice is applying it once: appending twice may append two."""
        return not self.append

    def meta(self) -> dict[str, Json]:
        """The ``meta`` member of the resource object."""
        changes: dict[str, Json] = {}
        if self.append:
            changes["append"] = dict(self.append)
        if self.unappend:
            changes["unappend"] = dict(self.unappend)
        if self.unset:
            changes["unset"] = list(self.unset)
        return {"patch_properties": changes}


def profile_from(resource: Resource) -> Profile:
    """Build from a resource object."""
    return Profile.model_validate({**resource.attributes, "id": resource.id})
