"""Profiles: people, as read and as written."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from aioklaviyo.jsonapi import Json, Resource
from aioklaviyo.models.reading import Properties, ReadModel, Timestamp
from aioklaviyo.models.subscription import Subscriptions
from aioklaviyo.models.writing import UNSET, JsonObject, Settable, Unset, WriteModel

ProfileExtra: TypeAlias = Literal["subscriptions", "predictive_analytics"]
"""What a profile carries only when asked; predictions are also charged against a stricter limit."""

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
    """Changes that depend on what is there: inside ``properties``, and to the further e-mail addresses.

    ``append`` adds a value, or each of a list of values, to the list that a property holds; ``unappend`` takes them
    away; ``unset`` removes properties altogether. Klaviyo finds a profile by its further addresses as by its first.
    """

    append: JsonObject = Field(default_factory=dict[str, Any])
    unappend: JsonObject = Field(default_factory=dict[str, Any])
    unset: tuple[str, ...] = ()
    add_emails: tuple[Identifier, ...] = ()
    remove_emails: tuple[Identifier, ...] = ()

    @property
    def is_repeatable(self) -> bool:
        """Whether applying it twice is applying it once: appending twice may append two."""
        return not self.append

    def meta(self) -> dict[str, Json]:
        """The ``meta`` member of the resource object."""
        properties: dict[str, Json] = {}
        if self.append:
            properties["append"] = dict(self.append)
        if self.unappend:
            properties["unappend"] = dict(self.unappend)
        if self.unset:
            properties["unset"] = list(self.unset)
        identifiers: dict[str, Json] = {}
        if self.add_emails:
            identifiers["append"] = {"email": list(self.add_emails)}
        if self.remove_emails:
            identifiers["unappend"] = {"email": list(self.remove_emails)}
        patches: dict[str, Json] = {"patch_properties": properties, "patch_identifiers": identifiers}
        return {name: patch for name, patch in patches.items() if patch}


class ProfileImport(WriteModel):
    """A profile to import: attributes, and more ways to say whose they are.

    ``id`` is looked up first, then the identifiers among the attributes; ``kx`` is what Klaviyo's own links carry.
    """

    attributes: ProfileAttributes = Field(default_factory=ProfileAttributes)
    id: Identifier | None = None
    kx: Identifier | None = None
    patch: ProfilePatch | None = None

    @property
    def has_identifier(self) -> bool:
        """Whether Klaviyo can tell whose attributes these are."""
        return bool(self.id or self.kx or self.attributes.has_identifier)

    @property
    def is_repeatable(self) -> bool:
        """Whether importing it twice is importing it once."""
        return self.patch is None or self.patch.is_repeatable

    def resource(self) -> dict[str, Json]:
        """The resource object."""
        attributes = self.attributes.wire()
        if self.kx is not None:
            attributes["_kx"] = self.kx
        resource: dict[str, Json] = {"type": "profile", "attributes": attributes}
        if self.id is not None:
            resource["id"] = self.id
        if self.patch is not None and (meta := self.patch.meta()):
            resource["meta"] = meta
        return resource


def profile_from(resource: Resource) -> Profile:
    """Build from a resource object."""
    return Profile.model_validate({**resource.attributes, "id": resource.id})
